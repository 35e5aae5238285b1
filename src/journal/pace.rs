//! When to sync: at once, or a moment later for more calls at a time.

use std::time::{Duration, Instant};

/// How long calls are counted before it is judged how many come.
const WINDOW: Duration = Duration::from_millis(10);

/// So many calls within one floor are a crowd. A sync costs some 30 µs of CPU whomever it serves:
/// shared by sixteen that is little for each, while with fewer there is time left to sync for each.
const CROWD: u32 = 16;

/// How long a sync waits for company.
///
/// Waiting spares work and costs time, so it is done only where there is work enough: the floor counts
/// while calls come as a crowd.
#[derive(Debug)]
pub(super) struct Pace {
    floor: Duration,
    since: Instant,
    calls: u32,
    is_crowded: bool,
}

impl Pace {
    pub(super) fn new(floor: Duration, now: Instant) -> Self {
        Self { floor, since: now, calls: 0, is_crowded: false }
    }

    /// Counts calls that came.
    pub(super) fn came(&mut self, calls: usize, now: Instant) {
        self.calls = self.calls.saturating_add(u32::try_from(calls).unwrap_or(u32::MAX));
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed < WINDOW {
            return;
        }
        self.is_crowded = self.floor.saturating_mul(self.calls) >= elapsed.saturating_mul(CROWD);
        (self.since, self.calls) = (now, 0);
    }

    /// How long to wait before the next sync.
    pub(super) fn rest(&self, last_sync: Instant, now: Instant) -> Duration {
        if self.is_crowded {
            self.floor.saturating_sub(now.saturating_duration_since(last_sync))
        } else {
            Duration::ZERO
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::monotonic;
    use super::*;

    const FLOOR: Duration = Duration::from_millis(1);

    /// How long the next sync waits after half a second of calls that come one by one.
    fn rest_at(calls_a_second: u32) -> Duration {
        let mut now = monotonic();
        let mut pace = Pace::new(FLOOR, now);
        for _ in 0..calls_a_second / 2 {
            now += Duration::from_secs(1) / calls_a_second;
            pace.came(1, now);
        }
        pace.rest(now, now + FLOOR / 4)
    }

    #[test]
    fn only_a_crowd_waits_for_company() {
        for few in [1, 100, 2_000, 10_000, 15_000] {
            assert_eq!(rest_at(few), Duration::ZERO, "{few} calls a second");
        }
        for many in [17_000, 30_000, 1_000_000] {
            assert_eq!(rest_at(many), FLOOR * 3 / 4, "{many} calls a second");
        }
    }

    #[test]
    fn a_crowd_that_is_gone_is_forgotten() {
        let start = monotonic();
        let mut pace = Pace::new(FLOOR, start);
        pace.came(1_000, start + WINDOW);
        assert_eq!(pace.rest(start, start), FLOOR);

        pace.came(1, start + WINDOW * 3);

        assert_eq!(pace.rest(start, start), Duration::ZERO);
    }
}
