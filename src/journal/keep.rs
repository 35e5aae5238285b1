//! What becomes of segments after they are written: packed when they are closed, deleted when their
//! time is over. A thread of its own does both, and gives way to everything else.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use super::carried::Carried;
use super::claim::Claim;
use super::clock::monotonic;
use super::event::{Event, Retired, SegmentHead};
use super::lines::Lines;
use super::open::JournalOptions;
use super::pack::pack;
use super::recover::name_of;
use super::segment::{self, is_packed, packed_name, sync_folder};
use super::settled::{Ticket, lock};
use super::shared::Shared;
use crate::domain::Timestamp;

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How often it is asked whose time is over; it is counted in days.
const RETIRE: Duration = Duration::from_secs(3600);

/// What the thread is told.
#[derive(Debug, Default)]
pub(super) struct Orders {
    told: Mutex<Told>,
    changed: Condvar,
}

#[derive(Clone, Debug, Default)]
struct Told {
    is_over: bool,
    /// How many days records are kept, and what says so; for ever if nobody said.
    term: Option<(u32, String)>,
    /// How often the term was told.
    terms: u64,
}

impl Orders {
    pub(super) fn stop(&self) {
        lock(&self.told).is_over = true;
        self.changed.notify_all();
    }

    pub(super) fn keep_for(&self, days: u32, why: String) {
        let mut told = lock(&self.told);
        told.term = Some((days, why));
        told.terms = told.terms.saturating_add(1);
        self.changed.notify_all();
    }

    /// What was told, after a while or as soon as it changes.
    fn wait(&self, terms: u64) -> Told {
        let told = lock(&self.told);
        let waits = |told: &mut Told| !told.is_over && told.terms == terms;
        let waited = self.changed.wait_timeout_while(told, LOOK, waits);
        waited.unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    fn is_over(&self) -> bool {
        lock(&self.told).is_over
    }
}

/// The thread's own.
#[derive(Debug)]
pub(super) struct Keeper {
    folder: PathBuf,
    pack_after: Duration,
    shared: Arc<Shared>,
    carried: Arc<Mutex<Carried>>,
    orders: Arc<Orders>,
    /// Segments that are closed and not packed, and since when that is known.
    closed: BTreeMap<u64, Instant>,
    /// When names in the folder last changed, as far as they were looked at.
    names: Option<SystemTime>,
    retire_at: Instant,
}

impl Keeper {
    pub(super) fn new(
        options: &JournalOptions,
        shared: &Arc<Shared>,
        carried: &Arc<Mutex<Carried>>,
        orders: &Arc<Orders>,
    ) -> Self {
        Self {
            folder: options.folder.clone(),
            pack_after: options.keep.pack_after,
            shared: Arc::clone(shared),
            carried: Arc::clone(carried),
            orders: Arc::clone(orders),
            closed: BTreeMap::new(),
            names: None,
            retire_at: monotonic(),
        }
    }

    /// Starts the thread; it holds the folder for as long as it may change it.
    pub(super) fn start(mut self, claim: Arc<Claim>) -> io::Result<JoinHandle<()>> {
        thread::Builder::new().name("journal-keeper".to_owned()).spawn(move || {
            // On this system a thread has a priority of its own.
            if let Err(error) = rustix::process::nice(19) {
                tracing::debug!(%error, "segments are packed at the priority of everything else");
            }
            self.run(&claim);
            drop(claim);
        })
    }

    fn run(&mut self, claim: &Claim) {
        let mut terms = 0;
        loop {
            let told = self.orders.wait(terms);
            if told.is_over {
                return;
            }
            if told.terms != terms {
                terms = told.terms;
                self.retire_at = monotonic();
            }
            if let Err(error) = self.look(claim, told.term.as_ref()) {
                tracing::warn!(%error, "the folder of records could not be looked after");
            }
        }
    }

    fn look(&mut self, claim: &Claim, term: Option<&(u32, String)>) -> io::Result<()> {
        let now = monotonic();
        let names = fs::metadata(&self.folder)?.modified()?;
        let retires = term.filter(|_| now >= self.retire_at);
        if self.names == Some(names) && self.closed.is_empty() && retires.is_none() {
            return Ok(());
        }
        self.names = Some(names);
        claim.check()?;
        let mut segments = segment::list(&self.folder)?;
        if let Some((days, why)) = retires {
            self.retire_at = now + RETIRE;
            let gone = self.retire(&segments, *days, why)?;
            segments.drain(..gone);
        }
        self.pack(&segments, now);
        Ok(())
    }

    fn pack(&mut self, segments: &[(u64, PathBuf)], now: Instant) {
        let Some((_, closed)) = segments.split_last() else { return };
        self.closed.retain(|first, _| closed.binary_search_by_key(first, |(at, _)| *at).is_ok());
        for (first, path) in closed.iter().filter(|(_, path)| !is_packed(path)) {
            let since = *self.closed.entry(*first).or_insert(now);
            if now.duration_since(since) < self.pack_after {
                continue;
            }
            match pack(path, &|| self.orders.is_over()) {
                Ok(()) => {
                    self.closed.remove(first);
                }
                Err(error) => {
                    let segment = name_of(path);
                    tracing::warn!(%error, segment, "a segment could not be packed; it stays as it is");
                    // Tried again later, as if it had been closed now.
                    self.closed.insert(*first, monotonic());
                }
            }
            if self.orders.is_over() {
                return;
            }
        }
    }

    /// Deletes the oldest segments whose time is over; says how many.
    fn retire(&self, segments: &[(u64, PathBuf)], days: u32, why: &str) -> io::Result<usize> {
        let limit = self.shared.now().plus_millis(-i64::from(days).saturating_mul(DAY_MS));
        let mut gone = 0;
        let mut needed = None;
        for pair in segments.windows(2) {
            let [(first, path), (next, later)] = pair else { break };
            // Nothing in a segment is later than the head of the one behind it.
            let Some(head) = head(later) else { break };
            if head.time >= limit {
                break;
            }
            if needed.is_none() {
                needed = Some(oldest_open(segments));
            }
            if needed.flatten().is_some_and(|open| open <= head.time) {
                break;
            }
            let last = next.saturating_sub(1);
            if lock(&self.carried).retired < last && !self.say(*first, last, &head, (days, why)) {
                break;
            }
            remove(path)?;
            sync_folder(&self.folder)?;
            gone += 1;
        }
        Ok(gone)
    }

    /// Puts on record what is about to be deleted; says whether that is durable.
    fn say(&self, first: u64, last: u64, head: &SegmentHead, (days, why): (u32, &str)) -> bool {
        let event = Event::Retired(Retired {
            time: self.shared.now(),
            first,
            last,
            until: head.time,
            days,
            why: why.to_owned(),
        });
        let ticket = Ticket::new(&self.shared.settled, self.shared.keep(&event));
        if ticket.wait().is_err() {
            return false;
        }
        lock(&self.carried).take(&event);
        tracing::info!(first, last, days, "records whose time is over are deleted");
        true
    }
}

const DAY_MS: i64 = 86_400_000;

/// Removes a segment in either form.
fn remove(path: &Path) -> io::Result<()> {
    if !is_packed(path) {
        // Should packing have broken off, both are there.
        match fs::remove_file(packed_name(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    fs::remove_file(path)
}

/// When the oldest call began that the newest head names as open: what was decided about it is needed
/// to understand its end.
fn oldest_open(segments: &[(u64, PathBuf)]) -> Option<Timestamp> {
    let head = segments.iter().rev().find_map(|(_, path)| head(path))?;
    head.open.iter().filter_map(|call| super::began(*call)).min()
}

/// The head of a segment, if it can be read.
pub(super) fn head(path: &Path) -> Option<SegmentHead> {
    let mut lines = Lines::open(path).ok()?;
    let is_whole = lines.advance().ok()?;
    let frame = lines.frame().filter(|_| is_whole)?;
    match serde_json::from_slice(frame.json) {
        Ok(Event::Segment(head)) => Some(head),
        Ok(_) | Err(_) => None,
    }
}
