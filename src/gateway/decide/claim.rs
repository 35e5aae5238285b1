//! What a caller can point to, and what the rules say of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use super::{Ask, Asker, Memo, STANDING};
use crate::domain::{
    ApplicationId, Denial, EntryId, Format, Item, ItemName, Mask, MaskId, Mode, PurposeId,
    Sensitivity, Timestamp, Zone,
};
use crate::gateway::Refusal;
use crate::gateway::prepare::{Prepared, PreparedView};
use crate::journal::Common;
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
    /// The same as records cite them.
    pub cited: Arc<[Arc<str>]>,
    /// The next moment at which this could change.
    pub until: Timestamp,
    /// The items that may leave.
    pub items: Arc<[ItemName]>,
    /// The same items, and how each leaves.
    actions: Vec<(ItemName, Action)>,
    /// Whether one of them is sensitive.
    pub sensitive: bool,
    /// A name for grant, items and masks as they are applied.
    pub version: Arc<str>,
    /// What shaping does; none for a file, which passes whole or not at all.
    pub plan: Option<Arc<Plan>>,
    /// The View it was made from.
    pub generation: u64,
    /// What the records of calls under it say alike, once one was written.
    pub(super) common: OnceLock<Common>,
}

impl Decision {
    /// Whether the caller's choice of a grant leaves this one in.
    pub(super) fn is_named(&self, choice: Option<&str>) -> bool {
        match (choice, &self.grant) {
            (None, _) | (Some(STANDING), None) => true,
            (Some(id), Some(written)) => written.grant.id.as_str() == id,
            (Some(_), None) => false,
        }
    }

    /// Whether an item leaves as the department has it.
    pub(super) fn leaves_unmasked(&self, item: &ItemName) -> bool {
        self.actions.iter().any(|(name, action)| name == item && *action == Action::Keep)
    }

    /// Whether another decision rests on the same grant, or both on none.
    pub(super) fn rests_on_the_same(&self, other: &Self) -> bool {
        let id = |decision: &Self| decision.grant.as_ref().map(|written| written.grant.id.clone());
        id(self) == id(other)
    }

    /// Whether all that an earlier decision let out may still leave, masked no less.
    pub(super) fn covers(&self, earlier: &Self) -> bool {
        let scope = |decision: &Self| {
            decision.grant.as_ref().map(|written| written.grant.scope.clone()).unwrap_or_default()
        };
        let leaves = |(name, before): &(ItemName, Action)| {
            self.actions
                .iter()
                .any(|(now, action)| now == name && (action == before || *action == Action::Keep))
        };
        scope(self) == scope(earlier) && earlier.actions.iter().all(leaves)
    }
}

/// Asks the rules about every claim: written grants in the order of their ids, then the standing one.
pub(super) fn evaluate(view: &PreparedView, ask: &Ask<'_>) -> Arc<[Arc<Decision>]> {
    let entry = &ask.entry.source.entry;
    let mut decisions: Vec<_> = written(view, ask.asker, ask.entry)
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

/// What a claim would give a caller now.
#[derive(Debug)]
pub struct Preview {
    /// What the rules say of it, less what was withdrawn a moment ago.
    pub decision: Arc<Decision>,
    /// What stands against it besides the rules.
    pub stopped: Option<Denied>,
}

impl Preview {
    /// Whether a call would be allowed.
    pub fn is_allowed(&self) -> bool {
        self.stopped.is_none() && self.decision.outcome.is_ok()
    }
}

/// What each claim of this caller would allow if a call declared its first purpose and matter.
pub fn preview(
    view: &PreparedView,
    overlay: &Overlay,
    memo: &mut Memo,
    (asker, entry, now): (&Asker, &Arc<Prepared>, Timestamp),
) -> Vec<Preview> {
    let ask = Ask { asker, entry, uses: &[], purpose: None, matter: None, grant: None, now };
    let stopped = stopped(asker, &entry.source.entry.id, view.view.zone, overlay);
    let all = memo.decisions(view, &ask);
    all.iter()
        .map(|decision| {
            let first = decision.grant.as_ref().map(|written| written.grant.as_ref());
            let ask = Ask {
                purpose: first.and_then(|grant| grant.purposes.first()),
                matter: first.and_then(|grant| grant.matters.first()),
                ..ask
            };
            let again = memo.decisions(view, &ask);
            let same = again.iter().find(|now| now.rests_on_the_same(decision));
            let decision = Arc::clone(same.unwrap_or(decision));
            match narrowed(view, &ask, &decision, overlay) {
                Err(Refusal::Stopped { how }) => Preview { decision, stopped: Some(how) },
                Ok(Some(left)) => Preview { decision: left, stopped },
                Ok(None) | Err(_) => Preview { decision, stopped },
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
        cited: verdict.articles.iter().map(|article| Arc::clone(&article.cited)).collect(),
        articles: verdict.articles,
        until: verdict.until.unwrap_or(Timestamp::from_millis(i64::MAX)),
        items: actions.iter().map(|(name, _)| name.clone()).collect(),
        actions: actions.to_vec(),
        sensitive: items.iter().any(|item| item.sensitivity != Sensitivity::None),
        version: version(ask.entry, written, actions).into(),
        plan,
        generation: view.generation,
        common: OnceLock::new(),
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

/// How answers are reduced. A payload of format `file` is not looked into, so it passes only if every
/// item is granted and none is masked or limited to some rows. A table that is offered in mode `file` is
/// not cut either, which the rules see to, but masks and scope reach it: it passes through its plan.
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

/// Whether this is the id of a grant that the caller has for this entry.
pub fn names_grant(view: &PreparedView, asker: &Asker, entry: &Prepared, id: &str) -> bool {
    written(view, asker, entry).iter().any(|written| written.grant.id.as_str() == id)
}

/// The written grants of a caller for an entry.
fn written<'v>(view: &'v PreparedView, asker: &Asker, entry: &Prepared) -> &'v [Arc<Written>] {
    asker
        .known
        .as_ref()
        .map_or(&[][..], |(organization, _)| view.view.grants(organization, &entry.source.entry.id))
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
    // The purposes of an entry bind whoever has no grant of his own (I2): a written one has its own.
    let narrowed = [
        (written.and_then(|written| overlay.narrows_grant(&written.grant.id)), true),
        (agreement.and_then(|id| overlay.narrows_agreement(id)), true),
        (overlay.narrows_entry(about.entry), written.is_none()),
    ];
    let mut items = BTreeSet::new();
    for (narrowed, binds) in narrowed {
        let Some(narrowed) = narrowed else { continue };
        let excluded = narrowed.only.as_ref().is_some_and(|only| {
            about.application.is_none_or(|application| !only.contains(application))
        });
        let purpose =
            binds && about.purpose.is_some_and(|purpose| narrowed.purposes.contains(purpose));
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
