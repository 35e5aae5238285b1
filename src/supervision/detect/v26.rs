//! V-26: records that cannot be read, are missing, or tell of a clock that stepped back.

use super::tally::Key;
use super::words::listed;
use super::{Detector, Finding, Scene};

/// Breaks in the records; a finding a day and kind.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let tallies = scene.ledger.tallies(Detector::Integrity);
    tallies
        .map(|(Key { subject, period, .. }, tally)| {
            let [chinese, english] = listed(&tally.codes());
            let count = tally.count;
            tally
                .finding(scene, Detector::Integrity, subject, period)
                .by("clock_ms", scene.thresholds.clock_ms)
                .saying(
                    format!("访问记录有{count}处异常（{chinese}），须核查并留存证据。"),
                    format!(
                        "{count} breaks in the records ({english}): keep a copy and look into it"
                    ),
                )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::journal::{Break, Event, ReadError, Recovered};
    use crate::supervision::detect::tests::{Planted, ids};

    #[test]
    fn what_cannot_be_read_is_found_and_a_whole_folder_is_not() {
        let mut city = Planted::new();
        city.answered("tax/payers", |_| {});
        assert!(city.find(super::find).is_empty());

        city.complain(&ReadError::Gap { segment: "s".to_owned(), expected: 5, found: 7 });
        city.complain(&ReadError::Damaged { segment: "s".to_owned(), offset: 512 });
        let found = city.find(super::find);
        assert_eq!(ids(&found), ["V-26 node records 2026-06-15"]);
        assert!(
            found[0].detail[1].contains("2 breaks in the records (gap, unreadable)"),
            "{found:?}"
        );
    }

    #[test]
    fn a_crash_is_no_breach_but_a_confirmed_record_that_is_gone_is() {
        let recovered = |damaged: &[&str]| Recovered {
            time: Planted::new().now(),
            cause: Break::Crash,
            segment: None,
            cut_bytes: 100,
            abandoned: 1,
            damaged: damaged.iter().map(|place| (*place).to_owned()).collect(),
            unfinished: Vec::new(),
            error: None,
        };
        let mut city = Planted::new();
        city.take(&Event::Recovered(recovered(&[])));
        assert!(city.find(super::find).is_empty());

        city.take(&Event::Recovered(recovered(&["a.log:4096"])));
        assert_eq!(city.find(super::find).len(), 1);
    }

    #[test]
    fn time_that_runs_back_is_found_beyond_its_bound() {
        let mut city = Planted::new();
        city.answered("tax/payers", |_| {});
        city.at("2026-06-15T01:59:55Z");
        city.answered("tax/payers", |_| {});
        assert!(city.find(super::find).is_empty(), "five seconds are borne");

        city.at("2026-06-15T01:59:54Z");
        city.answered("tax/payers", |_| {});
        assert_eq!(ids(&city.find(super::find)), ["V-26 node clock 2026-06-15"]);
    }
}
