//! V-14: an application that keeps asking for what it was not granted.

use super::tally::Key;
use super::words::listed;
use super::{Detector, Finding, Scene};
use crate::domain::counted;

/// The codes of refusals that count: the call went beyond a grant, or there is none.
pub(super) const CODES: [&str; 15] = [
    "no-grant",
    "withheld",
    "item-withheld",
    "item-conditional",
    "item-not-granted",
    "purpose-not-granted",
    "matter-not-granted",
    "mode-not-granted",
    "application-not-granted",
    "out-of-scope",
    "grant-suspended",
    "grant-terminated",
    "grant-lapsed",
    "grant-pending",
    "grant-not-started",
];

/// Applications with so many such refusals within an hour; a finding a day.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let least = scene.thresholds.over_grant_calls;
    let tallies = scene.ledger.tallies(Detector::OverGrant);
    tallies
        .filter(|(_, tally)| tally.busiest_hour() >= least)
        .map(|(Key { subject, period, .. }, tally)| {
            let (count, [chinese, english]) = (tally.count, listed(&tally.codes()));
            tally
                .finding(scene, Detector::OverGrant, subject, period)
                .by("over_grant_calls", least)
                .saying(
                    format!("一日内{count}次超出授权的调用被拒绝（{chinese}）。"),
                    format!(
                        "{} beyond any grant refused that day ({english})",
                        counted(count, "call")
                    ),
                )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::supervision::detect::tests::{Planted, ids};

    #[test]
    fn ten_refusals_within_an_hour_are_found_and_nine_are_not() {
        let mut city = Planted::new();
        for _ in 0..9 {
            city.refused("housing/desk", "tax/payers", "item-not-granted");
        }
        city.at("2026-06-15T04:00:00Z");
        city.refused("housing/desk", "tax/payers", "purpose-not-granted");
        assert!(city.find(super::find).is_empty(), "they are in two hours");

        for _ in 0..9 {
            city.refused("housing/desk", "tax/payers", "no-grant");
        }
        let found = city.find(super::find);
        assert_eq!(ids(&found), ["V-14 application housing/desk 2026-06-15"]);
        assert_eq!(found[0].count, 19);
        assert_eq!(found[0].organization.as_ref().unwrap().as_str(), "housing");
    }

    #[test]
    fn what_is_no_attempt_beyond_a_grant_does_not_count() {
        let mut city = Planted::new();
        for _ in 0..50 {
            city.refused("housing/desk", "tax/payers", "entry-rate");
        }
        assert!(city.find(super::find).is_empty());
    }
}
