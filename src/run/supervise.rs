//! Detectors beside the path: whoever asks sees policies and records judged at that moment, and once a
//! minute the log says what is new.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::parts::Parts;
use crate::domain::Zone;
use crate::supervision::detect::{self, Finding, FindingId, Scene};
use crate::supervision::measures::{self, Evaluation, Period};

impl Parts {
    /// Judges policies and records as they are now.
    pub(super) fn judged<R>(&self, with: impl FnOnce(&Scene<'_>) -> R) -> Option<R> {
        let side = self.sides.get(&Zone::Sharing).or_else(|| self.sides.values().next())?;
        let view = side.view();
        let sources = self.sources();
        let now = self.journal.clamp(self.clock.now());
        Some(self.watch.look(|ledger| {
            with(&Scene {
                sources: &sources,
                profile: view.view.rules.profile(),
                thresholds: self.watch.thresholds(),
                ledger,
                now,
            })
        }))
    }

    /// Everything found.
    pub(super) fn findings(&self) -> Vec<Finding> {
        self.judged(detect::findings).unwrap_or_default()
    }

    /// The measures of a period, this year without one.
    pub(super) fn measures(&self, period: Option<Period>) -> Option<Evaluation> {
        self.judged(|scene| {
            let findings = detect::findings(scene);
            let period = period.unwrap_or_else(|| Period::year_of(scene.now));
            measures::evaluate(scene, period, &findings)
        })
    }
}

/// What is done when the detectors have their round: as long as the parts are there.
pub(super) fn judge(parts: &Arc<Parts>) -> impl FnMut() + Send + 'static {
    let parts = Arc::downgrade(parts);
    let mut told = BTreeSet::new();
    move || {
        if let Some(parts) = parts.upgrade() {
            round(&parts, &mut told);
        }
    }
}

/// Runs all detectors, tells what is new, and writes down where they are.
fn round(parts: &Parts, told: &mut BTreeSet<FindingId>) {
    let findings = parts.findings();
    for finding in &findings {
        if told.insert(finding.id.clone()) {
            tracing::warn!(
                id = %finding.id,
                detector = %finding.detector,
                subject = %finding.subject,
                period = %finding.period,
                state = finding.state.as_str(),
                detail = %finding.detail[1],
                "a detector found something"
            );
        }
    }
    told.retain(|id| findings.iter().any(|finding| finding.id == *id));
    parts.watch.store();
}
