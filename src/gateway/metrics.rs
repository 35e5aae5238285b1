//! Counters of the path, prepared with the View so that a request only adds to them.
//!
//! Labels come from closed sets, and never both a wide label and another: an entry stands alone, a
//! refusal code stands with its zone.

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

use crate::domain::{EntryId, Timestamp, Zone};
use crate::gateway::refusal::{Blame, meanings};

/// Entries that get a label of their own; the rest share `other`.
const WIDE: usize = 2_000;

/// Every metric of the path.
#[derive(Debug)]
pub struct Metrics {
    requests: IntCounterVec,
    refusals: IntCounterVec,
    faults: IntCounterVec,
    answered: IntCounterVec,
    duration: HistogramVec,
    upstream_duration: HistogramVec,
    bytes: IntCounterVec,
    cache: IntCounterVec,
    entries: IntCounterVec,
    drift: IntCounterVec,
    mask_failures: IntCounterVec,
    folded: IntCounter,
    labels: std::sync::Mutex<Labels>,
    in_flight: IntGaugeVec,
    view_generation: IntGaugeVec,
    view_loaded: IntGaugeVec,
    view_failed: IntGauge,
    policy_problems: IntGauge,
    policy_files: IntGauge,
    policy_warnings: IntGauge,
}

/// Entries with a label of their own, and those without.
#[derive(Debug, Default)]
struct Labels {
    own: std::collections::HashSet<EntryId>,
    folded: std::collections::HashSet<EntryId>,
}

/// Handles of one entry.
#[derive(Clone, Debug)]
pub struct EntryMetrics {
    /// Calls that were answered with data.
    pub answered: IntCounter,
    /// Calls that were refused.
    pub refused: IntCounter,
    /// Calls that broke off.
    pub broken: IntCounter,
    /// Members of answers that are no items of the entry, or of another type.
    pub drift: IntCounter,
    /// Values dropped because their mask could not read them.
    pub mask_failures: IntCounter,
    /// Bytes that left.
    pub bytes: IntCounter,
    /// Seconds until the department's answer began.
    pub upstream: Histogram,
}

/// Handles of one zone.
#[derive(Clone, Debug)]
pub struct ZoneMetrics {
    /// Seconds from the request's head to the end of the answer.
    pub duration: Histogram,
    /// Answers given, of any kind.
    pub answered: IntCounter,
    /// Requests under way.
    pub in_flight: IntGauge,
    /// Answers found in the cache.
    pub hits: IntCounter,
    /// Answers fetched though they could be kept.
    pub misses: IntCounter,
    requests: [IntCounter; 3],
    faults: [IntCounter; 4],
}

/// How a call ended, for counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Data left, whole.
    Answered,
    /// A refusal.
    Refused,
    /// It broke off.
    Broken,
}

impl ZoneMetrics {
    /// Counts a call that was refused or broke off by who has to act.
    pub fn blamed(&self, blame: Blame) {
        let counts = Blame::ALL.iter().zip(&self.faults);
        counts.filter(|(one, _)| **one == blame).for_each(|(_, count)| count.inc());
    }

    /// Counts a call by how it ended.
    pub fn ended(&self, ending: Ending) {
        let [answered, refused, broken] = &self.requests;
        match ending {
            Ending::Answered => answered.inc(),
            Ending::Refused => refused.inc(),
            Ending::Broken => broken.inc(),
        }
    }
}

impl Metrics {
    /// Makes and registers them.
    #[expect(clippy::too_many_lines, reason = "one part after the other, nothing to share")]
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let seconds = vec![
            0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
            5.0, 10.0,
        ];
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let histogram = |name: &str, help: &str, label: &str| {
            let opts = HistogramOpts::new(name, help).buckets(seconds.clone());
            let histogram = HistogramVec::new(opts, &[label])?;
            registry.register(Box::new(histogram.clone()))?;
            Ok::<_, prometheus::Error>(histogram)
        };
        let folded = IntCounter::new(
            "helan_metric_labels_folded_total",
            "Entries counted under `other` because their number is beyond the budget of labels.",
        )?;
        registry.register(Box::new(folded.clone()))?;
        Ok(Self {
            requests: counter(
                "helan_requests_total",
                "Requests by how they ended.",
                &["zone", "outcome"],
            )?,
            refusals: counter("helan_refusals_total", "Refusals by code.", &["zone", "code"])?,
            faults: counter(
                "helan_faults_total",
                "Requests that were refused or broke off, by who has to act.",
                &["zone", "blame"],
            )?,
            answered: counter(
                "helan_answers_total",
                "Answers given, refusals included.",
                &["zone"],
            )?,
            duration: histogram(
                "helan_request_duration_seconds",
                "From the request's head to the end of the answer.",
                "zone",
            )?,
            upstream_duration: histogram(
                "helan_upstream_duration_seconds",
                "Until the department's answer began.",
                "provider",
            )?,
            bytes: counter(
                "helan_response_bytes_total",
                "Bytes of data that left, by who provided them.",
                &["provider"],
            )?,
            cache: counter(
                "helan_cache_requests_total",
                "Requests for entries that are kept, by result.",
                &["zone", "result"],
            )?,
            entries: counter(
                "helan_entry_requests_total",
                "Requests by entry and how they ended.",
                &["entry", "outcome"],
            )?,
            drift: counter(
                "helan_drift_members_total",
                "Members of answers that are no items of the entry, or of another type.",
                &["entry"],
            )?,
            mask_failures: counter(
                "helan_mask_failures_total",
                "Values dropped because their mask could not read them.",
                &["entry"],
            )?,
            folded,
            labels: std::sync::Mutex::default(),
            in_flight: gauges("helan_requests_in_flight", "Requests under way.", &["zone"])?,
            view_generation: gauges(
                "helan_view_generation",
                "Generation of the View in force.",
                &["zone"],
            )?,
            view_loaded: gauges(
                "helan_view_loaded_timestamp_seconds",
                "When the View in force was loaded.",
                &["zone"],
            )?,
            view_failed: gauge(
                "helan_policy_failed",
                "1 while the policies on disk cannot be put in force.",
            )?,
            policy_problems: gauge(
                "helan_policy_problems",
                "Errors in the policies as last read.",
            )?,
            policy_files: gauge(
                "helan_policy_refused_files",
                "Files with errors in the policies as last read.",
            )?,
            policy_warnings: gauge(
                "helan_policy_warnings",
                "Breaches of law and likely mistakes in the policies in force.",
            )?,
        })
    }

    /// The handles of one entry. Both the opening and the sharing zone add to them.
    pub fn entry(&self, id: &EntryId) -> EntryMetrics {
        let label = self.label(id);
        let provider = id.organization();
        let ended = |outcome: &str| self.entries.with_label_values(&[label.as_str(), outcome]);
        EntryMetrics {
            answered: ended("answered"),
            refused: ended("refused"),
            broken: ended("broken"),
            drift: self.drift.with_label_values(&[label.as_str()]),
            mask_failures: self.mask_failures.with_label_values(&[label.as_str()]),
            bytes: self.bytes.with_label_values(&[provider.as_str()]),
            upstream: self.upstream_duration.with_label_values(&[provider.as_str()]),
        }
    }

    /// The handles of one zone. Its refusals stand at 0 from here on, each code: a counter that begins
    /// with its first burst does not grow in the eyes of whoever reads it now and then.
    pub fn zone(&self, zone: Zone) -> ZoneMetrics {
        let zone = zone.as_str();
        for refusal in meanings() {
            drop(self.refusals.with_label_values(&[zone, refusal.code]));
        }
        let ended = |outcome: &str| self.requests.with_label_values(&[zone, outcome]);
        ZoneMetrics {
            duration: self.duration.with_label_values(&[zone]),
            answered: self.answered.with_label_values(&[zone]),
            in_flight: self.in_flight.with_label_values(&[zone]),
            hits: self.cache.with_label_values(&[zone, "hit"]),
            misses: self.cache.with_label_values(&[zone, "miss"]),
            requests: [ended("answered"), ended("refused"), ended("broken")],
            faults: Blame::ALL.map(|blame| self.faults.with_label_values(&[zone, blame.as_str()])),
        }
    }

    /// Counts a refusal. Refusals are rarer than answers, so this may look a label up.
    pub fn refused(&self, zone: Zone, code: &'static str) {
        self.refusals.with_label_values(&[zone.as_str(), code]).inc();
    }

    /// Notes which View is in force.
    pub fn view_in_force(&self, zone: Zone, generation: u64, now: Timestamp) {
        let zone = [zone.as_str()];
        let generation = i64::try_from(generation).unwrap_or(i64::MAX);
        self.view_generation.with_label_values(&zone).set(generation);
        self.view_loaded.with_label_values(&zone).set(now.millis().div_euclid(1000));
    }

    /// Notes that the policies on disk cannot be put in force, for so many errors in so many files.
    pub fn policies_refused(&self, errors: usize, files: usize) {
        self.view_failed.set(1);
        self.policy_problems.set(i64::try_from(errors).unwrap_or(i64::MAX));
        self.policy_files.set(i64::try_from(files).unwrap_or(i64::MAX));
    }

    /// Notes how many warnings there are about what is in force.
    pub fn policies_warn(&self, warnings: usize) {
        self.policy_warnings.set(i64::try_from(warnings).unwrap_or(i64::MAX));
    }

    /// Notes that what is on disk is in force.
    pub fn policies_in_force(&self) {
        self.view_failed.set(0);
        self.policy_problems.set(0);
        self.policy_files.set(0);
    }

    /// The label an entry is counted under: its own while there is room.
    fn label(&self, id: &EntryId) -> String {
        let mut labels = self.labels.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if labels.own.contains(id) {
            return id.to_string();
        }
        if labels.own.len() < WIDE {
            labels.own.insert(id.clone());
            return id.to_string();
        }
        // Each entry once, however many Views hold it.
        if labels.folded.insert(id.clone()) {
            self.folded.inc();
        }
        "other".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_a_refusal_stands_at_0_in_its_zone_and_none_is_added_later() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        let codes: std::collections::BTreeSet<_> = meanings().map(|one| one.code).collect();

        for zone in [Zone::Opening, Zone::Sharing] {
            metrics.zone(zone);
        }
        for code in &codes {
            metrics.refused(Zone::Sharing, code);
        }

        let families = registry.gather();
        let refusals = families.iter().find(|family| family.name() == "helan_refusals_total");
        let values: Vec<_> = refusals
            .unwrap()
            .get_metric()
            .iter()
            .map(|one| one.get_counter().get_value())
            .collect();
        assert_eq!(values.len(), 2 * codes.len());
        let called = values.iter().filter(|value| **value > 0.0).count();
        assert_eq!(called, codes.len());
    }
}
