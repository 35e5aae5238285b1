//! Decides whether a caller may have what it asks for.
//!
//! The answer is no unless a claim – a written grant, or a standing one – is allowed by every rule of
//! the zone's profile, and nothing withdrawn or frozen stands against it. Nothing else in the gateway
//! may say yes.

mod claim;

mod memo;

use std::sync::Arc;

use crate::domain::{
    ApplicationId, Denial, ItemName, MatterCode, Mode, OrganizationId, PurposeId, Timestamp, Zone,
};
use crate::gateway::Refusal;
use crate::gateway::identify::Identity;
use crate::gateway::prepare::{Prepared, PreparedView};
use crate::gateway::route::Use;
use crate::journal::{Common, Decided};
use crate::policy::{Citation, Denied, Overlay, Written};
use crate::shape::Plan;

pub use self::claim::{Decision, Preview, names_grant, preview};
pub use self::memo::Memo;

/// How a caller chooses the standing grant in `Helan-Grant`.
pub const STANDING: &str = "standing";

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
    pub fn items(&self) -> &Arc<[ItemName]> {
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

    /// The same as records cite them.
    pub fn cited(&self) -> &Arc<[Arc<str>]> {
        &self.decision.cited
    }

    /// What the records of calls under it say alike, as the first of them wrote it.
    pub fn common(&self, first: &Decided) -> &Common {
        self.decision.common.get_or_init(|| Common::new(first))
    }

    /// What the data will be used for.
    pub fn purpose(&self) -> Option<&PurposeId> {
        self.purpose.as_ref()
    }

    /// Generation of the View it was made from.
    pub fn generation(&self) -> u64 {
        self.decision.generation
    }

    /// Whether only some rows are granted.
    pub fn is_scoped(&self) -> bool {
        self.grant().is_some_and(|written| !written.grant.scope.is_empty())
    }

    /// A name for the exact reduction that was applied: grant, items and masks.
    pub fn version(&self) -> &Arc<str> {
        &self.decision.version
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asker {
    /// The organization and its application; none for the public.
    pub known: Option<(OrganizationId, ApplicationId)>,
}

impl Asker {
    /// Whoever was proved to be calling.
    pub fn of(identity: &Identity) -> Self {
        Self {
            known: match identity {
                Identity::Caller(caller) => {
                    Some((caller.organization.clone(), caller.application.clone()))
                }
                Identity::Anonymous => None,
            },
        }
    }
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
    judge(view, overlay, memo, ask).map_err(|refused| refused.refusal)
}

/// A no, and the written grant it is about; for the record, which must be found by that grant.
#[derive(Debug)]
pub struct Refused {
    /// Why not.
    pub refusal: Refusal,
    /// The grant, if one was looked at.
    pub grant: Option<Arc<Written>>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, grant: None }
    }
}

/// The same as [`decide`], with the grant that a refusal is about.
pub fn judge(
    view: &PreparedView,
    overlay: &Overlay,
    memo: &mut Memo,
    ask: &Ask<'_>,
) -> Result<Permit, Refused> {
    if let Some(how) =
        claim::stopped(ask.asker, &ask.entry.source.entry.id, view.view.zone, overlay)
    {
        return Err(Refusal::Stopped { how }.into());
    }
    let decisions = memo.decisions(view, ask);
    let mut best: Option<Refused> = None;
    for decision in decisions.iter().filter(|decision| decision.is_named(ask.grant)) {
        match try_claim(view, overlay, ask, decision) {
            Ok(permit) => return Ok(permit),
            Err(refusal) => {
                let refused = Refused { refusal, grant: decision.grant.clone() };
                best = Some(more_telling(best, refused));
            }
        }
    }
    Err(match (best, ask.grant) {
        (Some(refused), _) => refused,
        (None, Some(_)) => Refusal::NoSuchGrant.into(),
        (None, None) => Refusal::Denied { denial: Denial::NoGrant, articles: Vec::new() }.into(),
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
    check_uses(view, decision, ask.uses)?;
    let only =
        decision.grant.as_ref().and_then(|written| match written.grant.purposes.as_slice() {
            [only] => Some(only),
            _ => None,
        });
    Ok(Permit { decision: Arc::clone(decision), purpose: ask.purpose.or(only).cloned() })
}

/// Whether a call that was allowed may go on: nothing that it rests on has ended, was withdrawn or
/// frozen since, and whatever View is in force would allow all of it again.
pub fn still(
    view: &PreparedView,
    overlay: &Overlay,
    memo: &mut Memo,
    (permit, ask): (&Permit, &Ask<'_>),
) -> Result<(), Refusal> {
    let made = &permit.decision;
    if overlay.is_empty() && view.view.generation == made.generation && ask.now < made.until {
        return Ok(());
    }
    let id = &ask.entry.source.entry.id;
    if let Some(how) = claim::stopped(ask.asker, id, view.view.zone, overlay) {
        return Err(Refusal::Stopped { how });
    }
    let gone = || Refusal::Stopped { how: Denied::Withdrawn };
    let ask = Ask { entry: view.entry(id.as_str()).ok_or_else(gone)?, ..*ask };
    let decisions = memo.decisions(view, &ask);
    let now = decisions.iter().find(|now| now.rests_on_the_same(made)).ok_or_else(gone)?;
    if let Err(denial) = now.outcome {
        return Err(Refusal::Denied { denial, articles: now.articles.clone() });
    }
    let narrowed = claim::narrowed(view, &ask, now, overlay)?;
    let now = narrowed.as_ref().unwrap_or(now);
    if !now.covers(made) {
        return Err(gone());
    }
    check_uses(view, now, ask.uses)
}

/// Every item that the request selects, filters or sorts by must be granted, and within scope. The
/// public may not filter on what leaves masked: the answer would tell what the mask hides.
fn check_uses(view: &PreparedView, decision: &Decision, uses: &[Use]) -> Result<(), Refusal> {
    for used in uses {
        let probes = view.view.zone == Zone::Opening && used.value.is_some();
        let may = if probes {
            decision.leaves_unmasked(&used.item)
        } else {
            decision.items.contains(&used.item)
        };
        if !may {
            let denial = Denial::ItemNotGranted;
            // What the public may not ask by is what is not open to it.
            let ground = if view.view.zone == Zone::Opening { Denial::ItemNotOpen } else { denial };
            let articles = view.view.rules.cited_for(ground).into_iter().collect();
            return Err(Refusal::Denied { denial, articles });
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
fn more_telling(one: Option<Refused>, other: Refused) -> Refused {
    let weight = |refused: &Refused| {
        #[expect(clippy::wildcard_enum_match_arm, reason = "only denials of the rules are ordered")]
        match &refused.refusal {
            Refusal::Denied { denial, .. } => usize::from(*denial != Denial::NoGrant),
            _ => 2,
        }
    };
    match one {
        Some(one) if weight(&one) >= weight(&other) => one,
        Some(_) | None => other,
    }
}
