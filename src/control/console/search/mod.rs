//! Finds calls in the journal: one by its transaction, whose id tells the time, or the latest that fit.
//!
//! Records stand in the order of their time, so a search reads windows from the newest backward, each four
//! times as long as the one before, until it has a page of calls or has looked at enough.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::Path;

use memchr::memmem;
use uuid::Uuid;

use crate::domain::{EntryId, GrantId, OrganizationId, Timestamp};
use crate::journal::{ALLOWED, AdminWrite, Decided, Event, Finished, Reader, Record};

/// Calls on a page.
pub(super) const PAGE: usize = 50;

/// Records that one search looks at.
const LOOKED: usize = 400_000;

/// Calls that fit, kept of one window.
const KEPT: usize = 5_000;

/// Records that are looked at behind a window, for the ends of its calls.
const BEYOND: usize = 20_000;

/// How far the time of a record may lie from its place.
const SLACK_MS: i64 = 2_000;

/// How long a call may take until it is no longer looked for.
const LONGEST_MS: i64 = 15 * 60_000;

/// How long after its beginning a call is decided at the latest.
const DECIDED_MS: i64 = 60_000;

/// A call on record, with the numbers and the text of its records.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) decided: Box<Decided>,
    pub(super) finished: Option<Box<Finished>>,
    pub(super) leaves: Vec<(u64, String)>,
}

impl Call {
    fn new(decided: Box<Decided>, record: &Record) -> Self {
        Self { decided, finished: None, leaves: vec![leaf(record)] }
    }

    /// How it ended, or what was decided if that is all there is.
    pub(super) fn outcome(&self) -> &str {
        match &self.finished {
            Some(finished) => &finished.outcome,
            None if self.decided.outcome == ALLOWED => "unfinished",
            None => &self.decided.outcome,
        }
    }
}

fn leaf(record: &Record) -> (u64, String) {
    (record.seq, String::from_utf8_lossy(&record.json).into_owned())
}

/// What one transaction was.
#[derive(Debug)]
pub(super) enum Found {
    Call(Box<Call>),
    Admin(Box<AdminWrite>, (u64, String)),
}

/// What is looked for; what is not named fits.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) organization: Option<OrganizationId>,
    pub(super) entry: Option<EntryId>,
    pub(super) grant: Option<GrantId>,
    pub(super) outcome: Option<String>,
    pub(super) from: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    /// Only records with a smaller number than this.
    pub(super) before: Option<u64>,
}

/// A page of calls, the newest first.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) calls: Vec<Call>,
    /// Records that were read, those at the seams of windows more than once.
    read: usize,
    /// The numbers of what was looked at, first and last: windows adjoin, so nothing lies between.
    numbers: Option<(u64, u64)>,
    /// Where to go on: before this moment, and before this number if one is given. None if that was all.
    pub(super) rest: Option<(Timestamp, Option<u64>)>,
}

impl Results {
    /// How many records were looked at, each counted once.
    pub(super) fn looked(&self) -> u64 {
        self.numbers.map_or(0, |(first, last)| last.saturating_sub(first).saturating_add(1))
    }
}

/// Numbers, first and last, with another.
fn with(numbers: Option<(u64, u64)>, seq: u64) -> (u64, u64) {
    numbers.map_or((seq, seq), |(first, last)| (first.min(seq), last.max(seq)))
}

/// When a transaction began: its id, a UUID of version 7, tells.
fn begun(transaction: Uuid) -> Option<Timestamp> {
    let (seconds, nanos) = transaction.get_timestamp()?.to_unix();
    let millis = seconds.checked_mul(1_000)?.checked_add(u64::from(nanos) / 1_000_000)?;
    Some(Timestamp::from_millis(i64::try_from(millis).ok()?))
}

/// What is on record of a transaction.
pub(super) fn one(folder: &Path, transaction: Uuid) -> io::Result<Option<Found>> {
    let Some(begun) = begun(transaction).filter(|_| transaction.get_version_num() == 7) else {
        return Ok(None);
    };
    let text = transaction.to_string();
    let mut call: Option<Call> = None;
    let reader = Reader::since(folder, begun.plus_millis(-SLACK_MS))?;
    for record in reader.flatten().take(LOOKED) {
        if memmem::find(&record.json, text.as_bytes()).is_some() {
            match (record.event(), &mut call) {
                (Ok(Event::Decided(decided)), None) if decided.transaction == transaction => {
                    call = Some(Call::new(decided, &record));
                }
                (Ok(Event::Finished(finished)), Some(call))
                    if finished.transaction == transaction =>
                {
                    call.finished = Some(finished);
                    call.leaves.push(leaf(&record));
                    break;
                }
                (Ok(Event::AdminWrite(write)), _) if write.transaction == transaction => {
                    return Ok(Some(Found::Admin(Box::new(write), leaf(&record))));
                }
                (Ok(_) | Err(_), _) => {}
            }
        }
        let patience = if call.is_some() { LONGEST_MS } else { DECIDED_MS };
        if record.time().is_some_and(|time| time > begun.plus_millis(patience)) {
            break;
        }
    }
    Ok(call.map(|call| Found::Call(Box::new(call))))
}

/// A record as it stands, and the transaction it is about.
#[derive(Debug)]
pub(super) struct Numbered {
    pub(super) name: String,
    pub(super) transaction: Option<Uuid>,
    pub(super) leaf: (u64, String),
}

/// The record of a number.
pub(super) fn numbered(folder: &Path, seq: u64) -> io::Result<Option<Numbered>> {
    let record = Reader::from_seq(folder, seq)?.flatten().next().filter(|found| found.seq == seq);
    Ok(record.map(|record| {
        let transaction = match record.event() {
            Ok(Event::Decided(decided)) => Some(decided.transaction),
            Ok(Event::Finished(finished)) => Some(finished.transaction),
            Ok(Event::AdminWrite(write)) => Some(write.transaction),
            Ok(_) | Err(_) => None,
        };
        Numbered { name: record.name().to_owned(), transaction, leaf: leaf(&record) }
    }))
}

/// The latest calls that fit.
pub(super) fn latest(folder: &Path, wanted: &Wanted, now: Timestamp) -> io::Result<Results> {
    let first = first_time(folder)?;
    let floor = wanted.from.map_or(first, |from| from.max(first));
    let mut end = wanted.until.unwrap_or_else(|| now.plus_millis(SLACK_MS));
    let mut results = Results::default();
    let mut span: i64 = 5_000;
    while end > floor {
        let start = end.plus_millis(-span).max(floor);
        let window = Window { start, end, room: LOOKED.saturating_sub(results.read) };
        let Some(sight) = window.read(folder, wanted)? else {
            // More stands there than may be looked at: less at once, or another time.
            if results.read > 0 || span <= 1 {
                results.rest = Some((end, None));
                return Ok(results);
            }
            span /= 4;
            continue;
        };
        results.read = results.read.saturating_add(sight.looked);
        for seq in sight.numbers.into_iter().flat_map(|(first, last)| [first, last]) {
            results.numbers = Some(with(results.numbers, seq));
        }
        let missing = PAGE.saturating_sub(results.calls.len());
        let is_more = sight.calls.len() > missing;
        results.calls.extend(sight.calls.into_iter().rev().take(missing));
        let oldest = results.calls.last().filter(|_| is_more).and_then(|call| {
            let (seq, _) = call.leaves.first()?;
            Some((call.decided.time.plus_millis(1), Some(*seq)))
        });
        results.rest = oldest.or(sight.cut);
        if results.rest.is_some() {
            return Ok(results);
        }
        (end, span) = (start, span.saturating_mul(4));
        if end > floor && (results.calls.len() >= PAGE || results.read >= LOOKED) {
            results.rest = Some((end, None));
            return Ok(results);
        }
    }
    Ok(results)
}

/// A span of time that is read in order.
struct Window {
    start: Timestamp,
    end: Timestamp,
    /// Records that may be looked at.
    room: usize,
}

/// What was seen in it, the oldest first.
#[derive(Default)]
struct Sight {
    calls: VecDeque<Call>,
    looked: usize,
    numbers: Option<(u64, u64)>,
    /// Older calls that fit were let go: from here on.
    cut: Option<(Timestamp, Option<u64>)>,
    /// Where each call stands that has not ended, counted from the first that was ever taken in.
    places: HashMap<Uuid, usize>,
    let_go: usize,
}

impl Window {
    /// Reads it, and as much behind it as the ends of its calls take; none if it holds more than there is
    /// room for.
    fn read(&self, folder: &Path, wanted: &Wanted) -> io::Result<Option<Sight>> {
        let mut sight = Sight::default();
        let texts = wanted.texts();
        let last = self.end.plus_millis(LONGEST_MS);
        let mut beyond = 0_usize;
        for record in Reader::since(folder, self.start.plus_millis(-SLACK_MS))?.flatten() {
            sight.looked = sight.looked.saturating_add(1);
            sight.numbers = Some(with(sight.numbers, record.seq));
            let Some(time) = record.time() else { continue };
            if time >= self.end {
                beyond = beyond.saturating_add(1);
                if sight.places.is_empty() || beyond > BEYOND || time > last {
                    break;
                }
            } else if sight.looked > self.room {
                return Ok(None);
            }
            match record.name() {
                "decided" if time >= self.start && time < self.end => {
                    let fits = texts.iter().all(|text| memmem::find(&record.json, text).is_some());
                    let decided = fits.then(|| decided_of(&record)).flatten();
                    if let Some(decided) =
                        decided.filter(|decided| wanted.fits(decided, record.seq))
                    {
                        sight.begin(Call::new(decided, &record));
                    }
                }
                "finished" if !sight.places.is_empty() => sight.end(&record),
                _ => {}
            }
        }
        let outcome = wanted.outcome.as_deref();
        sight.calls.retain(|call| outcome.is_none_or(|outcome| call.outcome() == outcome));
        Ok(Some(sight))
    }
}

impl Sight {
    fn begin(&mut self, call: Call) {
        let place = self.let_go.saturating_add(self.calls.len());
        self.places.insert(call.decided.transaction, place);
        self.calls.push_back(call);
        if self.calls.len() > KEPT
            && let Some(gone) = self.calls.pop_front()
        {
            self.places.remove(&gone.decided.transaction);
            self.let_go = self.let_go.saturating_add(1);
            let seq = gone.leaves.first().map(|(seq, _)| seq.saturating_add(1));
            self.cut = Some((gone.decided.time.plus_millis(1), seq));
        }
    }

    fn end(&mut self, record: &Record) {
        let Ok(Event::Finished(finished)) = record.event() else { return };
        let Some(place) = self.places.remove(&finished.transaction) else { return };
        if let Some(call) = self.calls.get_mut(place.saturating_sub(self.let_go)) {
            call.finished = Some(finished);
            call.leaves.push(leaf(record));
        }
    }
}

fn decided_of(record: &Record) -> Option<Box<Decided>> {
    match record.event() {
        Ok(Event::Decided(decided)) => Some(decided),
        Ok(_) | Err(_) => None,
    }
}

impl Wanted {
    /// Texts that a record must hold, so that others need not be taken apart.
    fn texts(&self) -> Vec<Vec<u8>> {
        let organization = self.organization.as_ref().map(OrganizationId::as_str);
        let entry = self.entry.as_ref().map(EntryId::as_str);
        let grant = self.grant.as_ref().map(GrantId::as_str);
        [organization, entry, grant]
            .into_iter()
            .flatten()
            .map(|text| format!("\"{text}\"").into_bytes())
            .collect()
    }

    fn fits(&self, decided: &Decided, seq: u64) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
            wanted.is_none_or(|wanted| found == Some(wanted))
        }
        self.before.is_none_or(|before| seq < before)
            && is(self.organization.as_ref(), decided.organization.as_ref())
            && is(self.entry.as_ref(), decided.entry.as_ref())
            && is(self.grant.as_ref(), decided.grant.as_ref())
    }
}

/// The time of the first record there is.
fn first_time(folder: &Path) -> io::Result<Timestamp> {
    let first = Reader::open(folder)?.flatten().next();
    Ok(first.and_then(|record| record.time()).unwrap_or_default())
}

#[cfg(test)]
mod tests;
