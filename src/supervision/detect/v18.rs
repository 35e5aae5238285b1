//! V-18: grants that nobody uses, that run too long, or that name items nobody needs.

use super::{Detector, Finding, Scene, Subject};
use crate::domain::{Grant, GrantState, Thresholds, Timestamp, counted};

/// Active grants that are idle, over-long or over-wide; a finding for each of these.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let grants = scene.sources.grants.values();
    grants
        .filter(|grant| grant.state == GrantState::Active && grant.term.contains(scene.now))
        .flat_map(|grant| [idle(scene, grant), long(scene, grant), wide(scene, grant)])
        .flatten()
        .collect()
}

fn found(scene: &Scene<'_>, grant: &Grant, cause: String, since: Timestamp) -> Finding {
    let subject = Subject::new("grant", &grant.id);
    Finding::new(scene, Detector::Hygiene, subject, cause).of(grant.consumer.clone()).written(
        scene,
        &format!("grants/{}.yaml", grant.id),
        since,
    )
}

/// No call for so many days. What was before the first record is not known, and not held against it.
fn idle(scene: &Scene<'_>, grant: &Grant) -> Option<Finding> {
    let facts = scene.ledger.grants.get(&grant.id);
    let known = grant.term.from.max(scene.ledger.began?);
    let last = facts.map_or(known, |facts| facts.last.max(known));
    let due = last.plus_millis(Thresholds::days(scene.thresholds.idle_days));
    (due <= scene.now).then(|| {
        let day = last.day();
        let mut finding = found(scene, grant, format!("idle since {day}"), due)
            .by("idle_days", scene.thresholds.idle_days)
            .saying(format!("自{day}起未发生调用。"), format!("no call since {day}"));
        finding.first_seen = due;
        finding
    })
}

fn long(scene: &Scene<'_>, grant: &Grant) -> Option<Finding> {
    let days = scene.thresholds.longest_days;
    let term = grant.term;
    (!grant.runs_at_most(days)).then(|| {
        let until = term.until.plus_millis(-1).day();
        found(scene, grant, format!("until {until}"), term.from).by("longest_days", days).saying(
            format!("授权期限自{}至{until}，超过{days}日。", term.from.day()),
            format!("its term runs from {} to {until}: over {days} days", term.from.day()),
        )
    })
}

fn wide(scene: &Scene<'_>, grant: &Grant) -> Option<Finding> {
    let least = scene.thresholds.unused_calls;
    let facts = scene.ledger.grants.get(&grant.id).filter(|facts| facts.telling >= least)?;
    let unused: Vec<_> = grant
        .items
        .iter()
        .filter(|item| !facts.items.contains(*item))
        .map(crate::domain::ItemName::as_str)
        .collect();
    (!unused.is_empty()).then(|| {
        let items = unused.join(",");
        let mut finding = found(scene, grant, format!("unused {items}"), facts.first)
            .by("unused_calls", least)
            .saying(
                format!("{}次有结果的调用从未用到信息项：{items}。", facts.telling),
                format!(
                    "{} with an answer, and never any of {items}",
                    counted(facts.telling, "call")
                ),
            );
        finding.count = u64::try_from(unused.len()).unwrap_or(u64::MAX);
        finding
    })
}

#[cfg(test)]
mod tests {
    use crate::domain::{Term, Timestamp};
    use crate::supervision::detect::tests::{Planted, ids};

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_grant_is_idle_after_ninety_days_on_record_without_a_call() {
        let mut city = Planted::new();
        city.at("2026-03-10T00:00:00Z");
        city.answered("tax/payers", |_| {});
        assert!(city.find(super::find).is_empty());

        city.at("2026-06-07T23:59:59Z");
        assert!(city.find(super::find).is_empty());
        city.at("2026-06-08T00:00:00Z");
        assert_eq!(ids(&city.find(super::find)), ["V-18 grant g-1 idle since 2026-03-10"]);
    }

    #[test]
    fn what_was_before_the_first_record_is_not_held_against_a_grant() {
        let mut city = Planted::new();
        city.refused("housing/desk", "tax/payers", "no-grant");

        assert!(city.find(super::find).is_empty(), "records began only now");
    }

    #[test]
    fn a_term_of_more_than_two_years_is_found() {
        let mut city = Planted::new();
        let from = moment("2025-12-31T16:00:00Z");
        city.grant(|grant| grant.term = Term { from, until: moment("2028-01-01T16:00:00Z") });
        assert!(city.find(super::find).is_empty(), "731 days");

        city.grant(|grant| grant.term = Term { from, until: moment("2028-01-02T16:00:00Z") });
        assert_eq!(ids(&city.find(super::find)), ["V-18 grant g-1 until 2028-01-02"]);
    }

    #[test]
    fn calls_without_an_answer_do_not_tell_which_items_are_needed() {
        let mut city = Planted::new();
        for _ in 0..50 {
            city.answered("tax/payers", |_| {});
        }
        assert!(city.find(super::find).is_empty());
    }

    #[test]
    fn items_that_never_left_in_many_calls_are_not_needed() {
        let mut city = Planted::new();
        for _ in 0..20 {
            city.answered("tax/payers", |end| end.items = [Planted::item("id_no")].into());
        }

        for _ in 0..50 {
            city.answered("tax/payers", |_| {});
        }

        let found = city.find(super::find);
        assert_eq!(ids(&found), ["V-18 grant g-1 unused debt"]);
        assert_eq!(found[0].count, 1);
    }
}
