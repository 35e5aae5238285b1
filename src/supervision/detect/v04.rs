//! V-04: data older than its update cycle allows.
//!
//! The heartbeat of an entry is the newest value of its timestamp item among all rows that left, else the
//! newest `Last-Modified` of the department; both come from records. An entry is judged by the last call
//! that told: data that nobody asked for since may have been renewed, for no probe asks by itself.

use super::facts::Heartbeat;
use super::{Detector, Evidence, Finding, Scene, Subject};
use crate::domain::EntryState;

/// Live entries whose newest data is older than cycle and grace.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let entries = scene.sources.entries.values().map(|source| &source.entry);
    entries
        .filter(|entry| entry.state == EntryState::Live)
        .filter_map(|entry| {
            let Heartbeat { data, seen, seq } = scene.ledger.entries.get(&entry.id)?.heartbeat()?;
            let due = scene.thresholds.stale_from(entry.update, data)?;
            if seen < due {
                return None;
            }
            let grace = scene.thresholds.grace(entry.update)?;
            let late = seen.millis().saturating_sub(due.millis());
            let days = u64::try_from(late.div_euclid(86_400_000)).unwrap_or(0).max(1);
            let subject = Subject::new("entry", &entry.id);
            let mut finding = Finding::new(scene, Detector::Stale, subject, data.day().to_string())
                .by("grace_seconds", u64::try_from(grace.div_euclid(1000)).unwrap_or(0))
                .of(entry.id.organization())
                .saying(
                    format!(
                        "“{}”最新数据时间{}，最近一次调用时已超过更新周期{days}日。",
                        entry.name,
                        data.day()
                    ),
                    format!(
                        "the newest data is of {data}, and was due for renewal by {due}; days overdue when last seen: {days}"
                    ),
                );
            finding.first_seen = due;
            finding.last_seen = seen;
            finding.count = days;
            finding.evidence.push(Evidence::Record { seq, transaction: None });
            Some(finding)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::domain::{Timestamp, UpdateCycle};
    use crate::supervision::detect::tests::{Planted, ids};

    #[test]
    fn data_is_stale_from_the_end_of_its_grace_and_not_before() {
        let mut city = Planted::new();
        city.entry("tax/payers", |entry| entry.update = UpdateCycle::Daily);
        let data = Timestamp::parse("2026-06-13T14:00:00Z").ok();

        // 36 hours later is 2026-06-15T02:00:00Z.
        city.at("2026-06-15T01:59:59.999Z");
        city.answered("tax/payers", |end| end.newest = data);
        assert!(city.find(super::find).is_empty());
        city.at("2026-06-15T02:00:00Z");
        assert!(city.find(super::find).is_empty(), "nobody asked since");
        city.answered("tax/payers", |end| end.newest = data);
        assert_eq!(ids(&city.find(super::find)), ["V-04 entry tax/payers 2026-06-13"]);
    }

    #[test]
    fn an_old_page_of_an_entry_does_not_make_it_stale() {
        let mut city = Planted::new();
        city.entry("tax/payers", |entry| entry.update = UpdateCycle::Daily);
        for newest in ["2026-06-15T01:00:00Z", "2025-01-01T00:00:00Z"] {
            city.answered("tax/payers", |end| end.newest = Timestamp::parse(newest).ok());
        }

        assert!(city.find(super::find).is_empty());
    }

    #[test]
    fn what_tells_no_time_is_not_judged() {
        let mut city = Planted::new();
        city.answered("tax/payers", |_| {});

        assert!(city.find(super::find).is_empty());
    }
}
