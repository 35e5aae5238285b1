//! Grants (授权): who may have which items of which entry, what for, how and until when.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AgreementId, ApplicationId, Entry, EntryId, GrantId, ItemName, LegalBasis, MaskId, MatterCode,
    Mode, OrganizationId, PersonId, PurposeId, Term, Thresholds,
};

/// Where a grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GrantState {
    /// Not yet decided, or its agreement is not yet signed.
    Pending,
    /// In force within its term.
    Active,
    /// Stopped for now, with a reason.
    Suspended,
    /// Stopped for good, with a reason.
    Terminated,
    /// Over.
    Expired,
}

impl GrantState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Active, Self::Suspended, Self::Terminated, Self::Expired];

    /// The name used in files, rules and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Terminated => "terminated",
            Self::Expired => "expired",
        }
    }
}

/// One file of `grants/` holds one of these, or several separated by `---`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The organization that may call.
    pub consumer: OrganizationId,
    /// Which of its applications; all of them if none is named.
    #[serde(default)]
    pub applications: Vec<ApplicationId>,
    /// The entry it is for.
    pub entry: EntryId,
    /// The items that may leave.
    #[schemars(length(min = 1))]
    pub items: Vec<ItemName>,
    /// Which rows and subjects it is limited to.
    #[serde(default)]
    pub scope: Vec<Scope>,
    /// What the data may be used for (使用用途).
    #[schemars(length(min = 1))]
    pub purposes: Vec<PurposeId>,
    /// Whether each call must name its purpose even where only one is granted.
    #[serde(default)]
    pub declare_purpose: bool,
    /// Kinds of matter a call must name (事项); none means that a call need not.
    #[serde(default)]
    pub matters: Vec<MatterCode>,
    /// How the data may be fetched (共享模式).
    #[schemars(length(min = 1))]
    pub modes: Vec<Mode>,
    /// Masks laid over items, in place of the entry's own.
    #[serde(default)]
    pub masks: BTreeMap<ItemName, MaskId>,
    /// How much.
    #[serde(default)]
    pub limits: Limits,
    /// From when until when.
    pub term: Term,
    /// The rule of law the use rests on (使用依据).
    pub basis: LegalBasis,
    /// The confidentiality agreement, needed if a granted item is sensitive.
    #[serde(default)]
    pub agreement: Option<AgreementId>,
    /// The authorization by which an institution or enterprise consumes.
    #[serde(default)]
    pub authorization: Option<Authorization>,
    /// The negotiation or coordination by which a withheld entry is granted (协商、协调).
    #[serde(default)]
    pub negotiation: Option<Negotiation>,
    /// Where it stands.
    pub state: GrantState,
    /// Why it is suspended or terminated.
    #[serde(default)]
    pub reason: Option<String>,
    /// Who agreed.
    #[serde(default)]
    pub approvals: Vec<Approval>,
}

/// Who agreed to a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Authority {
    /// The organization that holds the data.
    Provider,
    /// The competent bureau.
    Bureau,
}

/// A recorded consent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// In which part.
    pub by: Authority,
    /// The organization that consented.
    pub organization: OrganizationId,
    /// The filed person who signed.
    pub person: PersonId,
    /// The day, in Asia/Shanghai.
    #[schemars(with = "String", extend("format" = "date"))]
    pub date: jiff::civil::Date,
    /// Number of the document.
    pub document: String,
}

/// An act that allows an institution or enterprise to consume (809 §2, §36).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Authorization {
    /// The law, regulation or contract.
    pub title: String,
    /// Its article or number.
    pub article: String,
}

/// The record of a negotiation or coordination about a withheld entry (§16).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Negotiation {
    /// The day it ended, in Asia/Shanghai.
    #[schemars(with = "String", extend("format" = "date"))]
    pub date: jiff::civil::Date,
    /// Number of the minutes.
    pub document: String,
    /// Whether the bureau coordinated, rather than the two parties negotiating alone.
    #[serde(default)]
    pub coordinated: bool,
}

/// A limit to rows whose item has one of these values; a parameter on that item must have one too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// The item.
    pub item: ItemName,
    /// The values allowed, compared as text.
    #[schemars(length(min = 1))]
    pub values: Vec<String>,
}

/// How much may be called; what is absent is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Calls a second.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// Allowed calls a calendar day in Asia/Shanghai.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub per_day: Option<u64>,
    /// Allowed calls a calendar month in Asia/Shanghai.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub per_month: Option<u64>,
}

/// A steady rate with a burst on top (GCRA).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Calls per period.
    #[schemars(range(min = 1))]
    pub calls: u32,
    /// The period in seconds.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 86400))]
    pub seconds: u32,
    /// Calls that may come at once.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub burst: u32,
}

fn one() -> u32 {
    1
}

impl Grant {
    /// The granted items that an agreement must cover (§16).
    pub fn sensitive_items<'g>(&'g self, entry: &'g Entry) -> impl Iterator<Item = &'g ItemName> {
        self.items.iter().filter(|name| {
            entry.items.iter().any(|item| item.name == **name && item.is_sensitive())
        })
    }

    /// Whether its term is no longer than so many days (I22).
    pub fn runs_at_most(&self, days: u32) -> bool {
        let length = self.term.until.millis().saturating_sub(self.term.from.millis());
        length <= Thresholds::days(days)
    }
}
