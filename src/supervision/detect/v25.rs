//! V-25: the filing of a data steward has lapsed (§27).

use std::collections::BTreeSet;

use super::{Detector, Finding, Scene, Severity, Subject};
use crate::domain::{EntryId, Organization, OrganizationState, Timestamp};

/// Organizations with a steward whose filing is over or was never made; graver where none is left to decide
/// for a provider.
pub(super) fn find(scene: &Scene<'_>) -> Vec<Finding> {
    let providers: BTreeSet<_> = scene.sources.entries.keys().map(EntryId::organization).collect();
    let organizations = scene.sources.organizations.values();
    organizations
        .filter(|organization| organization.state == OrganizationState::Live)
        .flat_map(|organization| {
            let alone = providers.contains(&organization.id)
                && !organization.stewards.iter().any(|steward| steward.may_decide(scene.now));
            let mut found = lapsed(scene, organization, alone);
            if alone && found.is_empty() {
                found.push(nobody(scene, organization));
            }
            found
        })
        .collect()
}

fn lapsed(scene: &Scene<'_>, organization: &Organization, alone: bool) -> Vec<Finding> {
    let path = format!("organizations/{}.yaml", organization.id);
    let over =
        |steward: &&crate::domain::Steward| steward.term.until <= scene.now || !steward.is_filed();
    let stewards = organization.stewards.iter().filter(over);
    stewards
        .map(|steward| {
            let (person, filed) = (&steward.person, steward.is_filed());
            let last = steward.term.until.plus_millis(-1).day();
            let cause = if filed {
                format!("{person} until {last}")
            } else {
                format!("{person} not filed")
            };
            let since = if filed { steward.term.until } else { steward.term.from };
            let subject = Subject::new("organization", &organization.id);
            let mut finding = Finding::new(scene, Detector::Steward, subject, cause)
                .of(organization.id.clone())
                .written(scene, &path, since)
                .saying(
                    format!("数据资源管理员{person}的备案已失效（{last}）或未备案。"),
                    format!("the filing of {person} ended on {last}, or was never made"),
                );
            if !alone {
                finding.severity = Severity::Low;
            }
            finding
        })
        .collect()
}

fn nobody(scene: &Scene<'_>, organization: &Organization) -> Finding {
    let subject = Subject::new("organization", &organization.id);
    Finding::new(scene, Detector::Steward, subject, "nobody")
        .of(organization.id.clone())
        .written(scene, &format!("organizations/{}.yaml", organization.id), Timestamp::default())
        .saying("有目录而无在任数据资源管理员。", "has entries, and no steward in term")
}

#[cfg(test)]
mod tests {
    use crate::supervision::detect::Severity;
    use crate::supervision::detect::tests::{Planted, ids};

    #[test]
    fn a_filing_lapses_with_the_last_day_of_its_term() {
        let mut city = Planted::new();
        city.at("2027-12-31T15:59:59Z");
        assert!(city.find(super::find).is_empty());

        city.at("2027-12-31T16:00:00Z");
        let found = city.find(super::find);
        let expected = [
            "V-25 organization housing housing-1 until 2027-12-31",
            "V-25 organization tax tax-1 until 2027-12-31",
        ];
        assert_eq!(ids(&found), expected);
        // `tax` has an entry and nobody left; `housing` only consumes.
        assert_eq!([found[0].severity, found[1].severity], [Severity::Low, Severity::Medium]);
    }

    #[test]
    fn a_provider_without_any_steward_is_found() {
        let mut city = Planted::new();
        city.organization("tax", |organization| organization.stewards.clear());

        assert_eq!(ids(&city.find(super::find)), ["V-25 organization tax nobody"]);
    }
}
