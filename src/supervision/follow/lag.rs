//! How far the roll-ups are behind, told by the thread and read by anybody.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::domain::Timestamp;
use crate::supervision::rollup::Place;

/// How far the roll-ups are behind the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Durable events that are not folded.
    pub events: u64,
    /// Milliseconds since nothing was missing; 0 while nothing is.
    pub millis: i64,
}

/// Written by the thread alone.
#[derive(Debug)]
pub(super) struct Progress {
    seq: AtomicU64,
    /// The time that is folded or that nothing was missing at, in milliseconds.
    time: AtomicI64,
}

impl Default for Progress {
    fn default() -> Self {
        Self { seq: AtomicU64::new(0), time: AtomicI64::new(i64::MAX) }
    }
}

impl Progress {
    /// So far is folded now.
    pub(super) fn folded(&self, place: Place) {
        self.seq.store(place.seq, Ordering::Relaxed);
        self.time.store(place.time.millis(), Ordering::Relaxed);
    }

    /// Nothing is missing at this moment.
    pub(super) fn even(&self, now: Timestamp) {
        self.time.fetch_max(now.millis(), Ordering::Relaxed);
    }

    pub(super) fn lag(&self, committed: u64, now: Timestamp) -> Lag {
        let events = committed.saturating_sub(self.seq.load(Ordering::Relaxed));
        let since = now.millis().saturating_sub(self.time.load(Ordering::Relaxed));
        Lag { events, millis: if events == 0 { 0 } else { since.max(0) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_lag_begins_when_something_is_missing_and_ends_when_nothing_is() {
        let progress = Progress::default();
        progress.folded(Place { seq: 10, crc: 0, time: at(1_000) });
        assert_eq!(progress.lag(12, at(4_000)), Lag { events: 2, millis: 3_000 });
        assert_eq!(progress.lag(10, at(4_000)), Lag::default());

        // An hour without calls is no lag of an hour when one comes.
        progress.even(at(3_601_000));
        assert_eq!(progress.lag(11, at(3_601_500)), Lag { events: 1, millis: 500 });
    }
}
