//! What callers and departments do is found; what people say of it lasts.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::{admin_token, curl, findings, make, name, names, say, taken_in, wait_for};
use crate::support::city::City;
use crate::support::eventually;
use crate::support::records::events;

/// What the policies of the sample city breach by themselves.
const WRITTEN: [&str; 7] = [
    "V-03 weather/climate-yearbook",
    "V-08 ecology/inspection-plans",
    "V-13 transport/parking-lots",
    "V-18 g-13",
    "V-19 g-11",
    "V-19 g-12",
    "V-25 xingqing",
];

#[test]
fn breaches_in_policies_are_found_from_the_start_and_nothing_else_is() {
    let city = City::start();
    // Calls that are in order.
    for call in ["open", "cache-fill", "conditional", "unconditional", "open-file"] {
        make(&city, call);
    }
    let expected: BTreeSet<String> = WRITTEN.map(str::to_owned).into();
    taken_in(&city);

    // The stand-ins' newest data is of a fixed day, and what is renewed at once is stale by now.
    let mut found = names(&findings(&city));
    assert!(found.remove("V-04 ecology/air-quality"), "{found:?}");
    assert_eq!(found, expected);
}

#[test]
fn what_callers_and_departments_do_is_found_on_evidence() {
    let city = City::start();
    for call in ["open-drift", "open-personal", "too-many", "beyond-the-grant", "probing"] {
        make(&city, call);
    }

    let expected = [
        "V-04 transport/road-traffic",
        "V-04 weather/warnings",
        "V-12 transport/road-traffic",
        "V-14 human-resources/insurance-registration",
        "V-16 health/birth-issue",
        "V-21 human-resources/job-offers",
    ];
    taken_in(&city);
    let found = findings(&city);
    let by_records: BTreeSet<_> =
        names(&found).into_iter().filter(|name| !WRITTEN.contains(&name.as_str())).collect();
    assert_eq!(by_records, expected.map(str::to_owned).into());

    let of = |wanted: &str| found.iter().find(|finding| name(finding) == wanted).unwrap();
    assert_eq!(of("V-14 human-resources/insurance-registration")["count"], 12);
    assert_eq!(of("V-16 health/birth-issue")["count"], 24);
    assert_eq!(of("V-12 transport/road-traffic")["count"], 2);
    let personal = of("V-21 human-resources/job-offers");
    assert_eq!(personal["count"], 1);
    // The evidence is the record itself, which holds the count and not the value.
    let seq = personal["evidence"][0]["record"]["seq"].as_u64().unwrap();
    let events = events(&city.shown.records);
    let record = events.iter().find(|event| event["seq"] == seq).unwrap();
    assert_eq!(record["event"], "finished");
    assert_eq!(record["personal"], serde_json::json!({"mobile": 1}));
    let sharing = events.iter().filter(|event| event["zone"] == "sharing");
    assert!(sharing.clone().count() > 0);
    assert!(sharing.clone().all(|event| event["personal"].is_null()), "the sharing zone looks");
}

#[test]
fn findings_and_measures_are_for_two_roles_and_looking_at_them_is_on_record() {
    let city = City::start();
    let ask = |path: &str, role: Option<&str>| {
        let header =
            role.map(|role| format!("Authorization: Bearer {}", city.shown.admin_tokens[role]));
        let url = format!("{}{path}", city.shown.admin);
        let mut arguments = vec!["-o", "/dev/null", "-w", "%{http_code}", url.as_str()];
        arguments.extend(header.iter().flat_map(|header| ["-H", header.as_str()]));
        curl(&arguments)
    };
    for path in ["/findings", "/measures", "/measures?period=2026"] {
        let statuses =
            [None, Some("system"), Some("security"), Some("audit")].map(|role| ask(path, role));
        assert_eq!(statuses, ["401", "403", "200", "200"], "{path}");
    }
    for open in ["/metrics", "/readyz", "/healthz", "/freezes"] {
        assert_eq!(ask(open, None), "200", "{open}");
    }

    let views = eventually("the looks to be on record", Duration::from_secs(10), || {
        let mut all = events(&city.shown.records);
        all.retain(|event| event["event"] == "admin-write" && event["action"] == "view");
        (all.len() >= 8).then_some(all)
    });
    let of = |target: &str, outcome: &str| -> BTreeSet<String> {
        let fits = |event: &&Value| event["target"] == target && event["outcome"] == outcome;
        views.iter().filter(fits).map(|event| event["role"].to_string()).collect()
    };
    for target in ["findings", "measures"] {
        let both = BTreeSet::from(["\"audit\"".to_owned(), "\"security\"".to_owned()]);
        assert_eq!(of(target, "done"), both, "{views:#?}");
        assert_eq!(of(target, "role-not-allowed").len(), 1, "{views:#?}");
    }
    let nobody = views.iter().filter(|event| event["outcome"] == "credential-missing");
    assert!(nobody.clone().count() >= 1 && nobody.clone().all(|one| one["by"] == "unproved"));
}

#[test]
fn what_is_said_of_a_finding_is_proved_recorded_and_lasts() {
    let mut city = City::start();
    make(&city, "open-personal");
    let finding = wait_for(&city, "V-21 human-resources/job-offers");
    assert_eq!(finding["state"], "new");
    let token = admin_token(&city);

    assert_eq!(say(&city, "nobody.00", &finding, "dismiss", r#"{"reason":"r"}"#), 401);
    assert_eq!(say(&city, &token, &finding, "dismiss", "{}"), 400, "a reason is needed");
    assert_eq!(say(&city, &token, &finding, "forget", r#"{"reason":"r"}"#), 404);
    let unknown = serde_json::json!({"id": "v21-0011223344556677"});
    assert_eq!(say(&city, &token, &unknown, "confirm", ""), 404);
    let reason = r#"{"reason":"a public hotline"}"#;
    assert_eq!(say(&city, &token, &finding, "confirm", ""), 200);
    assert_eq!(say(&city, &token, &finding, "dismiss", reason), 200);

    eventually("the finding to be dismissed", Duration::from_secs(10), || {
        let found = wait_for(&city, "V-21 human-resources/job-offers");
        (found["state"] == "false-positive").then(|| {
            assert_eq!(found["mark"]["by"], "auditor-1");
            assert_eq!(found["mark"]["reason"], "a public hotline");
        })
    });
    let page = curl(&[&format!("{}/metrics", city.shown.admin)]);
    for line in [
        "helan_findings{detector=\"V-21\",state=\"false-positive\"} 1",
        "helan_findings{detector=\"V-21\",state=\"new\"} 0",
        "helan_findings{detector=\"V-08\",state=\"new\"} 1",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }

    // What was said is in the records alone: read from the first of them again, it is the same.
    city.interrupt();
    let kept = city.work().join("state/detectors.json");
    let with = super::reported::json(&city, &[]);
    fs::remove_file(&kept).unwrap();
    let without = super::reported::json(&city, &[]);
    assert_eq!(with, without);
    assert!(with.contains("\"reason\": \"a public hotline\""), "{with}");
}
