//! Detectors (domain rules V-01 …): pure rules over policies and records, each in a file of its own.
//!
//! A rule says what is the case; what becomes of it – confirmed, dismissed, ordered – people say through
//! the admin interface, and the journal keeps that. Both together are a [`Finding`] as it is shown.

mod finding;
mod law;

mod calendar;
mod facts;
mod ledger;
mod pairs;
mod probe;
mod tally;
mod words;

mod v03;
mod v04;
mod v08;
mod v12;
mod v13;
mod v14;
mod v16;
mod v18;
mod v19;
mod v21;
mod v25;
mod v26;

use crate::domain::{ProfileId, Thresholds, Timestamp};
use crate::policy::Sources;
use crate::policy::rules::Profile;

pub use self::facts::{EntryFacts, EntryMonth, GrantFacts, Heartbeat};
pub use self::finding::{Detector, Evidence, Finding, FindingId, Mark, Severity, State, Subject};
pub use self::law::cited;
pub use self::ledger::Ledger;
pub use self::tally::KEPT;
pub use self::words::parameter;

/// The version of all rules; it rises when one of them judges differently.
pub const VERSION: &str = "1";

/// What the rules over policies look at.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Catalog, grants, agreements and organizations.
    pub sources: &'a Sources,
    /// The rules of the sharing zone, or of the only zone served.
    pub profile: &'a Profile,
    /// Parameters.
    pub thresholds: &'a Thresholds,
    /// What the records tell.
    pub ledger: &'a Ledger,
    /// The moment that is judged.
    pub now: Timestamp,
}

impl Scene<'_> {
    /// The law that findings rest on.
    pub fn law(&self) -> ProfileId {
        self.profile.id
    }
}

/// Everything that is found at this moment, with the state each finding has; in the order of their ids.
pub fn findings(scene: &Scene<'_>) -> Vec<Finding> {
    let rules = [
        v03::find,
        v04::find,
        v08::find,
        v12::find,
        v13::find,
        v14::find,
        v16::find,
        v18::find,
        v19::find,
        v21::find,
        v25::find,
        v26::find,
    ];
    let mut found: Vec<Finding> = rules.iter().flat_map(|rule| rule(scene)).collect();
    for finding in &mut found {
        if let Some(mark) = scene.ledger.marks.get(&finding.id) {
            finding.state = mark.state;
            finding.mark = Some(mark.clone());
        }
    }
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found.dedup_by(|a, b| a.id == b.id);
    found
}

#[cfg(test)]
pub(crate) mod tests;
