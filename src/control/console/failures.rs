//! Failed logins: so many a minute from one address, then none is looked at.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::domain::Timestamp;

/// How long failures count.
const SPAN_MS: i64 = 60_000;

/// Failures within it.
const MOST: u32 = 10;

/// Addresses remembered; the one that failed first is forgotten for another.
const ADDRESSES: usize = 4_096;

/// When each address began to fail, and how often it did since.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<BTreeMap<IpAddr, (Timestamp, u32)>>);

impl Failures {
    /// Whether logins from there are not looked at now.
    pub(super) fn are_too_many(&self, from: IpAddr, now: Timestamp) -> bool {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .get(&from)
            .is_some_and(|(begun, count)| now < begun.plus_millis(SPAN_MS) && *count >= MOST)
    }

    /// Counts one.
    pub(super) fn add(&self, from: IpAddr, now: Timestamp) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.retain(|_, (begun, _)| now < begun.plus_millis(SPAN_MS));
        if counts.len() >= ADDRESSES && !counts.contains_key(&from) {
            let first = counts.iter().min_by_key(|(_, (begun, _))| *begun).map(|(from, _)| *from);
            first.and_then(|first| counts.remove(&first));
        }
        let (_, count) = counts.entry(from).or_insert((now, 0));
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_a_minute_close_an_address_for_the_rest_of_it() {
        let failures = Failures::default();
        let (here, there) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let at = Timestamp::from_millis;
        for _ in 0..10 {
            assert!(!failures.are_too_many(here, at(1_000)));
            failures.add(here, at(1_000));
        }
        assert!(failures.are_too_many(here, at(1_000)) && failures.are_too_many(here, at(60_999)));
        assert!(!failures.are_too_many(there, at(1_000)));
        assert!(!failures.are_too_many(here, at(61_000)));
        failures.add(here, at(61_000));
        assert!(!failures.are_too_many(here, at(61_000)));
    }

    #[test]
    fn no_more_addresses_are_remembered_than_there_is_room_for() {
        let failures = Failures::default();
        for number in 0..5_000_u32 {
            failures.add(std::net::Ipv4Addr::from(number).into(), Timestamp::from_millis(0));
        }
        assert_eq!(failures.0.lock().unwrap().len(), ADDRESSES);
    }
}
