//! Decides whether a caller may have what it asks for.
//!
//! The answer is no unless a claim – a written grant, or a standing one – is allowed by every rule of
//! the zone's profile, and nothing withdrawn or frozen stands against it. Nothing else in the gateway
//! may say yes.

mod claim;

mod memo;

use std::sync::Arc;

use crate::domain::{
    ApplicationId, Denial, EntryId, ItemName, MatterCode, Mode, OrganizationId, PurposeId,
    Timestamp, Zone,
};
use crate::gateway::Refusal;
use crate::gateway::prepare::{Prepared, PreparedView};
use crate::gateway::route::Use;
use crate::policy::{Citation, Overlay, View, Written};
use crate::shape::Plan;

pub use self::claim::{Decision, preview};
pub use self::memo::Memo;

/// Proof that the law and a grant allow this call. Only [`decide`] makes one.
///
/// ```compile_fail,E0451
/// # fn forge(decision: std::sync::Arc<helan::gateway::Decision>) {
/// let permit = helan::gateway::Permit { decision, purpose: None };
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Permit {
    decision: Arc<Decision>,
    purpose: Option<PurposeId>,
}

impl Permit {
    /// The written grant it rests on; none if it is a standing one.
    pub fn grant(&self) -> Option<&Arc<Written>> {
        self.decision.grant.as_ref()
    }

    /// How answers are reduced; none passes a file whole, every item of which is granted.
    pub fn plan(&self) -> Option<&Arc<Plan>> {
        self.decision.plan.as_ref()
    }

    /// The items that may leave.
    pub fn items(&self) -> &[ItemName] {
        &self.decision.items
    }

    /// Whether one of them is sensitive, so that no cache outside may keep the answer.
    pub fn is_sensitive(&self) -> bool {
        self.decision.sensitive
    }

    /// The articles that allowed it.
    pub fn articles(&self) -> &[Arc<Citation>] {
        &self.decision.articles
    }

    /// What the data will be used for.
    pub fn purpose(&self) -> Option<&PurposeId> {
        self.purpose.as_ref()
    }

    /// The moment at which it must be decided anew.
    pub fn until(&self) -> Timestamp {
        self.decision.until
    }

    /// A name for the exact reduction that was applied: grant, items and masks.
    pub fn version(&self) -> &str {
        &self.decision.version
    }

    /// Whether it still holds: its moment has not come, and nothing was withdrawn or frozen.
    pub fn holds(&self, held: &Held<'_>, overlay: &Overlay) -> bool {
        let about = claim::About {
            entry: held.entry,
            application: held.asker.known.as_ref().map(|(_, application)| application),
            purpose: self.purpose.as_ref(),
            mode: held.mode,
            now: held.now,
        };
        held.now < self.decision.until
            && claim::stopped(held.asker, held.entry, held.zone, overlay).is_none()
            && claim::still_granted(&self.decision, &about, overlay)
    }

    /// Whether the View in force still backs it: a body under way must not outlive a withdrawal
    /// that has become a View meanwhile.
    pub fn is_backed(&self, asker: &Asker, entry: &EntryId, view: &View) -> bool {
        view.generation == self.decision.generation
            || claim::is_backed(&self.decision, asker, entry, view)
    }
}

/// What a permit is held against while a body is under way.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// Who asked.
    pub asker: &'a Asker,
    /// For which entry.
    pub entry: &'a EntryId,
    /// On which side of the gate.
    pub zone: Zone,
    /// In which mode.
    pub mode: Mode,
    /// The moment.
    pub now: Timestamp,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asker {
    /// The organization and its application; none for the public.
    pub known: Option<(OrganizationId, ApplicationId)>,
}

/// What is asked besides the target.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Who asks.
    pub asker: &'a Asker,
    /// For which entry.
    pub entry: &'a Arc<Prepared>,
    /// What its parameters work on.
    pub uses: &'a [Use],
    /// The purpose declared.
    pub purpose: Option<&'a PurposeId>,
    /// The registered matter declared.
    pub matter: Option<&'a MatterCode>,
    /// Which grant the caller chose: its id, or `standing`.
    pub grant: Option<&'a str>,
    /// When.
    pub now: Timestamp,
}

impl Ask<'_> {
    /// The mode the call counts as.
    pub fn mode(&self) -> Mode {
        self.entry.mode
    }
}

/// Finds the claim that lets this call go on.
///
/// Written grants come before standing ones; among several the first by id that allows the call
/// and covers what its parameters work on.
pub fn decide(
    view: &PreparedView,
    overlay: &Overlay,
    memo: &mut Memo,
    ask: &Ask<'_>,
) -> Result<Permit, Refusal> {
    if let Some(how) =
        claim::stopped(ask.asker, &ask.entry.source.entry.id, view.view.zone, overlay)
    {
        return Err(Refusal::Stopped { how });
    }
    let decisions = memo.decisions(view, ask);
    let mut best: Option<Refusal> = None;
    for decision in decisions.iter().filter(|decision| decision.is_named(ask.grant)) {
        match try_claim(view, overlay, ask, decision) {
            Ok(permit) => return Ok(permit),
            Err(refusal) => best = Some(more_telling(best, refusal)),
        }
    }
    Err(match (best, ask.grant) {
        (Some(refusal), _) => refusal,
        (None, Some(_)) => Refusal::NoSuchGrant,
        (None, None) => Refusal::Denied { denial: Denial::NoGrant, articles: Vec::new() },
    })
}

fn try_claim(
    view: &PreparedView,
    overlay: &Overlay,
    ask: &Ask<'_>,
    decision: &Arc<Decision>,
) -> Result<Permit, Refusal> {
    if let Err(denial) = decision.outcome {
        return Err(Refusal::Denied { denial, articles: decision.articles.clone() });
    }
    let narrowed = claim::narrowed(view, ask, decision, overlay)?;
    let decision = narrowed.as_ref().unwrap_or(decision);
    check_uses(decision, ask.uses)?;
    let only =
        decision.grant.as_ref().and_then(|written| match written.grant.purposes.as_slice() {
            [only] => Some(only),
            _ => None,
        });
    Ok(Permit { decision: Arc::clone(decision), purpose: ask.purpose.or(only).cloned() })
}

/// Every item that the request selects, filters or sorts by must be granted, and within scope.
fn check_uses(decision: &Decision, uses: &[Use]) -> Result<(), Refusal> {
    for used in uses {
        if !decision.items.contains(&used.item) {
            let articles = decision.articles.clone();
            return Err(Refusal::Denied { denial: Denial::ItemNotGranted, articles });
        }
        let Some(written) = &decision.grant else { continue };
        for scope in written.grant.scope.iter().filter(|scope| scope.item == used.item) {
            let within = used.value.as_ref().is_none_or(|value| scope.values.contains(value));
            if !within {
                return Err(Refusal::OutOfScope { item: used.item.clone() });
            }
        }
    }
    Ok(())
}

/// Of two refusals, the one from which the caller learns more: one about a grant it holds beats
/// one that says there is none.
fn more_telling(one: Option<Refusal>, other: Refusal) -> Refusal {
    let weight = |refusal: &Refusal| {
        #[expect(clippy::wildcard_enum_match_arm, reason = "only denials of the rules are ordered")]
        match refusal {
            Refusal::Denied { denial, .. } => usize::from(*denial != Denial::NoGrant),
            _ => 2,
        }
    };
    match one {
        Some(one) if weight(&one) >= weight(&other) => one,
        Some(_) | None => other,
    }
}
