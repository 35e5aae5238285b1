//! How an operator asks about persons and businesses, hour by hour.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::tally::hour_of;
use crate::domain::{Thresholds, Timestamp};

/// Different subjects told apart within an hour; beyond it they are many enough.
const TOLD_APART: usize = 4096;

/// The questions of a day.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Probe {
    hours: BTreeMap<u8, Hour>,
    /// The hour at hand, and who was asked about in it.
    now: u8,
    subjects: BTreeSet<u64>,
}

/// The questions of an hour.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Hour {
    calls: u64,
    misses: u64,
    different: u64,
}

/// What shows that it is no ordinary work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// So many percent found nothing.
    Misses(u64),
    /// So many different subjects in an hour.
    Spread(u64),
    /// So many different subjects in an hour of the night.
    Night(u64),
}

impl Probe {
    /// Takes a question in.
    pub(super) fn add(&mut self, time: Timestamp, subjects: &[u64], found: bool) {
        let hour = hour_of(time);
        if hour != self.now {
            self.now = hour;
            self.subjects.clear();
        }
        for subject in subjects {
            if self.subjects.len() < TOLD_APART {
                self.subjects.insert(*subject);
            }
        }
        let kept = self.hours.entry(hour).or_default();
        kept.calls = kept.calls.saturating_add(1);
        kept.misses = kept.misses.saturating_add(u64::from(!found));
        let different = u64::try_from(self.subjects.len()).unwrap_or(u64::MAX);
        kept.different = kept.different.max(different);
    }

    /// The worst hour's sign.
    pub(super) fn sign(&self, limits: &Thresholds) -> Option<Sign> {
        let night = |hour: u8| !(6..22).contains(&hour);
        let misses = self.hours.values().filter(|hour| hour.calls >= limits.probe_calls);
        let misses = misses.map(Hour::miss_percent).max();
        let most = |at_night: bool| {
            let hours = self.hours.iter().filter(|(hour, _)| !at_night || night(**hour));
            hours.map(|(_, hour)| hour.different).max()
        };
        misses
            .filter(|percent| *percent > limits.probe_miss_percent)
            .map(Sign::Misses)
            .or(most(false).filter(|count| *count >= limits.probe_subjects).map(Sign::Spread))
            .or(most(true).filter(|count| *count >= limits.night_subjects).map(Sign::Night))
    }
}

impl Hour {
    fn miss_percent(&self) -> u64 {
        self.misses.saturating_mul(100).checked_div(self.calls).unwrap_or(0)
    }
}

impl Sign {
    /// In Chinese and English.
    pub(super) fn words(self) -> [String; 2] {
        match self {
            Self::Misses(percent) => {
                [format!("{percent}%查无结果"), format!("{percent} % of an hour's found nothing")]
            }
            Self::Spread(count) => [
                format!("一小时内查询{count}个不同对象"),
                format!("{count} different ones in an hour"),
            ],
            Self::Night(count) => [
                format!("夜间一小时内查询{count}个不同对象"),
                format!("{count} different ones in an hour of the night"),
            ],
        }
    }
}

/// Enough of a hash to tell subjects apart.
pub(super) fn short(hash: &str) -> u64 {
    let text = hash.get(..16).unwrap_or(hash);
    u64::from_str_radix(text, 16).unwrap_or_else(|_| {
        text.bytes().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
    })
}
