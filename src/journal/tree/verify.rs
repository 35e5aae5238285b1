//! Reading everything again: does it agree with the tree, the tree with its checkpoints, and these with
//! what was kept elsewhere?

use std::collections::HashSet;
use std::io;
use std::path::Path;

use memchr::memmem;
use uuid::Uuid;

use super::super::event::Event;
use super::super::read::{ReadError, Reader, Record};
use super::super::segment;
use super::checkpoint::SignedCheckpoint;
use super::growing::Growing;
use super::hash::Hash;
use super::history;
use super::note::Verifier;
use super::past::Past;
use super::report::{Fault, Report};
use super::tile::{Tiles, WIDTH_LEAVES};
use super::uncovered::Uncovered;
use crate::domain::Timestamp;

/// How far back time may run without a word.
const STEP_MS: i64 = 5_000;

/// Events between two calls of `progress`.
const STRIDE: u64 = 4096;

/// What is believed before anything is read.
#[derive(Clone, Debug, Default)]
pub struct Believed {
    /// Whose signatures count. Later keys are believed if a checkpoint signed by one of these covers the
    /// event that names them. If there is none, the first that the records name is.
    pub keys: Vec<Verifier>,
    /// A checkpoint of these records that was kept elsewhere.
    pub since: Option<SignedCheckpoint>,
}

/// Reads a folder of records from its first event to its last and compares all that can be compared.
/// Memory does not grow with it.
pub fn verify(
    records: &Path,
    believed: Believed,
    mut progress: impl FnMut(&Report),
) -> io::Result<Report> {
    let mut walk = Walk::begin(records, believed)?;
    for record in Reader::open(records)? {
        match record {
            Ok(record) => {
                walk.record(&record)?;
                if walk.report.events.is_multiple_of(STRIDE) {
                    progress(&walk.report);
                }
            }
            Err(ReadError::Damaged { segment, offset }) => {
                walk.told_damaged();
                walk.damaged = Some((segment, offset));
            }
            // The numbers say it themselves.
            Err(ReadError::Gap { .. }) => {}
            Err(ReadError::Io { cause, .. }) => return Err(cause),
        }
    }
    walk.end()
}

struct Walk {
    tiles: Tiles,
    tree: Growing,
    /// Hashes of leaves as the tiles have them, of the tile that is at hand.
    known: (Option<u64>, Vec<Hash>),
    past: Past,
    next: Option<SignedCheckpoint>,
    since: Option<SignedCheckpoint>,
    keys: Vec<Verifier>,
    /// Keys that events named, until a checkpoint covers them.
    named: Vec<(u64, Verifier)>,
    origin: Option<String>,
    /// Whether a root was wrong: from there on all are.
    is_off: bool,
    /// A place that could not be read, until it is known what was there.
    damaged: Option<(String, u64)>,
    /// The first events that are not there.
    begins: Option<(u64, u64)>,
    /// The last event that was deleted because its time was over.
    retired: u64,
    uncovered: Uncovered,
    has_history: bool,
    open: HashSet<Uuid>,
    latest: Vec<u8>,
    report: Report,
}

impl Walk {
    fn begin(records: &Path, believed: Believed) -> io::Result<Self> {
        let folder = super::folder(records);
        let mut report =
            Report { keys_from_records: believed.keys.is_empty(), ..Report::default() };
        // Before the checkpoints: what is on record by now is covered by the time they are read.
        let there = end(records)?;
        let mut past = Past::open(&folder)?;
        let uncovered = Uncovered::new(past.signed(), there, !believed.keys.is_empty());
        let next = past.next(&mut report)?;
        Ok(Self {
            tiles: Tiles::new(&folder),
            tree: Growing::default(),
            known: (None, Vec::new()),
            past,
            origin: next.as_ref().map(|next| next.checkpoint.origin.clone()),
            next,
            since: believed.since,
            keys: believed.keys,
            named: Vec::new(),
            is_off: false,
            damaged: None,
            begins: None,
            retired: 0,
            uncovered,
            has_history: history::folder(&folder).exists(),
            open: HashSet::new(),
            latest: Vec::new(),
            report,
        })
    }

    fn due(&self) -> u64 {
        self.tree.size().saturating_add(1)
    }

    fn record(&mut self, record: &Record) -> io::Result<()> {
        let due = self.due();
        if record.seq < due {
            self.told_damaged();
            self.report.fault(Fault::Misplaced { number: record.seq, due });
            return Ok(());
        }
        if record.seq > due {
            self.gap(due, record.seq.saturating_sub(1))?;
        }
        self.told_damaged();
        let length = u64::try_from(record.json.len()).unwrap_or(u64::MAX);
        self.report.events = self.report.events.saturating_add(1);
        self.report.bytes = self.report.bytes.saturating_add(length);
        if self.report.first == 0 {
            self.report.first = record.seq;
        }
        self.report.last = record.seq;
        self.look_into(record);
        self.uncovered.take(record);
        let hash = Hash::leaf(&record.json);
        match self.known()? {
            Some(known) if known != hash => {
                self.report.fault(Fault::Changed { number: record.seq });
                self.push(known)
            }
            _ => self.push(hash),
        }
    }

    /// What the tiles say of the leaf that is due.
    fn known(&mut self) -> io::Result<Option<Hash>> {
        let size = self.tree.size();
        let tile = size / WIDTH_LEAVES;
        if self.known.0 != Some(tile) {
            self.known = (Some(tile), self.tiles.longest(0, tile)?);
        }
        let place = usize::try_from(size % WIDTH_LEAVES).unwrap_or(0);
        Ok(self.known.1.get(place).copied())
    }

    /// Goes on over events that are not there, as far as the tiles know their hashes.
    fn gap(&mut self, first: u64, last: u64) -> io::Result<()> {
        match self.damaged.take() {
            Some((segment, offset)) => self.report.fault(Fault::Damaged {
                segment,
                offset,
                first: Some(first),
                last: Some(last),
            }),
            None if self.report.events == 0 => self.begins = Some((first, last)),
            None => self.report.fault(Fault::Missing { first, last }),
        }
        while self.tree.size() < last {
            match self.known()? {
                Some(hash) => self.push(hash)?,
                // Without a hash nothing behind this can be compared any more. The rest is passed over at
                // once: the number behind a gap may be one that somebody made up.
                None => {
                    self.is_off = true;
                    self.tree = Growing::from_edges(last, Vec::new());
                    self.meet_checkpoints()?;
                }
            }
        }
        Ok(())
    }

    fn told_damaged(&mut self) {
        if let Some((segment, offset)) = self.damaged.take() {
            self.report.fault(Fault::Damaged { segment, offset, first: None, last: None });
        }
    }

    fn push(&mut self, leaf: Hash) -> io::Result<()> {
        self.tree.push(leaf);
        for tile in self.tree.take_full() {
            let stored = if tile.level == 0 {
                Vec::new()
            } else {
                self.tiles.longest(tile.level, tile.index)?
            };
            // A part of it may be all there is, if the node was killed or goes on.
            if !tile.hashes.starts_with(&stored) && !self.is_off {
                let below = WIDTH_LEAVES.saturating_pow(u32::from(tile.level).saturating_add(1));
                let first = tile.index.saturating_mul(below).saturating_add(1);
                let last = first.saturating_add(below).saturating_sub(1);
                let (level, index) = (tile.level, tile.index);
                self.report.fault(Fault::Tile { level, index, first, last });
            }
        }
        self.meet_checkpoints()
    }

    /// Compares the checkpoints that were reached.
    fn meet_checkpoints(&mut self) -> io::Result<()> {
        let size = self.tree.size();
        while let Some(next) = self.next.take_if(|next| next.checkpoint.size <= size) {
            self.compare(&next, false);
            self.next = self.past.next(&mut self.report)?;
        }
        if let Some(since) = self.since.take_if(|since| since.checkpoint.size <= size) {
            self.compare(&since, true);
        }
        Ok(())
    }

    /// Compares a checkpoint with the events up to it.
    fn compare(&mut self, signed: &SignedCheckpoint, outside: bool) {
        let checkpoint = &signed.checkpoint;
        let size = checkpoint.size;
        if let Some(expected) = self.origin.as_ref().filter(|origin| **origin != checkpoint.origin)
        {
            let (origin, expected) = (checkpoint.origin.clone(), expected.clone());
            self.report.fault(Fault::Origin { origin, expected });
        }
        self.believe_somebody();
        let is_signed = signed.is_signed_by(&self.keys);
        if !is_signed {
            self.report.fault(Fault::Unsigned { size, outside });
        }
        if self.is_off && !outside {
            return;
        }
        if size != self.tree.size() || checkpoint.root != self.tree.root() {
            self.is_off = true;
            self.report.fault(Fault::Root { size, agreed: self.report.covered, outside });
            return;
        }
        if !is_signed {
            return;
        }
        if outside {
            self.report.anchored = Some(size);
        } else {
            self.report.checkpoints = self.report.checkpoints.saturating_add(1);
            self.report.covered = size;
        }
        for (_, key) in self.named.extract_if(.., |(number, _)| *number <= size) {
            if !self.keys.contains(&key) {
                self.keys.push(key);
            }
        }
    }

    /// If nobody said whom to believe, the first key that the records name has to do.
    fn believe_somebody(&mut self) {
        if self.keys.is_empty() {
            self.keys.extend(self.named.first().map(|(_, key)| key.clone()));
        }
    }

    /// What an event says of other events.
    fn look_into(&mut self, record: &Record) {
        if let Some(time) = member(&record.json, b"\"time\":\"") {
            // Times are written alike, so that most need not be read.
            if time < self.latest.as_slice() {
                self.step(record.seq, time.to_vec());
            } else {
                time.clone_into(&mut self.latest);
            }
        }
        match record.name() {
            "decided" => self.open.extend(transaction(&record.json)),
            "finished" => {
                if let Some(call) = transaction(&record.json) {
                    self.open.remove(&call);
                }
            }
            "started" | "recovered" | "retired" | "segment" => match record.event() {
                Ok(Event::Retired(retired)) => self.retired = self.retired.max(retired.last),
                Ok(Event::Segment(head)) => self.retired = self.retired.max(head.retired),
                Ok(Event::Started(started)) => {
                    let key = started.signing_key.as_deref().and_then(Verifier::parse);
                    self.uncovered.has_signer |= key.is_some();
                    self.named.extend(key.map(|key| (record.seq, key)));
                }
                Ok(Event::Recovered(recovered)) => {
                    for call in &recovered.unfinished {
                        if self.open.remove(call) {
                            self.report.unfinished = self.report.unfinished.saturating_add(1);
                        }
                    }
                }
                Ok(_) | Err(_) => {}
            },
            _ => {}
        }
    }

    fn step(&mut self, number: u64, time: Vec<u8>) {
        let read = |text: &[u8]| Timestamp::parse(std::str::from_utf8(text).ok()?).ok();
        let back = read(&self.latest)
            .zip(read(&time))
            .map_or(0, |(before, after)| before.millis().saturating_sub(after.millis()));
        if back > STEP_MS {
            self.report.clock_steps = self.report.clock_steps.saturating_add(1);
            self.report.first_clock_step.get_or_insert(number);
            self.latest = time;
        }
    }

    fn end(mut self) -> io::Result<Report> {
        self.told_damaged();
        if let Some((first, last)) = self.begins.filter(|(_, last)| *last > self.retired) {
            self.report.fault(Fault::Missing { first, last });
        }
        let last = self.tree.size();
        let mut left = self.next.take();
        let mut signed = 0;
        while let Some(next) = left {
            signed = next.checkpoint.size.max(signed);
            left = self.past.next(&mut self.report)?;
        }
        if signed > last {
            self.report.fault(Fault::Short { last, signed, outside: false });
        }
        if let Some(since) = self.since.take() {
            let signed = since.checkpoint.size;
            self.report.fault(Fault::Short { last, signed, outside: true });
            if !since.is_signed_by(&self.keys) {
                self.report.fault(Fault::Unsigned { size: signed, outside: true });
            }
        }
        self.believe_somebody();
        let faults = [self.uncovered.fault(self.has_history), self.past.fault(&self.keys)];
        faults.into_iter().flatten().for_each(|fault| self.report.fault(fault));
        let open = u64::try_from(self.open.len()).unwrap_or(u64::MAX);
        self.report.unfinished = self.report.unfinished.saturating_add(open);
        Ok(self.report)
    }
}

/// The last event that is on record now.
fn end(records: &Path) -> io::Result<u64> {
    let begun = segment::list(records)?.last().map_or(1, |(first, _)| *first);
    let read = Reader::from_seq(records, begun)?.flatten().map(|record| record.seq).max();
    // What comes before a segment was confirmed before that was begun.
    Ok(read.unwrap_or(0).max(begun.saturating_sub(1)))
}

fn transaction(json: &[u8]) -> Option<Uuid> {
    Uuid::try_parse_ascii(member(json, b"\"transaction\":\"")?).ok()
}

/// The first text member of that name; quotes inside texts are escaped, so it is the member itself.
fn member<'a>(json: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let begin = memmem::find(json, mark)?.saturating_add(mark.len());
    json.get(begin..)?.split(|byte| *byte == b'"').next()
}
