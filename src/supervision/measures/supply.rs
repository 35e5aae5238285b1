//! M06, M07 and M08: what providers deliver.

use super::{Ratio, Scope};
use crate::domain::{EntryState, Mode, SharingClass};
use crate::supervision::detect::EntryMonth;

/// M06.
pub(super) fn by_interface(scope: &Scope<'_>) -> Ratio {
    let must = scope.entries().filter(|entry| {
        entry.state == EntryState::Live
            && entry.needs_api()
            && entry.sharing.class != SharingClass::Withheld
    });
    Ratio::of(must, |entry| {
        let is_api = entry.interface.as_ref().is_some_and(|interface| interface.mode == Mode::Api);
        entry.offers_api() && is_api
    })
}

/// M07. A day counts if a call on it told the time of the data.
pub(super) fn fresh(scope: &Scope<'_>) -> Ratio {
    let Scope { scene, period, .. } = *scope;
    scope
        .entries()
        .filter_map(|entry| {
            let grace = scene.thresholds.grace(entry.update)?;
            let facts = scene.ledger.entries.get(&entry.id)?;
            let days = facts.days.iter().filter(|(day, _)| period.has_day(**day));
            Some(Ratio::of(days, |(_, beat)| {
                beat.seen.millis().saturating_sub(beat.data.millis()) <= grace
            }))
        })
        .fold(Ratio::default(), |sum, one| {
            Ratio::new(
                sum.numerator.saturating_add(one.numerator),
                sum.denominator.saturating_add(one.denominator),
            )
        })
}

/// M08. What callers break off counts for the provider.
pub(super) fn available(scope: &Scope<'_>) -> Ratio {
    let all = calls(scope);
    Ratio::new(all.calls.saturating_sub(all.failed), all.calls).with(
        "提供方失败",
        "failed by the provider",
        all.failed,
    )
}

/// The calls of the provider's entries in the period.
pub(super) fn calls(scope: &Scope<'_>) -> EntryMonth {
    let Scope { scene, period, .. } = *scope;
    let facts = scope.entries().filter_map(|entry| scene.ledger.entries.get(&entry.id));
    let months = facts.flat_map(|facts| &facts.months);
    let within = months.filter(|(month, _)| period.has_month(month)).map(|(_, calls)| calls);
    within.fold(EntryMonth::default(), |all, month| EntryMonth {
        calls: all.calls.saturating_add(month.calls),
        answered: all.answered.saturating_add(month.answered),
        failed: all.failed.saturating_add(month.failed),
        rows: all.rows.saturating_add(month.rows),
        bytes: all.bytes.saturating_add(month.bytes),
    })
}
