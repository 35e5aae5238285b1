//! V-16: enumeration. Records hold persons and businesses as keyed hashes only, so what shows is how many
//! different ones an operator asks about, how many questions find nothing, and at what hour.

use super::tally::Key;
use super::{Detector, Finding, Scene};

/// Applications, and operators of theirs, that ask about too many, find too little, or work at night; a
/// finding a day.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let limits = scene.thresholds;
    let tallies = scene.ledger.tallies(Detector::Probing);
    tallies
        .filter_map(|(Key { subject, period, .. }, tally)| {
            let sign = tally.probe.as_ref()?.sign(limits)?;
            let count = tally.count;
            let [chinese, english] = sign.words();
            Some(
                tally
                    .finding(scene, Detector::Probing, subject, period)
                    .by("probe_calls", limits.probe_calls)
                    .by("probe_miss_percent", limits.probe_miss_percent)
                    .by("probe_subjects", limits.probe_subjects)
                    .by("night_subjects", limits.night_subjects)
                    .saying(
                        format!("同一经办人一日内{count}次按人查询：{chinese}。"),
                        format!("{count} questions about persons by one operator: {english}"),
                    ),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::supervision::detect::tests::{Planted, ids};

    #[test]
    fn questions_that_mostly_find_nothing_are_found() {
        let mut city = Planted::new();
        for number in 0..20 {
            city.asked("housing/desk", number, u64::from(number % 2 == 0));
        }

        let found = city.find(super::find);
        assert_eq!(ids(&found), ["V-16 application housing/desk 2026-06-15 op"]);
        assert!(found[0].detail[1].contains("50 %"), "{:?}", found[0].detail);
    }

    #[test]
    fn a_busy_desk_that_finds_whom_it_asks_about_is_not_found() {
        let mut city = Planted::new();
        for number in 0..199 {
            city.asked("housing/desk", number, 1);
        }

        assert!(city.find(super::find).is_empty());
    }

    #[test]
    fn many_different_persons_in_an_hour_are_found_and_at_night_far_fewer() {
        let mut city = Planted::new();
        for number in 0..200 {
            city.asked("housing/desk", number, 1);
        }
        assert_eq!(city.find(super::find).len(), 1);

        let mut night = Planted::new();
        // 23:00 in Asia/Shanghai.
        night.at("2026-06-15T15:00:00Z");
        for number in 0..50 {
            night.asked("housing/desk", number, 1);
        }
        assert_eq!(night.find(super::find).len(), 1);
    }

    #[test]
    fn the_same_person_asked_about_again_and_again_is_one() {
        let mut city = Planted::new();
        for _ in 0..500 {
            city.asked("housing/desk", 7, 1);
        }
        assert!(city.find(super::find).is_empty());
    }
}
