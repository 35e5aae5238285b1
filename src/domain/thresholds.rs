//! From where on the detectors of supervision speak up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Timestamp, UpdateCycle};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Parameters of the detectors. Each finding names those it was judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// V-03: days after publication until an entry must be mounted; 28 days are twenty working days.
    pub mount_days: u32,
    /// V-04: how much of the usual grace an entry has, in percent: a realtime entry 15 minutes, a
    /// daily one 36 hours, a weekly one 9 days, a monthly one 38, a quarterly one 105, a half-yearly
    /// one 200, a yearly one 400.
    #[schemars(range(min = 1))]
    pub stale_percent: u32,
    /// V-12: undescribed or mistyped members a day.
    #[schemars(range(min = 1))]
    pub drift_members: u64,
    /// V-14: calls beyond a grant in an hour, by one application.
    #[schemars(range(min = 1))]
    pub over_grant_calls: u64,
    /// V-16: calls about persons or businesses in an hour before their misses are judged.
    #[schemars(range(min = 1))]
    pub probe_calls: u64,
    /// V-16: percent of them that find nothing.
    #[schemars(range(min = 1, max = 100))]
    pub probe_miss_percent: u64,
    /// V-16: different persons or businesses asked about in an hour by one operator.
    #[schemars(range(min = 1))]
    pub probe_subjects: u64,
    /// V-16: different persons or businesses asked about in an hour of the night, 22:00 to 6:00.
    #[schemars(range(min = 1))]
    pub night_subjects: u64,
    /// V-18: days without a call after which a grant is idle.
    #[schemars(range(min = 1))]
    pub idle_days: u32,
    /// V-18: calls after which an item that was never among the answers counts as not needed.
    #[schemars(range(min = 1))]
    pub unused_calls: u64,
    /// V-18: days a grant may run.
    #[schemars(range(min = 1))]
    pub longest_days: u32,
    /// V-19: days before its end at which an agreement is to be renewed.
    pub agreement_days: u32,
    /// V-21: values that look personal a day, in what the public got of one entry.
    #[schemars(range(min = 1))]
    pub personal_values: u64,
    /// V-26: milliseconds the clock may step back.
    pub clock_ms: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            mount_days: 28,
            stale_percent: 100,
            drift_members: 1,
            over_grant_calls: 10,
            probe_calls: 20,
            probe_miss_percent: 40,
            probe_subjects: 200,
            night_subjects: 50,
            idle_days: 90,
            unused_calls: 20,
            longest_days: 731,
            agreement_days: 30,
            personal_values: 1,
            clock_ms: 5_000,
        }
    }
}

impl Thresholds {
    /// Milliseconds after which data of this cycle is stale; never, if it has none.
    pub fn grace(&self, cycle: UpdateCycle) -> Option<i64> {
        let usual = match cycle {
            UpdateCycle::Realtime => 15 * MINUTE,
            UpdateCycle::Daily => 36 * HOUR,
            UpdateCycle::Weekly => 9 * DAY,
            UpdateCycle::Monthly => 38 * DAY,
            UpdateCycle::Quarterly => 105 * DAY,
            UpdateCycle::HalfYearly => 200 * DAY,
            UpdateCycle::Yearly => 400 * DAY,
            UpdateCycle::Other => return None,
        };
        Some(usual.saturating_mul(self.stale_percent.into()).div_euclid(100))
    }

    /// So many days, in milliseconds.
    pub fn days(days: u32) -> i64 {
        i64::from(days).saturating_mul(DAY)
    }

    /// The moment from which this data is stale.
    pub fn stale_from(&self, cycle: UpdateCycle, data: Timestamp) -> Option<Timestamp> {
        self.grace(cycle).map(|grace| data.plus_millis(grace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grace_of_a_cycle_follows_the_percentage() {
        let usual = Thresholds::default();
        assert_eq!(usual.grace(UpdateCycle::Realtime), Some(15 * MINUTE));
        assert_eq!(usual.grace(UpdateCycle::Daily), Some(36 * HOUR));
        assert_eq!(usual.grace(UpdateCycle::Other), None);

        let strict = Thresholds { stale_percent: 50, ..usual };
        assert_eq!(strict.grace(UpdateCycle::Monthly), Some(19 * DAY));
    }
}
