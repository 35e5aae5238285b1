//! Detectors beside the path: a thread follows the journal, and whoever asks sees policies and records
//! judged at that moment.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::parts::Parts;
use crate::domain::Zone;
use crate::supervision::detect::{self, Finding, FindingId, Scene};
use crate::supervision::measures::{self, Evaluation, Period};

/// How often the journal is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// How much it gives way: every thread of the path comes first.
const NICE: i32 = 10;

/// Looks between two rounds of all detectors: a minute.
const ROUND: u32 = 240;

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

/// Follows the journal until it is dropped.
#[derive(Debug)]
pub(super) struct Following {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Following {
    pub(super) fn start(parts: &Arc<Parts>, records: PathBuf) -> std::io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let (parts, ends) = (Arc::clone(parts), Arc::clone(&over));
        let thread =
            std::thread::Builder::new().name("helan-detect".to_owned()).spawn(move || {
                // Without it the path only has more company.
                if let Err(error) = rustix::process::setpriority_process(None, NICE) {
                    tracing::debug!(%error, "the thread of the detectors keeps its priority");
                }
                follow(&parts, &records, &ends);
            })?;
        Ok(Self { over, thread: Some(thread) })
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the detectors ended by a panic");
        }
    }
}

fn follow(parts: &Parts, records: &std::path::Path, over: &AtomicBool) {
    let mut reader = match parts.watch.reader(records) {
        Ok(reader) => reader,
        Err(error) => {
            tracing::error!(%error, "the detectors cannot read the records");
            return;
        }
    };
    let mut told = BTreeSet::new();
    let mut looks = 0_u32;
    while !over.load(Ordering::Acquire) {
        parts.watch.follow(&mut reader, parts.journal.committed());
        if looks.checked_rem(ROUND) == Some(0) {
            round(parts, &mut told);
        }
        looks = looks.wrapping_add(1);
        std::thread::sleep(LOOK);
    }
    parts.watch.follow(&mut reader, parts.journal.committed());
    store(parts);
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
    store(parts);
}

fn store(parts: &Parts) {
    if let Err(error) = parts.watch.store() {
        tracing::error!(%error, "what the detectors know cannot be written down; it is read from the records again after a restart");
    }
}
