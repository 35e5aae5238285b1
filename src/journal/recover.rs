//! What a start finds: where the records end, what was cut, what the counters were.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::event::{Break, Event, Recovered};
use super::ledger::Ledger;
use super::lines::Lines;
use super::segment::{self, sync_folder};
use crate::domain::Timestamp;

/// What the journal knew when it was opened.
#[derive(Debug, Default)]
pub struct Recovery {
    /// The last number that was confirmed; 0 in a new folder.
    pub last_seq: u64,
    /// The latest time on record; decisions never fall behind it.
    pub last_time: Option<Timestamp>,
    /// Quota counters: uses that were allowed and are durable.
    pub counters: HashMap<String, u64>,
    /// Calls that were decided and never finished.
    pub unfinished: Vec<Uuid>,
    /// The torn tail that was cut.
    pub cut: Option<Cut>,
    /// Confirmed records that can no longer be read, as `segment:offset`. They are left as they
    /// are, for whoever examines them.
    pub damaged: Vec<String>,
}

/// A torn tail: written, never confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// In which segment.
    pub segment: String,
    /// How many bytes.
    pub bytes: u64,
}

impl Recovery {
    /// What to put on record, if the last run did not end in order.
    pub(super) fn event(&self, now: Timestamp) -> Option<Event> {
        if self.cut.is_none() && self.damaged.is_empty() && self.unfinished.is_empty() {
            return None;
        }
        Some(Event::Recovered(Recovered {
            time: now,
            cause: Break::Crash,
            segment: self.cut.as_ref().map(|cut| cut.segment.clone()),
            cut_bytes: self.cut.as_ref().map_or(0, |cut| cut.bytes),
            abandoned: 0,
            damaged: self.damaged.clone(),
            unfinished: self.unfinished.clone(),
            error: None,
        }))
    }
}

/// Why the end of the records is none that can be gone on from.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoEnd {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// They end with this number, before the last one that a checkpoint was signed over.
    #[error("the records end with number {0}")]
    BelowCheckpoint(u64),
}

/// Reads the end of the records in a folder, and cuts what was never confirmed. Nothing is cut if the
/// records end before number `signed`, which a checkpoint covers: that is no torn tail.
pub(super) fn recover(folder: &Path, signed: u64) -> Result<(Recovery, Ledger), NoEnd> {
    segment::discard(folder);
    segment::discard_packing(folder)?;
    let mut found = Recovery::default();
    let mut segments = segment::list(folder)?;
    while let Some((first, path)) = segments.last() {
        if has_records(path)? {
            break;
        }
        if *first <= signed {
            return Err(NoEnd::BelowCheckpoint(first.saturating_sub(1)));
        }
        // It was made and nothing in it was ever confirmed: the events before it are the end.
        let bytes = written_beyond(path, 0)?;
        fs::remove_file(path)?;
        sync_folder(folder)?;
        if bytes > 0 {
            found.cut = Some(Cut { segment: name_of(path), bytes });
        }
        segments.pop();
    }
    let start = last_with_head(&segments)?;
    let mut ledger = Ledger::default();
    let mut end = None;
    for (index, (_, path)) in segments.iter().enumerate().skip(start) {
        let next = segments.get(index.saturating_add(1)).map(|(first, _)| *first);
        end = read_back(path, next, index == start, (&mut found, &mut ledger))?;
    }
    if found.last_seq < signed {
        return Err(NoEnd::BelowCheckpoint(found.last_seq));
    }
    if let (Some(end), Some((_, path))) = (end, segments.last()) {
        cut(path, end, &mut found)?;
    }
    found.unfinished = ledger.take_open();
    found.counters = ledger.counters();
    found.last_time = ledger.last_time;
    Ok((found, ledger))
}

/// The last segment whose head can be read.
fn last_with_head(segments: &[(u64, PathBuf)]) -> io::Result<usize> {
    for (index, (_, path)) in segments.iter().enumerate().rev() {
        let mut lines = Lines::open(path)?;
        if lines.advance()? && lines.frame().is_some() {
            return Ok(index);
        }
    }
    Ok(0)
}

/// Whether any line of it can be read and may have been confirmed.
fn has_records(path: &Path) -> io::Result<bool> {
    let mut lines = Lines::open(path)?;
    let has_head = lines.advance()? && lines.frame().is_some();
    Ok(has_head || lines.is_confirmed()?)
}

/// Reads one segment into the ledger; `next` is the first number of the one after it. Gives the place
/// where the last segment is to be cut.
fn read_back(
    path: &Path,
    next: Option<u64>,
    is_first: bool,
    (found, ledger): (&mut Recovery, &mut Ledger),
) -> io::Result<Option<u64>> {
    let mut lines = Lines::open(path)?;
    let mut is_head = is_first;
    loop {
        let is_whole = lines.advance()?;
        if let Some(frame) = lines.frame().filter(|_| is_whole) {
            if next.is_none_or(|next| frame.seq < next) {
                found.last_seq = found.last_seq.max(frame.seq);
                if let Ok(event) = serde_json::from_slice::<Event>(frame.json) {
                    ledger.replay(&event, is_head);
                } else {
                    // Whole but from a later program; numbers and proofs still hold.
                    tracing::warn!(seq = frame.seq, "a record of an unknown kind");
                }
            }
            is_head = false;
            continue;
        }
        if lines.is_confirmed()? {
            found.damaged.push(format!("{}:{}", name_of(path), lines.offset));
            lines.resume()?;
            let offset = lines.offset;
            lines.seek(offset)?;
            continue;
        }
        return Ok(next.is_none().then_some(lines.offset));
    }
}

/// Ends a segment where its confirmed records end.
fn cut(path: &Path, end: u64, found: &mut Recovery) -> io::Result<()> {
    if segment::is_packed(path) {
        // It was closed when it was packed: nothing in it is torn.
        return Ok(());
    }
    let bytes = written_beyond(path, end)?;
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(end)?;
    file.sync_all()?;
    if bytes > 0 {
        found.cut = Some(Cut { segment: name_of(path), bytes });
    }
    Ok(())
}

/// How many bytes from `start` to the last one that is not zero.
fn written_beyond(path: &Path, start: u64) -> io::Result<u64> {
    use std::io::{BufRead, BufReader, Seek, SeekFrom};

    let mut input = BufReader::with_capacity(64 << 10, fs::File::open(path)?);
    input.seek(SeekFrom::Start(start))?;
    let (mut position, mut last) = (0_u64, 0_u64);
    loop {
        let seen = input.fill_buf()?;
        if seen.is_empty() {
            return Ok(last);
        }
        let length = seen.len();
        if let Some(at) = seen.iter().rposition(|byte| *byte != 0) {
            last = position.saturating_add(u64::try_from(at).unwrap_or(u64::MAX)).saturating_add(1);
        }
        position = position.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        input.consume(length);
    }
}

pub(super) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
