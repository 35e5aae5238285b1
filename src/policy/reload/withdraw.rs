//! What a changed file takes away, seen from that file alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::overlay::{Denied, Distrust, Narrowed, Overlay};
use crate::domain::{
    Agreement, AgreementState, Application, ApplicationState, Entry, EntryState, Grant, GrantState,
    IssuerId, OpeningClass, Organization, OrganizationState, Term,
};
use crate::policy::folder::{FileContent, FileReader, Thing};
use crate::policy::{Issuer, identity};

/// What a file takes away by what it holds now, compared with what was loaded from it.
///
/// Nothing can be told from a file that cannot be read or parsed: it withdraws nothing.
pub(super) fn withdrawn(files: &FileReader, name: &Path, before: &FileContent) -> Option<Overlay> {
    let mut overlay = Overlay::default();
    let Some(after) = files.read(name) else {
        compare(
            &before.things.iter().map(|found| &found.thing).collect::<Vec<_>>(),
            &[],
            &mut overlay,
        );
        return Some(overlay);
    };
    if after.hash == before.hash {
        return Some(overlay);
    }
    if !after.is_whole() {
        return None;
    }
    let before: Vec<&Thing> = before.things.iter().map(|found| &found.thing).collect();
    let after: Vec<&Thing> = after.things.iter().map(|found| &found.thing).collect();
    compare(&before, &after, &mut overlay);
    Some(overlay)
}

/// Adds what `before` allowed and `after` does not.
fn compare(before: &[&Thing], after: &[&Thing], overlay: &mut Overlay) {
    for thing in before {
        match thing {
            Thing::Grant(old) => {
                let new = find(after, |thing| {
                    let Thing::Grant(new) = thing else { return None };
                    (new.id == old.id).then_some(new.as_ref())
                });
                grant(old, new, overlay);
            }
            Thing::Agreement(old) => {
                let new = find(after, |thing| {
                    let Thing::Agreement(new) = thing else { return None };
                    (new.id == old.id).then_some(new.as_ref())
                });
                agreement(old, new, overlay);
            }
            Thing::Organization(old) => {
                let new = find(after, |thing| {
                    let Thing::Organization(new) = thing else { return None };
                    (new.id == old.id).then_some(new.as_ref())
                });
                organization(old, new, overlay);
            }
            Thing::Entry(old) => {
                let new = find(after, |thing| {
                    let Thing::Entry(new) = thing else { return None };
                    (new.id == old.id).then_some(new.as_ref())
                });
                entry(old, new, overlay);
            }
            Thing::Issuers(old) => {
                let new = find(after, |thing| {
                    let Thing::Issuers(new) = thing else { return None };
                    Some(new.as_ref())
                });
                issuers(old, new, overlay);
            }
            Thing::Description(_) | Thing::Masks(_) | Thing::Networks(_) | Thing::Matters(_) => {}
        }
    }
}

fn find<'t, T>(after: &[&'t Thing], pick: impl Fn(&'t Thing) -> Option<&'t T>) -> Option<&'t T> {
    after.iter().copied().find_map(pick)
}

fn issuers(
    old: &BTreeMap<IssuerId, Issuer>,
    new: Option<&BTreeMap<IssuerId, Issuer>>,
    overlay: &mut Overlay,
) {
    for (id, old) in old {
        // Under another name or for another audience it is another issuer.
        let same = |new: &&Issuer| new.issuer == old.issuer && new.audience == old.audience;
        let less = match new.and_then(|new| new.get(id)).filter(same) {
            None => Distrust::Wholly,
            Some(new) => {
                let (zones, algorithms) =
                    (gone(&old.zones, &new.zones), gone(&old.algorithms, &new.algorithms));
                if zones.is_empty() && algorithms.is_empty() {
                    continue;
                }
                Distrust::Partly { zones, algorithms }
            }
        };
        overlay.issuers.insert(id.as_str().to_owned(), less);
    }
}

fn grant(old: &Grant, new: Option<&Grant>, overlay: &mut Overlay) {
    let same = |new: &&Grant| {
        new.state == GrantState::Active && new.consumer == old.consumer && new.entry == old.entry
    };
    let Some(new) = new.filter(same) else {
        overlay.grants.insert(old.id.clone(), Denied::Withdrawn);
        return;
    };
    let fewer = !new.applications.is_empty()
        && (old.applications.is_empty() || !gone(&old.applications, &new.applications).is_empty());
    let narrowed = Narrowed {
        items: gone(&old.items, &new.items),
        purposes: gone(&old.purposes, &new.purposes),
        modes: gone(&old.modes, &new.modes),
        only: fewer.then(|| new.applications.iter().cloned().collect()),
        ..shortened(old.term, new.term)
    };
    if !narrowed.is_empty() {
        overlay.narrowed_grants.insert(old.id.clone(), narrowed);
    }
}

fn agreement(old: &Agreement, new: Option<&Agreement>, overlay: &mut Overlay) {
    let same = |new: &&Agreement| {
        new.state == AgreementState::Effective
            && new.consumer == old.consumer
            && new.provider == old.provider
            && new.entry == old.entry
    };
    let Some(new) = new.filter(same) else {
        overlay.agreements.insert(old.id.clone());
        return;
    };
    let narrowed =
        Narrowed { items: gone(&old.items, &new.items), ..shortened(old.term, new.term) };
    if !narrowed.is_empty() {
        overlay.narrowed_agreements.insert(old.id.clone(), narrowed);
    }
}

fn organization(old: &Organization, new: Option<&Organization>, overlay: &mut Overlay) {
    let Some(new) = new.filter(|new| new.state == OrganizationState::Live) else {
        overlay.organizations.insert(old.id.clone(), Denied::Withdrawn);
        return;
    };
    for application in &old.applications {
        let live =
            |new: &&Application| new.id == application.id && new.state == ApplicationState::Live;
        match new.applications.iter().find(live) {
            Some(new) => credentials(application, new, overlay),
            None => {
                overlay.applications.insert(application.id.clone(), Denied::Withdrawn);
            }
        }
    }
}

fn credentials(old: &Application, new: &Application, overlay: &mut Overlay) {
    for credential in &old.credentials {
        let name = identity(credential);
        match new.credentials.iter().find(|new| identity(new) == name) {
            None => {
                overlay.credentials.insert(name, None);
            }
            Some(new) if new == credential => {}
            Some(new) => match (credential.until(), new.until()) {
                (None, Some(until)) => {
                    overlay.credentials.insert(name, Some(until));
                }
                (Some(before), Some(until)) if until < before => {
                    overlay.credentials.insert(name, Some(until));
                }
                (Some(_), Some(_)) | (_, None) => {}
            },
        }
    }
}

fn entry(old: &Entry, new: Option<&Entry>, overlay: &mut Overlay) {
    let Some(new) = new.filter(|new| new.state == EntryState::Live) else {
        overlay.entries.insert(old.id.clone(), Denied::Withdrawn);
        return;
    };
    if new.opening.class == OpeningClass::Closed && old.opening.class != OpeningClass::Closed {
        overlay.closed.insert(old.id.clone());
    }
    let names =
        |entry: &Entry| entry.items.iter().map(|item| item.name.clone()).collect::<Vec<_>>();
    let narrowed = Narrowed {
        items: gone(&names(old), &names(new)),
        purposes: gone(&old.sharing.purposes, &new.sharing.purposes),
        modes: gone(&old.sharing.modes, &new.sharing.modes),
        ..Narrowed::default()
    };
    if !narrowed.is_empty() {
        overlay.narrowed_entries.insert(old.id.clone(), narrowed);
    }
}

fn gone<T: Clone + Ord>(old: &[T], new: &[T]) -> BTreeSet<T> {
    old.iter().filter(|one| !new.contains(one)).cloned().collect()
}

fn shortened(old: Term, new: Term) -> Narrowed {
    Narrowed {
        from: (new.from > old.from).then_some(new.from),
        until: (new.until < old.until).then_some(new.until),
        ..Narrowed::default()
    }
}
