//! V-08: withheld on a basis that the rules do not accept, or without a reason (I1).

use super::{Detector, Finding, Scene, Subject};
use crate::domain::{EntryState, Timestamp};

/// Withheld entries without a valid basis and reason.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let entries = scene.sources.entries.values().map(|source| &source.entry);
    entries
        .filter(|entry| entry.state == EntryState::Live && entry.withholds())
        .filter(|entry| !(scene.profile.lets_withhold(entry) && entry.says_why()))
        .map(|entry| {
            let ranks: Vec<_> =
                entry.sharing.basis.iter().map(|basis| basis.rank.as_str()).collect();
            let ranks = ranks.join(",");
            let words: Vec<_> = entry.sharing.basis.iter().map(|basis| basis.rank.name()).collect();
            let chinese: Vec<_> = words.iter().map(|[chinese, _]| *chinese).collect();
            let english: Vec<_> = words.iter().map(|[_, english]| *english).collect();
            let chinese = if chinese.is_empty() { "无".to_owned() } else { chinese.join("、") };
            let why = if entry.says_why() { "" } else { " without reason" };
            let subject = Subject::new("entry", &entry.id);
            let law = scene.law();
            Finding::new(scene, Detector::Withheld, subject, format!("{law}: {ranks}{why}"))
                .of(entry.id.organization())
                .written(scene, &format!("catalog/{}.yaml", entry.id), Timestamp::default())
                .saying(
                    format!(
                        "“{}”不予共享，所列依据（{chinese}）或理由不符合现行规则。",
                        entry.name
                    ),
                    format!(
                        "withheld on a basis of rank {}{why}, which {law} does not accept",
                        english.join(", ")
                    ),
                )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::domain::{Rank, SharingClass};
    use crate::supervision::detect::tests::{Planted, ids};

    #[test]
    fn the_rank_that_withholding_may_rest_on_is_the_profiles() {
        let mut city = Planted::new();
        city.entry("tax/payers", |entry| {
            entry.sharing.class = SharingClass::Withheld;
            entry.sharing.reason = Some("税收秘密".to_owned());
            entry.sharing.basis = vec![Planted::basis(Rank::LocalRule)];
        });

        assert!(city.find(super::find).is_empty());
        city.under_order_809();
        let found = city.find(super::find);
        assert_eq!(ids(&found), ["V-08 entry tax/payers sc-809-2025: local-rule"]);
        assert_eq!(found[0].articles, ["sc-809-2025 §15", "sc-809-2025 §39"]);
    }

    #[test]
    fn withholding_needs_a_reason() {
        let mut city = Planted::new();
        city.entry("tax/payers", |entry| {
            entry.sharing.class = SharingClass::Withheld;
            entry.sharing.basis = vec![Planted::basis(Rank::Law)];
        });

        let expected = ["V-08 entry tax/payers yc-2018: law without reason"];
        assert_eq!(ids(&city.find(super::find)), expected);
    }
}
