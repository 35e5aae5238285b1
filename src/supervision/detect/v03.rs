//! V-03: published, but nothing mounted.

use super::{Detector, Finding, Scene, Subject};
use crate::domain::{EntryState, SharingClass, Thresholds, Timestamp};

/// Entries that are to be shared and cannot be called, some time after they were published.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let days = scene.thresholds.mount_days;
    let entries = scene.sources.entries.values().map(|source| &source.entry);
    entries
        .filter(|entry| entry.state == EntryState::Live && entry.interface.is_none())
        .filter(|entry| entry.sharing.class != SharingClass::Withheld)
        .filter_map(|entry| {
            let due = Timestamp::start_of(entry.published).plus_millis(Thresholds::days(days));
            let id = &entry.id;
            let subject = Subject::new("entry", id);
            (due <= scene.now).then(|| {
                Finding::new(scene, Detector::Unmounted, subject, entry.published.to_string())
                    .by("mount_days", days)
                    .of(id.organization())
                    .written(scene, &format!("catalog/{id}.yaml"), due)
                    .saying(
                        format!(
                            "“{}”发布于{}，至今未挂接接口或文件。",
                            entry.name, entry.published
                        ),
                        format!("published on {}, and cannot be called", entry.published),
                    )
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::supervision::detect::tests::{Planted, ids};

    #[test]
    fn an_entry_without_an_interface_is_found_when_its_time_is_over() {
        let mut city = Planted::new();
        assert_eq!(ids(&city.find(super::find)), Vec::<String>::new());

        city.entry("tax/payers", |entry| entry.interface = None);
        assert_eq!(ids(&city.find(super::find)), ["V-03 entry tax/payers 2026-01-05"]);
        let found = &city.find(super::find)[0];
        assert_eq!(found.first_seen.to_string(), "2026-02-01T16:00:00.000Z");

        city.at("2026-02-01T15:59:59Z");
        assert!(city.find(super::find).is_empty());
    }
}
