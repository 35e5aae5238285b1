//! M20, M24 and M26: what is done about findings, filings and records.

use jiff::civil::Weekday;

use super::ratio::count;
use super::{Ratio, Scope};
use crate::domain::{OrganizationState, Timestamp};
use crate::supervision::detect::{Detector, Evidence, Finding, State};

/// M20. A finding is there for us since it was so and records were kept.
pub(super) fn triaged(scope: &Scope<'_>) -> Ratio {
    let Scope { scene, period, findings, .. } = *scope;
    let seen = |finding: &Finding| finding.first_seen.max(scene.ledger.began.unwrap_or(scene.now));
    let own = findings.iter().filter(|finding| {
        let about = match &finding.organization {
            Some(organization) => scope.is_about(organization),
            None => scope.organization.is_none(),
        };
        about && period.has(seen(finding))
    });
    let due = own.clone().filter(|finding| {
        finding.mark.is_some() || within_a_working_day(seen(finding)) <= scene.now
    });
    let in_state = |state| count(own.clone().filter(|finding| finding.state == state));
    Ratio::of(due, |finding| {
        let mark = finding.mark.as_ref();
        mark.is_some_and(|mark| mark.first < within_a_working_day(seen(finding)))
    })
    .with("待核实", "new", in_state(State::New))
    .with("已确认", "confirmed", in_state(State::Confirmed))
    .with("误报", "false positive", in_state(State::FalsePositive))
    .with("已责令整改", "ordered", in_state(State::Ordered))
}

/// The end of the next working day; Saturdays and Sundays are none.
fn within_a_working_day(time: Timestamp) -> Timestamp {
    let mut day = time.day();
    loop {
        let Ok(next) = day.tomorrow() else { return time };
        day = next;
        if !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
            return day.tomorrow().map_or(time, Timestamp::start_of);
        }
    }
}

/// M24.
pub(super) fn filed(scope: &Scope<'_>) -> Ratio {
    let now = scope.scene.now;
    let live = scope.organizations().filter(|known| known.state == OrganizationState::Live);
    Ratio::of(live, |known| known.stewards.iter().any(|steward| steward.may_decide(now)))
}

/// M26, of the node as a whole; organizations have none of their own.
pub(super) fn unbroken(scope: &Scope<'_>) -> Ratio {
    if scope.organization.is_some() {
        return Ratio::default();
    }
    let segments = scope.scene.ledger.segments;
    let broken = scope
        .findings
        .iter()
        .filter(|finding| {
            finding.detector == Detector::Integrity && finding.subject.id == "records"
        })
        .flat_map(|finding| &finding.evidence)
        .filter(|evidence| matches!(evidence, Evidence::Place { .. }));
    Ratio::new(segments.saturating_sub(count(broken)), segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_working_day_is_over_on_the_next_day_that_is_no_weekend() {
        let due =
            |text: &str| within_a_working_day(Timestamp::parse(text).unwrap()).day().to_string();
        // 2026-11-27 is a Friday.
        assert_eq!(due("2026-11-26T02:00:00Z"), "2026-11-28");
        assert_eq!(due("2026-11-27T02:00:00Z"), "2026-12-01");
        assert_eq!(due("2026-11-29T02:00:00Z"), "2026-12-01");
    }
}
