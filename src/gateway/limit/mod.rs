//! How much: rates by GCRA, quotas by calendar day and month. Exact under concurrency, never one over.
//!
//! State is keyed by stable ids and lives outside every View: a reload refills nothing.

mod address;

mod quota;

mod rate;

use std::net::IpAddr;
use std::time::Duration;

use crate::domain::{ApplicationId, EntryId, GrantId, Rate, Timestamp, Zone};
use crate::gateway::Refusal;
use crate::gateway::refusal::Whose;

pub use self::address::prefix_of;
pub use self::quota::{Quotas, Taken};
pub use self::rate::Rates;

/// Limits of all zones and workers.
#[derive(Debug)]
pub struct Limiters {
    rates: Rates,
    quotas: Quotas,
}

/// What a rate is counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RateKey {
    /// A grant.
    Grant(GrantId),
    /// An application, over all its grants.
    Application(ApplicationId),
    /// An address of the public, for one entry or for all.
    Address(Zone, Option<EntryId>, IpAddr),
    /// An entry, toward the department.
    Entry(EntryId),
}

impl RateKey {
    fn whose(&self) -> Whose {
        match self {
            Self::Grant(_) => Whose::Grant,
            Self::Application(_) => Whose::Application,
            Self::Address(..) => Whose::Address,
            Self::Entry(_) => Whose::Entry,
        }
    }

    /// The name it has in `RateLimit`.
    fn policy(&self) -> &'static str {
        match self {
            Self::Grant(_) => "grant",
            Self::Application(_) => "application",
            Self::Address(_, None, _) => "address",
            Self::Address(_, Some(_), _) => "address-entry",
            Self::Entry(_) => "entry",
        }
    }
}

/// What one call has to stay within.
#[derive(Clone, Debug, Default)]
pub struct Bounds<'a> {
    /// Rates, each with what it is counted for.
    pub rates: Vec<(RateKey, Rate)>,
    /// The grant whose quotas count this call.
    pub quota: Option<Quota<'a>>,
}

/// The quotas of one grant.
#[derive(Clone, Copy, Debug)]
pub struct Quota<'a> {
    /// The grant.
    pub grant: &'a GrantId,
    /// Calls a day.
    pub per_day: Option<u64>,
    /// Calls a month.
    pub per_month: Option<u64>,
}

/// A place under every per-call limit. Only [`Limiters::take`] makes one.
#[derive(Debug)]
pub struct Slot {
    quota: Taken,
    left: Vec<Left>,
}

/// A rate that bears no more calls now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Whose rate.
    pub whose: Whose,
    /// How long until a call can pass again.
    pub wait: Duration,
    /// What it allows.
    pub left: Left,
}

/// What is left under one limit, for `RateLimit` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Name of the policy: `day`, `month`, or whose rate it is.
    pub policy: &'static str,
    /// Calls allowed in the whole window.
    pub limit: u64,
    /// Calls left in it.
    pub remaining: u64,
    /// Length of the window in seconds.
    pub window: u64,
    /// Seconds until it begins anew.
    pub reset: u64,
}

impl Slot {
    /// The quota uses to write into the record.
    pub fn quota(&self) -> &Taken {
        &self.quota
    }

    /// What is left of the tightest quota and of each rate.
    pub fn left(&self) -> &[Left] {
        &self.left
    }

    /// Gives the quota back: the record of this call did not become durable, so it never counted.
    pub fn undo(self) {
        self.quota.undo();
    }
}

impl Limiters {
    /// With counters as the journal remembers them.
    pub fn new(counters: impl IntoIterator<Item = (String, u64)>) -> Self {
        Self { rates: Rates::default(), quotas: Quotas::restore(counters) }
    }

    /// Takes a place under every limit of this call, or under none.
    pub fn take(&self, bounds: &Bounds<'_>, now: Timestamp) -> Result<Slot, Refusal> {
        let mut took = Vec::with_capacity(bounds.rates.len());
        let refused =
            bounds.rates.iter().find_map(|(key, rate)| match self.rates.take(key, *rate) {
                Ok(one) => {
                    took.push(one);
                    None
                }
                Err((wait, left)) => Some(Exceeded { whose: key.whose(), wait, left }),
            });
        // Last, so that no quota is taken and given back while rates refuse a flood.
        let quota = match (refused, &bounds.quota) {
            (Some(exceeded), _) => Err(Refusal::RateExceeded(exceeded)),
            (None, None) => Ok((Taken::default(), None)),
            (None, Some(quota)) => self
                .quotas
                .take(quota, now)
                .map_err(|(wait, left)| Refusal::QuotaSpent { wait, left }),
        };
        match quota {
            Ok((quota, tightest)) => {
                let left = tightest.into_iter().chain(took.iter().map(|one| one.left)).collect();
                Ok(Slot { quota, left })
            }
            Err(refusal) => {
                took.into_iter().rev().for_each(rate::Took::undo);
                Err(refusal)
            }
        }
    }

    /// Takes one call of an entry's rate toward its department.
    pub fn take_entry(&self, entry: &EntryId, rate: Rate) -> Result<(), Exceeded> {
        let taken = self.rates.take(&RateKey::Entry(entry.clone()), rate);
        taken.map(drop).map_err(|(wait, left)| Exceeded { whose: Whose::Entry, wait, left })
    }

    /// What is left of a grant's quotas, without taking any.
    pub fn left(&self, quota: &Quota<'_>, now: Timestamp) -> Option<Left> {
        self.quotas.left(quota, now)
    }
}

/// At least a second, rounded up, so that a caller that obeys does not come back too early.
pub fn whole_seconds(wait: Duration) -> u64 {
    let seconds = wait.as_secs();
    if wait.subsec_nanos() > 0 || seconds == 0 { seconds.saturating_add(1) } else { seconds }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOURLY: Rate = Rate { calls: 1, seconds: 3600, burst: 1 };

    #[test]
    fn a_call_that_one_limit_refuses_takes_nothing_of_the_others() {
        let limiters = Limiters::new([]);
        let grant = GrantId::parse("g-1").unwrap();
        let now = Timestamp::parse("2026-11-23T08:00:00Z").unwrap();
        let application = RateKey::Application(ApplicationId::parse("a/b").unwrap());
        let of_application = (application, Rate { burst: 3, ..HOURLY });
        let quota = Quota { grant: &grant, per_day: Some(2), per_month: None };
        let both = vec![of_application.clone(), (RateKey::Grant(grant.clone()), HOURLY)];
        let narrow = Bounds { rates: both, quota: Some(quota) };
        let wide = Bounds { rates: vec![of_application.clone()], quota: Some(quota) };

        let slot = limiters.take(&narrow, now).unwrap();
        let policies: Vec<_> =
            slot.left().iter().map(|left| (left.policy, left.remaining)).collect();
        assert_eq!(policies, [("day", 1), ("application", 2), ("grant", 0)]);
        for _ in 0..5 {
            let refused = limiters.take(&narrow, now).unwrap_err();
            assert_eq!(refused.described().code, "grant-rate");
        }
        // One of the application's three was used, and one of the two of the day.
        limiters.take(&wide, now).unwrap();
        for _ in 0..5 {
            let refused = limiters.take(&wide, now).unwrap_err();
            assert_eq!(refused.described().code, "quota-spent");
        }
        let rates_only = Bounds { rates: vec![of_application], quota: None };
        limiters.take(&rates_only, now).unwrap();
        let refused = limiters.take(&rates_only, now).unwrap_err();
        assert_eq!(refused.described().code, "application-rate");
    }
}
