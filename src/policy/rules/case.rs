//! What is asked of the rules, and what they answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{
    Agreement, ApplicationId, Denial, Entry, Grant, Item, Mask, MaskId, MatterCode, Mode,
    Organization, PurposeId, Timestamp, Zone,
};

/// Everything a decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The zone that was called.
    pub zone: Zone,
    /// Who proved to be calling; nobody in particular in the opening zone.
    pub caller: Option<CallerFacts<'a>>,
    /// The organization that holds the entry.
    pub provider: &'a Organization,
    /// The competent bureaus whose consent counts (主管部门).
    pub bureaus: &'a [&'a Organization],
    /// The entry.
    pub entry: &'a Entry,
    /// The items that would leave.
    pub items: &'a [&'a Item],
    /// The masks that the entry names.
    pub masks: &'a BTreeMap<MaskId, Mask>,
    /// What the caller claims.
    pub claim: Claim<'a>,
    /// How it would be fetched.
    pub mode: Mode,
    /// The purpose declared.
    pub purpose: Option<&'a PurposeId>,
    /// The kind of matter declared.
    pub matter: Option<&'a MatterCode>,
    /// The moment.
    pub now: Timestamp,
}

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub struct CallerFacts<'a> {
    /// The organization.
    pub organization: &'a Organization,
    /// Its application.
    pub application: &'a ApplicationId,
}

/// What a caller claims.
#[derive(Clone, Copy, Debug)]
pub enum Claim<'a> {
    /// A written grant.
    Written {
        /// The grant.
        grant: &'a Grant,
        /// The agreement it names, if there is such a one.
        agreement: Option<&'a Agreement>,
    },
    /// What everybody of its kind may have.
    Standing,
    /// Nothing: the answer is no, and the question is why.
    None,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Yes, or the most helpful reason for no.
    pub outcome: Result<(), Denial>,
    /// The rules that decided; of several bars, the one that gives the reason comes first.
    pub articles: Vec<Arc<Citation>>,
    /// The next moment at which the answer could change by itself.
    pub until: Option<Timestamp>,
}

/// A rule and the law it carries out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// Name of the rule within its profile.
    pub rule: String,
    /// The law.
    pub law: String,
    /// The article.
    pub article: String,
    /// Law and article, as records cite them.
    pub cited: Arc<str>,
    /// What the article says; `〔意〕` marks a paraphrase.
    pub text: String,
    /// What it says no to, if it is a bar.
    pub denial: Option<Denial>,
    /// Bars with a smaller number are told first.
    pub order: u32,
}

impl Citation {
    /// How records cite an article of a law.
    pub(super) fn citing(law: &str, article: &str) -> Arc<str> {
        format!("{law} {article}").into()
    }
}
