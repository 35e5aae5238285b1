//! What the confirmed events add up to: quota counters, open calls, the latest time.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use foldhash::fast::RandomState;
use uuid::Uuid;

use super::call::ALLOWED;
use super::carried::Carried;
use super::event::{Event, SegmentHead};
use super::settled::lock;
use crate::domain::Timestamp;

/// Version of the form of records.
const FORMAT: u32 = 1;

/// Kept by the journal thread alone; a copy stands at the head of each segment.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    counters: HashMap<Arc<str>, u64, RandomState>,
    open: HashSet<Uuid, RandomState>,
    pub(super) last_time: Option<Timestamp>,
    /// Shared with those who retire records and change keys beside the writing.
    pub(super) carried: Arc<Mutex<Carried>>,
}

impl Ledger {
    /// A call was decided and will be finished. `quota` is what it used, if it was allowed.
    pub(super) fn decided(&mut self, transaction: Uuid, quota: &[Arc<str>]) {
        self.open.insert(transaction);
        for key in quota {
            if let Some(count) = self.counters.get_mut(key) {
                *count = count.saturating_add(1);
            } else {
                self.counters.insert(Arc::clone(key), 1);
            }
        }
    }

    /// A call ended.
    pub(super) fn finished(&mut self, transaction: Uuid) {
        self.open.remove(&transaction);
    }

    /// Time went on.
    pub(super) fn at(&mut self, time: Timestamp) {
        self.last_time = self.last_time.max(Some(time));
    }

    /// Takes in an event that was read back. Only the head that reading began with counts: later
    /// ones say what has been added up already.
    pub(super) fn replay(&mut self, event: &Event, is_first: bool) {
        self.at(event.time());
        match event {
            Event::Segment(head) if is_first => {
                self.counters = head
                    .counters
                    .iter()
                    .map(|(key, count)| (key.as_str().into(), *count))
                    .collect();
                self.open = head.open.iter().copied().collect();
                lock(&self.carried).start(head);
            }
            Event::Decided(decided) => {
                let used: Vec<_> = decided.quota.iter().map(|used| Arc::clone(&used.key)).collect();
                let is_allowed = decided.outcome == ALLOWED;
                self.decided(decided.transaction, if is_allowed { &used } else { &[] });
            }
            Event::Finished(finished) => self.finished(finished.transaction),
            Event::Recovered(recovered) => {
                for transaction in &recovered.unfinished {
                    self.open.remove(transaction);
                }
            }
            Event::Retired(_) | Event::KeysUsed(_) => lock(&self.carried).take(event),
            Event::Segment(_)
            | Event::Started(_)
            | Event::Stopped(_)
            | Event::Folded(_)
            | Event::Uncounted(_)
            | Event::ViewSwapped(_)
            | Event::Frozen(_)
            | Event::Thawed(_)
            | Event::AdminWrite(_) => {}
        }
    }

    /// Takes out the calls that a crash left open.
    pub(super) fn take_open(&mut self) -> Vec<Uuid> {
        let mut open: Vec<_> = self.open.drain().collect();
        open.sort_unstable();
        open
    }

    /// The counters as they stand.
    pub(super) fn counters(&self) -> HashMap<String, u64> {
        self.counters.iter().map(|(key, count)| (key.as_ref().to_owned(), *count)).collect()
    }

    /// The head of a segment that follows number `previous`. Forgets days and months that are over.
    pub(super) fn head(&mut self, now: Timestamp, previous: u64) -> SegmentHead {
        let day = now.day().to_string();
        self.counters.retain(|key, _| !is_over(key, &day));
        let mut open: Vec<_> = self.open.iter().copied().collect();
        open.sort_unstable();
        let counters: BTreeMap<_, _> = self.counters().into_iter().collect();
        let Carried { retired, keys, lost } = lock(&self.carried).clone();
        SegmentHead { time: now, format: FORMAT, previous, counters, open, retired, keys, lost }
    }
}

/// Whether a counter belongs to a day or month before `day`.
fn is_over(key: &str, day: &str) -> bool {
    let mut parts = key.rsplit(':');
    let (period, unit) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match unit {
        "day" => period < day,
        "month" => day.get(..period.len()).is_some_and(|month| period < month),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_and_months_that_are_over_are_forgotten() {
        let day = "2026-11-23";

        assert!(is_over("grant:g-1:day:2026-11-22", day));
        assert!(is_over("grant:g-1:month:2026-10", day));
        assert!(!is_over("grant:g-1:day:2026-11-23", day));
        assert!(!is_over("grant:g-1:month:2026-11", day));
        assert!(!is_over("grant:g-1:total", day));
    }
}
