//! How hard the journal is pressed: what waits, how old the last sync is, what is left of budgets and
//! of the disk.

use std::time::Duration;

use prometheus::{Gauge, GaugeVec, IntGauge, Opts, Registry};

use crate::journal::{Journal, Stats};

/// Figures that say that calls will be refused soon, while they are still answered.
#[derive(Debug)]
pub(super) struct Pressure {
    waiting: IntGauge,
    sync_age: Gauge,
    budget: GaugeVec,
    disk_free: IntGauge,
    disk_size: IntGauge,
    disk_floor: IntGauge,
}

impl Pressure {
    /// Makes and registers them.
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let sync_age = Gauge::new(
            "helan_journal_sync_age_seconds",
            "Since records were last made durable; it grows while there is nothing to record.",
        )?;
        registry.register(Box::new(sync_age.clone()))?;
        let budget = GaugeVec::new(
            Opts::new(
                "helan_journal_budget_used_ratio",
                "How much of a zone's budget is used: bytes that wait, and bytes a second over a minute. At 1 its calls are refused.",
            ),
            &["zone", "budget"],
        )?;
        registry.register(Box::new(budget.clone()))?;
        Ok(Self {
            waiting: gauge(
                "helan_journal_waiting_events",
                "Events handed over and not yet durable.",
            )?,
            sync_age,
            budget,
            disk_free: gauge(
                "helan_records_disk_free_bytes",
                "Bytes that the disk of the records can still take.",
            )?,
            disk_size: gauge("helan_records_disk_size_bytes", "Size of the disk of the records.")?,
            disk_floor: gauge(
                "helan_records_disk_floor_bytes",
                "Calls are refused while less than this is free on the disk of the records.",
            )?,
        })
    }

    /// Brings them up to date.
    pub(super) fn update(&self, journal: &Journal, stats: &Stats) {
        self.waiting.set(signed(stats.waiting));
        self.sync_age.set(Duration::from_millis(stats.sync_age_ms).as_secs_f64());
        self.disk_free.set(signed(stats.disk.free));
        self.disk_size.set(signed(stats.disk.size));
        self.disk_floor.set(signed(stats.disk.floor));
        for used in journal.budgets() {
            let zone = used.zone.as_str();
            for (budget, permille) in [("pending", used.pending), ("rate", used.rate)] {
                let ratio = f64::from(permille) / 1000.0;
                self.budget.with_label_values(&[zone, budget]).set(ratio);
            }
        }
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
