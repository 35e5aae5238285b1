//! V-19: sensitive items granted without an agreement that covers them now, or for much longer (I3).

use super::{Detector, Finding, Scene, Severity, Subject};
use crate::domain::{Agreement, AgreementState, Grant, GrantState, Thresholds, Timestamp};

/// Active grants of sensitive items whose agreement is missing, not in force, too narrow or about to end.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let grants = scene.sources.grants.values();
    grants
        .filter(|grant| grant.state == GrantState::Active && grant.term.contains(scene.now))
        .filter_map(|grant| {
            let source = scene.sources.entries.get(&grant.entry)?;
            let sensitive: Vec<_> = grant.sensitive_items(&source.entry).collect();
            if sensitive.is_empty() {
                return None;
            }
            let agreement =
                grant.agreement.as_ref().and_then(|id| scene.sources.agreements.get(id));
            let gap = gap(scene, grant, agreement.map(AsRef::as_ref), &sensitive)?;
            Some(gap.finding(scene, grant))
        })
        .collect()
}

/// What is wrong with the agreement of a grant.
struct Gap {
    cause: String,
    since: Timestamp,
    severity: Severity,
    detail: [String; 2],
}

fn gap(
    scene: &Scene<'_>,
    grant: &Grant,
    agreement: Option<&Agreement>,
    sensitive: &[&crate::domain::ItemName],
) -> Option<Gap> {
    let severe = |cause: String, since, chinese: &str, english: &str| Gap {
        cause,
        since,
        severity: Detector::Agreement.severity(),
        detail: [chinese.to_owned(), english.to_owned()],
    };
    let Some(agreement) = agreement else {
        let words = ["授权敏感信息项，未签订安全保密协议。", "sensitive items, and no agreement"];
        return Some(severe("missing".to_owned(), grant.term.from, words[0], words[1]));
    };
    let id = &agreement.id;
    if agreement.state != AgreementState::Effective {
        let words = ["所附安全保密协议未生效或已终止。", "the agreement is not in force"];
        return Some(severe(format!("{id} not effective"), grant.term.from, words[0], words[1]));
    }
    if !agreement.term.contains(scene.now) {
        let since =
            if agreement.term.until <= scene.now { agreement.term.until } else { grant.term.from };
        let words = ["安全保密协议不在有效期内。", "the agreement's term does not hold now"];
        return Some(severe(format!("{id} out of term"), since, words[0], words[1]));
    }
    let uncovered: Vec<_> = sensitive
        .iter()
        .filter(|item| !agreement.items.contains(item))
        .map(|item| item.as_str())
        .collect();
    if !uncovered.is_empty() {
        let items = uncovered.join(",");
        let chinese = format!("安全保密协议未覆盖：{items}。");
        let english = format!("the agreement does not cover {items}");
        return Some(severe(format!("{id} without {items}"), grant.term.from, &chinese, &english));
    }
    if !agreement.term.covers(&grant.term) {
        let words = ["安全保密协议期限短于授权期限。", "the agreement ends before the grant"];
        let gap = severe(format!("{id} shorter"), grant.term.from, words[0], words[1]);
        return Some(Gap { severity: Severity::Medium, ..gap });
    }
    let notice = Thresholds::days(scene.thresholds.agreement_days);
    let from = agreement.term.until.plus_millis(notice.saturating_neg());
    let last = agreement.term.until.plus_millis(-1).day();
    (scene.now >= from).then(|| Gap {
        cause: format!("{id} ends {last}"),
        since: from,
        severity: Severity::Medium,
        detail: [format!("安全保密协议将于{last}到期。"), format!("the agreement ends on {last}")],
    })
}

impl Gap {
    fn finding(self, scene: &Scene<'_>, grant: &Grant) -> Finding {
        let subject = Subject::new("grant", &grant.id);
        let [chinese, english] = self.detail;
        let finding = Finding::new(scene, Detector::Agreement, subject, self.cause)
            .by("agreement_days", scene.thresholds.agreement_days)
            .of(grant.entry.organization())
            .written(scene, &format!("grants/{}.yaml", grant.id), self.since)
            .saying(chinese, english);
        Finding { severity: self.severity, ..finding }
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::AgreementState;
    use crate::supervision::detect::Severity;
    use crate::supervision::detect::tests::{Planted, ids};

    #[test]
    fn sensitive_items_need_an_agreement_in_force_that_covers_them() {
        let mut city = Planted::new();
        assert!(city.find(super::find).is_empty());

        city.agreement(|agreement| agreement.state = AgreementState::Terminated);
        assert_eq!(ids(&city.find(super::find)), ["V-19 grant g-1 a-1 not effective"]);
        city.agreement(|agreement| {
            agreement.state = AgreementState::Effective;
            agreement.items = vec![Planted::item("debt")];
        });
        assert_eq!(ids(&city.find(super::find)), ["V-19 grant g-1 a-1 without id_no"]);
        city.grant(|grant| grant.agreement = None);
        assert_eq!(ids(&city.find(super::find)), ["V-19 grant g-1 missing"]);

        city.grant(|grant| grant.items = vec![Planted::item("debt")]);
        assert!(city.find(super::find).is_empty(), "nothing sensitive is granted");
    }

    #[test]
    fn an_agreement_about_to_end_is_a_warning() {
        let mut city = Planted::new();
        // The agreement ends with 2026-12-31.
        city.at("2026-12-01T15:59:59Z");
        assert!(city.find(super::find).is_empty());

        city.at("2026-12-01T16:00:00Z");
        let found = city.find(super::find);
        assert_eq!(ids(&found), ["V-19 grant g-1 a-1 ends 2026-12-31"]);
        assert_eq!(found[0].severity, Severity::Medium);
    }
}
