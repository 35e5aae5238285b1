//! A zone's share of the journal, so that one zone can never use up another's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::clock::monotonic;
use crate::domain::{Budget, Zone};

/// Over how long the bytes a second are averaged.
const MINUTE_NS: u64 = 60_000_000_000;

/// How much of its budget a zone uses, in thousandths; at 1000 its calls are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetUse {
    /// Whose budget.
    pub zone: Zone,
    /// Of the bytes that may be promised or wait.
    pub pending: u32,
    /// Of the bytes of a minute.
    pub rate: u32,
}

/// What one zone has in the journal.
#[derive(Debug)]
pub(super) struct Room {
    budget: Budget,
    began: Instant,
    /// Bytes promised or waiting.
    pending: AtomicU64,
    /// When, in nanoseconds from the beginning, all that was written would have been due.
    due: AtomicU64,
}

impl Room {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, began: monotonic(), pending: AtomicU64::new(0), due: AtomicU64::new(0) }
    }

    /// Takes room for a call, if there is some.
    pub(super) fn take(&self, bytes: u64) -> bool {
        let is_behind = self.catch_up() > MINUTE_NS;
        let limit = self.budget.pending_bytes;
        let fits = |pending: u64| pending.checked_add(bytes).filter(|after| *after <= limit);
        !is_behind && self.pending.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    /// Takes room that was promised already, beyond the bound if need be.
    pub(super) fn take_anyway(&self, bytes: u64) {
        self.catch_up();
        self.pending.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives room back.
    pub(super) fn give(&self, bytes: u64) {
        self.pending.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Counts bytes that are handed over toward the bytes a second.
    pub(super) fn spend(&self, bytes: u64) {
        let cost = bytes.saturating_mul(1_000_000_000) / self.budget.bytes_per_second.max(1);
        self.due.fetch_add(cost, Ordering::Relaxed);
    }

    /// Unused time is not saved up, but by calls that were promised room and end later. Done as room is
    /// taken: a look at the clock for each of a call's two events costs more than the rest of this. Gives
    /// how many nanoseconds of bytes are still to be worked off.
    fn catch_up(&self) -> u64 {
        let now = self.now();
        // Two at once may both raise it: the sum stays right.
        self.due.fetch_max(now, Ordering::Relaxed).saturating_sub(now)
    }

    /// Bytes promised or waiting.
    pub(super) fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }

    /// How much is used.
    pub(super) fn used(&self, zone: Zone) -> BudgetUse {
        let ahead = self.due.load(Ordering::Relaxed).saturating_sub(self.now());
        BudgetUse {
            zone,
            pending: permille(self.pending(), self.budget.pending_bytes),
            rate: permille(ahead, MINUTE_NS),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

fn permille(part: u64, whole: u64) -> u32 {
    let permille = u128::from(part) * 1000 / u128::from(whole.max(1));
    u32::try_from(permille).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_and_comes_back() {
        let room = Room::new(Budget { pending_bytes: 100, bytes_per_second: 1_000 });

        assert!(room.take(60));
        assert!(!room.take(60));
        assert_eq!(room.used(Zone::Sharing).pending, 600);
        room.give(60);
        assert!(room.take(100));
    }

    #[test]
    fn more_than_a_minutes_bytes_at_once_are_refused() {
        let room = Room::new(Budget { pending_bytes: u64::MAX, bytes_per_second: 10 });

        room.spend(599);
        assert!(room.take(1));
        room.spend(200);
        assert!(!room.take(1));
        let used = room.used(Zone::Opening).rate;
        assert!((1_300..=1_332).contains(&used), "80 s of bytes over 60 s: {used}");
    }
}
