//! The yearly evaluation (§30): computed from policies and records alone, so that the same inputs give the
//! same bytes; for people as a page that prints, for machines as JSON.

mod chart;
mod finding;
mod page;
mod words;

use std::collections::BTreeMap;

use serde::Serialize;

pub use self::page::html;
pub use self::words::Language;

use super::detect::{self, Detector, Finding, Scene, State};
use super::measures::{self, Card, Evaluation, Group, Period, WEIGHTS};
use crate::domain::{OrganizationId, ProfileId, Thresholds, Timestamp};

/// What the report was made from, so that it can be made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inputs {
    /// SHA-256 over the names and hashes of all policy files and rules.
    pub policies: String,
    /// The version of the rules of law.
    pub rules: String,
    /// The last record taken in.
    pub last_record: u64,
    /// The time of the first record.
    pub records_began: Option<Timestamp>,
    /// The signed checkpoint of the records' tree, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
}

/// The law that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Law {
    /// Its set of rules.
    pub profile: ProfileId,
    /// Its title.
    pub title: String,
    /// The first day it is in force.
    pub from: String,
    /// The last day, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// What has to be said because it is not in force, in Chinese and English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<[String; 2]>,
}

/// What there is in the city, or of one organization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// Organizations.
    pub organizations: usize,
    /// Catalog entries.
    pub entries: usize,
    /// Written grants.
    pub grants: usize,
    /// Agreements.
    pub agreements: usize,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Who publishes it: the competent bureau.
    pub publisher: String,
    /// The organization it is about; the city without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// The law.
    pub law: Law,
    /// What was looked at.
    pub extent: Extent,
    /// The measures.
    pub evaluation: Evaluation,
    /// The weights of the score.
    pub weights: [Group; 5],
    /// The version of the detectors.
    pub detectors: &'static str,
    /// Their parameters.
    pub thresholds: Thresholds,
    /// How many findings there are of each detector in each state.
    pub counts: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// The findings of the period.
    pub findings: Vec<Finding>,
    /// What they are about by its name, under `kind id`.
    pub names: BTreeMap<String, String>,
    /// What all of it was made from.
    pub inputs: Inputs,
}

impl Report {
    /// Evaluates the period, for the city or for one organization.
    pub fn new(
        scene: &Scene<'_>,
        period: Period,
        organization: Option<&OrganizationId>,
        inputs: Inputs,
    ) -> Self {
        let all = detect::findings(scene);
        let mut evaluation = measures::evaluate(scene, period, &all);
        if let Some(id) = organization {
            evaluation.organizations.retain(|known, _| known == id);
        }
        let findings: Vec<Finding> = all
            .into_iter()
            .filter(|finding| period.overlaps(finding.first_seen, finding.last_seen))
            .filter(|finding| {
                organization.is_none() || finding.organization.as_ref() == organization
            })
            .collect();
        let subjects = findings.iter().map(|finding| &finding.subject);
        let names = subjects
            .filter_map(|subject| Some((subject.to_string(), subject.name(scene.sources)?)))
            .collect();
        let bureau = scene
            .sources
            .organizations
            .values()
            .find(|known| known.kind == crate::domain::OrganizationKind::Bureau);
        Self {
            publisher: bureau.map(|known| known.name.clone()).unwrap_or_default(),
            organization: organization.cloned(),
            law: law(scene),
            extent: extent(scene, organization),
            evaluation,
            weights: WEIGHTS,
            detectors: detect::VERSION,
            thresholds: *scene.thresholds,
            counts: counts(&findings),
            findings,
            names,
            inputs,
        }
    }

    /// The card it is about: the organization's, or the city's.
    fn card(&self) -> &Card {
        let own = self.organization.as_ref().and_then(|id| self.evaluation.organizations.get(id));
        own.unwrap_or(&self.evaluation.city)
    }

    /// For machines.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

fn law(scene: &Scene<'_>) -> Law {
    let profile = scene.profile;
    Law {
        profile: profile.id,
        title: profile.title.clone(),
        from: profile.in_force.from.to_string(),
        until: profile.in_force.until.map(|until| until.to_string()),
        notice: profile.out_of_force(scene.now),
    }
}

fn extent(scene: &Scene<'_>, organization: Option<&OrganizationId>) -> Extent {
    let sources = scene.sources;
    let own = |id: &OrganizationId| organization.is_none_or(|known| known == id);
    Extent {
        organizations: sources.organizations.keys().filter(|id| own(id)).count(),
        entries: sources.entries.keys().filter(|id| own(&id.organization())).count(),
        grants: sources
            .grants
            .values()
            .filter(|grant| own(&grant.consumer) || own(&grant.entry.organization()))
            .count(),
        agreements: sources
            .agreements
            .values()
            .filter(|agreement| own(&agreement.consumer) || own(&agreement.provider))
            .count(),
    }
}

fn counts(findings: &[Finding]) -> BTreeMap<&'static str, BTreeMap<&'static str, u64>> {
    let of = |detector: &Detector, state: State| {
        let fits = |finding: &&Finding| finding.detector == *detector && finding.state == state;
        u64::try_from(findings.iter().filter(fits).count()).unwrap_or(u64::MAX)
    };
    let states = |detector| State::ALL.map(|state| (state.as_str(), of(detector, state))).into();
    Detector::ALL.iter().map(|detector| (detector.id(), states(detector))).collect()
}
