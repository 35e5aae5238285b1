//! Findings and the freshness of entries, for the metrics page.

use std::collections::BTreeMap;

use prometheus::{IntGaugeVec, Opts, Registry};

use super::detect::{Detector, Finding, Scene, State};

/// Entries that get series of their own.
const WIDE: usize = 500;

/// Gauges of what supervision sees.
#[derive(Debug)]
pub struct SupervisionGauges {
    findings: IntGaugeVec,
    stale: IntGaugeVec,
    age: IntGaugeVec,
}

impl SupervisionGauges {
    /// Makes and registers them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        Ok(Self {
            findings: gauge(
                "helan_findings",
                "Findings of the detectors, by what people made of them.",
                &["detector", "state"],
            )?,
            stale: gauge(
                "helan_entry_stale",
                "1 if the last call that told showed data older than the update cycle allows.",
                &["entry"],
            )?,
            age: gauge(
                "helan_entry_age_seconds",
                "Age of the newest data that a call showed.",
                &["entry"],
            )?,
        })
    }

    /// Brings them up to date.
    pub fn update(&self, scene: &Scene<'_>, findings: &[Finding]) {
        let mut counts: BTreeMap<(Detector, State), i64> = BTreeMap::new();
        for finding in findings {
            let count = counts.entry((finding.detector, finding.state)).or_default();
            *count = count.saturating_add(1);
        }
        for detector in Detector::ALL {
            for state in State::ALL {
                let count = counts.get(&(*detector, state)).copied().unwrap_or(0);
                self.findings.with_label_values(&[detector.id(), state.as_str()]).set(count);
            }
        }
        self.stale.reset();
        self.age.reset();
        let entries = scene.sources.entries.values().map(|source| &source.entry);
        let known = entries.filter_map(|entry| {
            let beat = scene.ledger.entries.get(&entry.id)?.heartbeat()?;
            Some((entry, beat))
        });
        for (entry, beat) in known.take(WIDE) {
            let due = scene.thresholds.stale_from(entry.update, beat.data);
            let is_stale = due.is_some_and(|due| due <= beat.seen);
            let age = scene.now.millis().saturating_sub(beat.data.millis()).div_euclid(1000);
            self.stale.with_label_values(&[entry.id.as_str()]).set(is_stale.into());
            self.age.with_label_values(&[entry.id.as_str()]).set(age);
        }
    }
}
