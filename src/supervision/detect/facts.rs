//! What is known of entries and grants from the calls on record.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::calendar::Day;
use crate::domain::{ItemName, Timestamp};
use crate::journal::ANSWERED;
use crate::supervision::line::Finished;

/// Days of heartbeats kept.
const DAYS: usize = 800;

/// Refusals by which a department, and nobody else, failed.
const FAILURES: [&str; 7] = [
    "answer-not-described",
    "answer-not-shaped",
    "answer-too-long",
    "upstream-broke",
    "upstream-failed",
    "upstream-resting",
    "upstream-timeout",
];

/// How new the data of an entry was, as a call saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// When it was seen.
    pub seen: Timestamp,
    /// The newest data known by then.
    pub data: Timestamp,
    /// The record that showed the newest data.
    pub seq: u64,
}

/// What is known of an entry.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EntryFacts {
    /// The newest value of its timestamp item, and the record that shows it.
    newest: Option<(Timestamp, u64)>,
    /// The newest `Last-Modified`, and the record that shows it.
    modified: Option<(Timestamp, u64)>,
    /// The last heartbeat of each day.
    pub days: BTreeMap<Date, Heartbeat>,
    /// Calls by month, written as `2026-11`.
    pub months: BTreeMap<String, EntryMonth>,
}

/// The calls of a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryMonth {
    /// Calls that were allowed.
    pub calls: u64,
    /// Those that were answered whole.
    pub answered: u64,
    /// Those on which the department's interface failed.
    pub failed: u64,
    /// Rows that left.
    pub rows: u64,
    /// Bytes that left.
    pub bytes: u64,
}

impl EntryFacts {
    pub(super) fn take(&mut self, seq: u64, finished: &Finished<'_>, day: &Day) {
        let newer = |known: &mut Option<(Timestamp, u64)>, seen: Option<Timestamp>| {
            if let Some(seen) = seen
                && known.is_none_or(|(known, _)| known < seen)
            {
                *known = Some((seen, seq));
            }
        };
        newer(&mut self.newest, finished.newest);
        newer(&mut self.modified, finished.last_modified);
        let tells = finished.newest.is_some() || finished.last_modified.is_some();
        if let Some((data, seq)) = self.newest.or(self.modified).filter(|_| tells) {
            let seen = finished.time;
            self.days.insert(day.date, Heartbeat { seen, data, seq });
            while self.days.len() > DAYS {
                self.days.pop_first();
            }
        }
        let Some(month) = of_month(&mut self.months, day) else { return };
        let more = |count: &mut u64, by: u64| *count = count.saturating_add(by);
        more(&mut month.calls, 1);
        more(&mut month.answered, u64::from(finished.outcome == ANSWERED));
        more(&mut month.failed, u64::from(FAILURES.contains(&&*finished.outcome)));
        more(&mut month.rows, finished.rows.unwrap_or(0));
        more(&mut month.bytes, finished.bytes);
    }

    /// The last heartbeat.
    pub fn heartbeat(&self) -> Option<Heartbeat> {
        self.days.last_key_value().map(|(_, beat)| *beat)
    }
}

/// What is known of a written grant.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GrantFacts {
    /// Calls under it.
    pub calls: u64,
    /// The first of them.
    pub first: Timestamp,
    /// The last of them.
    pub last: Timestamp,
    /// Those on which any item left: only they tell which items are needed.
    pub telling: u64,
    /// Items that left, or that rows were picked by.
    pub items: BTreeSet<ItemName>,
    /// Calls by month, written as `2026-11`.
    pub months: BTreeMap<String, u64>,
    /// The items of the last call as they are written: they are the same for many.
    #[serde(skip)]
    seen: Vec<u8>,
}

impl GrantFacts {
    pub(super) fn take(&mut self, finished: &Finished<'_>, used: &[Box<str>], day: &Day) {
        if self.calls == 0 {
            self.first = finished.time;
        }
        self.calls = self.calls.saturating_add(1);
        self.last = self.last.max(finished.time);
        let items = finished.items.written();
        self.telling = self.telling.saturating_add(u64::from(!items.is_empty()));
        if items != self.seen {
            self.seen = items.to_vec();
            finished.items.iter().for_each(|item| self.needs(&item));
        }
        for item in used {
            self.needs(item);
        }
        if let Some(month) = of_month(&mut self.months, day) {
            *month = month.saturating_add(1);
        }
    }

    fn needs(&mut self, item: &str) {
        if !self.items.contains(item)
            && let Ok(item) = ItemName::parse(item)
        {
            self.items.insert(item);
        }
    }
}

/// What is known of a thing, nothing at first; none if its name is none.
pub(super) fn known<'m, K: Ord + Borrow<str>, F: Default>(
    all: &'m mut BTreeMap<K, F>,
    name: &str,
    read: impl FnOnce(&str) -> Option<K>,
) -> Option<&'m mut F> {
    if !all.contains_key(name) {
        all.insert(read(name)?, F::default());
    }
    all.get_mut(name)
}

/// What is known of the month of a day.
fn of_month<'m, F: Default>(months: &'m mut BTreeMap<String, F>, day: &Day) -> Option<&'m mut F> {
    known(months, &day.month, |month| Some(month.to_owned()))
}
