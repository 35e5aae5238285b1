//! The metrics page: counters of the path and figures of the journal, in Prometheus' text format.

use std::time::Duration;

use prometheus::{Encoder as _, Gauge, IntCounter, IntGauge, Registry, TextEncoder};

use super::follow::Lag;
use super::pressure::Pressure;
use crate::domain::Timestamp;
use crate::journal::Journal;

/// Figures of the journal, brought up to date when the page is read.
#[derive(Debug)]
pub struct JournalMetrics {
    events: IntCounter,
    bytes: IntCounter,
    syncs: IntCounter,
    failures: IntCounter,
    finished: IntCounter,
    uncounted: IntCounter,
    pending: IntGauge,
    sync_seconds: Gauge,
    healthy: IntGauge,
    difference: IntGauge,
    pressure: Pressure,
    covered: IntGauge,
    uncovered: IntGauge,
    checkpoint_age: Gauge,
    provable: IntGauge,
}

impl JournalMetrics {
    /// Makes and registers them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let sync_seconds =
            Gauge::new("helan_journal_sync_seconds", "How long the last sync took.")?;
        registry.register(Box::new(sync_seconds.clone()))?;
        let checkpoint_age = Gauge::new(
            "helan_checkpoint_age_seconds",
            "How long ago the latest checkpoint was signed.",
        )?;
        registry.register(Box::new(checkpoint_age.clone()))?;
        Ok(Self {
            events: counter("helan_journal_events_total", "Events made durable.")?,
            bytes: counter("helan_journal_bytes_total", "Bytes of events made durable.")?,
            syncs: counter(
                "helan_journal_syncs_total",
                "Times the disk was asked to make records durable.",
            )?,
            failures: counter("helan_journal_failures_total", "Times the disk refused.")?,
            finished: counter("helan_journal_finished_total", "Calls whose end is on record.")?,
            uncounted: counter(
                "helan_journal_uncounted_total",
                "Answers on record only as a count: no pair could be taken, or there was no request.",
            )?,
            pending: gauge("helan_journal_pending_bytes", "Bytes that wait to be made durable.")?,
            sync_seconds,
            healthy: gauge("helan_journal_healthy", "1 while records can be made durable.")?,
            difference: gauge(
                "helan_records_difference",
                "Answers given minus calls on record; it returns to 0 when the gateway is idle.",
            )?,
            pressure: Pressure::register(registry)?,
            covered: gauge("helan_checkpoint_size", "Events that the latest checkpoint covers.")?,
            uncovered: gauge(
                "helan_records_uncovered",
                "Durable events that no checkpoint covers yet; a second's worth is normal.",
            )?,
            checkpoint_age,
            provable: gauge(
                "helan_records_provable",
                "0 if no further checkpoint is signed, because the records are not those signed before.",
            )?,
        })
    }

    fn update(&self, journal: &Journal, answered: u64, folded: u64, now: Timestamp) {
        let stats = journal.stats();
        raise(&self.events, stats.events);
        raise(&self.bytes, stats.bytes);
        raise(&self.syncs, stats.syncs);
        raise(&self.failures, stats.failures);
        raise(&self.finished, stats.finished);
        raise(&self.uncounted, stats.uncounted);
        self.pending.set(signed(stats.pending));
        self.sync_seconds.set(Duration::from_micros(stats.sync_us).as_secs_f64());
        self.healthy.set(i64::from(stats.healthy));
        self.provable.set(i64::from(journal.is_unprovable().is_none()));
        if let Some(latest) = journal.checkpoint() {
            let size = latest.checkpoint.size;
            self.covered.set(signed(size));
            self.uncovered.set(signed(journal.committed().saturating_sub(size)));
            let age = now.millis().saturating_sub(latest.time.millis()).max(0);
            let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
            self.checkpoint_age.set(age.as_secs_f64());
        }
        self.difference.set(difference(journal, answered, folded));
        self.pressure.update(journal, &stats);
    }
}

/// How far the roll-ups are behind, brought up to date when the page is read.
#[derive(Debug)]
pub struct LagMetrics {
    events: IntGauge,
    seconds: Gauge,
}

impl LagMetrics {
    /// Makes and registers them.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let events = IntGauge::new(
            "helan_supervision_lag_events",
            "Durable events that are not in the roll-ups yet.",
        )?;
        let seconds = Gauge::new(
            "helan_supervision_lag_seconds",
            "How long the roll-ups have been behind the journal; 0 while nothing is missing.",
        )?;
        registry.register(Box::new(events.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self { events, seconds })
    }

    /// Sets them.
    pub fn update(&self, lag: Lag) {
        self.events.set(signed(lag.events));
        let millis = u64::try_from(lag.millis).unwrap_or(0);
        self.seconds.set(Duration::from_millis(millis).as_secs_f64());
    }
}

/// Answers given minus calls on record; it returns to 0 when the gateway is idle.
pub fn difference(journal: &Journal, answered: u64, folded: u64) -> i64 {
    let stats = journal.stats();
    let recorded = stats.finished.saturating_add(stats.uncounted).saturating_add(folded);
    signed(answered).saturating_sub(signed(recorded))
}

fn raise(counter: &IntCounter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The page. `answered` and `folded` are the path's own counts.
pub fn page(
    registry: &Registry,
    metrics: &JournalMetrics,
    journal: &Journal,
    (answered, folded): (u64, u64),
    now: Timestamp,
) -> Result<String, prometheus::Error> {
    metrics.update(journal, answered, folded, now);
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text)?;
    String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
}
