//! Bytes in whole blocks at addresses that a disk takes without a copy (`O_DIRECT`).

/// Bytes of a block: what disks write at once, and what memory is laid out in.
pub(super) const BLOCK: usize = 4096;

/// The same, for places in a file.
pub(super) const BLOCK_BYTES: u64 = 4096;

/// What is to be written: the last block again, as far as it was filled, and what comes after it.
///
/// Writing a block again does not touch what it held: the same bytes stand in the same place.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// Holds the blocks from `start` on, where the address is that of a block.
    memory: Vec<u8>,
    start: usize,
    /// Bytes filled.
    filled: usize,
}

impl Blocks {
    /// Appends bytes, and zeros up to the end of their last block.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        let filled = self.filled.saturating_add(bytes.len());
        self.make_room(filled.next_multiple_of(BLOCK));
        let (from, to) = (self.start + self.filled, self.start + filled);
        if let Some(place) = self.memory.get_mut(from..to) {
            place.copy_from_slice(bytes);
        }
        self.filled = filled;
        let end = self.end();
        if let Some(rest) = self.memory.get_mut(to..end) {
            rest.fill(0);
        }
    }

    /// The whole blocks.
    pub(super) fn bytes(&self) -> &[u8] {
        self.memory.get(self.start..self.end()).unwrap_or_default()
    }

    /// Forgets all but the last block, if it is not full.
    pub(super) fn keep_tail(&mut self) {
        let whole = self.filled - self.filled % BLOCK;
        let (from, to) = (self.start + whole, self.start + self.filled);
        self.memory.copy_within(from..to, self.start);
        self.filled -= whole;
    }

    fn end(&self) -> usize {
        self.start + self.filled.next_multiple_of(BLOCK)
    }

    /// Makes room for so many bytes behind `start`, wherever that comes to lie.
    fn make_room(&mut self, bytes: usize) {
        if self.memory.len() >= self.start + bytes {
            return;
        }
        let mut memory = vec![0; bytes.saturating_mul(2) + BLOCK];
        let start = memory.as_ptr().align_offset(BLOCK);
        let old = self.memory.get(self.start..self.start + self.filled).unwrap_or_default();
        if let Some(place) = memory.get_mut(start..start + old.len()) {
            place.copy_from_slice(old);
        }
        (self.memory, self.start) = (memory, start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_block_by_block_is_what_was_appended() {
        let mut blocks = Blocks::default();
        let (mut file, mut all) = (Vec::new(), Vec::new());
        for (round, length) in
            [1, 4095, 1, 4096, 10_000, 0, 3, 70_000, 4093, 5].into_iter().enumerate()
        {
            let bytes = vec![u8::try_from(round + 1).unwrap(); length];
            let begin = all.len() - all.len() % BLOCK;
            all.extend_from_slice(&bytes);

            blocks.append(&bytes);

            let written = blocks.bytes();
            assert_eq!(written.as_ptr().align_offset(BLOCK), 0);
            assert_eq!(written.len() % BLOCK, 0);
            file.truncate(begin);
            file.extend_from_slice(written);
            assert_eq!(&file[..all.len()], all);
            assert!(file[all.len()..].iter().all(|byte| *byte == 0));
            blocks.keep_tail();
        }
    }
}
