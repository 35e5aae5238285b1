//! What is denied although the View still allows it: withdrawn in the folder, or frozen.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::domain::{
    AgreementId, ApplicationId, EntryId, GrantId, ItemName, Mode, OrganizationId, PurposeId,
    Timestamp, Zone,
};

/// Why something is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// It was taken out of the policy folder.
    Withdrawn,
    /// Somebody froze it.
    Frozen,
}

/// What was taken out of a grant, an agreement or an entry that is otherwise left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowed {
    /// Items that may no longer leave.
    pub items: BTreeSet<ItemName>,
    /// Purposes it no longer holds for.
    pub purposes: BTreeSet<PurposeId>,
    /// Modes it no longer holds for.
    pub modes: BTreeSet<Mode>,
    /// The only applications left, if some were taken out.
    pub only: Option<BTreeSet<ApplicationId>>,
    /// Its later beginning.
    pub from: Option<Timestamp>,
    /// Its earlier end.
    pub until: Option<Timestamp>,
}

impl Narrowed {
    /// Whether nothing was taken out.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it does not hold at this moment.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.from.is_some_and(|from| now < from) || self.until.is_some_and(|until| until <= now)
    }
}

/// What was taken out of a token issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Distrust {
    /// Its tokens no longer count: it is gone, or another by now.
    Wholly,
    /// Some of its tokens no longer count.
    Partly {
        /// Zones they no longer count in.
        zones: BTreeSet<Zone>,
        /// Signature algorithms that are no longer accepted.
        algorithms: BTreeSet<String>,
    },
}

/// An immutable set of things denied; a request reads one.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    pub(super) grants: HashMap<GrantId, Denied>,
    pub(super) agreements: HashSet<AgreementId>,
    pub(super) applications: HashMap<ApplicationId, Denied>,
    pub(super) organizations: HashMap<OrganizationId, Denied>,
    pub(super) entries: HashMap<EntryId, Denied>,
    pub(super) closed: HashSet<EntryId>,
    pub(super) credentials: HashMap<String, Option<Timestamp>>,
    pub(super) issuers: HashMap<String, Distrust>,
    pub(super) narrowed_grants: HashMap<GrantId, Narrowed>,
    pub(super) narrowed_agreements: HashMap<AgreementId, Narrowed>,
    pub(super) narrowed_entries: HashMap<EntryId, Narrowed>,
}

impl Overlay {
    /// Whether nothing is denied, which is usual.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty()
            && self.agreements.is_empty()
            && self.applications.is_empty()
            && self.organizations.is_empty()
            && self.entries.is_empty()
            && self.closed.is_empty()
            && self.credentials.is_empty()
            && self.issuers.is_empty()
            && self.narrowed_grants.is_empty()
            && self.narrowed_agreements.is_empty()
            && self.narrowed_entries.is_empty()
    }

    /// Whether a grant is denied whole.
    pub fn denies_grant(&self, id: &GrantId) -> Option<Denied> {
        self.grants.get(id).copied()
    }

    /// What was taken out of a grant.
    pub fn narrows_grant(&self, id: &GrantId) -> Option<&Narrowed> {
        self.narrowed_grants.get(id)
    }

    /// Whether an agreement no longer holds.
    pub fn denies_agreement(&self, id: &AgreementId) -> bool {
        self.agreements.contains(id)
    }

    /// What was taken out of an agreement: items, or its end.
    pub fn narrows_agreement(&self, id: &AgreementId) -> Option<&Narrowed> {
        self.narrowed_agreements.get(id)
    }

    /// Whether an application may not call.
    pub fn denies_application(&self, id: &ApplicationId) -> Option<Denied> {
        self.applications.get(id).copied()
    }

    /// Whether a credential, by its [`identity`](crate::policy::identity), is no longer accepted.
    pub fn denies_credential(&self, identity: &str, now: Timestamp) -> bool {
        self.credentials.get(identity).is_some_and(|until| until.is_none_or(|until| until <= now))
    }

    /// Whether a token is no longer accepted: by the id of its issuer, where it is shown, and how it
    /// was signed.
    pub fn denies_token(&self, issuer: &str, zone: Zone, algorithm: &str) -> bool {
        match self.issuers.get(issuer) {
            None => false,
            Some(Distrust::Wholly) => true,
            Some(Distrust::Partly { zones, algorithms }) => {
                zones.contains(&zone) || algorithms.contains(algorithm)
            }
        }
    }

    /// Whether an organization takes no part.
    pub fn denies_organization(&self, id: &OrganizationId) -> Option<Denied> {
        self.organizations.get(id).copied()
    }

    /// Whether an entry is not served to anybody.
    pub fn denies_entry(&self, id: &EntryId) -> Option<Denied> {
        self.entries.get(id).copied()
    }

    /// Whether an entry is no longer served to the public.
    pub fn closes(&self, id: &EntryId) -> bool {
        self.closed.contains(id)
    }

    /// What was taken out of an entry: items, purposes, modes.
    pub fn narrows_entry(&self, id: &EntryId) -> Option<&Narrowed> {
        self.narrowed_entries.get(id)
    }

    /// Adds what another denies. A file is withdrawn by itself, so that the two seldom meet.
    pub(super) fn merge(&mut self, other: &Self) {
        let copied = |(id, denied): (&GrantId, &Denied)| (id.clone(), *denied);
        self.grants.extend(other.grants.iter().map(copied));
        self.agreements.extend(other.agreements.iter().cloned());
        self.applications.extend(other.applications.iter().map(|(id, why)| (id.clone(), *why)));
        self.organizations.extend(other.organizations.iter().map(|(id, why)| (id.clone(), *why)));
        self.entries.extend(other.entries.iter().map(|(id, why)| (id.clone(), *why)));
        self.closed.extend(other.closed.iter().cloned());
        self.credentials.extend(other.credentials.iter().map(|(id, until)| (id.clone(), *until)));
        self.issuers.extend(other.issuers.iter().map(|(id, what)| (id.clone(), what.clone())));
        let cloned = |(id, what): (&GrantId, &Narrowed)| (id.clone(), what.clone());
        self.narrowed_grants.extend(other.narrowed_grants.iter().map(cloned));
        self.narrowed_agreements
            .extend(other.narrowed_agreements.iter().map(|(id, what)| (id.clone(), what.clone())));
        self.narrowed_entries
            .extend(other.narrowed_entries.iter().map(|(id, what)| (id.clone(), what.clone())));
    }
}
