//! Steady rates with a burst on top (GCRA, by governor).

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use moka::sync::Cache;

use super::RateKey;
use crate::domain::Rate;

/// Buckets kept at once. One that falls out was the longest unused.
const MOST: u64 = 1_000_000;

/// All buckets, by what they count.
#[derive(Debug)]
pub struct Rates {
    buckets: Cache<RateKey, Arc<Bucket>>,
    clock: DefaultClock,
}

#[derive(Debug)]
struct Bucket {
    rate: Rate,
    limiter: DefaultDirectRateLimiter,
}

impl Default for Rates {
    fn default() -> Self {
        // A bucket nobody used for a day is full again at every rate that can be written.
        let buckets =
            Cache::builder().max_capacity(MOST).time_to_idle(Duration::from_secs(90_000)).build();
        Self { buckets, clock: DefaultClock::default() }
    }
}

impl Rates {
    /// Takes one call, or says how long to wait.
    pub(super) fn check(&self, key: &RateKey, rate: Rate) -> Result<(), Duration> {
        let bucket = match self.buckets.get(key) {
            Some(bucket) if bucket.rate == rate => bucket,
            Some(_) => self.replace(key, rate),
            None => self.buckets.get_with(key.clone(), || Arc::new(Bucket::new(rate))),
        };
        bucket.limiter.check().map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    /// A bucket of another rate begins empty: changing a rate must not hand out a new burst.
    fn replace(&self, key: &RateKey, rate: Rate) -> Arc<Bucket> {
        self.buckets
            .entry(key.clone())
            .and_upsert_with(|current| match current {
                Some(entry) if entry.value().rate == rate => entry.into_value(),
                Some(_) | None => {
                    let bucket = Bucket::new(rate);
                    if let Some(burst) = NonZeroU32::new(rate.burst) {
                        drop(bucket.limiter.check_n(burst));
                    }
                    Arc::new(bucket)
                }
            })
            .into_value()
    }
}

impl Bucket {
    fn new(rate: Rate) -> Self {
        let calls = rate.calls.max(1);
        let period = Duration::from_secs(u64::from(rate.seconds.max(1))) / calls;
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(period.max(Duration::from_nanos(1)))
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
            .allow_burst(burst);
        Self { rate, limiter: RateLimiter::direct(quota) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::GrantId;

    fn key() -> RateKey {
        RateKey::Grant(GrantId::parse("g-1").unwrap())
    }

    const SLOW: Rate = Rate { calls: 1, seconds: 3600, burst: 5 };

    #[test]
    fn no_more_calls_pass_than_the_burst_however_many_threads_ask() {
        let rates = Rates::default();

        let passed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| (0..100).filter(|_| rates.check(&key(), SLOW).is_ok()).count())
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });

        assert_eq!(passed, 5);
    }

    #[test]
    fn a_changed_rate_hands_out_no_new_burst() {
        let rates = Rates::default();
        for _ in 0..5 {
            rates.check(&key(), SLOW).unwrap();
        }

        let wait = rates.check(&key(), Rate { burst: 9, ..SLOW });

        assert!(wait.is_err());
    }
}
