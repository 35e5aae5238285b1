//! Which calls other policies would change: who gains, who loses.
//!
//! Both are put to the rules themselves, so that everything a decision depends on counts: classes,
//! grants, approvals, agreements, terms, and the rules too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::pace::give_way;
use super::{CallerFacts, Case, Claim, EntrySource, Rules, Sources};
use crate::domain::{
    ApplicationId, ApplicationState, Entry, EntryId, Format, Grant, Item, ItemName, MaskId,
    MatterCode, Mode, Organization, OrganizationId, OrganizationKind, OrganizationState, PurposeId,
    Scope, Timestamp, Zone,
};

/// Policies that calls are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// Catalog and grants.
    pub sources: &'a Sources,
    /// The rules that each zone follows.
    pub rules: &'a BTreeMap<Zone, Arc<Rules>>,
}

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

/// What else a call must be like, and what becomes of the item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Terms {
    /// The purpose declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<PurposeId>,
    /// The kind of matter declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matter: Option<MatterCode>,
    /// The application that calls; any of the organization if none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationId>,
    /// The rows it is limited to, as `item is value or value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    /// The mask laid over the item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<MaskId>,
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = Vec::new();
        said.extend(self.mask.as_ref().map(|mask| format!("masked by {mask}")));
        said.extend(self.purpose.as_ref().map(|purpose| format!("for {purpose}")));
        said.extend(self.matter.as_ref().map(|matter| format!("in {matter}")));
        said.extend(self.application.as_ref().map(|application| format!("through {application}")));
        said.extend(self.scope.iter().map(|scope| format!("where {scope}")));
        f.write_str(&said.join(", "))
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
    /// Under which terms.
    #[serde(flatten)]
    pub terms: Terms,
    /// Whether it is gained, rather than lost.
    pub gained: bool,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {} {}", self.whom, self.entry, self.mode.as_str(), self.item)?;
        if self.terms == Terms::default() { Ok(()) } else { write!(f, " ({})", self.terms) }
    }
}

/// What changes from `old` to `new` at this moment.
pub fn diff(old: Judged<'_>, new: Judged<'_>, now: Timestamp) -> Vec<Change> {
    let (before, after) = (rights(old, new, now), rights(new, old, now));
    let turned = |right: &Change| Change { gained: true, ..right.clone() };
    let mut changes: Vec<Change> = before.difference(&after).cloned().collect();
    changes.extend(after.difference(&before).map(turned));
    changes.sort();
    changes
}

/// What may be called, but for what is as it is on the other side.
fn rights(judged: Judged<'_>, other: Judged<'_>, now: Timestamp) -> BTreeSet<Change> {
    let organizations = || judged.sources.organizations.values();
    let bureaus: Vec<&Organization> =
        organizations().filter(|one| is_bureau(one)).map(AsRef::as_ref).collect();
    let department = organizations().find(|one| {
        one.kind == OrganizationKind::Department && application(one).is_some() && is_live(one)
    });
    let department = department.map(AsRef::as_ref);
    let mut rights = Rights { judged, bureaus, department, now, found: BTreeSet::new() };
    let alike = are_alike(judged, other);
    for (zone, rules) in judged.rules {
        for grant in judged.sources.grants.values().filter(|_| *zone != Zone::Opening) {
            give_way();
            if !(alike && is_same_grant(judged.sources, other.sources, grant)) {
                rights.written((*zone, rules), grant);
            }
        }
        for (id, source) in &judged.sources.entries {
            give_way();
            if !(alike && is_same_entry(judged.sources, other.sources, id)) {
                rights.standing((*zone, rules), source);
            }
        }
    }
    rights.found
}

fn is_bureau(organization: &Organization) -> bool {
    organization.kind == OrganizationKind::Bureau
}

fn is_live(organization: &Organization) -> bool {
    organization.state == OrganizationState::Live
}

/// An application of an organization that may call.
fn application(organization: &Organization) -> Option<&ApplicationId> {
    let live = organization.applications.iter().find(|one| one.state == ApplicationState::Live);
    live.map(|application| &application.id)
}

/// Whether what counts for every call is the same on both sides.
fn are_alike(one: Judged<'_>, other: Judged<'_>) -> bool {
    let versions = |judged: Judged<'_>| -> Vec<_> {
        judged.rules.iter().map(|(zone, rules)| (*zone, rules.version().to_owned())).collect()
    };
    // Who is a bureau, and who stands for every department.
    let organizations = |judged: Judged<'_>| -> Vec<_> {
        let all = judged.sources.organizations.values();
        all.filter(|one| is_bureau(one)).map(Arc::as_ptr).collect()
    };
    versions(one) == versions(other)
        && organizations(one) == organizations(other)
        && one.sources.masks == other.sources.masks
}

fn is_same<K: Ord, T>(one: &BTreeMap<K, Arc<T>>, other: &BTreeMap<K, Arc<T>>, id: &K) -> bool {
    match (one.get(id), other.get(id)) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn is_same_entry(one: &Sources, other: &Sources, id: &EntryId) -> bool {
    is_same(&one.entries, &other.entries, id)
        && is_same(&one.organizations, &other.organizations, &id.organization())
}

fn is_same_grant(one: &Sources, other: &Sources, grant: &Grant) -> bool {
    is_same(&one.grants, &other.grants, &grant.id)
        && is_same(&one.organizations, &other.organizations, &grant.consumer)
        && is_same_entry(one, other, &grant.entry)
        && grant.agreement.iter().all(|id| is_same(&one.agreements, &other.agreements, id))
}

struct Rights<'a> {
    judged: Judged<'a>,
    bureaus: Vec<&'a Organization>,
    /// One that stands for all of them.
    department: Option<&'a Organization>,
    now: Timestamp,
    found: BTreeSet<Change>,
}

/// A claim and what would leave by it.
#[derive(Clone, Copy)]
struct Put<'a> {
    zone: Zone,
    rules: &'a Rules,
    entry: &'a Entry,
    claim: Claim<'a>,
    items: &'a [&'a Item],
}

impl Put<'_> {
    /// The mask that would be laid over an item.
    fn mask<'m>(&'m self, item: &'m Item) -> Option<&'m MaskId> {
        match (self.claim, self.zone) {
            (Claim::Written { grant, .. }, _) => grant.masks.get(&item.name).or(item.mask.as_ref()),
            (Claim::Standing | Claim::None, Zone::Opening) => {
                self.entry.opening.masks.get(&item.name)
            }
            (Claim::Standing | Claim::None, Zone::Sharing | Zone::Peering) => item.mask.as_ref(),
        }
    }
}

impl<'a> Rights<'a> {
    fn written(&mut self, (zone, rules): (Zone, &'a Rules), grant: &'a Grant) {
        let sources = self.judged.sources;
        let Some(source) = sources.entries.get(&grant.entry) else { return };
        let Some(consumer) = sources.organizations.get(&grant.consumer) else { return };
        let entry = &source.entry;
        let granted = |item: &&Item| grant.items.contains(&item.name);
        let items: Vec<&Item> = entry.items.iter().filter(granted).collect();
        let agreement = grant.agreement.as_ref().and_then(|id| sources.agreements.get(id));
        let claim = Claim::Written { grant, agreement: agreement.map(AsRef::as_ref) };
        let put = Put { zone, rules, entry, claim, items: &items };
        let live = |id: &&ApplicationId| {
            let mut all = consumer.applications.iter();
            all.any(|one| one.id == **id && one.state == ApplicationState::Live)
        };
        let named: Vec<&ApplicationId> = grant.applications.iter().filter(live).collect();
        let anyone = grant.applications.is_empty();
        let callers = if anyone { application(consumer).into_iter().collect() } else { named };
        let whom = Whom::Organization(grant.consumer.clone());
        let scope: Vec<String> = grant.scope.iter().map(shown).collect();
        for application in callers {
            for purpose in &grant.purposes {
                for matter in any_of(&grant.matters) {
                    let terms = Terms {
                        purpose: Some(purpose.clone()),
                        matter: matter.cloned(),
                        application: (!anyone).then(|| application.clone()),
                        scope: scope.clone(),
                        mask: None,
                    };
                    let caller = CallerFacts { organization: consumer, application };
                    self.put(put, Some(caller), (whom.clone(), terms));
                }
            }
        }
    }

    fn standing(&mut self, (zone, rules): (Zone, &'a Rules), source: &'a EntrySource) {
        let entry = &source.entry;
        let department = self.department;
        let (whom, caller) = match zone {
            Zone::Opening => (Whom::Public, None),
            Zone::Sharing | Zone::Peering => {
                let Some(organization) = department else { return };
                let Some(application) = application(organization) else { return };
                (Whom::Departments, Some(CallerFacts { organization, application }))
            }
        };
        let kind = caller.map(|caller| caller.organization.kind);
        let items = rules.standing(zone, kind, entry, &self.judged.sources.masks);
        let put = Put { zone, rules, entry, claim: Claim::Standing, items: &items };
        let purposes: &[PurposeId] =
            if zone == Zone::Opening { &[] } else { &entry.sharing.purposes };
        for purpose in any_of(purposes) {
            let terms = Terms { purpose: purpose.cloned(), ..Terms::default() };
            self.put(put, caller, (whom.clone(), terms));
        }
    }

    /// Asks the rules, and notes every item that would leave.
    fn put(&mut self, put: Put<'_>, caller: Option<CallerFacts<'_>>, (whom, terms): (Whom, Terms)) {
        let entry = put.entry;
        let provider = self.judged.sources.organizations.get(&entry.id.organization());
        let (Some(interface), Some(provider)) = (&entry.interface, provider) else { return };
        // A file passes whole or not at all.
        let whole = put.items.len() == entry.items.len()
            && terms.scope.is_empty()
            && put.items.iter().all(|item| put.mask(item).is_none());
        if put.items.is_empty() || (interface.format == Format::File && !whole) {
            return;
        }
        let verdict = put.rules.decide(&Case {
            zone: put.zone,
            caller,
            provider,
            bureaus: &self.bureaus,
            entry,
            items: put.items,
            masks: &self.judged.sources.masks,
            claim: put.claim,
            mode: interface.mode,
            purpose: terms.purpose.as_ref(),
            matter: terms.matter.as_ref(),
            now: self.now,
        });
        if verdict.outcome.is_ok() {
            self.found.extend(put.items.iter().map(|item| Change {
                whom: whom.clone(),
                entry: entry.id.clone(),
                mode: interface.mode,
                item: item.name.clone(),
                terms: Terms { mask: put.mask(item).cloned(), ..terms.clone() },
                gained: false,
            }));
        }
    }
}

/// Each of them, or once none if there are none.
fn any_of<T>(all: &[T]) -> impl Iterator<Item = Option<&T>> {
    all.iter().map(Some).chain(all.is_empty().then_some(None))
}

fn shown(scope: &Scope) -> String {
    format!("{} is {}", scope.item, scope.values.join(" or "))
}
