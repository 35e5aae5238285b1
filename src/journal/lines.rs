//! One segment, line by line, with bounded memory.

use std::io;
use std::path::Path;

use memchr::{memchr2, memrchr};

use super::frame::{Frame, parse};
use super::input::Input;

/// No line is longer; the head of a segment with a million quota counters fits.
const LONGEST: usize = 64 << 20;

/// A segment being read.
#[derive(Debug)]
pub(super) struct Lines {
    input: Input,
    /// Where the current line starts.
    pub(super) offset: u64,
    /// Where the next one starts.
    next: u64,
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { input: Input::open(path)?, offset: 0, next: 0, line: Vec::new() })
    }

    /// Bytes of the segment, unpacked.
    pub(super) fn length(&self) -> io::Result<u64> {
        self.input.length()
    }

    /// Where the line behind the current one starts.
    pub(super) fn behind(&self) -> u64 {
        self.next
    }

    /// The current line, if it is whole.
    pub(super) fn frame(&self) -> Option<Frame<'_>> {
        parse(&self.line)
    }

    /// Whether zeros, or the end of the file, begin right here.
    pub(super) fn is_blank(&self) -> bool {
        self.line.is_empty()
    }

    /// Goes to the next line; `false` where the zeros begin, or in the middle of a line at the end.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        self.offset = self.next;
        self.line.clear();
        loop {
            let seen = self.input.fill_buf()?;
            let Some(end) = memchr2(b'\n', 0, seen) else {
                let length = seen.len();
                self.line.extend_from_slice(seen);
                self.input.consume(length);
                if length == 0 || self.line.len() > LONGEST {
                    return Ok(false);
                }
                continue;
            };
            self.line.extend_from_slice(seen.get(..end).unwrap_or_default());
            let whole = seen.get(end) == Some(&b'\n');
            self.input.consume(end.saturating_add(1));
            self.next = self.offset.saturating_add(len(&self.line)).saturating_add(1);
            return Ok(whole);
        }
    }

    /// Goes to the next whole line after a break, across zeros and rubbish; `false` if there is none.
    pub(super) fn resume(&mut self) -> io::Result<bool> {
        self.seek(self.offset)?;
        let mut start = self.offset;
        let mut position = self.offset;
        self.line.clear();
        loop {
            let seen = self.input.fill_buf()?;
            if seen.is_empty() {
                return Ok(false);
            }
            let end = memchr::memchr(b'\n', seen);
            let piece = seen.get(..end.unwrap_or(seen.len())).unwrap_or_default();
            // What stands before a zero cannot belong to a line behind it.
            let kept = memrchr(0, piece).map_or(0, |zero| zero.saturating_add(1));
            if kept > 0 || self.line.len() > LONGEST {
                self.line.clear();
                start = position.saturating_add(u64::try_from(kept).unwrap_or(u64::MAX));
            }
            self.line.extend_from_slice(piece.get(kept..).unwrap_or_default());
            let used = piece.len().saturating_add(usize::from(end.is_some()));
            self.input.consume(used);
            position = position.saturating_add(u64::try_from(used).unwrap_or(u64::MAX));
            if end.is_some() {
                if self.frame().is_some() {
                    (self.offset, self.next) = (start, position);
                    return Ok(true);
                }
                self.line.clear();
                start = position;
            }
        }
    }

    /// Whether anything behind the current place proves that it was confirmed. Loses the line.
    pub(super) fn is_confirmed(&mut self) -> io::Result<bool> {
        let here = self.offset;
        let mut confirmed = false;
        while !confirmed && self.resume()? {
            confirmed = self.offset > here && self.frame().is_some_and(|frame| frame.starts_batch);
            self.offset = self.next;
        }
        self.seek(here)?;
        Ok(confirmed)
    }

    /// Goes to a place where a line starts; what was read ahead is read again.
    pub(super) fn seek(&mut self, offset: u64) -> io::Result<()> {
        self.input.seek(offset)?;
        (self.offset, self.next) = (offset, offset);
        Ok(())
    }
}

fn len(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
