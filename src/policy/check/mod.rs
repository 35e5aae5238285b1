//! What is wrong between things that are each right by themselves.
//!
//! Errors are what cannot be compiled safely. Breaches of law that compile are warnings with their
//! article: the entry or grant loads, and `decide` refuses calls where the law says so.

mod agreements;
mod credentials;
mod entries;
mod grants;
mod interface;
mod law;
mod organizations;
mod paths;
mod secrets;
mod tables;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub use self::credentials::identity;
use super::Sources;
use super::folder::{Finding, Origins, Subject};
use super::rules::Profile;
use crate::config;
use crate::config::problem::{self, Article, Problem};
use crate::domain::{ProfileId, Timestamp, Zone};

/// Names that the gateway itself answers to.
const RESERVED: [&str; 1] = ["catalog"];

/// Everything wrong with these sources, under the rules each zone follows.
pub fn check(
    sources: &Sources,
    origins: &Origins,
    profiles: &[(Zone, ProfileId)],
    now: Timestamp,
) -> Vec<Problem> {
    let profiles = read_profiles(&origins.root().join("rules"), profiles);
    let mut checking = Checking { sources, origins, profiles, now, findings: Vec::new() };
    organizations::check(&mut checking);
    credentials::check(&mut checking);
    entries::check(&mut checking);
    grants::check(&mut checking);
    agreements::check(&mut checking);
    tables::check(&mut checking);
    let mut problems = origins.locate(checking.findings);
    problem::sort(&mut problems);
    problems
}

/// What each zone's `profile.yaml` says. What is wrong with one is said where the rules are read; what
/// it would ask for is then not known.
fn read_profiles(rules: &Path, profiles: &[(Zone, ProfileId)]) -> Vec<(Zone, Arc<Profile>)> {
    let mut read: BTreeMap<ProfileId, Option<Arc<Profile>>> = BTreeMap::new();
    profiles
        .iter()
        .filter_map(|(zone, id)| {
            let profile = read.entry(*id).or_insert_with(|| {
                config::read_yaml(&rules.join(id.as_str()).join("profile.yaml")).ok().map(Arc::new)
            });
            Some((*zone, profile.clone()?))
        })
        .collect()
}

/// What is checked, and what was found so far.
struct Checking<'s> {
    sources: &'s Sources,
    origins: &'s Origins,
    profiles: Vec<(Zone, Arc<Profile>)>,
    now: Timestamp,
    findings: Vec<Finding>,
}

impl Checking<'_> {
    /// Notes an error. A pointer that ends in `#` means the key, not the value.
    fn error(
        &mut self,
        subject: &Subject,
        pointer: impl Into<String>,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.findings.push(Finding::error(subject.clone(), pointer, message, mend));
    }

    /// Notes a breach of law.
    fn breach(
        &mut self,
        article: Article,
        (subject, pointer): (&Subject, &str),
        message: impl Into<String>,
        mend: impl Into<String>,
    ) {
        let finding = Finding::error(subject.clone(), pointer, message, mend);
        self.findings.push(finding.warning().citing(article));
    }

    /// Notes something that is likely a mistake.
    fn warn(
        &mut self,
        (subject, pointer): (&Subject, &str),
        message: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.findings.push(Finding::error(subject.clone(), pointer, message, mend).warning());
    }

    /// The rules of a zone, if it is served.
    fn profile(&self, zone: Zone) -> Option<Arc<Profile>> {
        self.profiles.iter().find(|(of, _)| *of == zone).map(|(_, profile)| Arc::clone(profile))
    }
}
