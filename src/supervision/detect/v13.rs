//! V-13: what must be exchanged by interface and is not (§18, I6).

use super::{Detector, Finding, Scene, Subject};
use crate::domain::{EntryState, SharingClass, Timestamp};

/// Realtime entries, and those of parallel approval, that are not offered as an interface.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let entries = scene.sources.entries.values().map(|source| &source.entry);
    entries
        .filter(|entry| entry.state == EntryState::Live && entry.needs_api() && !entry.offers_api())
        .filter(|entry| entry.sharing.class != SharingClass::Withheld)
        .map(|entry| {
            let modes: Vec<_> = entry.sharing.modes.iter().map(|mode| mode.as_str()).collect();
            let modes = modes.join(",");
            let words: Vec<_> = entry.sharing.modes.iter().map(|mode| mode.name()[0]).collect();
            let subject = Subject::new("entry", &entry.id);
            Finding::new(scene, Detector::ApiRequired, subject, modes.clone())
                .of(entry.id.organization())
                .written(scene, &format!("catalog/{}.yaml", entry.id), Timestamp::default())
                .saying(
                    format!(
                        "“{}”变化频繁或用于并联审批，却只以{}方式共享。",
                        entry.name,
                        words.join("、")
                    ),
                    format!("renewed at once or for parallel approval, and shared by {modes} only"),
                )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::domain::{Mode, UpdateCycle};
    use crate::supervision::detect::tests::{Planted, ids};

    #[test]
    fn realtime_data_and_parallel_approval_need_an_interface() {
        let mut city = Planted::new();
        city.entry("tax/payers", |entry| entry.sharing.modes = vec![Mode::File]);
        assert!(city.find(super::find).is_empty(), "a yearly list may be a file");

        city.entry("tax/payers", |entry| entry.update = UpdateCycle::Realtime);
        assert_eq!(ids(&city.find(super::find)), ["V-13 entry tax/payers file"]);

        city.entry("tax/payers", |entry| {
            entry.update = UpdateCycle::Yearly;
            entry.parallel_approval = true;
        });
        assert_eq!(city.find(super::find).len(), 1);

        city.entry("tax/payers", |entry| entry.sharing.modes = vec![Mode::Api, Mode::File]);
        assert!(city.find(super::find).is_empty());
    }
}
