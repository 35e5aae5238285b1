//! The journal thread: takes what waits, writes it, syncs it, says so.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::clock::monotonic;
use super::event::{Break, Event, Recovered};
use super::frame::encode;
use super::ledger::Ledger;
use super::log::Log;
use super::pace::Pace;
use super::queue::{Batch, Kind};
use super::shared::Shared;

/// How long between looks at the disk while nothing happens.
const TICK: Duration = Duration::from_secs(1);

/// How long between attempts while the disk refuses.
const RETRY: Duration = Duration::from_millis(200);

/// The disk refuses.
#[derive(Debug)]
struct Outage {
    segment: Option<String>,
    error: String,
    /// Events that were given up.
    abandoned: u64,
    next_try: Instant,
}

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) log: Log,
    pub(super) ledger: Ledger,
    pub(super) free_bytes: u64,
    pub(super) floor: Duration,
    state: State,
}

#[derive(Debug)]
struct State {
    outage: Option<Outage>,
    /// What outlives the outage.
    kept: Batch,
    last_sync: Instant,
    last_look: Instant,
}

impl Writer {
    pub(super) fn new(shared: &Arc<Shared>, log: Log, ledger: Ledger) -> Self {
        let now = monotonic();
        let kept = Batch::default();
        Self {
            shared: Arc::clone(shared),
            log,
            ledger,
            free_bytes: 0,
            floor: Duration::ZERO,
            state: State { outage: None, kept, last_sync: now, last_look: now },
        }
    }

    /// Writes until the journal is closed.
    pub(super) fn run(mut self) {
        let _will = LastWill(Arc::clone(&self.shared));
        let mut batch = Batch::default();
        let mut pace = Pace::new(self.floor, self.state.last_sync);
        loop {
            let rest = pace.rest(self.state.last_sync, monotonic());
            if !rest.is_zero() {
                std::thread::sleep(rest);
            }
            let longest = if self.state.outage.is_some() { RETRY } else { TICK };
            let is_last = self.shared.queue.take(&mut batch, longest);
            if batch.len() == 0 {
                // Here, since the allocator takes a page back only from the thread that it gave it to.
                self.shared.stock.clear();
            }
            pace.came(batch.awaited(), monotonic());
            self.accept(&mut batch, is_last);
            if is_last {
                break;
            }
            self.look();
        }
        if let Err(error) = self.log.close() {
            tracing::warn!(%error, "the tail of the last segment could not be given back");
        }
    }

    fn accept(&mut self, batch: &mut Batch, is_last: bool) {
        if self.state.outage.is_some() {
            self.give_up(batch, 0);
        } else if let Err((done, error)) = self.write(batch) {
            self.fail(&error);
            self.give_up(batch, done);
        }
        let is_due = |outage: &Outage| is_last || monotonic() >= outage.next_try;
        if self.state.outage.as_ref().is_some_and(is_due) {
            self.resume();
        }
    }

    /// Makes a batch durable; on error says how many of its events are.
    pub(super) fn write(&mut self, batch: &Batch) -> Result<(), (usize, io::Error)> {
        let mut done = 0;
        for (index, (_, body)) in batch.from(0).enumerate() {
            if self.log.is_full(body.len()) {
                self.confirm(batch, done, index).map_err(|error| (done, error))?;
                done = index;
                let now = self.shared.now();
                self.log.roll(&mut self.ledger, now).map_err(|error| (done, error))?;
            }
            self.log.add(body);
        }
        self.confirm(batch, done, batch.len()).map_err(|error| (done, error))
    }

    /// Syncs what was added, and tells those who wait for the events from `start` to `end`.
    fn confirm(&mut self, batch: &Batch, start: usize, end: usize) -> io::Result<()> {
        if !self.log.has_lines() {
            return Ok(());
        }
        let before = self.log.confirmed;
        let began = monotonic();
        let bytes = self.log.flush(&self.shared.stock)?;
        self.state.last_sync = monotonic();
        let counts = &self.shared.counts;
        let events = self.log.confirmed.saturating_sub(before);
        counts.sync_us.store(micros(self.state.last_sync - began), Ordering::Relaxed);
        self.shared.synced(self.state.last_sync);
        counts.syncs.fetch_add(1, Ordering::Relaxed);
        counts.bytes.fetch_add(bytes, Ordering::Relaxed);
        counts.events.fetch_add(events, Ordering::Relaxed);
        for (item, _) in batch.from(start).take(end.saturating_sub(start)) {
            self.ledger.at(item.time);
            match &item.kind {
                Kind::Decided { transaction, quota } => {
                    self.ledger.decided(*transaction, quota);
                    counts.decided.fetch_add(1, Ordering::Relaxed);
                }
                Kind::Finished { transaction, .. } => {
                    self.ledger.finished(*transaction);
                    counts.finished.fetch_add(1, Ordering::Relaxed);
                }
                Kind::Note | Kind::Kept => {}
            }
            self.shared.give_room(item.room);
        }
        if let Some(time) = self.ledger.last_time {
            self.shared.last_time.fetch_max(time.millis(), Ordering::Relaxed);
        }
        self.shared.committed.store(self.log.confirmed, Ordering::Release);
        if let Some(last) = batch.last_ticket(end) {
            self.shared.settled.reach(last);
        }
        Ok(())
    }

    /// From here calls are refused.
    fn fail(&mut self, error: &io::Error) {
        self.shared.has_failed.store(true, Ordering::Release);
        self.shared.counts.failures.fetch_add(1, Ordering::Relaxed);
        let segment = self.log.give_up();
        tracing::error!(%error, segment, "the disk refuses records; calls are refused until it takes them");
        let next_try = monotonic() + RETRY;
        let error = error.to_string();
        self.state.outage = Some(Outage { segment, error, abandoned: 0, next_try });
    }

    /// Gives up the events from `start` on that somebody waits for, and keeps the others.
    fn give_up(&mut self, batch: &mut Batch, start: usize) {
        let (first, last) = (batch.ticket(start), batch.last_ticket(batch.len()));
        if let (Some(first), Some(last)) = (first, last) {
            self.shared.settled.give_up(first, last);
        }
        let mut abandoned = 0_u64;
        for (item, body) in batch.drain_from(start) {
            let is_kept = match &item.kind {
                Kind::Decided { .. } | Kind::Note => false,
                Kind::Finished { decided, .. } => {
                    decided.is_some_and(|number| !self.shared.settled.has_failed(number))
                }
                Kind::Kept => true,
            };
            if is_kept {
                self.state.kept.push(item, &body);
                continue;
            }
            abandoned = abandoned.saturating_add(1);
            self.shared.give_room(item.room);
            match item.kind {
                Kind::Finished { otherwise, .. } => otherwise.settle(&self.shared),
                Kind::Decided { .. } | Kind::Note | Kind::Kept => {}
            }
        }
        if let Some(outage) = &mut self.state.outage {
            outage.abandoned = outage.abandoned.saturating_add(abandoned);
        }
        if let Some(last) = last {
            self.shared.settled.reach(last);
        }
    }

    /// Tries a new segment; if the disk takes it, calls are answered again.
    fn resume(&mut self) {
        let Some(mut outage) = self.state.outage.take() else { return };
        let mut kept = std::mem::take(&mut self.state.kept);
        match self.start_over(&outage, &kept) {
            Ok(()) => {
                self.shared.has_failed.store(false, Ordering::Release);
                tracing::info!(abandoned = outage.abandoned, "the disk takes records again");
            }
            Err((done, error)) => {
                self.log.give_up();
                outage.error = error.to_string();
                outage.next_try = monotonic() + RETRY;
                self.state.outage = Some(outage);
                self.give_up(&mut kept, done);
            }
        }
    }

    fn start_over(&mut self, outage: &Outage, kept: &Batch) -> Result<(), (usize, io::Error)> {
        let now = self.shared.now();
        let recovered = Event::Recovered(Recovered {
            time: now,
            cause: Break::Write,
            segment: outage.segment.clone(),
            cut_bytes: 0,
            abandoned: outage.abandoned,
            damaged: Vec::new(),
            unfinished: Vec::new(),
            error: Some(outage.error.clone()),
        });
        let mut body = Vec::new();
        encode(&recovered, &mut body).map_err(|error| (0, error.into()))?;
        self.log.roll(&mut self.ledger, now).map_err(|error| (0, error))?;
        self.log.add(&body);
        self.write(kept)
    }

    /// Once a second: is there room on the disk, are the records still where they are looked for, and is
    /// anything left to count?
    fn look(&mut self) {
        if self.state.last_look.elapsed() < TICK {
            return;
        }
        self.state.last_look = monotonic();
        self.check_disk();
        if self.state.outage.is_none() {
            match self.log.check() {
                Ok(()) => self.shared.settle_uncounted(),
                Err(error) => self.fail(&error),
            }
        }
    }

    pub(super) fn check_disk(&self) {
        let is_low = match rustix::fs::statvfs(&self.log.claim.folder) {
            Ok(disk) => {
                let free = disk.f_bavail.saturating_mul(disk.f_frsize);
                let size = disk.f_blocks.saturating_mul(disk.f_frsize);
                let seen = [free, size, self.free_bytes];
                for (count, bytes) in self.shared.counts.disk.iter().zip(seen) {
                    count.store(bytes, Ordering::Relaxed);
                }
                free < self.free_bytes
            }
            Err(_) => false,
        };
        if self.shared.is_disk_low.swap(is_low, Ordering::Relaxed) != is_low {
            tracing::warn!(is_low, "free room on the disk of the records");
        }
    }
}

/// Nobody may wait for ever for a thread that is gone: when it panics, what it had taken and what still
/// waits is given up, and calls are refused from there on.
struct LastWill(Arc<Shared>);

impl Drop for LastWill {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let Self(shared) = self;
        shared.has_failed.store(true, Ordering::Release);
        shared.queue.close();
        let (first, last) =
            (shared.settled.reached().saturating_add(1), shared.queue.last_ticket());
        if first <= last {
            shared.settled.give_up(first, last);
            shared.settled.reach(last);
        }
        tracing::error!(
            "the journal thread panicked: calls are refused until the node starts anew"
        );
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::atomic::AtomicBool;

    use uuid::Uuid;

    use super::super::call::{Decided, Finished};
    use super::super::claim::Claim;
    use super::super::clock::Clock;
    use super::super::event::Stopped;
    use super::super::reservation::{Reservation, Undo};
    use super::super::settled::{JournalFailed, Ticket};
    use super::super::tree::{Follower, Signer, TreeOptions};
    use super::*;
    use crate::domain::Zone;

    /// A tree and a writer that belong together, not yet at work.
    fn opened(folder: &Path, shared: &Arc<Shared>) -> (Follower, Writer) {
        let tree = TreeOptions::signed_by(Signer::new("north", &[7; 32]));
        let claim = Arc::new(Claim::take(folder).unwrap());
        let (follower, feed) = Follower::open(&claim, shared, tree).unwrap();
        let log = Log::new(&claim, 1 << 16, "north", 0, feed);
        (follower, Writer::new(shared, log, Ledger::default()))
    }

    #[test]
    fn a_call_whose_caller_left_is_counted_and_keeps_no_place_if_it_cannot_come_on_record() {
        let folder = tempfile::tempdir().unwrap();
        let shared = Arc::new(Shared::new(&BTreeMap::new(), Clock::system()));
        let (_, mut writer) = opened(folder.path(), &shared);
        let decided = Decided::new(shared.now(), Uuid::now_v7(), Zone::Sharing);
        let (ticket, open) = Reservation::new(&shared, Zone::Sharing, 2_048).decided(&decided);
        let given_back = Arc::new(AtomicBool::new(false));
        let undone = Arc::clone(&given_back);
        let undo = Undo::new(move || undone.store(true, Ordering::Relaxed));
        let finished = Finished::new(&decided, decided.time, "aborted-by-caller");
        open.finish_or(&finished, Some(undo));
        let mut batch = Batch::default();
        shared.queue.take(&mut batch, TICK);
        assert_eq!((batch.len(), given_back.load(Ordering::Relaxed)), (2, false));

        writer.give_up(&mut batch, 0);

        assert_eq!(ticket.wait(), Err(JournalFailed));
        assert!(given_back.load(Ordering::Relaxed));
        shared.settle_uncounted();
        assert_eq!(shared.stats().uncounted, 1);
    }

    #[test]
    fn room_for_lines_is_given_back_when_no_more_come() {
        let folder = tempfile::tempdir().unwrap();
        let shared = Arc::new(Shared::new(&BTreeMap::new(), Clock::system()));
        let (follower, mut writer) = opened(folder.path(), &shared);
        let state = follower.state();
        writer.log.roll(&mut writer.ledger, shared.now()).unwrap();
        let tree = std::thread::spawn(move || follower.run(0));
        let journal = std::thread::spawn(move || writer.run());
        shared.keep(&Event::Stopped(Stopped { time: shared.now() }));
        // A checkpoint is signed after the tree is done with the lines.
        let began = monotonic();
        while state.latest().is_none() || shared.stock.bytes() > 0 {
            assert!(began.elapsed() < TICK * 60);
            std::thread::sleep(Duration::from_millis(5));
        }
        shared.queue.close();
        journal.join().unwrap();
        tree.join().unwrap();
    }

    #[test]
    fn nobody_waits_for_a_thread_that_panicked() {
        let shared = Arc::new(Shared::new(&BTreeMap::new(), Clock::system()));
        let event = Event::Stopped(Stopped { time: shared.now() });
        let note = || Ticket::new(&shared.settled, shared.hand_over(&event, Kind::Note, None));
        let (taken, waiting) = (note(), note());
        shared.queue.take(&mut Batch::default(), TICK);

        let will = LastWill(Arc::clone(&shared));
        let thread = std::thread::spawn(move || {
            let _will = will;
            panic!("a bug");
        });
        assert!(thread.join().is_err());

        assert_eq!(taken.wait(), Err(JournalFailed));
        assert_eq!(waiting.wait(), Err(JournalFailed));
        assert_eq!(note().wait(), Err(JournalFailed));
        assert!(!shared.stats().healthy);
    }
}
