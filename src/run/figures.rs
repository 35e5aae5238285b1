//! What listeners and upstreams count by themselves, brought to the metrics page; and what was answered
//! before a request existed, brought to the journal as well.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::process::Process;
use crate::control::Readiness;
use crate::domain::{Timestamp, Zone};
use crate::gateway::Side;
use crate::gateway::listen::{ListenerShared, Mishap};
use crate::upstream::{self, Fault};

/// Upstreams that get a label of their own; the rest share `other`.
const WIDE: usize = 500;

/// Figures of listeners and upstreams.
#[derive(Debug)]
pub(super) struct Figures {
    listeners: OnceLock<Vec<Arc<ListenerShared>>>,
    /// Mishaps that were brought in already, by listener.
    seen: Mutex<BTreeMap<(SocketAddr, &'static str), u64>>,
    labels: Mutex<BTreeSet<String>>,
    ready: IntGauge,
    process: Process,
    mishaps: IntCounterVec,
    open: IntGaugeVec,
    parked: IntGaugeVec,
    expiry: IntGaugeVec,
    calls: IntCounterVec,
    connects: IntCounterVec,
    reuses: IntCounterVec,
    retries: IntCounterVec,
    failures: IntCounterVec,
    in_flight: IntGaugeVec,
    breaker: IntGaugeVec,
    faults: IntCounterVec,
}

impl Figures {
    /// Makes and registers them.
    pub(super) fn register(registry: &Registry, now: Timestamp) -> Result<Self, prometheus::Error> {
        let ready = node(registry, now)?;
        let upstream = ["upstream"];
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        Ok(Self {
            listeners: OnceLock::new(),
            seen: Mutex::default(),
            labels: Mutex::default(),
            ready,
            process: Process::register(registry)?,
            mishaps: counter(
                "helan_mishaps_total",
                "What went wrong on connections before or between requests.",
                &["zone", "kind"],
            )?,
            open: gauge("helan_connections_open", "Connections open now.", &["zone", "listener"])?,
            parked: gauge(
                "helan_connections_parked",
                "Those among them that wait for a call and hold little memory.",
                &["zone", "listener"],
            )?,
            expiry: gauge(
                "helan_certificate_expiry_timestamp_seconds",
                "When the certificate that a listener shows ends.",
                &["zone", "listener"],
            )?,
            calls: counter("helan_upstream_calls_total", "Calls to be sent.", &upstream)?,
            connects: counter("helan_upstream_connects_total", "Connections opened.", &upstream)?,
            reuses: counter(
                "helan_upstream_reuses_total",
                "Calls that found a connection open.",
                &upstream,
            )?,
            retries: counter("helan_upstream_retries_total", "Calls sent again.", &upstream)?,
            failures: counter("helan_upstream_failures_total", "Calls that failed.", &upstream)?,
            in_flight: gauge("helan_upstream_in_flight", "Calls under way.", &upstream)?,
            breaker: gauge(
                "helan_upstream_breaker_open",
                "1 while an interface is left alone because it failed repeatedly.",
                &upstream,
            )?,
            faults: counter(
                "helan_upstream_faults_total",
                "Calls that failed, by sort, over all interfaces; `queue` waited for a connection in vain.",
                &["fault"],
            )?,
        })
    }

    /// Takes the listeners, once they are bound.
    pub(super) fn watch(&self, listeners: &[Arc<ListenerShared>]) {
        for listener in listeners {
            for mishap in Mishap::ALL {
                // So that a series is there before the first mishap.
                self.mishaps.with_label_values(&[listener.zone.as_str(), mishap.code()]);
            }
        }
        self.listeners.get_or_init(|| listeners.to_vec());
    }

    /// Brings in what went wrong since the last time. What was answered counts as an answer and goes
    /// on record as a count: no record could name a request that never was.
    pub(super) fn bring_in(&self, sides: &BTreeMap<Zone, Arc<Side>>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for listener in self.listeners.get().into_iter().flatten() {
            for (mishap, count) in listener.mishaps.read() {
                let before = seen.insert((listener.address, mishap.code()), count);
                let new = count.saturating_sub(before.unwrap_or(0));
                if new == 0 {
                    continue;
                }
                let zone = listener.zone;
                self.mishaps.with_label_values(&[zone.as_str(), mishap.code()]).inc_by(new);
                if let Some(side) = sides.get(&zone).filter(|_| mishap.is_answered()) {
                    side.recorder.zone_metrics.answered.inc_by(new);
                    side.recorder.journal.uncounted(zone, mishap.code(), new);
                }
            }
        }
    }

    /// Brings gauges and the counts of upstreams up to date.
    pub(super) fn update(&self, upstreams: &upstream::Shared, readiness: &Readiness) {
        self.ready.set(readiness.is_ready().into());
        self.process.update();
        for listener in self.listeners.get().into_iter().flatten() {
            let address = listener.address.to_string();
            let labels = [listener.zone.as_str(), address.as_str()];
            self.open.with_label_values(&labels).set(listener.open().into());
            self.parked.with_label_values(&labels).set(listener.parked().into());
            if let Some(ends) = listener.certificate_ends() {
                self.expiry.with_label_values(&labels).set(ends.div_euclid(1000));
            }
        }
        let mut faults = [0_u64; Fault::ALL.len()];
        for (label, sum) in self.sums(upstreams, &mut faults) {
            let label = [label.as_str()];
            raise(&self.calls.with_label_values(&label), sum.calls);
            raise(&self.connects.with_label_values(&label), sum.connects);
            raise(&self.reuses.with_label_values(&label), sum.reuses);
            raise(&self.retries.with_label_values(&label), sum.retries);
            raise(&self.failures.with_label_values(&label), sum.failures);
            self.in_flight.with_label_values(&label).set(sum.in_flight);
            self.breaker.with_label_values(&label).set(sum.open);
        }
        for (fault, count) in Fault::ALL.iter().zip(faults) {
            raise(&self.faults.with_label_values(&[fault.as_str()]), count);
        }
    }

    /// What was counted, by label.
    fn sums(&self, upstreams: &upstream::Shared, faults: &mut [u64]) -> BTreeMap<String, Sum> {
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
        for figures in upstreams.figures() {
            let mut label = format!("{}/{}", figures.organization, figures.upstream);
            if labels.len() < WIDE {
                labels.insert(label.clone());
            } else if !labels.contains(&label) {
                "other".clone_into(&mut label);
            }
            let sum = sums.entry(label).or_default();
            sum.calls = sum.calls.saturating_add(figures.calls);
            sum.connects = sum.connects.saturating_add(figures.connects);
            sum.reuses = sum.reuses.saturating_add(figures.reuses);
            sum.retries = sum.retries.saturating_add(figures.retries);
            sum.in_flight = sum.in_flight.saturating_add(figures.in_flight.into());
            sum.open = sum.open.saturating_add(figures.open.into());
            for ((_, count), all) in figures.faults.iter().zip(faults.iter_mut()) {
                sum.failures = sum.failures.saturating_add(*count);
                *all = all.saturating_add(*count);
            }
        }
        sums
    }
}

/// What is to be known of the node itself; gives back whether it is ready.
fn node(registry: &Registry, now: Timestamp) -> Result<IntGauge, prometheus::Error> {
    let opts = Opts::new("helan_build_info", "The version that runs.");
    let build = IntGaugeVec::new(opts, &["version"])?;
    build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    registry.register(Box::new(build))?;
    let gauge = |name: &str, help: &str| {
        let gauge = IntGauge::new(name, help)?;
        registry.register(Box::new(gauge.clone()))?;
        Ok::<_, prometheus::Error>(gauge)
    };
    gauge("helan_start_timestamp_seconds", "When the node started.")?
        .set(now.millis().div_euclid(1000));
    gauge("helan_ready", "1 while the node takes calls, 0 while it starts or stops.")
}

/// The figures of one label.
#[derive(Debug, Default)]
struct Sum {
    calls: u64,
    connects: u64,
    reuses: u64,
    retries: u64,
    failures: u64,
    in_flight: i64,
    open: i64,
}

fn raise(counter: &IntCounter, to: u64) {
    counter.inc_by(to.saturating_sub(counter.get()));
}
