//! The bytes of a segment, packed or not.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek as _, SeekFrom};
use std::path::Path;

use super::pack::Packed;
use super::segment::{is_packed, packed_name};

/// A segment that is open.
#[derive(Debug)]
pub(super) enum Input {
    Plain(BufReader<File>),
    Packed(Box<Packed>),
}

impl Input {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let packed = |path: &Path| Packed::open(path).map(|packed| Self::Packed(Box::new(packed)));
        if is_packed(path) {
            return packed(path);
        }
        match File::open(path) {
            Ok(file) => Ok(Self::Plain(BufReader::with_capacity(64 << 10, file))),
            // It was packed since the folder was looked at.
            Err(error) if error.kind() == io::ErrorKind::NotFound => packed(&packed_name(path)),
            Err(error) => Err(error),
        }
    }

    /// Bytes of the segment as it was written.
    pub(super) fn length(&self) -> io::Result<u64> {
        match self {
            Self::Plain(input) => Ok(input.get_ref().metadata()?.len()),
            Self::Packed(input) => Ok(input.length()),
        }
    }

    pub(super) fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Plain(input) => input.fill_buf(),
            Self::Packed(input) => input.fill_buf(),
        }
    }

    pub(super) fn consume(&mut self, amount: usize) {
        match self {
            Self::Plain(input) => input.consume(amount),
            Self::Packed(input) => input.consume(amount),
        }
    }

    /// Goes to a place; what was read ahead is read again.
    pub(super) fn seek(&mut self, offset: u64) -> io::Result<()> {
        match self {
            Self::Plain(input) => input.seek(SeekFrom::Start(offset)).map(drop),
            Self::Packed(input) => {
                input.seek(offset);
                Ok(())
            }
        }
    }
}
