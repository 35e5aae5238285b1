//! Steady rates with a burst on top (GCRA, by governor).
//!
//! What policies name is kept as long as the process; there is no more of it than policies name.
//! Addresses are chosen by strangers, and have a store of their own that they cannot overflow into
//! the other.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use moka::Expiry;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::{Left, RateKey};
use crate::domain::Rate;

/// Addresses kept at once; the one unused for the longest goes first.
const MOST: u64 = 1_000_000;

/// All buckets, by what they count.
#[derive(Debug)]
pub struct Rates {
    named: RwLock<HashMap<RateKey, Arc<Bucket>, RandomState>>,
    addresses: Cache<RateKey, Arc<Bucket>, RandomState>,
    clock: DefaultClock,
}

#[derive(Debug)]
struct Bucket {
    rate: Rate,
    state: State,
    limiter: RateLimiter<NotKeyed, State, DefaultClock, StateInformationMiddleware>,
}

/// The one number of a GCRA, in nanoseconds: governor's own store does not let a call be given back.
#[derive(Clone, Debug, Default)]
struct State(Arc<AtomicU64>);

/// One call taken from a bucket.
#[derive(Debug)]
pub(super) struct Took {
    bucket: Arc<Bucket>,
    pub(super) left: Left,
}

impl Default for Rates {
    fn default() -> Self {
        let addresses = Cache::builder()
            .max_capacity(MOST)
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(UntilFull)
            .build_with_hasher(RandomState::default());
        Self { named: RwLock::default(), addresses, clock: DefaultClock::default() }
    }
}

impl Rates {
    /// Takes one call, or says how long to wait.
    pub(super) fn take(&self, key: &RateKey, rate: Rate) -> Result<Took, (Duration, Left)> {
        let bucket = match key {
            RateKey::Address(..) => self.address(key, rate),
            RateKey::Grant(_) | RateKey::Application(_) | RateKey::Entry(_) => {
                self.named(key, rate)
            }
        };
        match bucket.limiter.check() {
            Ok(snapshot) => {
                let remaining = u64::from(snapshot.remaining_burst_capacity());
                let spent = u64::from(rate.burst.max(1)).saturating_sub(remaining);
                let reset = Duration::from_nanos(period(rate).saturating_mul(spent));
                let left = left(key, rate, remaining, reset);
                Ok(Took { bucket, left })
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.clock.now());
                Err((wait, left(key, rate, 0, wait)))
            }
        }
    }

    fn address(&self, key: &RateKey, rate: Rate) -> Arc<Bucket> {
        match self.addresses.get(key) {
            Some(bucket) if bucket.rate == rate => bucket,
            Some(_) => {
                let bucket = Bucket::empty(rate);
                self.addresses.insert(key.clone(), Arc::clone(&bucket));
                bucket
            }
            None => self.addresses.get_with(key.clone(), || Bucket::new(rate)),
        }
    }

    fn named(&self, key: &RateKey, rate: Rate) -> Arc<Bucket> {
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = named.get(key).filter(|bucket| bucket.rate == rate) {
            return Arc::clone(bucket);
        }
        drop(named);
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        match named.get(key) {
            Some(bucket) if bucket.rate == rate => Arc::clone(bucket),
            known => {
                let bucket = if known.is_some() { Bucket::empty(rate) } else { Bucket::new(rate) };
                named.insert(key.clone(), Arc::clone(&bucket));
                bucket
            }
        }
    }
}

impl Took {
    /// Gives the call back.
    pub(super) fn undo(self) {
        let period = period(self.bucket.rate);
        let state = &self.bucket.state.0;
        state.update(Ordering::AcqRel, Ordering::Acquire, |at| at.saturating_sub(period));
    }
}

impl Bucket {
    fn new(rate: Rate) -> Arc<Self> {
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(Duration::from_nanos(period(rate)))
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
            .allow_burst(burst);
        let state = State::default();
        let limiter = RateLimiter::new(quota, state.clone(), DefaultClock::default());
        Arc::new(Self { rate, state, limiter })
    }

    /// A bucket in place of one of another rate: changing a rate must not hand out a new burst.
    fn empty(rate: Rate) -> Arc<Self> {
        let bucket = Self::new(rate);
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        // A whole burst always fits into a bucket that is full.
        drop(bucket.limiter.check_n(burst));
        bucket
    }
}

impl StateStore for State {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut before = self.0.load(Ordering::Acquire);
        loop {
            let (outcome, after) = decide((before > 0).then(|| before.into()))?;
            let replaced = self.0.compare_exchange_weak(
                before,
                after.as_u64(),
                Ordering::AcqRel,
                Ordering::Acquire,
            );
            match replaced {
                Ok(_) => return Ok(outcome),
                Err(now) => before = now,
            }
        }
    }
}

/// A bucket that nobody used until it was full again is as good as a new one.
struct UntilFull;

impl UntilFull {
    fn of(bucket: &Bucket) -> Duration {
        let room = period(bucket.rate).saturating_mul(u64::from(bucket.rate.burst.max(1)));
        Duration::from_nanos(room).saturating_add(Duration::from_secs(1))
    }
}

impl Expiry<RateKey, Arc<Bucket>> for UntilFull {
    fn expire_after_create(
        &self,
        _: &RateKey,
        bucket: &Arc<Bucket>,
        _: Instant,
    ) -> Option<Duration> {
        Some(Self::of(bucket))
    }

    fn expire_after_read(
        &self,
        _: &RateKey,
        bucket: &Arc<Bucket>,
        _: Instant,
        _: Option<Duration>,
        _: Instant,
    ) -> Option<Duration> {
        Some(Self::of(bucket))
    }
}

fn left(key: &RateKey, rate: Rate, remaining: u64, reset: Duration) -> Left {
    Left {
        policy: key.policy(),
        limit: u64::from(rate.calls),
        remaining,
        window: u64::from(rate.seconds),
        reset: super::whole_seconds(reset),
    }
}

/// Nanoseconds that one call takes to be given back.
fn period(rate: Rate) -> u64 {
    let window = Duration::from_secs(u64::from(rate.seconds.max(1)));
    nanos(window).checked_div(u64::from(rate.calls)).unwrap_or(u64::MAX).max(1)
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use super::*;
    use crate::domain::{GrantId, Zone};

    fn key() -> RateKey {
        RateKey::Grant(GrantId::parse("g-1").unwrap())
    }

    const SLOW: Rate = Rate { calls: 1, seconds: 3600, burst: 5 };

    #[test]
    fn no_more_calls_pass_than_the_burst_however_many_threads_ask() {
        let address = RateKey::Address(Zone::Opening, None, IpAddr::from([192, 0, 2, 1]));
        for key in [key(), address] {
            let rates = Rates::default();

            let passed: usize = std::thread::scope(|scope| {
                let ask = || (0..100).filter(|_| rates.take(&key, SLOW).is_ok()).count();
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).sum()
            });

            assert_eq!(passed, 5);
        }
    }

    #[test]
    fn a_call_comes_back_after_its_period_and_not_before() {
        let rates = Rates::default();
        let rate = Rate { calls: 20, seconds: 1, burst: 2 };
        assert_eq!(rates.take(&key(), rate).unwrap().left.remaining, 1);
        assert_eq!(rates.take(&key(), rate).unwrap().left.remaining, 0);

        let (wait, left) = rates.take(&key(), rate).unwrap_err();
        assert!(wait > Duration::from_millis(20) && wait <= Duration::from_millis(50), "{wait:?}");
        assert_eq!((left.limit, left.window, left.remaining, left.reset), (20, 1, 0, 1));
        std::thread::sleep(wait);
        rates.take(&key(), rate).unwrap();
        rates.take(&key(), rate).unwrap_err();
    }

    #[test]
    fn a_changed_rate_hands_out_no_new_burst() {
        let rates = Rates::default();
        for _ in 0..5 {
            rates.take(&key(), SLOW).unwrap();
        }

        let wait = rates.take(&key(), Rate { burst: 9, ..SLOW });

        assert!(wait.is_err());
    }

    #[test]
    fn a_call_given_back_can_be_taken_again_and_only_once() {
        let rates = Rates::default();
        let rate = Rate { burst: 1, ..SLOW };

        rates.take(&key(), rate).unwrap().undo();
        let took = rates.take(&key(), rate).unwrap();
        rates.take(&key(), rate).unwrap_err();
        took.undo();
        rates.take(&key(), rate).unwrap();
        rates.take(&key(), rate).unwrap_err();
    }

    #[test]
    fn a_flood_of_addresses_refills_no_grant_and_new_ones_are_still_held() {
        let rates = Rates { addresses: small(), ..Rates::default() };
        let rate = Rate { burst: 1, ..SLOW };
        let address = |number: u16| {
            let address = Ipv6Addr::new(0x2001, 0xdb8, number, 0, 0, 0, 0, 0);
            RateKey::Address(Zone::Opening, None, IpAddr::V6(address))
        };
        rates.take(&key(), rate).unwrap();

        for number in 0..2_000 {
            rates.take(&address(number), rate).unwrap();
        }
        rates.addresses.run_pending_tasks();

        rates.take(&key(), rate).unwrap_err();
        for number in 1_990..2_000 {
            assert!(rates.take(&address(number), rate).is_err(), "{number} is not held");
        }
    }

    fn small() -> Cache<RateKey, Arc<Bucket>, RandomState> {
        Cache::builder()
            .max_capacity(100)
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(UntilFull)
            .build_with_hasher(RandomState::default())
    }
}
