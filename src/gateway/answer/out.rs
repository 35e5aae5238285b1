//! What may leave and was not handed on yet.

use std::collections::VecDeque;

use bytes::Bytes;

/// Smaller parts are joined: each that passes by itself keeps the buffer alive that it was read into.
const SMALL: usize = 4 * 1024;

/// Bytes that shaping made, and parts of a file that pass as they came: copying took 4 % of the CPU of a
/// file of 1 MiB.
#[derive(Debug, Default)]
pub(super) struct Out {
    parts: VecDeque<Bytes>,
    /// Bytes in `parts`.
    length: usize,
    /// Behind the parts.
    pub(super) made: Vec<u8>,
}

impl Out {
    pub(super) fn len(&self) -> usize {
        self.length.saturating_add(self.made.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets a part leave as it is.
    pub(super) fn pass(&mut self, part: Bytes) {
        if part.len() < SMALL {
            self.made.extend_from_slice(&part);
            return;
        }
        self.close();
        self.push(part);
    }

    /// What leaves next; none if there is nothing.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        if self.parts.is_empty() {
            self.close();
        }
        let part = self.parts.pop_front()?;
        self.length = self.length.saturating_sub(part.len());
        Some(part)
    }

    /// All of it in one piece.
    pub(super) fn all(&mut self) -> Bytes {
        let first = self.next().unwrap_or_default();
        if self.is_empty() {
            return first;
        }
        let mut all = Vec::with_capacity(first.len().saturating_add(self.len()));
        all.extend_from_slice(&first);
        while let Some(part) = self.next() {
            all.extend_from_slice(&part);
        }
        Bytes::from(all)
    }

    /// Puts what was made behind the parts.
    fn close(&mut self) {
        if !self.made.is_empty() {
            let made = std::mem::take(&mut self.made);
            self.push(Bytes::from(made));
        }
    }

    /// Puts a part behind the parts, whatever its size.
    pub(super) fn push(&mut self, part: Bytes) {
        self.length = self.length.saturating_add(part.len());
        self.parts.push_back(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(byte: u8, length: usize) -> Bytes {
        Bytes::from(vec![byte; length])
    }

    #[test]
    fn a_large_part_leaves_without_being_copied() {
        let large = part(1, SMALL);
        let mut out = Out::default();
        out.pass(large.clone());
        assert_eq!(out.len(), SMALL);
        assert_eq!(out.next().unwrap().as_ptr(), large.as_ptr());
        assert_eq!(out.next(), None);

        out.pass(large.clone());
        assert_eq!(out.all().as_ptr(), large.as_ptr());
        assert!(out.is_empty());
    }

    #[test]
    fn small_parts_are_joined_and_the_order_stays() {
        let mut out = Out::default();
        for (byte, length) in [(1, 10), (2, 20), (3, SMALL), (4, 1), (5, 2)] {
            out.pass(part(byte, length));
        }
        let mut copy = Out::default();
        let mut parts = Vec::new();
        while let Some(part) = out.next() {
            copy.pass(part.clone());
            parts.push(part.len());
        }
        assert_eq!(parts, [30, SMALL, 3]);

        let all = copy.all();
        let ends = [10, 30, 30 + SMALL, 31 + SMALL, 33 + SMALL];
        let bytes: Vec<u8> = ends.iter().map(|end| all[end - 1]).collect();
        assert_eq!((all.len(), bytes), (33 + SMALL, vec![1, 2, 3, 4, 5]));
    }
}
