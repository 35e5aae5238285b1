//! Quotas by calendar day and month in Asia/Shanghai. They count durable allowed records.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use foldhash::fast::RandomState;
use jiff::civil::Date;

use super::{Left, Quota};
use crate::domain::{GrantId, Timestamp};

/// Counters by key, such as `grant:g-002:day:2026-11-23`.
#[derive(Debug)]
pub struct Quotas {
    counters: RwLock<HashMap<Arc<str>, Arc<AtomicU64>, RandomState>>,
}

/// What one call took of its quotas.
#[derive(Debug, Default)]
pub struct Taken(Vec<Use>);

#[derive(Debug)]
struct Use {
    key: Arc<str>,
    number: u64,
    counter: Arc<AtomicU64>,
}

/// One window of a quota, with its moments in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Window {
    policy: &'static str,
    limit: u64,
    /// How much of the date names it in a key: `2026-11-23` or `2026-11`.
    named_by: usize,
    begins: i64,
    ends: i64,
}

/// The day and the month that calls come in now. They are the same for all calls of a day, and working
/// them out costs more than looking up the counters.
#[derive(Debug)]
struct Today {
    day: (i64, i64),
    month: (i64, i64),
    /// Such as `2026-11-23`.
    date: String,
    /// Room in which keys are written.
    key: String,
}

thread_local! {
    static TODAY: RefCell<Today> = const {
        RefCell::new(Today { day: (0, 0), month: (0, 0), date: String::new(), key: String::new() })
    };
}

impl Today {
    /// The windows this moment lies in.
    fn windows(
        &mut self,
        quota: &Quota<'_>,
        now: Timestamp,
    ) -> impl Iterator<Item = Window> + use<> {
        if !(self.day.0..self.day.1).contains(&now.millis()) {
            self.begin(now.day());
        }
        let window = |policy, limit, named_by, (begins, ends)| Window {
            policy,
            limit,
            named_by,
            begins,
            ends,
        };
        let day = self.day;
        let month = self.month;
        let per_day = quota.per_day.map(|limit| window("day", limit, "2026-11-23".len(), day));
        let per_month = quota.per_month.map(|limit| window("month", limit, "2026-11".len(), month));
        per_day.into_iter().chain(per_month)
    }

    fn begin(&mut self, today: Date) {
        let span = |first: Date, last: Date| {
            let next = last.tomorrow().unwrap_or(last);
            (Timestamp::start_of(first).millis(), Timestamp::start_of(next).millis())
        };
        self.day = span(today, today);
        self.month = span(today.first_of_month(), today.last_of_month());
        self.date = today.to_string();
    }

    /// The name of a window's counter.
    fn key(&mut self, grant: &GrantId, window: &Window) -> &str {
        self.key.clear();
        let date = self.date.get(..window.named_by).unwrap_or(&self.date);
        for piece in ["grant:", grant.as_str(), ":", window.policy, ":", date] {
            self.key.push_str(piece);
        }
        &self.key
    }
}

impl Taken {
    /// Each counter used, with the number of this use, from 1.
    pub fn uses(&self) -> impl Iterator<Item = (&Arc<str>, u64)> {
        self.0.iter().map(|used| (&used.key, used.number))
    }

    /// Gives everything back.
    pub(super) fn undo(self) {
        for used in self.0 {
            used.counter.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Quotas {
    /// With counters as they stood in the journal.
    pub(super) fn restore(counters: impl IntoIterator<Item = (String, u64)>) -> Self {
        let counters = counters
            .into_iter()
            .map(|(key, count)| (Arc::from(key), Arc::new(AtomicU64::new(count))))
            .collect();
        Self { counters: RwLock::new(counters) }
    }

    /// Takes one of each quota, or none and says how long until there is one of each.
    pub(super) fn take(
        &self,
        quota: &Quota<'_>,
        now: Timestamp,
    ) -> Result<(Taken, Option<Left>), (Duration, Left)> {
        let mut taken = Taken::default();
        let mut tightest: Option<Left> = None;
        for (window, key, counter) in self.counters(quota, now) {
            let before = counter.try_update(Ordering::AcqRel, Ordering::Acquire, |count| {
                (count < window.limit).then(|| count.saturating_add(1))
            });
            let Ok(before) = before else {
                taken.undo();
                return Err(self.spent(quota, now).unwrap_or_else(|| window.spent(now)));
            };
            let number = before.saturating_add(1);
            let left = window.left(number, now);
            if tightest.is_none_or(|tightest| left.remaining < tightest.remaining) {
                tightest = Some(left);
            }
            taken.0.push(Use { key, number, counter });
        }
        Ok((taken, tightest))
    }

    /// The spent quota that begins anew last: before that, trying again does not help.
    fn spent(&self, quota: &Quota<'_>, now: Timestamp) -> Option<(Duration, Left)> {
        self.counters(quota, now)
            .filter(|(window, _, counter)| counter.load(Ordering::Acquire) >= window.limit)
            .map(|(window, ..)| window.spent(now))
            .max_by_key(|(wait, _)| *wait)
    }

    /// What is left, without taking any.
    pub(super) fn left(&self, quota: &Quota<'_>, now: Timestamp) -> Option<Left> {
        self.counters(quota, now)
            .map(|(window, _, counter)| window.left(counter.load(Ordering::Acquire), now))
            .min_by_key(|left| left.remaining)
    }

    /// The windows of a quota, each with its counter and that one's name.
    fn counters(
        &self,
        quota: &Quota<'_>,
        now: Timestamp,
    ) -> impl Iterator<Item = (Window, Arc<str>, Arc<AtomicU64>)> {
        let windows = TODAY.with_borrow_mut(|today| today.windows(quota, now));
        windows.map(move |window| {
            let (key, counter) =
                TODAY.with_borrow_mut(|today| self.counter(today.key(quota.grant, &window), now));
            (window, key, counter)
        })
    }

    fn counter(&self, key: &str, now: Timestamp) -> (Arc<str>, Arc<AtomicU64>) {
        let of =
            |(key, counter): (&Arc<str>, &Arc<AtomicU64>)| (Arc::clone(key), Arc::clone(counter));
        let counters = self.counters.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = counters.get_key_value(key) {
            return of(known);
        }
        drop(counters);
        let mut counters = self.counters.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = counters.get_key_value(key) {
            return of(known);
        }
        forget_past(&mut counters, now);
        let (key, counter) = (Arc::<str>::from(key), Arc::<AtomicU64>::default());
        counters.insert(Arc::clone(&key), Arc::clone(&counter));
        (key, counter)
    }
}

/// Counters of days and months gone by are needed no more; looked at when a new one begins.
fn forget_past(counters: &mut HashMap<Arc<str>, Arc<AtomicU64>, RandomState>, now: Timestamp) {
    // A call that was decided before midnight may still be on its way.
    let day = now.plus_millis(-3_600_000).day().to_string();
    counters.retain(|key, _| {
        let date = key.rsplit(':').next().unwrap_or("");
        day.get(..date.len()).is_none_or(|today| date >= today)
    });
}

impl Window {
    fn spent(&self, now: Timestamp) -> (Duration, Left) {
        (self.until_next(now), self.left(self.limit, now))
    }

    fn left(&self, used: u64, now: Timestamp) -> Left {
        let span = self.ends.saturating_sub(self.begins);
        Left {
            policy: self.policy,
            limit: self.limit,
            remaining: self.limit.saturating_sub(used),
            window: u64::try_from(span / 1000).unwrap_or(0),
            reset: super::whole_seconds(self.until_next(now)),
        }
    }

    fn until_next(&self, now: Timestamp) -> Duration {
        let millis = self.ends.saturating_sub(now.millis());
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(grant: &GrantId) -> Quota<'_> {
        Quota { grant, per_day: Some(3), per_month: Some(5) }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_quota_is_never_passed_by_one_however_many_threads_ask() {
        let grant = GrantId::parse("g-1").unwrap();
        let quotas = Quotas::restore([]);
        let now = at("2026-11-23T08:00:00Z");

        let passed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    let quota = Quota { grant: &grant, per_day: Some(250), per_month: None };
                    let quotas = &quotas;
                    scope.spawn(move || {
                        (0..100).filter(|_| quotas.take(&quota, now).is_ok()).count()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });

        assert_eq!(passed, 250);
    }

    #[test]
    fn a_day_begins_anew_at_midnight_in_shanghai_and_a_month_goes_on() {
        let grant = GrantId::parse("g-1").unwrap();
        let quotas = Quotas::restore([]);
        let evening = at("2026-11-23T15:59:59Z");
        for _ in 0..3 {
            quotas.take(&quota(&grant), evening).unwrap();
        }

        let (wait, left) = quotas.take(&quota(&grant), evening).unwrap_err();
        assert_eq!((wait, left.policy, left.remaining), (Duration::from_secs(1), "day", 0));
        let morning = evening.plus_millis(1000);
        quotas.take(&quota(&grant), morning).unwrap();
        let (_, left) = quotas.take(&quota(&grant), morning).unwrap();
        assert_eq!(left.map(|left| (left.policy, left.remaining)), Some(("month", 0)));
        let (wait, left) = quotas.take(&quota(&grant), morning).unwrap_err();
        assert_eq!((left.policy, wait.as_secs()), ("month", 7 * 86_400));
        // What the month refused was not taken from the day.
        assert_eq!(
            quotas.counter("grant:g-1:day:2026-11-24", morning).1.load(Ordering::Acquire),
            2
        );
    }

    #[test]
    fn who_has_spent_day_and_month_is_told_to_wait_for_both() {
        let grant = GrantId::parse("g-1").unwrap();
        let quotas = Quotas::restore([]);
        let quota = Quota { grant: &grant, per_day: Some(1), per_month: Some(1) };
        let now = at("2026-11-23T16:00:00Z");
        quotas.take(&quota, now).unwrap();

        let (wait, left) = quotas.take(&quota, now).unwrap_err();

        assert_eq!((left.policy, wait.as_secs()), ("month", 7 * 86_400));
    }

    #[test]
    fn counters_are_restored_and_given_back() {
        let grant = GrantId::parse("g-1").unwrap();
        let quotas = Quotas::restore([("grant:g-1:day:2026-11-23".to_owned(), 2)]);
        let now = at("2026-11-23T08:00:00Z");

        let (taken, _) = quotas.take(&quota(&grant), now).unwrap();
        assert_eq!(taken.uses().map(|(_, number)| number).collect::<Vec<_>>(), [3, 1]);
        assert!(quotas.take(&quota(&grant), now).is_err());
        taken.undo();
        assert!(quotas.take(&quota(&grant), now).is_ok());
    }
}
