//! Leaves an interface alone while it is down.
//!
//! Five failures in a row open it for a second. Then one call may try; if that fails too, the pause
//! doubles, up to half a minute. Failures are: no connection, no answer in time, closed or not HTTP
//! before the answer's head, and 502, 503, 504. A 500 is not: it may be one bad parameter of one
//! caller, and must not shut out the others. What breaks after the head does not count either.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const FAILURES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Whether `health` says anything but "fine", so that a call of a healthy interface costs a load.
    ailing: AtomicBool,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    failures: u32,
    pause: Duration,
    open_until: Option<Instant>,
    probing: bool,
}

impl Health {
    fn rest(&self, now: Instant) -> Option<Duration> {
        match self.open_until {
            None => None,
            Some(until) if now < until => Some(until.duration_since(now)),
            Some(_) => self.probing.then_some(self.pause),
        }
    }
}

/// How a call was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// As usual.
    Usual,
    /// To find out whether the interface is back.
    Probe,
}

impl Breaker {
    /// Lets a call through, or says how long to wait.
    pub(super) fn admit(&self, now: Instant) -> Result<Admission, Duration> {
        if !self.ailing.load(Ordering::Relaxed) {
            return Ok(Admission::Usual);
        }
        let mut health = self.health();
        match (health.rest(now), health.open_until) {
            (Some(rest), _) => Err(rest),
            (None, None) => Ok(Admission::Usual),
            (None, Some(_)) => {
                health.probing = true;
                Ok(Admission::Probe)
            }
        }
    }

    /// How much longer no call would be let through; changes nothing.
    pub(super) fn rest(&self, now: impl FnOnce() -> Instant) -> Option<Duration> {
        if self.ailing.load(Ordering::Relaxed) { self.health().rest(now()) } else { None }
    }

    pub(super) fn succeeded(&self, admission: Admission) {
        if !self.ailing.load(Ordering::Relaxed) {
            return;
        }
        let mut health = self.health();
        // A call from before it opened says nothing about now.
        if health.open_until.is_none() || admission == Admission::Probe {
            *health = Health::default();
            self.ailing.store(false, Ordering::Relaxed);
        }
    }

    pub(super) fn failed(&self, admission: Admission, now: Instant) {
        let mut health = self.health();
        self.ailing.store(true, Ordering::Relaxed);
        match admission {
            Admission::Probe => {
                health.probing = false;
                health.pause = health.pause.saturating_mul(2).min(LONGEST_PAUSE);
                health.open_until = Some(now + health.pause);
            }
            Admission::Usual if health.open_until.is_none() => {
                health.failures = health.failures.saturating_add(1);
                if health.failures >= FAILURES {
                    health.pause = FIRST_PAUSE;
                    health.open_until = Some(now + FIRST_PAUSE);
                }
            }
            Admission::Usual => {}
        }
    }

    /// The call ended without telling anything about the interface: the next one may probe.
    pub(super) fn abandoned(&self, admission: Admission) {
        if admission == Admission::Probe {
            self.health().probing = false;
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.ailing.load(Ordering::Relaxed) && self.health().open_until.is_some()
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_not_before() {
        let (breaker, now) = (Breaker::default(), Instant::now());

        for _ in 0..FAILURES - 1 {
            breaker.failed(breaker.admit(now).unwrap(), now);
        }
        breaker.succeeded(breaker.admit(now).unwrap());
        for _ in 0..FAILURES {
            breaker.failed(breaker.admit(now).unwrap(), now);
        }

        assert_eq!(breaker.admit(now), Err(FIRST_PAUSE));
        assert!(breaker.is_open());
    }

    #[test]
    fn one_probe_at_a_time_and_its_failure_doubles_the_pause() {
        let (breaker, mut now) = (opened(), Instant::now());

        for pause in [1, 2, 4, 8, 16, 30, 30] {
            now += Duration::from_secs(pause);
            assert_eq!(breaker.admit(now), Ok(Admission::Probe), "after {pause} s");
            assert!(breaker.admit(now).is_err(), "a second probe after {pause} s");
            breaker.failed(Admission::Probe, now);
            assert!(breaker.admit(now).is_err());
        }
    }

    #[test]
    fn a_probe_that_succeeds_closes_it_and_one_that_was_given_up_frees_its_place() {
        let (breaker, now) = (opened(), Instant::now() + FIRST_PAUSE);

        breaker.abandoned(breaker.admit(now).unwrap());
        breaker.succeeded(breaker.admit(now).unwrap());

        assert_eq!(breaker.admit(now), Ok(Admission::Usual));
        assert!(!breaker.is_open());
    }

    #[test]
    fn calls_from_before_it_opened_change_nothing() {
        let (breaker, now) = (opened(), Instant::now());

        breaker.succeeded(Admission::Usual);
        breaker.failed(Admission::Usual, now + Duration::from_secs(20));

        assert!(breaker.admit(now).is_err());
        assert_eq!(breaker.admit(now + FIRST_PAUSE), Ok(Admission::Probe));
    }

    fn opened() -> Breaker {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..FAILURES {
            breaker.failed(Admission::Usual, now);
        }
        breaker
    }
}
