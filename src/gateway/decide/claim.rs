//! What a caller can point to, and what the rules say of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Ask, Asker};
use crate::domain::{
    ApplicationId, ApplicationState, Denial, EntryId, Format, Item, ItemName, Mask, MaskId, Mode,
    OrganizationState, PurposeId, Sensitivity, Timestamp, Zone,
};
use crate::gateway::Refusal;
use crate::gateway::prepare::{Prepared, PreparedView};
use crate::policy::{CallerFacts, Case, Citation, Claim, Denied, Overlay, View, Written};
use crate::shape::{Action, Plan, PlanSpec};

/// What the rules said about one claim.
#[derive(Debug)]
pub struct Decision {
    /// The written grant; none for a standing one.
    pub grant: Option<Arc<Written>>,
    /// Yes, or why not.
    pub outcome: Result<(), Denial>,
    /// The articles that decided.
    pub articles: Vec<Arc<Citation>>,
    /// The next moment at which this could change.
    pub until: Timestamp,
    /// The items that may leave.
    pub items: Vec<ItemName>,
    /// Whether one of them is sensitive.
    pub sensitive: bool,
    /// A name for grant, items and masks as they are applied.
    pub version: String,
    /// What shaping does; none for a file, which passes whole or not at all.
    pub plan: Option<Arc<Plan>>,
    /// The View it was made from.
    pub generation: u64,
}

impl Decision {
    /// Whether the caller's choice of a grant leaves this one in.
    pub(super) fn is_named(&self, choice: Option<&str>) -> bool {
        match (choice, &self.grant) {
            (None, _) | (Some("standing"), None) => true,
            (Some(id), Some(written)) => written.grant.id.as_str() == id,
            (Some(_), None) => false,
        }
    }
}

/// Asks the rules about every claim: written grants in the order of their ids, then the standing one.
pub(super) fn evaluate(view: &PreparedView, ask: &Ask<'_>) -> Arc<[Arc<Decision>]> {
    let entry = &ask.entry.source.entry;
    let written = ask
        .asker
        .known
        .as_ref()
        .map_or(&[][..], |(organization, _)| view.view.grants(organization, &entry.id));
    let mut decisions: Vec<_> = written
        .iter()
        .map(|written| {
            let items = granted(entry.items.iter(), written);
            let actions = written_actions(&view.view, written, &items);
            Arc::new(decision(&view.view, ask, Some(written), &items, &actions))
        })
        .collect();
    let masks = view.view.masks();
    let kind = ask.asker.known.as_ref().and_then(|(id, _)| view.view.organization(id));
    let kind = kind.map(|organization| organization.kind);
    let items = view.view.rules.standing(view.view.zone, kind, entry, masks);
    let actions = standing_actions(&view.view, ask.entry, &items);
    decisions.push(Arc::new(decision(&view.view, ask, None, &items, &actions)));
    decisions.into()
}

/// What each claim of this caller would allow if a call declared its first purpose and matter.
pub fn preview(
    view: &PreparedView,
    asker: &Asker,
    entry: &Arc<Prepared>,
    now: Timestamp,
) -> Vec<Arc<Decision>> {
    let ask = Ask { asker, entry, uses: &[], purpose: None, matter: None, grant: None, now };
    evaluate(view, &ask)
        .iter()
        .map(|decision| match &decision.grant {
            None => Arc::clone(decision),
            Some(written) => {
                let ask = Ask {
                    purpose: written.grant.purposes.first(),
                    matter: written.grant.matters.first(),
                    ..ask
                };
                let items = granted(entry.source.entry.items.iter(), written);
                let actions = written_actions(&view.view, written, &items);
                Arc::new(self::decision(&view.view, &ask, Some(written), &items, &actions))
            }
        })
        .collect()
}

fn granted<'a>(items: impl Iterator<Item = &'a Item>, written: &Written) -> Vec<&'a Item> {
    items.filter(|item| written.grant.items.contains(&item.name)).collect()
}

fn action(masks: &BTreeMap<MaskId, Mask>, mask: Option<&MaskId>) -> Action {
    match mask {
        None => Action::Keep,
        // A mask that does not exist cannot be applied, so the item does not leave.
        Some(id) => Action::Mask(masks.get(id).cloned().unwrap_or(Mask::Drop)),
    }
}

fn written_actions(view: &View, written: &Written, items: &[&Item]) -> Vec<(ItemName, Action)> {
    items
        .iter()
        .map(|item| {
            let mask = written.grant.masks.get(&item.name).or(item.mask.as_ref());
            (item.name.clone(), action(view.masks(), mask))
        })
        .collect()
}

fn standing_actions(view: &View, entry: &Prepared, items: &[&Item]) -> Vec<(ItemName, Action)> {
    let opening = &entry.source.entry.opening.masks;
    items
        .iter()
        .map(|item| {
            let mask = match view.zone {
                Zone::Opening => opening.get(&item.name),
                Zone::Sharing | Zone::Peering => item.mask.as_ref(),
            };
            (item.name.clone(), action(view.masks(), mask))
        })
        .collect()
}

fn decision(
    view: &View,
    ask: &Ask<'_>,
    written: Option<&Arc<Written>>,
    items: &[&Item],
    actions: &[(ItemName, Action)],
) -> Decision {
    let verdict = verdict(view, ask, written, items);
    let (outcome, plan) = match verdict.outcome {
        Ok(()) => match reduction(ask.entry, written, actions) {
            Ok(plan) => (Ok(()), plan),
            Err(denial) => (Err(denial), None),
        },
        Err(denial) => (Err(denial), None),
    };
    Decision {
        grant: written.cloned(),
        outcome,
        articles: verdict.articles,
        until: verdict.until.unwrap_or(Timestamp::from_millis(i64::MAX)),
        items: actions.iter().map(|(name, _)| name.clone()).collect(),
        sensitive: items.iter().any(|item| item.sensitivity != Sensitivity::None),
        version: version(ask.entry, written, actions),
        plan,
        generation: view.generation,
    }
}

fn verdict(
    view: &View,
    ask: &Ask<'_>,
    written: Option<&Arc<Written>>,
    items: &[&Item],
) -> crate::policy::Verdict {
    let entry = &ask.entry.source.entry;
    let none =
        |denial| crate::policy::Verdict { outcome: Err(denial), articles: Vec::new(), until: None };
    let Some(provider) = view.organization(&entry.id.organization()) else {
        return none(Denial::OrganizationNotLive);
    };
    let caller = match &ask.asker.known {
        None => None,
        Some((organization, application)) => match view.organization(organization) {
            Some(organization) => Some(CallerFacts { organization, application }),
            None => return none(Denial::OrganizationNotLive),
        },
    };
    let claim = match written {
        Some(written) => {
            Claim::Written { grant: &written.grant, agreement: written.agreement.as_deref() }
        }
        None => Claim::Standing,
    };
    let bureaus: Vec<_> = view.bureaus().map(AsRef::as_ref).collect();
    view.rules.decide(&Case {
        zone: view.zone,
        caller,
        provider,
        bureaus: &bureaus,
        entry,
        items,
        masks: view.masks(),
        claim,
        mode: ask.mode(),
        purpose: ask.purpose,
        matter: ask.matter,
        now: ask.now,
    })
}

/// How answers are reduced. A file is not looked into, so it passes only if every item is granted
/// and none is masked or limited to some rows.
fn reduction(
    entry: &Prepared,
    written: Option<&Arc<Written>>,
    actions: &[(ItemName, Action)],
) -> Result<Option<Arc<Plan>>, Denial> {
    let catalog = &entry.source.entry;
    let scope = written.map_or(&[][..], |written| &written.grant.scope);
    if catalog.interface.as_ref().is_some_and(|interface| interface.format == Format::File) {
        let whole = catalog.items.iter().all(|item| {
            actions.iter().any(|(name, action)| *name == item.name && *action == Action::Keep)
        });
        return if whole && scope.is_empty() { Ok(None) } else { Err(Denial::ItemNotGranted) };
    }
    let spec = PlanSpec { entry: catalog, items: actions, scope };
    Plan::compile(&spec).map(|plan| Some(Arc::new(plan))).map_err(|_| Denial::RulesFailed)
}

fn version(
    entry: &Prepared,
    written: Option<&Arc<Written>>,
    actions: &[(ItemName, Action)],
) -> String {
    let grant = written.map_or("standing", |written| &written.version);
    format!("{}|{grant}|{actions:?}", entry.source.version)
}

/// Whether this purpose is one that some claim knows, so that remembering it is bounded.
pub(super) fn names_purpose(view: &PreparedView, ask: &Ask<'_>, purpose: &PurposeId) -> bool {
    let entry = &ask.entry.source.entry;
    entry.sharing.purposes.contains(purpose)
        || ask.asker.known.as_ref().is_some_and(|(organization, _)| {
            view.view
                .grants(organization, &entry.id)
                .iter()
                .any(|written| written.grant.purposes.contains(purpose))
        })
}

/// Whether something withdrawn or frozen stands against any claim of this caller to this entry.
pub(super) fn stopped(
    asker: &Asker,
    entry: &EntryId,
    zone: Zone,
    overlay: &Overlay,
) -> Option<Denied> {
    if overlay.is_empty() {
        return None;
    }
    let caller = asker.known.as_ref().and_then(|(organization, application)| {
        overlay
            .denies_organization(organization)
            .or_else(|| overlay.denies_application(application))
    });
    let closed = (zone == Zone::Opening && overlay.closes(entry)).then_some(Denied::Withdrawn);
    caller
        .or_else(|| overlay.denies_entry(entry))
        .or_else(|| overlay.denies_organization(&entry.organization()))
        .or(closed)
}

/// What was withdrawn of one decision: all of it, or these items.
enum Withdrawn {
    Nothing,
    All(Denied),
    Items(BTreeSet<ItemName>),
}

/// Looks for everything that a decision rests on: grant, agreement and entry.
fn withdrawn(decision: &Decision, about: &About<'_>, overlay: &Overlay) -> Withdrawn {
    let written = decision.grant.as_ref();
    let agreement = written.and_then(|written| written.agreement.as_ref()).map(|a| &a.id);
    if let Some(how) = written.and_then(|written| overlay.denies_grant(&written.grant.id)) {
        return Withdrawn::All(how);
    }
    if agreement.is_some_and(|id| overlay.denies_agreement(id)) {
        return Withdrawn::All(Denied::Withdrawn);
    }
    let narrowed = [
        written.and_then(|written| overlay.narrows_grant(&written.grant.id)),
        agreement.and_then(|id| overlay.narrows_agreement(id)),
        overlay.narrows_entry(about.entry),
    ];
    let mut items = BTreeSet::new();
    for narrowed in narrowed.into_iter().flatten() {
        let excluded = narrowed.only.as_ref().is_some_and(|only| {
            about.application.is_none_or(|application| !only.contains(application))
        });
        let purpose = about.purpose.is_some_and(|purpose| narrowed.purposes.contains(purpose));
        if narrowed.is_over(about.now)
            || excluded
            || purpose
            || narrowed.modes.contains(&about.mode)
        {
            return Withdrawn::All(Denied::Withdrawn);
        }
        items.extend(narrowed.items.iter().filter(|i| decision.items.contains(i)).cloned());
    }
    if items.is_empty() { Withdrawn::Nothing } else { Withdrawn::Items(items) }
}

/// What a decision is held against.
pub(super) struct About<'a> {
    pub(super) entry: &'a EntryId,
    pub(super) application: Option<&'a ApplicationId>,
    pub(super) purpose: Option<&'a PurposeId>,
    pub(super) mode: Mode,
    pub(super) now: Timestamp,
}

/// Whether a body that is under way may go on under this decision.
pub(super) fn still_granted(decision: &Decision, about: &About<'_>, overlay: &Overlay) -> bool {
    overlay.is_empty() || matches!(withdrawn(decision, about, overlay), Withdrawn::Nothing)
}

/// The decision with what was withdrawn a moment ago taken out; none if nothing was.
pub(super) fn narrowed(
    view: &PreparedView,
    ask: &Ask<'_>,
    decision: &Arc<Decision>,
    overlay: &Overlay,
) -> Result<Option<Arc<Decision>>, Refusal> {
    if overlay.is_empty() {
        return Ok(None);
    }
    let only = decision.grant.as_ref().and_then(|written| written.grant.purposes.first());
    let about = About {
        entry: &ask.entry.source.entry.id,
        application: ask.asker.known.as_ref().map(|(_, application)| application),
        purpose: ask.purpose.or(only),
        mode: ask.mode(),
        now: ask.now,
    };
    let gone = match withdrawn(decision, &about, overlay) {
        Withdrawn::Nothing => return Ok(None),
        Withdrawn::All(how) => return Err(Refusal::Stopped { how }),
        Withdrawn::Items(items) => items,
    };
    let left = |item: &&Item| decision.items.contains(&item.name) && !gone.contains(&item.name);
    let items: Vec<_> = ask.entry.source.entry.items.iter().filter(left).collect();
    let written = decision.grant.as_ref();
    let actions = match written {
        Some(written) => written_actions(&view.view, written, &items),
        None => standing_actions(&view.view, ask.entry, &items),
    };
    let decision = self::decision(&view.view, ask, written, &items, &actions);
    match decision.outcome {
        Ok(()) => Ok(Some(Arc::new(decision))),
        Err(denial) => Err(Refusal::Denied { denial, articles: decision.articles }),
    }
}

/// Whether a later View still holds what a decision rests on.
pub(super) fn is_backed(decision: &Decision, asker: &Asker, entry: &EntryId, view: &View) -> bool {
    let Some(source) = view.entry(entry.as_str()) else { return false };
    let live = asker.known.as_ref().is_none_or(|(organization, application)| {
        view.organization(organization).is_some_and(|o| o.state == OrganizationState::Live)
            && view
                .application(application)
                .is_some_and(|a| a.application.state == ApplicationState::Live)
    });
    if !live {
        return false;
    }
    let Some(written) = &decision.grant else {
        return decision
            .items
            .iter()
            .all(|name| source.entry.items.iter().any(|item| item.name == *name));
    };
    let Some(current) = view.grant(&written.grant.id) else { return false };
    current.version == written.version
        || (current.grant.state == written.grant.state
            && current.grant.term.covers(&written.grant.term)
            && decision.items.iter().all(|item| current.grant.items.contains(item))
            && written.grant.purposes.iter().all(|p| current.grant.purposes.contains(p))
            && written.grant.modes.iter().all(|m| current.grant.modes.contains(m)))
}
