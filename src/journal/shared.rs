//! What the callers of the journal and its thread have in common.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::clock::{Clock, monotonic};
use super::event::{Event, Uncounted};
use super::frame::encode;
use super::handed::Stock;
use super::queue::{Item, Kind, Queue};
use super::room::{BudgetUse, Room};
use super::settled::{Settled, lock};
use crate::domain::{Budget, Timestamp, Zone};

/// Figures for the metrics page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events that are durable, since start.
    pub events: u64,
    /// Calls among them that were decided.
    pub decided: u64,
    /// Calls among them that ended.
    pub finished: u64,
    /// Bytes that are durable, since start.
    pub bytes: u64,
    /// Syncs that succeeded.
    pub syncs: u64,
    /// Outages of the disk.
    pub failures: u64,
    /// Bytes promised or waiting, of all zones.
    pub pending: u64,
    /// How long the last sync took.
    pub sync_us: u64,
    /// Answered without a pair of its own, and on record as part of a count.
    pub uncounted: u64,
    /// Whether calls can be recorded now.
    pub healthy: bool,
    /// Events handed over and not yet settled.
    pub waiting: u64,
    /// Milliseconds since something was last made durable, or since start.
    pub sync_age_ms: u64,
    /// The disk that the records are on.
    pub disk: Disk,
}

/// A disk as it was when it was last looked at, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// What it can still take.
    pub free: u64,
    /// How large it is.
    pub size: u64,
    /// What has to stay free, or calls are refused.
    pub floor: u64,
}

/// Counted by the journal thread, read by anybody.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) events: AtomicU64,
    pub(super) decided: AtomicU64,
    pub(super) finished: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) syncs: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) sync_us: AtomicU64,
    /// When, in milliseconds from the beginning.
    synced_ms: AtomicU64,
    pub(super) disk: [AtomicU64; 3],
    uncounted: AtomicU64,
}

/// What was answered and not yet counted on record: since when, and how many by code.
type Uncounteds = BTreeMap<Zone, (Timestamp, BTreeMap<Cow<'static, str>, u64>)>;

#[derive(Debug)]
pub(super) struct Shared {
    began: Instant,
    pub(super) queue: Queue,
    pub(super) settled: Arc<Settled>,
    pub(super) clock: Clock,
    pub(super) counts: Counts,
    pub(super) has_failed: AtomicBool,
    pub(super) is_disk_low: AtomicBool,
    pub(super) committed: AtomicU64,
    /// Room for lines on their way to those who follow.
    pub(super) stock: Arc<Stock>,
    /// Latest time on record, in milliseconds.
    pub(super) last_time: AtomicI64,
    rooms: BTreeMap<Zone, Room>,
    uncounted: Mutex<Uncounteds>,
}

impl Shared {
    pub(super) fn new(budgets: &BTreeMap<Zone, Budget>, clock: Clock) -> Self {
        Self {
            began: monotonic(),
            queue: Queue::default(),
            settled: Arc::default(),
            clock,
            counts: Counts::default(),
            has_failed: AtomicBool::new(false),
            is_disk_low: AtomicBool::new(false),
            committed: AtomicU64::new(0),
            stock: Arc::default(),
            last_time: AtomicI64::new(i64::MIN),
            rooms: budgets.iter().map(|(zone, budget)| (*zone, Room::new(*budget))).collect(),
            uncounted: Mutex::default(),
        }
    }

    pub(super) fn room(&self, zone: Zone) -> Option<&Room> {
        self.rooms.get(&zone)
    }

    pub(super) fn give_room(&self, room: Option<(Zone, u64)>) {
        if let Some((zone, bytes)) = room
            && let Some(room) = self.room(zone)
        {
            room.give(bytes);
        }
    }

    /// Never before what is on record.
    pub(super) fn clamp(&self, now: Timestamp) -> Timestamp {
        now.max(Timestamp::from_millis(self.last_time.load(Ordering::Relaxed)))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clamp(self.clock.now())
    }

    /// Counts so many answers of one code that have no pair of their own.
    pub(super) fn count(&self, zone: Zone, code: Cow<'static, str>, times: u64) {
        let mut uncounted = lock(&self.uncounted);
        let (_, counts) =
            uncounted.entry(zone).or_insert_with(|| (self.now(), BTreeMap::default()));
        let count = counts.entry(code).or_insert(0);
        *count = count.saturating_add(times);
    }

    /// Puts on record what was answered without a pair, if there was any.
    pub(super) fn settle_uncounted(&self) {
        let uncounted = std::mem::take(&mut *lock(&self.uncounted));
        for (zone, (from, counts)) in uncounted {
            let sum = counts.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
            let counts = counts.into_iter().map(|(code, n)| (code.into_owned(), n)).collect();
            let time = self.now();
            self.keep(&Event::Uncounted(Uncounted { time, zone, from, counts }));
            self.counts.uncounted.fetch_add(sum, Ordering::Relaxed);
        }
    }

    /// Hands over an event that outlives an outage.
    pub(super) fn keep(&self, event: &Event) -> Option<u64> {
        self.hand_over(event, Kind::Kept, None)
    }

    /// Hands over an event, in room of this zone if one is named. What somebody waits for finds room
    /// or is given up; what has happened takes it.
    pub(super) fn hand_over(&self, event: &Event, kind: Kind, zone: Option<Zone>) -> Option<u64> {
        let mut body = Vec::new();
        if let Err(error) = encode(event, &mut body) {
            tracing::error!(%error, event = event.name(), "an event could not be written as JSON");
            return None;
        }
        let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        if let Some(zone) = zone {
            let room = self.room(zone)?;
            if !kind.is_awaited() {
                room.take_anyway(length);
            } else if !room.take(length) {
                return None;
            }
            room.spend(length);
        }
        let room = zone.map(|zone| (zone, length));
        let ticket = self.queue.push(Item { kind, time: event.time(), room }, &body);
        if ticket.is_none() {
            self.give_room(room);
        }
        ticket
    }

    /// Notes that something was made durable at this moment.
    pub(super) fn synced(&self, at: Instant) {
        self.counts.synced_ms.store(self.millis(at), Ordering::Relaxed);
    }

    fn millis(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.began);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// How much of its budget each zone uses.
    pub(super) fn budgets(&self) -> Vec<BudgetUse> {
        self.rooms.iter().map(|(zone, room)| room.used(*zone)).collect()
    }

    pub(super) fn stats(&self) -> Stats {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let [free, size, floor] = &self.counts.disk;
        Stats {
            events: read(&self.counts.events),
            decided: read(&self.counts.decided),
            finished: read(&self.counts.finished),
            bytes: read(&self.counts.bytes),
            syncs: read(&self.counts.syncs),
            failures: read(&self.counts.failures),
            pending: self.rooms.values().map(Room::pending).fold(0, u64::saturating_add),
            sync_us: read(&self.counts.sync_us),
            uncounted: read(&self.counts.uncounted),
            healthy: !self.has_failed.load(Ordering::Acquire)
                && !self.is_disk_low.load(Ordering::Relaxed),
            waiting: self.queue.last_ticket().saturating_sub(self.settled.reached()),
            sync_age_ms: self.millis(monotonic()).saturating_sub(read(&self.counts.synced_ms)),
            disk: Disk { free: read(free), size: read(size), floor: read(floor) },
        }
    }
}
