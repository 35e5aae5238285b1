//! M16, M18 and M19: how grants are used and kept within bounds.

use std::collections::BTreeSet;

use super::ratio::{WHOLE, count};
use super::{Ratio, Scope, supply};
use crate::domain::{Grant, GrantState, OrganizationId};
use crate::supervision::detect::Detector;

fn provider(grant: &Grant) -> OrganizationId {
    grant.entry.organization()
}

fn consumer(grant: &Grant) -> OrganizationId {
    grant.consumer.clone()
}

/// Grants that were ever decided and whose term has a day in the period.
fn in_period<'a>(
    scope: &Scope<'a>,
    whose: fn(&Grant) -> OrganizationId,
) -> impl Iterator<Item = &'a Grant> {
    let period = scope.period;
    scope
        .grants(whose)
        .filter(move |grant| grant.state != GrantState::Pending && period.meets(&grant.term))
}

/// M16, by provider.
pub(super) fn used(scope: &Scope<'_>) -> Ratio {
    let Scope { scene, period, .. } = *scope;
    let granted: BTreeSet<_> = in_period(scope, provider).map(|grant| &grant.entry).collect();
    let was_called = |entry: &&crate::domain::EntryId| {
        scene.ledger.entries.get(*entry).is_some_and(|facts| {
            facts.months.iter().any(|(month, calls)| period.has_month(month) && calls.answered > 0)
        })
    };
    let calls = supply::calls(scope);
    let idle = scope.findings.iter().filter(|finding| {
        finding.detector == Detector::Hygiene
            && finding.period.starts_with("idle")
            && finding.organization.as_ref().is_none_or(|id| scope.is_about(id))
    });
    Ratio::of(granted.into_iter(), was_called)
        .with("调用", "calls", calls.calls)
        .with("数据行", "rows", calls.rows)
        .with("闲置授权", "idle grants", count(idle))
}

/// M18, by provider; as it is at the moment judged.
pub(super) fn agreed(scope: &Scope<'_>) -> Ratio {
    let scene = scope.scene;
    let sensitive = scope.grants(provider).filter_map(|grant| {
        let source = scene.sources.entries.get(&grant.entry)?;
        let active = grant.state == GrantState::Active && grant.term.contains(scene.now);
        let items: Vec<_> = grant.sensitive_items(&source.entry).collect();
        (active && !items.is_empty()).then_some((grant, items))
    });
    Ratio::of(sensitive, |(grant, items)| {
        let agreement = grant.agreement.as_ref().and_then(|id| scene.sources.agreements.get(id));
        agreement.is_some_and(|agreement| {
            agreement.in_force(scene.now) && items.iter().all(|item| agreement.items.contains(item))
        })
    })
}

/// M19, by consumer: over grants that were used at all.
pub(super) fn minimal(scope: &Scope<'_>) -> Ratio {
    let Scope { scene, period, .. } = *scope;
    let shares = in_period(scope, consumer).filter_map(|grant| {
        let facts = scene.ledger.grants.get(&grant.id)?;
        let called = facts.months.keys().any(|month| period.has_month(month));
        let used = count(grant.items.iter().filter(|item| facts.items.contains(*item)));
        let granted = count(grant.items.iter()).max(1);
        called.then(|| used.saturating_mul(WHOLE).checked_div(granted).unwrap_or(0))
    });
    let (sum, grants) = shares.fold((0_u64, 0_u64), |(sum, grants), share| {
        (sum.saturating_add(share), grants.saturating_add(1))
    });
    Ratio { cases: grants, ..Ratio::new(sum, grants.saturating_mul(WHOLE)) }
}
