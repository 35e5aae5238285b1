//! Reading a folder of records, also while it is written, with bounded memory.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use memchr::memmem;

use super::carried::Carried;
use super::event::Event;
use super::keep::head;
use super::lines::Lines;
use super::recover::name_of;
use super::{seek, segment};
use crate::domain::Timestamp;

/// How much earlier than another a record may stand that happened at the same time.
const ASIDE_MS: i64 = 1_000;

/// One line that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub seq: u64,
    /// The exact JSON bytes: the leaf that proofs are made over.
    pub json: Vec<u8>,
}

impl Record {
    /// The name of its event.
    pub fn name(&self) -> &str {
        // Quotes inside texts are escaped, so the first match is the member itself.
        let mark = b",\"event\":\"";
        let after = memmem::find(&self.json, mark).map_or(0, |at| at.saturating_add(mark.len()));
        let rest = self.json.get(after..).unwrap_or_default();
        let name = rest.split(|byte| *byte == b'"').next().unwrap_or_default();
        std::str::from_utf8(name).unwrap_or_default()
    }

    /// When it happened, without a look at the rest.
    pub fn time(&self) -> Option<Timestamp> {
        time_of(&self.json)
    }

    /// What it says.
    pub fn event(&self) -> Result<Event, serde_json::Error> {
        // Nearly all records are one of the two, and serde reads a known kind in a third of the time.
        match self.name() {
            "decided" => serde_json::from_slice(&self.json).map(Event::Decided),
            "finished" => serde_json::from_slice(&self.json).map(Event::Finished),
            _ => serde_json::from_slice(&self.json),
        }
    }
}

/// The first time that stands in an event is when it happened.
pub(super) fn time_of(json: &[u8]) -> Option<Timestamp> {
    let mark = b",\"time\":\"";
    let after = memmem::find(json, mark)?.saturating_add(mark.len());
    let text = json.get(after..)?.split(|byte| *byte == b'"').next()?;
    Timestamp::parse(std::str::from_utf8(text).ok()?).ok()
}

/// What is wrong with a folder of records. Reading goes on behind it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read.
    #[error("cannot read {segment}")]
    Io {
        /// Which.
        segment: String,
        /// What the disk said.
        #[source]
        cause: io::Error,
    },
    /// A confirmed line does not match its checksum.
    #[error("{segment} is damaged at byte {offset}: a confirmed record there cannot be read")]
    Damaged {
        /// Which.
        segment: String,
        /// Where in it.
        offset: u64,
    },
    /// Numbers are missing, or stand twice.
    #[error("{segment} goes on with number {found} where {expected} was due")]
    Gap {
        /// Which.
        segment: String,
        /// The number after the one before.
        expected: u64,
        /// The number that stands there.
        found: u64,
    },
}

/// Reads records in order. After `None` it can be asked again: a live folder grows.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    current: Option<(u64, PathBuf, Lines)>,
    later: VecDeque<(u64, PathBuf)>,
    expected: Option<u64>,
    /// What comes before this number is passed over.
    from: u64,
    /// A record that a complaint came before.
    held: Option<Record>,
}

/// What became of a look at the current segment.
enum Look {
    Record(Record),
    Complaint(ReadError),
    /// Look again: at the next line, or in the next segment.
    Again,
    /// Nothing more for now.
    End,
}

impl Reader {
    /// Reads a folder from its first record. If that is not number 1, a `retired` event must say so.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let mut reader = Self::listed(folder)?;
        let first = reader.later.front().map_or(1, |(first, _)| *first);
        if first > 1 {
            let retired = Carried::read(folder)?.retired;
            reader.expected = Some(retired.saturating_add(1).min(first));
        }
        Ok(reader)
    }

    fn listed(folder: &Path) -> io::Result<Self> {
        let later = segment::list(folder)?.into();
        let folder = folder.to_owned();
        Ok(Self { folder, current: None, later, expected: None, from: 0, held: None })
    }

    /// Reads a folder from the place where `time` began: all that was written since, and not much
    /// before.
    pub fn since(folder: &Path, time: Timestamp) -> io::Result<Self> {
        let mut reader = Self::listed(folder)?;
        let time = time.plus_millis(-ASIDE_MS);
        let begun = reader
            .later
            .partition_point(|(_, path)| head(path).is_some_and(|head| head.time < time));
        reader.later.drain(..begun.saturating_sub(1));
        if begun > 0
            && matches!(reader.next_segment()?, Look::Again)
            && let Some((_, _, lines)) = &mut reader.current
        {
            seek::seek(lines, time)?;
        }
        Ok(reader)
    }

    /// Reads a folder from this number on; segments before the one that holds it are not opened.
    pub fn from_seq(folder: &Path, seq: u64) -> io::Result<Self> {
        let mut reader = Self::listed(folder)?;
        let begun = reader.later.partition_point(|(first, _)| *first <= seq);
        reader.later.drain(..begun.saturating_sub(1));
        reader.from = seq;
        Ok(reader)
    }

    /// The first number in a folder and when it was written; none if there is no record that can be read.
    pub fn begins(folder: &Path) -> io::Result<Option<(u64, Timestamp)>> {
        let first = segment::list(folder)?.into_iter().next();
        Ok(first.and_then(|(first, path)| Some((first, head(&path)?.time))))
    }

    /// Reads the last segments of a folder, at least `count` records if there are so many.
    pub fn last(folder: &Path, count: u64) -> io::Result<Self> {
        let mut reader = Self::listed(folder)?;
        let end = reader.later.back().map_or(0, |(first, _)| *first);
        let begun = reader.later.partition_point(|(first, _)| first.saturating_add(count) <= end);
        reader.later.drain(..begun.saturating_sub(1));
        Ok(reader)
    }

    fn look(&mut self) -> io::Result<Look> {
        let Some((_, path, lines)) = &mut self.current else {
            return self.next_segment();
        };
        let next = self.later.front().map(|(first, _)| *first);
        let is_whole = lines.advance()?;
        let Some(frame) = lines.frame().filter(|_| is_whole) else {
            return self.look_at_break();
        };
        if next.is_some_and(|next| frame.seq >= next) {
            // Written and never confirmed; the next segment has these numbers.
            return Ok(Look::Again);
        }
        if frame.seq < self.from {
            self.expected = Some(frame.seq.saturating_add(1));
            return Ok(Look::Again);
        }
        let record = Record { seq: frame.seq, json: frame.json.to_vec() };
        let expected = self.expected.replace(record.seq.saturating_add(1));
        match expected.filter(|expected| *expected != record.seq) {
            None => Ok(Look::Record(record)),
            Some(expected) => {
                let found = record.seq;
                self.held = Some(record);
                Ok(Look::Complaint(ReadError::Gap { segment: name_of(path), expected, found }))
            }
        }
    }

    /// The current place holds no whole line.
    fn look_at_break(&mut self) -> io::Result<Look> {
        let was_last = self.later.is_empty();
        if was_last {
            self.find_later()?;
        }
        let Some((_, _, lines)) = &mut self.current else { return Ok(Look::End) };
        let Some((next, _)) = self.later.front() else {
            let here = lines.offset;
            let is_torn = lines.is_blank() || !lines.is_confirmed()?;
            lines.seek(here)?;
            if is_torn {
                return Ok(Look::End);
            }
            // A line that was half written when we looked may be whole by now.
            let is_whole = lines.advance()? && lines.frame().is_some();
            lines.seek(here)?;
            return if is_whole { Ok(Look::Again) } else { self.step_over() };
        };
        if was_last {
            // It was closed between our last look and now: look once more at what it ends with.
            let here = lines.offset;
            lines.seek(here)?;
            return Ok(Look::Again);
        }
        if self.expected == Some(*next) || lines.offset >= lines.length()? {
            self.current = None;
            return Ok(Look::Again);
        }
        self.step_over()
    }

    /// Goes to the next whole line, and says what is wrong here.
    fn step_over(&mut self) -> io::Result<Look> {
        let Some((_, path, lines)) = &mut self.current else { return Ok(Look::End) };
        let damaged = ReadError::Damaged { segment: name_of(path), offset: lines.offset };
        if lines.resume()? {
            let here = lines.offset;
            lines.seek(here)?;
        } else {
            self.current = None;
        }
        Ok(Look::Complaint(damaged))
    }

    fn next_segment(&mut self) -> io::Result<Look> {
        if self.later.is_empty() {
            self.find_later()?;
        }
        let Some((first, path)) = self.later.pop_front() else { return Ok(Look::End) };
        match Lines::open(&path) {
            Ok(lines) => self.current = Some((first, path, lines)),
            // Its time was over since the folder was looked at.
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.expected = None,
            Err(error) => return Err(error),
        }
        Ok(Look::Again)
    }

    /// Segments that were started since.
    fn find_later(&mut self) -> io::Result<()> {
        let known = self.current.as_ref().map(|(first, _, _)| *first);
        let known = known.max(self.expected.map(|expected| expected.saturating_sub(1)));
        self.later = segment::list(&self.folder)?
            .into_iter()
            .filter(|(first, _)| known.is_none_or(|known| *first > known))
            .collect();
        Ok(())
    }
}

impl Iterator for Reader {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(held) = self.held.take() {
            return Some(Ok(held));
        }
        loop {
            match self.look() {
                Ok(Look::Record(record)) => return Some(Ok(record)),
                Ok(Look::Complaint(error)) => return Some(Err(error)),
                Ok(Look::Again) => {}
                Ok(Look::End) => return None,
                Err(cause) => {
                    let path = self.current.take().map(|(_, path, _)| path);
                    let segment = name_of(path.as_deref().unwrap_or(&self.folder));
                    return Some(Err(ReadError::Io { segment, cause }));
                }
            }
        }
    }
}

/// A file of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFile {
    /// The number of its first record.
    pub first: u64,
    /// Where it is.
    pub path: PathBuf,
}

impl SegmentFile {
    /// When it was started, if that can be read.
    pub fn begun(&self) -> Option<Timestamp> {
        head(&self.path).map(|head| head.time)
    }

    /// Bytes of records in it. The file of the segment being written is longer: zeros lie ahead, and
    /// where they begin is found by halves, since no record holds a block of them.
    pub fn used(&self) -> io::Result<u64> {
        const BLOCK: u64 = 4096;
        let file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        let mut block = [0; 4096];
        let mut written = |number: u64| -> io::Result<u64> {
            let start = number.saturating_mul(BLOCK);
            let read = file.read_at(&mut block, start)?;
            let last = block.iter().take(read).rposition(|byte| *byte != 0);
            let filled = last.map_or(0, |last| last.saturating_add(1));
            Ok(u64::try_from(filled).unwrap_or(0))
        };
        let (mut low, mut high) = (0, length.div_ceil(BLOCK));
        if high > 0 && written(high.saturating_sub(1))? > 0 {
            low = high;
        }
        while low < high {
            let middle = low.midpoint(high);
            if written(middle)? > 0 { low = middle.saturating_add(1) } else { high = middle }
        }
        let Some(last) = low.checked_sub(1) else { return Ok(0) };
        Ok(last.saturating_mul(BLOCK).saturating_add(written(last)?))
    }
}

/// The files of a folder of records, the oldest first.
pub fn segments(folder: &Path) -> io::Result<Vec<SegmentFile>> {
    let all = segment::list(folder)?;
    Ok(all.into_iter().map(|(first, path)| SegmentFile { first, path }).collect())
}
