//! Quotas by calendar day and month in Asia/Shanghai. They count durable allowed records.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use foldhash::fast::RandomState;
use jiff::civil::Date;

use super::{Left, Quota};
use crate::domain::Timestamp;

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

/// One window of a quota.
struct Window {
    policy: &'static str,
    key: Arc<str>,
    limit: u64,
    first: Date,
    next: Date,
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
        for window in windows(quota, now) {
            let counter = self.counter(&window.key, now);
            let before = counter.try_update(Ordering::AcqRel, Ordering::Acquire, |count| {
                (count < window.limit).then(|| count.saturating_add(1))
            });
            let Ok(before) = before else {
                taken.undo();
                return Err(self.spent(quota, now).unwrap_or_else(|| window.spent(now)));
            };
            let left = window.left(before.saturating_add(1), now);
            if tightest.is_none_or(|tightest| left.remaining < tightest.remaining) {
                tightest = Some(left);
            }
            taken.0.push(Use { key: window.key, number: before.saturating_add(1), counter });
        }
        Ok((taken, tightest))
    }

    /// The spent quota that begins anew last: before that, trying again does not help.
    fn spent(&self, quota: &Quota<'_>, now: Timestamp) -> Option<(Duration, Left)> {
        windows(quota, now)
            .filter(|w| self.counter(&w.key, now).load(Ordering::Acquire) >= w.limit)
            .map(|window| window.spent(now))
            .max_by_key(|(wait, _)| *wait)
    }

    /// What is left, without taking any.
    pub(super) fn left(&self, quota: &Quota<'_>, now: Timestamp) -> Option<Left> {
        windows(quota, now)
            .map(|window| {
                let used = self.counter(&window.key, now).load(Ordering::Acquire);
                window.left(used, now)
            })
            .min_by_key(|left| left.remaining)
    }

    fn counter(&self, key: &Arc<str>, now: Timestamp) -> Arc<AtomicU64> {
        let counters = self.counters.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = counters.get(key) {
            return Arc::clone(counter);
        }
        drop(counters);
        let mut counters = self.counters.write().unwrap_or_else(PoisonError::into_inner);
        if !counters.contains_key(key) {
            forget_past(&mut counters, now);
        }
        Arc::clone(counters.entry(Arc::clone(key)).or_default())
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

/// A day as keys name it, such as `2026-11-23`. It is the same for all calls of a day, and writing it costs
/// as much as looking up its counters.
fn written(day: Date) -> Rc<str> {
    thread_local! {
        static LAST: RefCell<(Date, Rc<str>)> = RefCell::new((Date::default(), Rc::default()));
    }
    LAST.with_borrow_mut(|(last, written)| {
        if *last != day || written.is_empty() {
            (*last, *written) = (day, day.to_string().into());
        }
        Rc::clone(written)
    })
}

/// The windows this moment lies in.
fn windows(quota: &Quota<'_>, now: Timestamp) -> impl Iterator<Item = Window> {
    let today = now.day();
    let month = today.first_of_month();
    let written = written(today);
    let key = |window: &str, date: &str| ["grant:", quota.grant.as_str(), window, date].concat();
    let day = quota.per_day.map(|limit| Window {
        policy: "day",
        key: key(":day:", &written).into(),
        limit,
        first: today,
        next: today.tomorrow().unwrap_or(today),
    });
    let per_month = quota.per_month.map(|limit| Window {
        policy: "month",
        key: key(":month:", written.get(.."2026-11".len()).unwrap_or_default()).into(),
        limit,
        first: month,
        next: month.last_of_month().tomorrow().unwrap_or(month),
    });
    day.into_iter().chain(per_month)
}

impl Window {
    fn spent(&self, now: Timestamp) -> (Duration, Left) {
        (until(self.next, now), self.left(self.limit, now))
    }

    fn left(&self, used: u64, now: Timestamp) -> Left {
        let span =
            Timestamp::start_of(self.next).millis() - Timestamp::start_of(self.first).millis();
        Left {
            policy: self.policy,
            limit: self.limit,
            remaining: self.limit.saturating_sub(used),
            window: u64::try_from(span / 1000).unwrap_or(0),
            reset: super::whole_seconds(until(self.next, now)),
        }
    }
}

fn until(next: Date, now: Timestamp) -> Duration {
    let millis = Timestamp::start_of(next).millis().saturating_sub(now.millis());
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::GrantId;

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
            quotas.counter(&"grant:g-1:day:2026-11-24".into(), morning).load(Ordering::Acquire),
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
