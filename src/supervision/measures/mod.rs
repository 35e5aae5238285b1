//! Measures M01 to M26 of the yearly evaluation (§30), as far as policies and records tell them.
//!
//! Each keeps what it was computed from. Below five cases it has no value and nobody is compared by it;
//! what policies and records cannot tell is said, with what would be needed.

mod catalog;
mod definition;
mod period;
mod ratio;
mod response;
mod score;
mod supply;
mod usage;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;

pub use self::definition::{Definition, MEASURES, Need};
pub use self::period::{Period, PeriodError};
pub use self::ratio::{CASES, Ratio};
pub use self::score::{Group, Score, WEIGHTS};

use self::definition::How;
use super::detect::{Finding, Scene};
use crate::domain::{Entry, Grant, Organization, OrganizationId, ProfileId, Timestamp};

/// The version of all formulas; it rises when one of them counts differently.
pub const FORMULAS: &str = "2026-1";

/// What one computation looks at: the city, or one organization of it.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// Policies and records.
    pub scene: &'a Scene<'a>,
    /// The months.
    pub period: Period,
    /// What was found.
    pub findings: &'a [Finding],
    /// Whose; everybody's without it.
    pub organization: Option<&'a OrganizationId>,
}

/// One measure, computed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measure {
    /// Its number, such as `M07`.
    pub id: &'static str,
    /// What it is called, in Chinese and English.
    pub title: [&'static str; 2],
    /// How it is computed, in Chinese and English.
    pub formula: [&'static str; 2],
    /// What came of it; nothing, if policies and records cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Ratio>,
    /// In ten-thousandths; nothing below five cases.
    pub value: Option<u64>,
    /// What would be needed to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<Need>,
}

/// The measures of one organization.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Card {
    /// Its name.
    pub name: String,
    /// Its measures, all twenty-six.
    pub measures: Vec<Measure>,
    /// What they come to together, if enough of them have a value.
    pub score: Option<Score>,
}

/// The measures of a city over a period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// The version of the formulas.
    pub formulas: &'static str,
    /// The rules.
    pub profile: ProfileId,
    /// The months.
    pub period: Period,
    /// The moment it is as of.
    pub as_of: Timestamp,
    /// The city as a whole.
    pub city: Card,
    /// Each organization.
    pub organizations: BTreeMap<OrganizationId, Card>,
}

/// Computes every measure, for the city and for each organization.
pub fn evaluate(scene: &Scene<'_>, period: Period, findings: &[Finding]) -> Evaluation {
    let scope = |organization| Scope { scene, period, findings, organization };
    let organizations = scene
        .sources
        .organizations
        .values()
        .map(|known| (known.id.clone(), card(&known.name, &scope(Some(&known.id)))))
        .collect();
    Evaluation {
        formulas: FORMULAS,
        profile: scene.law(),
        period,
        as_of: scene.now,
        city: card("全市", &scope(None)),
        organizations,
    }
}

fn card(name: &str, scope: &Scope<'_>) -> Card {
    let measures: Vec<Measure> =
        MEASURES.iter().map(|definition| measure(definition, scope)).collect();
    let score = score::score(&measures);
    Card { name: name.to_owned(), measures, score }
}

fn measure(definition: &Definition, scope: &Scope<'_>) -> Measure {
    let (ratio, needs) = match definition.how {
        How::Told(compute) => (Some(compute(scope)), None),
        How::Untold(need) => (None, Some(need)),
    };
    Measure {
        id: definition.id,
        title: definition.title,
        formula: definition.formula,
        value: ratio.as_ref().and_then(Ratio::value),
        ratio,
        needs,
    }
}

impl<'a> Scope<'a> {
    fn is_about(&self, organization: &OrganizationId) -> bool {
        self.organization.is_none_or(|known| known == organization)
    }

    /// The entries of the provider.
    fn entries(&self) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let Self { scene, organization, .. } = *self;
        scene
            .sources
            .entries
            .values()
            .map(|source| &source.entry)
            .filter(move |entry| organization.is_none_or(|id| entry.id.organization() == *id))
    }

    /// The grants by whoever `whose` says is responsible for them.
    fn grants(&self, whose: fn(&Grant) -> OrganizationId) -> impl Iterator<Item = &'a Grant> {
        let Self { scene, organization, .. } = *self;
        let grants = scene.sources.grants.values().map(AsRef::as_ref);
        grants.filter(move |grant| organization.is_none_or(|id| whose(grant) == *id))
    }

    fn organizations(&self) -> impl Iterator<Item = &'a Organization> {
        let Self { scene, organization, .. } = *self;
        let all = scene.sources.organizations.values().map(AsRef::as_ref);
        all.filter(move |known| organization.is_none_or(|id| known.id == *id))
    }
}
