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
    left: Option<Left>,
}

/// What is left of a limit, for `RateLimit` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Name of the policy: `day` or `month` for a quota, else whose rate it is.
    pub policy: &'static str,
    /// Calls allowed in the whole window.
    pub limit: u64,
    /// Calls left in it.
    pub remaining: u64,
    /// Length of the window in seconds.
    pub window: u64,
    /// Seconds until it begins anew, or until a rate lets a call pass.
    pub reset: u64,
}

impl Left {
    fn of_rate(whose: Whose, rate: Rate, wait: Duration) -> Self {
        Self {
            policy: whose.as_str(),
            limit: rate.calls.into(),
            remaining: 0,
            window: rate.seconds.into(),
            reset: whole_seconds(wait),
        }
    }
}

impl Slot {
    /// The quota uses to write into the record.
    pub fn quota(&self) -> &Taken {
        &self.quota
    }

    /// What is left of the tightest quota.
    pub fn left(&self) -> Option<Left> {
        self.left
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

    /// Takes a place under every limit of this call. A refused call uses up no quota, but it may have
    /// used a rate that was looked at before the one that refused it: never one over.
    pub fn take(&self, bounds: &Bounds<'_>, now: Timestamp) -> Result<Slot, Refusal> {
        for (key, rate) in &bounds.rates {
            self.check(key, *rate)?;
        }
        let (quota, left) = match &bounds.quota {
            None => (Taken::default(), None),
            Some(quota) => {
                self.quotas.take(quota, now).map_err(|left| Refusal::QuotaSpent { left })?
            }
        };
        Ok(Slot { quota, left })
    }

    /// Takes one call of an entry's rate toward its department.
    pub fn take_entry(&self, entry: &EntryId, rate: Rate) -> Result<(), Refusal> {
        self.check(&RateKey::Entry(entry.clone()), rate)
    }

    fn check(&self, key: &RateKey, rate: Rate) -> Result<(), Refusal> {
        let whose = key.whose();
        self.rates
            .check(key, rate)
            .map_err(|wait| Refusal::RateExceeded { whose, left: Left::of_rate(whose, rate, wait) })
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
