//! Following a journal that runs: what it makes durable is handed over line by line, and what was not
//! handed over is read from the segments.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use memchr::memchr;

use super::frame::LEAD;
use super::handed::{Came, Piece, Taker};
use super::read::{ReadError, Reader};
use super::shared::Shared;

/// A record as it is told: its number and its exact JSON bytes, or why it cannot be read.
pub type Told<'l> = Result<(u64, &'l [u8]), ReadError>;

/// Durable records in order, from any number on.
#[derive(Debug)]
pub struct Tail {
    folder: PathBuf,
    journal: Arc<Shared>,
    taker: Taker,
    /// The number that is told next.
    next: u64,
    handed: VecDeque<Rest>,
    /// Reads the segments where they go on with `next`.
    reader: Option<Reader>,
    /// Up to this number nothing more is handed over.
    due: u64,
}

/// Lines of one write that were not told.
#[derive(Debug)]
struct Rest {
    /// The number of the first.
    next: u64,
    at: usize,
    piece: Piece,
}

impl From<Piece> for Rest {
    fn from(piece: Piece) -> Self {
        Self { next: piece.first, at: 0, piece }
    }
}

impl Rest {
    /// The next line's number and JSON.
    fn line(&mut self) -> Option<(u64, &[u8])> {
        let rest = self.piece.lines.get(self.at..)?;
        let end = memchr(b'\n', rest)?;
        let line = (self.next, rest.get(LEAD..end).unwrap_or_default());
        self.next = self.next.saturating_add(1);
        self.at = self.at.saturating_add(end).saturating_add(1);
        Some(line)
    }
}

impl Tail {
    pub(super) fn new(folder: &Path, journal: &Arc<Shared>, taker: Taker) -> Self {
        let due = journal.committed.load(Ordering::Acquire);
        Self {
            folder: folder.to_owned(),
            journal: Arc::clone(journal),
            taker,
            next: 1,
            handed: VecDeque::new(),
            reader: None,
            due,
        }
    }

    /// The number of the last record that was told or passed over.
    pub fn seq(&self) -> u64 {
        self.next.saturating_sub(1)
    }

    /// Goes to the record behind this number.
    pub fn go_behind(&mut self, seq: u64) {
        self.next = seq.saturating_add(1);
        self.reader = None;
    }

    /// Lets lines gather for `nap`, and waits `longest` for the first if there are none then. False once
    /// the journal has ended: all that it wrote can be read then.
    pub fn wait(&mut self, nap: Duration, longest: Duration) -> bool {
        let mut pieces = Vec::new();
        let Came { is_short, is_over } = self.taker.take(&mut pieces, (nap, longest));
        self.handed.extend(pieces.into_iter().map(Rest::from));
        if is_short || is_over {
            self.due = self.journal.committed.load(Ordering::Acquire);
        }
        !is_over
    }

    /// Tells the next records, at most so many, and how many it told: none if there are no more for now.
    /// What is damaged or gone is told as such and passed over; what the disk refuses is told and tried
    /// again by the next call.
    ///
    /// # Errors
    ///
    /// If the segments cannot be listed.
    pub fn read(&mut self, most: usize, mut each: impl FnMut(Told<'_>)) -> io::Result<usize> {
        let Some(begins) = self.handed_from() else {
            return self.read_segments(self.due, most, &mut each);
        };
        if begins > self.next {
            return self.read_segments(begins.saturating_sub(1), most, &mut each);
        }
        self.reader = None;
        let mut told = 0;
        while told < most
            && let Some(line) = self.handed.front_mut().and_then(Rest::line)
        {
            each(Ok(line));
            told = told.saturating_add(1);
            self.next = self.next.saturating_add(1);
        }
        Ok(told)
    }

    /// The number that the lines go on with that were handed over and are due.
    fn handed_from(&mut self) -> Option<u64> {
        loop {
            let rest = self.handed.front_mut()?;
            while rest.next < self.next && rest.line().is_some() {}
            if rest.at < rest.piece.lines.len() {
                return Some(rest.next);
            }
            self.handed.pop_front();
        }
    }

    /// Tells records up to number `last`.
    fn read_segments(
        &mut self,
        last: u64,
        most: usize,
        each: &mut impl FnMut(Told<'_>),
    ) -> io::Result<usize> {
        if self.next > last {
            return Ok(0);
        }
        let (mut reader, is_new) = match self.reader.take() {
            Some(reader) => (reader, false),
            None => (Reader::from_seq(&self.folder, self.next)?, true),
        };
        let mut told = 0;
        while told < most {
            match reader.next() {
                Some(Ok(record)) if record.seq <= last => {
                    self.next = record.seq.saturating_add(1);
                    each(Ok((record.seq, &record.json)));
                }
                // What the disk refuses now it may give later.
                Some(Err(error @ ReadError::Io { .. })) => {
                    each(Err(error));
                    return Ok(told);
                }
                Some(Err(error)) => each(Err(error)),
                // A reader that stood here before may have seen the line before it was whole: the next
                // one sees what is there.
                None if !is_new => return Ok(told),
                None => {
                    let segment = "the last segment".to_owned();
                    let found = last.saturating_add(1);
                    each(Err(ReadError::Gap { segment, expected: self.next, found }));
                    self.next = found;
                }
                // What is missing up to there was told.
                Some(Ok(_)) => {
                    self.next = last.saturating_add(1);
                    return Ok(told);
                }
            }
            told = told.saturating_add(1);
            if self.next > last {
                return Ok(told);
            }
        }
        self.reader = Some(reader);
        Ok(told)
    }
}
