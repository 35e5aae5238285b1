//! Reads a packed segment as if it were not packed.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use zstd::bulk::Decompressor;

use super::table::Table;
use super::{FRAME, FRAME_BYTES, length_of};

/// A packed segment being read, one frame in memory.
///
/// A frame that is damaged reads as zeros, as a hole in a segment does: whoever reads lines says where
/// it is and goes on behind it.
pub(in crate::journal) struct Packed {
    file: File,
    table: Table,
    unpacker: Decompressor<'static>,
    packed: Vec<u8>,
    bytes: Vec<u8>,
    /// The frame in `bytes`.
    loaded: Option<usize>,
    position: u64,
    /// Whether all that was unpacked so far was as it was packed.
    pub(super) is_sound: bool,
}

impl Packed {
    pub(in crate::journal) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let found = Table::read(&file)?;
        let is_sound = found.is_some();
        let table = if let Some(table) = found {
            table
        } else {
            tracing::warn!(path = %path.display(), "the table of a packed segment is damaged");
            Table::walk(&file)?
        };
        let mut opened = Self {
            file,
            table,
            unpacker: Decompressor::new()?,
            packed: Vec::new(),
            bytes: Vec::with_capacity(FRAME),
            loaded: None,
            position: 0,
            is_sound,
        };
        if !is_sound && let Some(last) = opened.table.frames.len().checked_sub(1) {
            opened.load(last)?;
        }
        Ok(opened)
    }

    /// Bytes of the segment.
    pub(in crate::journal) fn length(&self) -> u64 {
        self.table.length()
    }

    /// Goes to a place in the segment.
    pub(in crate::journal) fn seek(&mut self, position: u64) {
        self.position = position;
    }

    fn load(&mut self, index: usize) -> io::Result<()> {
        if self.loaded == Some(index) {
            return Ok(());
        }
        let Some((place, size)) = self.table.frames.get(index) else { return Ok(()) };
        self.loaded = None;
        self.packed.resize(usize::try_from(*size).unwrap_or(0), 0);
        let is_last = index.saturating_add(1) == self.table.frames.len();
        let expected = if is_last { self.table.last } else { FRAME_BYTES };
        self.bytes.clear();
        let is_read = match self.file.read_exact_at(&mut self.packed, *place) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(error) => return Err(error),
        };
        let unpacked =
            is_read && self.unpacker.decompress_to_buffer(&self.packed, &mut self.bytes).is_ok();
        if unpacked && is_last {
            self.table.last = length_of(&self.bytes);
        } else if !unpacked || length_of(&self.bytes) != expected {
            self.is_sound = false;
            self.bytes.clear();
            self.bytes.resize(usize::try_from(expected).unwrap_or(FRAME), 0);
        }
        self.loaded = Some(index);
        Ok(())
    }
}

impl BufRead for Packed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let index = usize::try_from(self.position / FRAME_BYTES).unwrap_or(usize::MAX);
        if index >= self.table.frames.len() {
            return Ok(&[]);
        }
        self.load(index)?;
        let inside = usize::try_from(self.position % FRAME_BYTES).unwrap_or(FRAME);
        Ok(self.bytes.get(inside..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.position = self.position.saturating_add(u64::try_from(amount).unwrap_or(u64::MAX));
    }
}

impl Read for Packed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut seen = self.fill_buf()?;
        let length = seen.read(out)?;
        self.consume(length);
        Ok(length)
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packed").field("position", &self.position).finish_non_exhaustive()
    }
}
