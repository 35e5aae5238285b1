//! V-21: what left to the public and looks like personal information.
//!
//! The path looks at the values while they leave through the opening zone and notes how many there were of
//! which kind; never the values. Text that a department wrote with escapes is not looked into, nor is a
//! file with a coding of its own.

use super::tally::Key;
use super::words::listed;
use super::{Detector, Finding, Scene};
use crate::domain::counted;

/// Entries of which the public got such values; a finding a month.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let least = scene.thresholds.personal_values;
    let tallies =
        scene.ledger.tallies(Detector::Personal).filter(|(_, tally)| tally.count >= least);
    tallies
        .map(|(Key { subject, period, .. }, tally)| {
            let (count, [chinese, english]) = (tally.count, listed(&tally.codes()));
            tally
                .finding(scene, Detector::Personal, subject, period)
                .by("personal_values", least)
                .saying(
                    format!("开放数据中有{count}个疑似个人信息的值（{chinese}）。"),
                    format!(
                        "the public got {} that looked personal ({english})",
                        counted(count, "value")
                    ),
                )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::domain::Personal;
    use crate::supervision::detect::tests::{Planted, ids};

    #[test]
    fn values_that_look_personal_are_found_by_their_counts() {
        let mut city = Planted::new();
        city.opened("tax/payers", None);
        assert!(city.find(super::find).is_empty());

        city.opened("tax/payers", Some(Personal { identity: 1, mobile: 2, ..Personal::default() }));
        let found = city.find(super::find);
        assert_eq!(ids(&found), ["V-21 entry tax/payers 2026-06"]);
        assert_eq!(found[0].count, 3);
        assert!(found[0].detail[1].contains("identity, mobile"), "{:?}", found[0].detail);
    }
}
