//! Confidentiality agreements (安全保密协议, Measures §16).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AgreementId, EntryId, ItemName, OrganizationId, Term, Timestamp};

/// Where an agreement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AgreementState {
    /// Being written or signed.
    Draft,
    /// Both parties signed.
    Effective,
    /// Ended before its term.
    Terminated,
}

/// An agreement between a provider and a consumer about sensitive items of one entry.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// Its id.
    pub id: AgreementId,
    /// The organization that gives.
    pub provider: OrganizationId,
    /// The organization that receives.
    pub consumer: OrganizationId,
    /// The entry it is about.
    pub entry: EntryId,
    /// The items it covers.
    pub items: Vec<ItemName>,
    /// Number of the signed document.
    pub document: String,
    /// How long it holds.
    pub term: Term,
    /// Where it stands.
    pub state: AgreementState,
}

impl Agreement {
    /// Whether it is in force at this moment.
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.state == AgreementState::Effective && self.term.contains(now)
    }
}
