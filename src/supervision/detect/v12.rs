//! V-12: answers that differ from their description.

use super::tally::Key;
use super::{Detector, Finding, Scene};

/// Entries whose answers held members that the catalog does not describe, or of another type, or could not
/// be shaped at all; a finding a month.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let least = scene.thresholds.drift_members;
    let tallies = scene.ledger.tallies(Detector::Drift).filter(|(_, tally)| tally.count >= least);
    tallies
        .map(|(Key { subject, period, .. }, tally)| {
            let count = tally.count;
            tally
                .finding(scene, Detector::Drift, subject, period)
                .by("drift_members", least)
                .saying(
                    format!("接口应答中有{count}处字段未在目录中描述或类型不符，均未放行。"),
                    format!("{count} members undescribed or of another type; none of them left"),
                )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::supervision::detect::tests::{Planted, ids};

    #[test]
    fn drift_is_found_once_a_month_with_the_records_that_show_it() {
        let mut city = Planted::new();
        city.answered("tax/payers", |_| {});
        assert!(city.find(super::find).is_empty());

        city.answered("tax/payers", |end| end.drift = 2);
        city.answered("tax/payers", |end| end.drift = 1);
        let found = city.find(super::find);
        assert_eq!(ids(&found), ["V-12 entry tax/payers 2026-06"]);
        assert_eq!((found[0].count, found[0].evidence.len()), (3, 2));
    }

    #[test]
    fn an_answer_that_cannot_be_shaped_counts_too() {
        let mut city = Planted::new();
        city.answered("tax/payers", |end| end.outcome = "answer-not-shaped".into());

        assert_eq!(ids(&city.find(super::find)), ["V-12 entry tax/payers 2026-06"]);
    }
}
