//! What is kept beside figures: how fresh data is, how grants are used, what persons ask about.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::Row;
use rusqlite::types::Type;

use super::known::Known;
use super::scan::number;
use super::{Period, Rollups, moment};
use crate::domain::Timestamp;
use crate::supervision::rollup::{NONE, OTHERS, Seen, Step, Subjects};
use crate::supervision::store::StoreError;

/// What is known of the age of an entry's data, over all time up to a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// The entry.
    pub entry: Arc<str>,
    /// The latest `Last-Modified` of the department.
    pub last_modified: Option<Timestamp>,
    /// The latest value of its timestamp item.
    pub newest: Option<Timestamp>,
    /// The last answer that told either.
    pub told: Option<Timestamp>,
    /// The last answer at all.
    pub answered: Option<Timestamp>,
}

impl Freshness {
    /// When its data was last changed, as far as answers tell.
    pub fn last_data(&self) -> Option<Timestamp> {
        self.last_modified.max(self.newest)
    }
}

/// The same at the end of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreshDay {
    /// The day's first moment.
    pub day: Timestamp,
    /// What was known then.
    pub freshness: Freshness,
}

/// Use of a grant for an entry in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantUse {
    /// The grant; none for standing grants.
    pub grant: Option<Arc<str>>,
    /// The entry.
    pub entry: Arc<str>,
    /// Calls that it allowed.
    pub calls: u64,
    /// The last of them.
    pub last: Timestamp,
}

/// What became of an item under a grant in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemUse {
    /// The grant; none for standing grants.
    pub grant: Option<Arc<str>>,
    /// The entry.
    pub entry: Arc<str>,
    /// The item.
    pub item: Arc<str>,
    /// Calls that selected, filtered or sorted by it.
    pub used: u64,
    /// Calls in whose answer it left.
    pub returned: u64,
    /// Those in which it left masked.
    pub masked: u64,
}

/// Calls for a matter in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatterUse {
    /// Who called; none for the public.
    pub consumer: Option<Arc<str>>,
    /// The entry.
    pub entry: Arc<str>,
    /// The registered matter.
    pub matter: Arc<str>,
    /// Calls that were allowed.
    pub calls: u64,
}

/// What one person at a consumer asked about on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorDay {
    /// The day's first moment.
    pub day: Timestamp,
    /// The application; none for the public.
    pub application: Option<Arc<str>>,
    /// Id of the key and keyed hash of the operator, as `key:hash`; none if the calls named none.
    pub operator: Option<String>,
    /// Whether this is all operators together that came after the first 999 of the day.
    pub others: bool,
    /// Calls, refused ones among them.
    pub calls: u64,
    /// Answers without a row, or that the department had nothing for.
    pub empty: u64,
    /// Different persons or businesses asked about: exact below 256, then an estimate.
    pub subjects: u64,
}

impl Rollups {
    /// What is known of each entry that ever answered, at the end of the day that `time` is in.
    pub fn freshness(&self, time: Timestamp) -> Result<Vec<Freshness>, StoreError> {
        let until = Step::Day.bucket(time);
        let rows = self.rows(
            "SELECT entry, max(last_modified), max(newest), max(told), max(answered) FROM seen
             WHERE day >= ? AND day <= ? GROUP BY entry",
            (i64::MIN, until),
            |_, row| Ok((row.get::<_, i64>(0)?, seen(row, 1)?)),
        )?;
        let known = self.known.borrow();
        let mut all: Vec<_> =
            rows.iter().filter_map(|(entry, seen)| freshness(&known, *entry, seen)).collect();
        all.sort_by(|one, other| one.entry.cmp(&other.entry));
        Ok(all)
    }

    /// The same at the end of each day that the period touches, by entry and day; from the first day on
    /// that the entry answered.
    pub fn fresh_days(&self, period: Period) -> Result<Vec<FreshDay>, StoreError> {
        let days = period.touched(Step::Day);
        let rows = self.rows(
            "SELECT entry, last_modified, newest, told, answered, day FROM seen
             WHERE day >= ? AND day <= ? ORDER BY day",
            (i64::MIN, days.until.saturating_sub(1)),
            |_, row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(5)?, seen(row, 1)?)),
        )?;
        let last = rows.iter().map(|(_, day, _)| *day).max().unwrap_or(i64::MIN);
        let mut by_entry: BTreeMap<i64, BTreeMap<i64, Seen>> = BTreeMap::new();
        for (entry, day, seen) in rows {
            by_entry.entry(entry).or_default().insert(day, seen);
        }
        let until = days.until.min(last.saturating_add(Step::Day.seconds()));
        let known = self.known.borrow();
        let mut all = Vec::new();
        for (entry, observed) in &by_entry {
            let mut so_far = Seen::default();
            let mut observed = observed.iter().peekable();
            let first = observed.peek().map_or(until, |(day, _)| **day);
            let mut day = days.from.max(first);
            while day < until {
                while let Some((_, seen)) = observed.next_if(|(observed, _)| **observed <= day) {
                    so_far.add(seen);
                }
                let freshness = freshness(&known, *entry, &so_far);
                all.extend(freshness.map(|freshness| FreshDay { day: moment(day), freshness }));
                day = day.saturating_add(Step::Day.seconds());
            }
        }
        all.sort_by(|one, other| {
            let entry = one.freshness.entry.cmp(&other.freshness.entry);
            entry.then(one.day.cmp(&other.day))
        });
        Ok(all)
    }

    /// Grants that allowed calls in the days that the period touches. Over [`Period::ever`] this is when
    /// each was last used.
    pub fn grant_uses(&self, period: Period) -> Result<Vec<GrantUse>, StoreError> {
        self.in_days(
            period,
            "SELECT granted, entry, sum(calls), max(last) FROM uses
             WHERE day >= ? AND day <= ? GROUP BY granted, entry",
            |known, row| {
                Ok(GrantUse {
                    grant: known.name(row.get(0)?).map(Arc::clone),
                    entry: name(known, row, 1)?,
                    calls: number(row, 2)?,
                    last: Timestamp::from_millis(row.get(3)?),
                })
            },
        )
    }

    /// What became of items in the days that the period touches.
    pub fn item_uses(&self, period: Period) -> Result<Vec<ItemUse>, StoreError> {
        self.in_days(
            period,
            "SELECT granted, entry, item, sum(used), sum(returned), sum(masked) FROM items
             WHERE day >= ? AND day <= ? GROUP BY granted, entry, item",
            |known, row| {
                Ok(ItemUse {
                    grant: known.name(row.get(0)?).map(Arc::clone),
                    entry: name(known, row, 1)?,
                    item: name(known, row, 2)?,
                    used: number(row, 3)?,
                    returned: number(row, 4)?,
                    masked: number(row, 5)?,
                })
            },
        )
    }

    /// Matters that were served in the days that the period touches.
    pub fn matters(&self, period: Period) -> Result<Vec<MatterUse>, StoreError> {
        self.in_days(
            period,
            "SELECT consumer, entry, matter, sum(calls) FROM matters
             WHERE day >= ? AND day <= ? GROUP BY consumer, entry, matter",
            |known, row| {
                Ok(MatterUse {
                    consumer: known.name(row.get(0)?).map(Arc::clone),
                    entry: name(known, row, 1)?,
                    matter: name(known, row, 2)?,
                    calls: number(row, 3)?,
                })
            },
        )
    }

    /// What persons at consumers asked about, by day; kept for 35 days.
    pub fn operators(&self, period: Period) -> Result<Vec<OperatorDay>, StoreError> {
        self.in_days(
            period,
            "SELECT day, application, operator, calls, empty, subjects FROM operators
             WHERE day >= ? AND day <= ? ORDER BY day, application, operator",
            |known, row| {
                let mut subjects = Subjects::default();
                subjects.merge_encoded(row.get_ref(5)?.as_blob()?).ok_or_else(|| {
                    let why = "subjects that are not whole".into();
                    rusqlite::Error::FromSqlConversionFailure(5, Type::Blob, why)
                })?;
                let operator: String = row.get(2)?;
                let others = operator == OTHERS;
                Ok(OperatorDay {
                    day: moment(row.get(0)?),
                    application: known.name(row.get(1)?).map(Arc::clone),
                    operator: Some(operator).filter(|operator| !operator.is_empty() && !others),
                    others,
                    calls: number(row, 3)?,
                    empty: number(row, 4)?,
                    subjects: subjects.count(),
                })
            },
        )
    }

    fn in_days<T>(
        &self,
        period: Period,
        select: &str,
        read: impl Fn(&Known, &Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let days = period.touched(Step::Day);
        self.rows(select, (days.from, days.until.saturating_sub(1)), read)
    }

    fn rows<T>(
        &self,
        select: &str,
        (from, to): (i64, i64),
        read: impl Fn(&Known, &Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let all = || -> rusqlite::Result<Vec<T>> {
            let _moment = self.connection.unchecked_transaction()?;
            self.known.borrow_mut().refresh(&self.connection)?;
            let known = self.known.borrow();
            let mut select = self.connection.prepare_cached(select)?;
            select.query_map([from, to], |row| read(&known, row))?.collect()
        };
        all().map_err(self.failed())
    }
}

/// The name of a number that is always one.
fn name(known: &Known, row: &Row<'_>, place: usize) -> rusqlite::Result<Arc<str>> {
    let number: i64 = row.get(place)?;
    let name = known.name(number).map(Arc::clone);
    name.ok_or(rusqlite::Error::IntegralValueOutOfRange(place, number))
}

fn freshness(known: &Known, entry: i64, seen: &Seen) -> Option<Freshness> {
    debug_assert_ne!(entry, NONE, "only what an entry answered is noted");
    Some(Freshness {
        entry: Arc::clone(known.name(entry)?),
        last_modified: seen.last_modified,
        newest: seen.newest,
        told: seen.told,
        answered: seen.answered,
    })
}

/// Four moments from this column on.
fn seen(row: &Row<'_>, from: usize) -> rusqlite::Result<Seen> {
    let time = |place: usize| -> rusqlite::Result<Option<Timestamp>> {
        let millis: Option<i64> = row.get(from.saturating_add(place))?;
        Ok(millis.map(Timestamp::from_millis))
    };
    Ok(Seen { last_modified: time(0)?, newest: time(1)?, told: time(2)?, answered: time(3)? })
}
