//! The invariants of the trade (domain brief 2.4) that the rules keep. The rest is kept by the path as a
//! whole: I7, I8, I17 and what I9 says of quotas in `invariants`, I11 in `faults`.

use helan::domain::{OrganizationKind, ProfileId, Timestamp, Zone};

use super::city::{City, Situation};

/// The outcome in a lawful case with these changes.
fn said(city: &City, profile: ProfileId, changes: &str) -> String {
    city.answer(&Situation::lawful(profile).but(changes)).0
}

/// The outcome under either profile, which must be the same.
fn both(changes: &str) -> String {
    let city = City::new();
    let [yc, sc] = ProfileId::ALL.map(|profile| said(&city, profile, changes));
    assert_eq!(yc, sc, "{changes}");
    yc
}

#[test]
fn i1_withholding_rests_on_a_rank_the_profile_accepts_and_a_reason() {
    let city = City::new();
    let bars = |profile, changes: &str| {
        let told = Situation::lawful(profile).but("class=withheld grant=none").but(changes);
        let verdict = city.decide(&told);
        assert!(verdict.outcome.is_err());
        verdict.articles.iter().any(|bar| bar.denial.is_some_and(|d| d.code() == "basis-invalid"))
    };

    for accepted in ["law", "administrative-regulation", "state-council-decision"] {
        for profile in ProfileId::ALL {
            assert!(!bars(profile, &format!("withholding={accepted}")), "{profile} {accepted}");
        }
    }
    for local in ["local-regulation", "department-rule", "local-rule"] {
        assert!(!bars(ProfileId::Yc2018, &format!("withholding={local}")), "{local}");
        assert!(bars(ProfileId::Sc809, &format!("withholding={local}")), "{local}");
    }
    for profile in ProfileId::ALL {
        assert!(bars(profile, "withholding=normative-document"));
        assert!(bars(profile, "withholding=law reason=no"));
        assert!(!bars(profile, "withholding=normative-document+law"), "one good basis is enough");
    }
}

#[test]
fn i2_a_condition_tightened_in_the_catalog_does_not_narrow_a_grant() {
    // The catalog lists `checking` only by now; the grant names `reference` too. 809 §27: what was
    // granted is not changed from one side.
    assert_eq!(both("purpose=widened"), "yes");
}

#[test]
fn i3_sensitive_items_need_an_agreement_in_force_when_called() {
    assert_eq!(both("items=sensitive agreement=good"), "yes");
    assert_eq!(both("items=sensitive agreement=none"), "agreement-missing");
    assert_eq!(both("items=sensitive agreement=lost"), "agreement-missing");
    assert_eq!(both("items=sensitive agreement=draft"), "agreement-not-in-force");
    assert_eq!(both("items=sensitive agreement=ended"), "agreement-not-in-force");
    assert_eq!(both("items=sensitive agreement=over"), "agreement-not-in-force");
    assert_eq!(both("items=sensitive agreement=narrow"), "agreement-not-covering");
    assert_eq!(both("items=sensitive agreement=foreign"), "agreement-not-covering");
    assert_eq!(both("items=business agreement=none"), "agreement-missing");
}

#[test]
fn i4_only_reviewed_items_that_point_at_nobody_are_open() {
    let open =
        |changes: &str| both(&format!("zone=opening caller=public grant=standing {changes}"));

    assert_eq!(open("opening=open"), "yes");
    assert_eq!(open("opening=closed"), "not-open");
    assert_eq!(open("opening=open items=part"), "yes", "the sensitive item stays behind");
    assert_eq!(open("opening=open items=sensitive"), "item-not-open");
    assert_eq!(open("opening=open items=masked"), "item-not-open", "open means as it is");
    assert_eq!(open("opening=desensitized items=masked"), "yes");
    assert_eq!(open("opening=desensitized items=partial"), "item-not-open");
    assert_eq!(open("opening=desensitized items=business"), "item-not-open");
    assert_eq!(open("opening=open items=nothing"), "item-not-open");
    assert_eq!(open("opening=open review=missing"), "review-missing");
    assert_eq!(open("opening=open review=future"), "review-missing");
    assert_eq!(open("opening=open review=unfiled"), "steward-not-filed");
    assert_eq!(open("opening=open class=withheld"), "withheld");
    assert_eq!(open("opening=open items=part mode=file"), "item-not-open", "a file leaves whole");
    assert_eq!(open("opening=open items=part format=file"), "item-not-open");
}

#[test]
fn i5_an_entry_with_a_secret_passes_in_no_zone() {
    assert_eq!(both("items=secret"), "secret-entry");
    assert_eq!(both("items=secret zone=peering"), "secret-entry");
    assert_eq!(both("items=secret grant=standing class=unconditional"), "secret-entry");
    assert_eq!(
        both("items=secret zone=opening caller=public grant=standing opening=open"),
        "secret-entry"
    );
}

#[test]
fn i6_real_time_data_goes_by_interface_under_the_measures() {
    let city = City::new();
    let yc = |changes: &str| said(&city, ProfileId::Yc2018, changes);

    assert_eq!(yc("update=realtime mode=file modes=file"), "mode-api-required");
    assert_eq!(yc("update=realtime mode=api modes=file"), "mode-not-offered");
    assert_eq!(
        yc("update=realtime mode=file modes=api+file"),
        "yes",
        "an interface is offered too"
    );
    assert_eq!(yc("update=daily mode=file modes=file"), "yes");
    assert_eq!(said(&city, ProfileId::Sc809, "update=realtime mode=file modes=file"), "yes");
}

#[test]
fn i9_a_call_needs_an_active_grant_for_its_moment_purpose_mode_and_application() {
    assert_eq!(both("grant=active"), "yes");
    assert_eq!(both("grant=early"), "grant-not-started");
    assert_eq!(both("grant=late"), "grant-lapsed");
    assert_eq!(both("grant=expired"), "grant-lapsed");
    assert_eq!(both("grant=pending"), "grant-pending");
    assert_eq!(both("grant=suspended"), "grant-suspended");
    assert_eq!(both("grant=terminated"), "grant-terminated");
    assert_eq!(both("grant=foreign"), "no-grant");
    assert_eq!(both("purpose=wrong"), "purpose-not-granted");
    assert_eq!(both("purpose=required"), "purpose-missing");
    assert_eq!(both("purpose=ambiguous"), "purpose-ambiguous");
    assert_eq!(both("matter=absent"), "matter-missing");
    assert_eq!(both("matter=wrong"), "matter-not-granted");
    assert_eq!(both("mode=file granted-modes=api"), "mode-not-granted");
    assert_eq!(both("mode=file modes=api"), "mode-not-offered");
    assert_eq!(both("application=other"), "application-not-granted");
    assert_eq!(both("items=ungranted"), "item-not-granted");
    assert_eq!(both("items=nothing"), "item-not-granted");
    assert_eq!(both("entry=offline"), "entry-offline");
    assert_eq!(both("provider=suspended"), "organization-not-live");
    assert_eq!(both("consumer=closed"), "organization-not-live");
}

#[test]
fn i10_nobody_approves_an_own_application() {
    let city = City::new();

    assert_eq!(both("approvals=own"), "approval-own");
    assert_eq!(said(&city, ProfileId::Yc2018, "caller=bureau"), "approval-own");
    assert_eq!(said(&city, ProfileId::Yc2018, "caller=bureau approvals=superior"), "yes");
}

#[test]
fn i16_only_a_filed_steward_of_the_deciding_organization_consents() {
    assert_eq!(both("approvals=unfiled"), "steward-not-filed");
    assert_eq!(both("approvals=before-filing"), "steward-not-filed");
    assert_eq!(both("approvals=elsewhere"), "approval-missing-provider");
}

#[test]
fn i21_institutions_and_enterprises_consume_with_a_cited_authorization_only() {
    for kind in ["institution", "enterprise"] {
        for class in ["unconditional", "conditional"] {
            let facts = format!("caller={kind} class={class}");
            assert_eq!(both(&facts), "authorization-missing");
            assert_eq!(both(&format!("{facts} grant=none")), "authorization-missing");
            assert_eq!(both(&format!("{facts} authorization=yes")), "yes");
        }
    }
}

#[test]
fn i22_a_grant_does_not_outlive_its_agreement() {
    assert_eq!(both("items=sensitive agreement=short"), "term-beyond-agreement");
    assert_eq!(
        both("items=plain agreement=short"),
        "yes",
        "nothing sensitive, no agreement needed"
    );
}

#[test]
fn only_departments_have_standing_grants_and_only_under_the_measures() {
    use OrganizationKind::{Authorized, Bureau, County, Department, Enterprise, Institution};
    let city = City::new();
    let entry = City::entry("class=unconditional items=sensitive opening=open");
    let count = |profile, zone, kind| {
        city.rules(profile).standing(zone, kind, &entry, &std::collections::BTreeMap::new()).len()
    };

    for kind in [Bureau, Department, Authorized, County] {
        assert_eq!(count(ProfileId::Yc2018, Zone::Sharing, Some(kind)), 1, "{kind:?}");
        assert_eq!(count(ProfileId::Sc809, Zone::Sharing, Some(kind)), 0, "{kind:?}");
        assert_eq!(count(ProfileId::Yc2018, Zone::Peering, Some(kind)), 0, "{kind:?}");
    }
    for kind in [Some(Institution), Some(Enterprise), None] {
        assert_eq!(count(ProfileId::Yc2018, Zone::Sharing, kind), 0, "{kind:?}");
        assert_eq!(count(ProfileId::Sc809, Zone::Opening, kind), 1, "{kind:?}");
    }
}

#[test]
fn expired_rules_say_so_and_opening_under_the_regulations_does_too() {
    let city = City::new();
    let now = Timestamp::parse(super::city::NOW).unwrap();
    let then = Timestamp::parse("2020-01-01T00:00:00Z").unwrap();
    let notice = |at| city.rules(ProfileId::Yc2018).profile().notice(at);

    assert!(notice(now).is_some_and(|notice| notice.contains("失效")));
    assert_eq!(notice(then), None);

    let open = Situation::lawful(ProfileId::Sc809)
        .but("zone=opening caller=public grant=standing opening=open");
    let verdict = city.decide(&open);
    assert_eq!(verdict.outcome, Ok(()));
    assert!(verdict.articles[0].text.contains("暂循已失效"), "{}", verdict.articles[0].text);
}

#[test]
fn of_several_bars_the_one_that_can_be_mended_first_is_told_and_all_are_cited() {
    let city = City::new();
    let told = Situation::lawful(ProfileId::Yc2018).but("grant=late approvals=none purpose=wrong");
    let verdict = city.decide(&told);
    let codes: Vec<_> = verdict
        .articles
        .iter()
        .filter_map(|bar| bar.denial)
        .map(helan::domain::Denial::code)
        .collect();

    assert_eq!(verdict.outcome.unwrap_err().code(), "grant-lapsed");
    assert_eq!(
        codes,
        [
            "grant-lapsed",
            "approval-missing-provider",
            "approval-missing-bureau",
            "purpose-not-granted"
        ]
    );
}

#[test]
fn an_answer_holds_until_the_next_edge_of_grant_agreement_or_signature() {
    let city = City::new();
    let until = |changes: &str| {
        let told = Situation::lawful(ProfileId::Yc2018).but(changes);
        city.decide(&told).until.map(|until| until.day().to_string())
    };

    assert_eq!(until("grant=active").as_deref(), Some("2027-01-01"));
    assert_eq!(until("items=sensitive agreement=short").as_deref(), Some("2026-12-01"));
    assert_eq!(until("approvals=future").as_deref(), Some("2026-06-16"));
    assert_eq!(until("grant=early").as_deref(), Some("2026-07-01"));
    assert_eq!(until("class=unconditional grant=standing"), None);
}
