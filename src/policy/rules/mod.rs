//! The law as software: one profile's rules, compiled once, asked for every new kind of call.
//!
//! Policies (Cedar, under `policies/rules/`) say what the law says, each with the article it carries
//! out; this module only prepares facts and reads the verdict. What is not permitted is refused, and so
//! is whatever a rule fails to judge.

mod case;
mod consent;
mod facts;
mod grant;
mod load;
mod problem;
mod profile;
mod until;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cedar_policy::{Authorizer, Decision, PolicyId, PolicySet, Response};

pub use self::case::{CallerFacts, Case, Citation, Claim, Verdict};
use self::facts::{Flow, Frame};
pub use self::profile::{Article, Classes, InForce, Needs, Profile};
use crate::config::problem::Problem;
use crate::domain::{Denial, Entry, Item, Mask, MaskId, OrganizationKind, ProfileId, Zone};

/// One profile's rules.
pub struct Rules {
    profile: Profile,
    version: Arc<str>,
    files: BTreeMap<PathBuf, String>,
    frame: Frame,
    authorizer: Authorizer,
    slices: BTreeMap<Flow, PolicySet>,
    citations: HashMap<PolicyId, Arc<Citation>>,
    otherwise: Arc<Citation>,
}

impl Rules {
    /// Reads and checks the rules of one profile from its folder.
    pub fn load(profile: ProfileId, folder: &Path) -> Result<Self, Vec<Problem>> {
        let loaded = load::load(profile, folder)?;
        let frame = Frame::new(&loaded.profile, loaded.schema).map_err(|error| {
            let file = folder.join("profile.yaml");
            let message = format!("{:#}", anyhow::Error::from(error));
            vec![Problem::of_file(&file, message, "report this fault")]
        })?;
        let otherwise = &loaded.profile.otherwise;
        let otherwise = Arc::new(Citation {
            rule: "otherwise".to_owned(),
            law: otherwise.law.clone(),
            article: otherwise.article.clone(),
            cited: Citation::citing(&otherwise.law, &otherwise.article),
            text: otherwise.text.clone(),
            denial: Some(Denial::NoGrant),
            order: u32::MAX,
        });
        Ok(Self {
            profile: loaded.profile,
            version: loaded.version.into(),
            files: loaded.files,
            frame,
            authorizer: Authorizer::new(),
            slices: loaded.slices,
            citations: loaded.citations,
            otherwise,
        })
    }

    /// What `profile.yaml` says.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// A digest of the rules' files; it changes whenever an answer may change.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// SHA-256 in hexadecimal of every file of the rules, by its path under the policy folder.
    pub fn files(&self) -> &BTreeMap<PathBuf, String> {
        &self.files
    }

    /// Every rule, those that are told first in front.
    pub fn citations(&self) -> Vec<&Arc<Citation>> {
        let mut all: Vec<_> = self.citations.values().collect();
        all.sort_by(|a, b| (a.order, &a.rule).cmp(&(b.order, &b.rule)));
        all
    }

    /// The rule that is told first among those that say no for this reason.
    pub fn cited_for(&self, denial: Denial) -> Option<Arc<Citation>> {
        let said = self.citations.values().filter(|citation| citation.denial == Some(denial));
        said.min_by_key(|citation| (citation.order, citation.rule.clone())).map(Arc::clone)
    }

    /// The rules that a record means by this citation. An article has several, and records hold no more
    /// than the article: of these, the ones that say yes if the call was allowed, and that say no for
    /// this reason if it was denied; where none does, as for a bar beside the one that gave the reason,
    /// those that say no at all.
    pub fn meant(&self, cited: &str, denial: Option<Denial>) -> Vec<&Citation> {
        let all = self.citations().into_iter().chain([&self.otherwise]);
        let all: Vec<&Citation> =
            all.map(AsRef::as_ref).filter(|known| *known.cited == *cited).collect();
        let of = |fits: &dyn Fn(&Citation) -> bool| -> Vec<&Citation> {
            all.iter().copied().filter(|known| fits(known)).collect()
        };
        let exact = of(&|known| known.denial == denial);
        if exact.is_empty() { of(&|known| known.denial.is_some()) } else { exact }
    }

    /// The items a caller of this kind may have without a written grant; nobody in particular has no
    /// kind.
    pub fn standing<'e>(
        &self,
        zone: Zone,
        caller: Option<OrganizationKind>,
        entry: &'e Entry,
        masks: &BTreeMap<MaskId, Mask>,
    ) -> Vec<&'e Item> {
        match (zone, caller) {
            (Zone::Opening, _) => entry.open_items(masks),
            (Zone::Sharing, Some(kind))
                if self.profile.standing && self.profile.government.contains(&kind) =>
            {
                entry.unconditional_items()
            }
            (Zone::Sharing | Zone::Peering, _) => Vec::new(),
        }
    }

    /// Says yes or no, by which articles, and until when.
    pub fn decide(&self, case: &Case<'_>) -> Verdict {
        let until = until::next_change(case);
        let slice = self.slices.get(&Flow::of(case));
        let (outcome, articles) = match (self.frame.ask(case), slice) {
            (Ok((request, entities)), Some(policies)) => {
                self.read(&self.authorizer.is_authorized(&request, policies, &entities))
            }
            (Err(error), _) => {
                tracing::error!(entry = %case.entry.id, ?error, "facts could not be prepared");
                (Err(Denial::RulesFailed), vec![Arc::clone(&self.otherwise)])
            }
            (Ok(_), None) => (Err(Denial::NoGrant), vec![Arc::clone(&self.otherwise)]),
        };
        Verdict { outcome, articles, until }
    }

    /// The outcome and the rules behind it.
    fn read(&self, response: &Response) -> (Result<(), Denial>, Vec<Arc<Citation>>) {
        let said = response.diagnostics();
        let mut articles: Vec<Arc<Citation>> =
            said.reason().filter_map(|id| self.citations.get(id)).map(Arc::clone).collect();
        articles.sort_by(|a, b| (a.order, &a.rule).cmp(&(b.order, &b.rule)));
        // Cedar leaves out a policy that fails, a bar included: then nothing may pass.
        if let Some(error) = said.errors().next() {
            tracing::error!(%error, profile = %self.profile.id, "a rule could not be evaluated");
            return (Err(Denial::RulesFailed), articles);
        }
        match response.decision() {
            Decision::Allow => (Ok(()), articles),
            Decision::Deny => match articles.first() {
                Some(first) => (Err(first.denial.unwrap_or(Denial::NoGrant)), articles),
                None => (Err(Denial::NoGrant), vec![Arc::clone(&self.otherwise)]),
            },
        }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("profile", &self.profile.id)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_citation_means_the_rules_that_gave_the_reason_and_no_other_of_the_article() {
        for profile in ProfileId::ALL {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/rules");
            let rules = Rules::load(profile, &folder.join(profile.as_str())).unwrap();
            for citation in rules.citations() {
                let meant = rules.meant(&citation.cited, citation.denial);
                assert!(meant.contains(&&**citation), "{citation:?}");
                assert!(meant.iter().all(|one| one.denial == citation.denial), "{meant:?}");
            }
        }

        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/rules/yc-2018");
        let rules = Rules::load(ProfileId::Yc2018, &folder).unwrap();
        let cited = "银川市城市数据共享开放管理办法 第十六条";
        let meant = rules.meant(cited, Some(Denial::ItemNotGranted));
        assert_eq!(meant.len(), 1);
        assert!(meant[0].text.contains("未授权的数据项不予提供"), "{meant:?}");
        // What was refused where nothing allows is told by the profile, not by a rule.
        let otherwise =
            rules.meant("银川市城市数据共享开放管理办法 第十五条", Some(Denial::NoGrant));
        assert!(otherwise.iter().any(|one| one.rule == "otherwise"), "{otherwise:?}");
        // An article that bars beside another reason.
        let beside = rules.meant(cited, Some(Denial::GrantLapsed));
        assert!(beside.len() > 1 && beside.iter().all(|one| one.denial.is_some()), "{beside:?}");
    }
}
