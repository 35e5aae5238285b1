//! What is counted of one subject in one period, until a rule speaks up or the period is over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::probe::Probe;
use super::{Detector, Evidence, Finding, Scene, Subject};
use crate::domain::{OrganizationId, Timestamp};

/// Pieces of evidence that one finding keeps: the first.
pub const KEPT: usize = 20;

const HOUR: i64 = 3_600_000;

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) detector: Detector,
    pub(super) subject: Subject,
    pub(super) period: String,
}

/// Its count.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Tally {
    organization: Option<OrganizationId>,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) count: u64,
    /// By code of a refusal or kind of a value.
    #[serde(default)]
    by_code: BTreeMap<String, u64>,
    /// By hour of the day in Asia/Shanghai.
    #[serde(default)]
    by_hour: BTreeMap<u8, u64>,
    evidence: Vec<Evidence>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) probe: Option<Probe>,
}

/// One thing that counts.
#[derive(Debug)]
pub(super) struct Sighting<'a> {
    pub(super) time: Timestamp,
    pub(super) organization: Option<OrganizationId>,
    pub(super) code: &'a str,
    pub(super) count: u64,
    pub(super) evidence: Evidence,
}

impl<'a> Sighting<'a> {
    /// Of nobody in particular.
    pub(super) fn new(time: Timestamp, code: &'a str, count: u64, evidence: Evidence) -> Self {
        Self { time, organization: None, code, count, evidence }
    }
}

impl Tally {
    pub(super) fn new(seen: &Sighting<'_>) -> Self {
        Self {
            organization: seen.organization.clone(),
            first: seen.time,
            last: seen.time,
            count: 0,
            by_code: BTreeMap::new(),
            by_hour: BTreeMap::new(),
            evidence: Vec::new(),
            probe: None,
        }
    }

    /// Takes one in.
    pub(super) fn add(&mut self, seen: Sighting<'_>) {
        self.first = self.first.min(seen.time);
        self.last = self.last.max(seen.time);
        self.count = self.count.saturating_add(seen.count);
        if let Some(known) = self.by_code.get_mut(seen.code) {
            *known = known.saturating_add(seen.count);
        } else if !seen.code.is_empty() {
            self.by_code.insert(seen.code.to_owned(), seen.count);
        }
        let hour = self.by_hour.entry(hour_of(seen.time)).or_default();
        *hour = hour.saturating_add(seen.count);
        if self.evidence.len() < KEPT {
            self.evidence.push(seen.evidence);
        }
    }

    /// The most that fell into one hour.
    pub(super) fn busiest_hour(&self) -> u64 {
        self.by_hour.values().copied().max().unwrap_or(0)
    }

    /// What was counted, by name.
    pub(super) fn codes(&self) -> Vec<&str> {
        self.by_code.keys().map(String::as_str).collect()
    }

    /// The finding that this makes.
    pub(super) fn finding(
        &self,
        scene: &Scene<'_>,
        detector: Detector,
        subject: &Subject,
        period: &str,
    ) -> Finding {
        Finding {
            organization: self.organization.clone(),
            first_seen: self.first,
            last_seen: self.last,
            count: self.count,
            evidence: self.evidence.clone(),
            ..Finding::new(scene, detector, subject.clone(), period)
        }
    }
}

/// The hour of the day in Asia/Shanghai.
pub(super) fn hour_of(time: Timestamp) -> u8 {
    let hour = time.millis().div_euclid(HOUR).saturating_add(8).rem_euclid(24);
    u8::try_from(hour).unwrap_or(0)
}
