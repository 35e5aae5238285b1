//! Which calls another set of sources would change: who gains, who loses.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::Sources;
use crate::domain::{
    AgreementState, Entry, EntryId, EntryState, Grant, GrantState, ItemName, Mode, OpeningClass,
    OrganizationId, OrganizationState, ProfileId, SharingClass, Timestamp, Zone,
};

/// Who may call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whom {
    /// An organization, by a written grant.
    Organization(OrganizationId),
    /// Every government department, by the standing grant of an unconditional entry.
    Departments,
    /// Everybody, in the opening zone.
    Public,
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization(id) => write!(f, "{id}"),
            Self::Departments => f.write_str("every department"),
            Self::Public => f.write_str("the public"),
        }
    }
}

/// Somebody may fetch an item that was not to be had before, or no longer may.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Change {
    /// Who.
    pub whom: Whom,
    /// From which entry.
    pub entry: EntryId,
    /// In which mode.
    pub mode: Mode,
    /// Which item.
    pub item: ItemName,
    /// Whether it is gained, rather than lost.
    pub gained: bool,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {} {}", self.whom, self.entry, self.mode.as_str(), self.item)
    }
}

type Right = (Whom, EntryId, Mode, ItemName);

/// What changes from `old` to `new` at this moment, under the rules each zone follows.
///
/// A grant counts if it is active, in term, and refers to things that are live. What the rules say of
/// approvals and agreements is `decide`'s to judge, and is not repeated here.
pub fn diff(
    old: &Sources,
    new: &Sources,
    profiles: &[(Zone, ProfileId)],
    now: Timestamp,
) -> Vec<Change> {
    let (before, after) = (rights(old, profiles, now), rights(new, profiles, now));
    let change = |right: &Right, gained: bool| {
        let (whom, entry, mode, item) = right.clone();
        Change { whom, entry, mode, item, gained }
    };
    let lost = before.difference(&after).map(|right| change(right, false));
    let won = after.difference(&before).map(|right| change(right, true));
    let mut changes: Vec<Change> = lost.chain(won).collect();
    changes.sort();
    changes
}

fn rights(sources: &Sources, profiles: &[(Zone, ProfileId)], now: Timestamp) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for grant in sources.grants.values() {
        if let Some(entry) = granted(sources, grant, now) {
            for mode in &grant.modes {
                let items =
                    grant.items.iter().filter(|name| entry.items.iter().any(|i| i.name == **name));
                rights.extend(items.map(|item| {
                    let whom = Whom::Organization(grant.consumer.clone());
                    (whom, grant.entry.clone(), *mode, item.clone())
                }));
            }
        }
    }
    for (id, source) in &sources.entries {
        let entry = &source.entry;
        if entry.state == EntryState::Live
            && entry.interface.is_some()
            && is_live(sources, &id.organization())
        {
            standing(entry, profiles, &mut rights);
        }
    }
    rights
}

fn is_live(sources: &Sources, id: &OrganizationId) -> bool {
    sources.organizations.get(id).is_some_and(|known| known.state == OrganizationState::Live)
}

/// The entry of a grant that counts.
fn granted<'s>(sources: &'s Sources, grant: &Grant, now: Timestamp) -> Option<&'s Entry> {
    let entry = &sources.entries.get(&grant.entry)?.entry;
    let agreed = grant.agreement.as_ref().is_none_or(|id| {
        sources.agreements.get(id).is_some_and(|agreement| {
            agreement.state == AgreementState::Effective && agreement.term.contains(now)
        })
    });
    let counts = grant.state == GrantState::Active
        && grant.term.contains(now)
        && entry.state == EntryState::Live
        && is_live(sources, &grant.consumer)
        && is_live(sources, &grant.entry.organization())
        && agreed;
    counts.then_some(entry)
}

fn standing(entry: &Entry, profiles: &[(Zone, ProfileId)], rights: &mut BTreeSet<Right>) {
    let Some(interface) = &entry.interface else { return };
    let mode = interface.mode;
    if profiles.contains(&(Zone::Sharing, ProfileId::Yc2018))
        && entry.sharing.class == SharingClass::Unconditional
    {
        let free = entry.items.iter().filter(|item| item.sharing.is_none() && !item.is_sensitive());
        rights.extend(
            free.map(|item| (Whom::Departments, entry.id.clone(), mode, item.name.clone())),
        );
    }
    let opened = profiles.iter().any(|(zone, _)| *zone == Zone::Opening)
        && entry.opening.class != OpeningClass::Closed;
    if opened {
        let shown = entry
            .items
            .iter()
            .filter(|item| !item.is_sensitive() || entry.opening.masks.contains_key(&item.name));
        rights.extend(shown.map(|item| (Whom::Public, entry.id.clone(), mode, item.name.clone())));
    }
}
