//! The demonstration city: every printed call does what it says and leaves its record.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::city::{Call, City, program};
use crate::support::records::{about, events};
use crate::support::{eventually, free_ports};

/// One answer as curl printed it.
#[derive(Debug)]
struct Answer {
    status: u16,
    transaction: Option<String>,
    body: String,
}

/// Takes what `curl -i` printed apart, answer by answer.
fn answers(printed: &str) -> Vec<Answer> {
    let mut found: Vec<Answer> = Vec::new();
    let mut in_head = false;
    for line in printed.lines() {
        let is_head = line.starts_with("HTTP/");
        if is_head {
            let status = line.split(' ').nth(1).unwrap().parse().unwrap();
            found.push(Answer { status, transaction: None, body: String::new() });
        }
        in_head = is_head || (in_head && !line.trim().is_empty());
        let Some(answer) = found.last_mut() else { continue };
        if in_head {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            if name.eq_ignore_ascii_case("helan-transaction") {
                answer.transaction = Some(value.trim().to_owned());
            }
        } else {
            answer.body.push_str(line);
        }
    }
    found
}

fn run(call: &Call) -> String {
    let output = Command::new("sh").args(["-c", &call.command]).current_dir("/").output().unwrap();
    assert!(
        output.status.success() || call.code.is_some(),
        "{}: {}\n{}",
        call.name,
        call.command,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_printed_call_does_what_it_says_and_leaves_exactly_one_pair() {
    let mut city = City::start();
    let admin = city.shown.admin.clone();
    let mut calls: Vec<(String, Answer)> = Vec::new();
    let mut writes = Vec::new();
    for call in &city.shown.calls {
        let printed = run(call);
        let Some(status) = call.status else {
            assert!(!printed.trim().is_empty(), "{} printed nothing", call.name);
            continue;
        };
        let seen = answers(&printed);
        let last = seen.last().unwrap_or_else(|| panic!("{}: no answer\n{printed}", call.name));
        assert_eq!(last.status, status, "{}: {printed}", call.name);
        let body: Value = serde_json::from_str(&last.body).unwrap_or_default();
        assert_eq!(body["code"].as_str(), call.code.as_deref(), "{}: {printed}", call.name);
        if call.command.contains(&admin) {
            writes.push(body["transaction"].as_str().unwrap().to_owned());
        } else {
            calls.extend(seen.into_iter().map(|answer| (call.name.clone(), answer)));
        }
    }
    let took = city.interrupt();
    assert!(took < Duration::from_secs(5), "ending took {took:?}");

    let events = events(&city.shown.records);
    for (name, answer) in &calls {
        let transaction = answer.transaction.as_deref().unwrap();
        let decided = about(&events, "decided", transaction);
        let finished = about(&events, "finished", transaction);
        assert_eq!((decided.len(), finished.len()), (1, 1), "{name}: {answer:?}");
        let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let expected = body["code"].as_str().unwrap_or("answered");
        assert_eq!(finished[0]["outcome"], expected, "{name}");
        assert_eq!(finished[0]["status"], answer.status, "{name}");
    }
    for transaction in &writes {
        assert_eq!(about(&events, "admin-write", transaction).len(), 1);
    }
    assert_eq!(events.iter().filter(|event| event["event"] == "frozen").count(), 1);
    assert_eq!(events.iter().filter(|event| event["event"] == "thawed").count(), 1);
}

#[test]
fn what_leaves_is_what_was_granted() {
    let city = City::start();
    let body = |name: &str| {
        let call = city.shown.calls.iter().find(|call| call.name == name).unwrap();
        answers(&run(call)).pop().unwrap().body
    };

    let open = body("open");
    assert!(open.contains("legal_rep") && !open.contains("legal_rep_id"), "{open}");
    assert!(!open.contains("13895001234"), "{open}");
    let drifted = body("open-drift");
    assert!(drifted.contains("tpi") && !drifted.contains("camera_operator"), "{drifted}");
    let conditional = body("conditional");
    assert!(
        conditional.contains("name_man") && !conditional.contains("name_woman"),
        "{conditional}"
    );
    assert!(!conditional.contains("640106198507150024"), "{conditional}");
    let csv = body("open-file");
    assert!(csv.contains("name,address,beds,phone"), "{csv}");
    let refused: Value = serde_json::from_str(&body("withheld")).unwrap();
    assert!(refused["basis"][0]["article"].as_str().is_some(), "{refused}");
    assert!(refused["remedy"].as_str().is_some(), "{refused}");

    eventually("the drift counter", Duration::from_secs(5), || {
        let page = Command::new("curl")
            .args(["-sS", &format!("{}/metrics", city.shown.admin)])
            .output()
            .unwrap();
        let page = String::from_utf8(page.stdout).unwrap();
        page.lines()
            .any(|line| {
                line.starts_with("helan_drift_members_total{entry=\"transport/road-traffic\"} 2")
            })
            .then_some(())
    });
}

#[test]
fn a_second_demonstration_is_refused_in_the_folder_of_one_that_runs() {
    let city = City::start();
    let before = events(&city.shown.records).len();
    let port = free_ports().to_string();
    let policies = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
    let second = Command::new(program())
        .args(["demo", "--port-base", &port, "--city", policies, "--dir"])
        .arg(city.work())
        .output()
        .unwrap();

    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("another `helan demo` or node runs in"), "{said}");
    assert!(said.contains("--dir") && said.contains("--port-base"), "{said}");
    let open = city.shown.calls.iter().find(|call| call.status == Some(200)).unwrap();
    run(open);
    eventually("the records go on", Duration::from_secs(5), || {
        (events(&city.shown.records).len() > before).then_some(())
    });
}
