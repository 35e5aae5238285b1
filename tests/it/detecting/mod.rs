//! Detectors and the yearly report, through a running city.

mod agreeing;
mod found;
mod reported;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::city::{City, program};
use crate::support::eventually;

/// Makes a call that the demonstration prints.
fn make(city: &City, name: &str) {
    let call = city.shown.calls.iter().find(|call| call.name == name).unwrap();
    let made = Command::new("sh").args(["-c", &call.command]).current_dir("/").output().unwrap();
    assert!(made.status.success(), "{name}: {}", String::from_utf8_lossy(&made.stderr));
}

fn curl(arguments: &[&str]) -> String {
    let output = Command::new("curl").arg("-sS").args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// What is found now.
fn findings(city: &City) -> Vec<Value> {
    let token = format!("Authorization: Bearer {}", city.shown.admin_tokens["audit"]);
    let text = curl(&["-H", &token, &format!("{}/findings", city.shown.admin)]);
    let listed: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    listed["findings"].as_array().unwrap().clone()
}

/// A finding as `detector subject`.
fn name(finding: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    format!("{} {}", text(&finding["detector"]), text(&finding["subject"]["id"]))
}

fn names(found: &[Value]) -> BTreeSet<String> {
    found.iter().map(name).collect()
}

/// Waits until this is found.
fn wait_for(city: &City, wanted: &str) -> Value {
    eventually(wanted, Duration::from_secs(10), || {
        findings(city).into_iter().find(|finding| name(finding) == wanted)
    })
}

/// Waits until every answer so far is on record and taken in.
fn taken_in(city: &City) {
    eventually("all records to be taken in", Duration::from_secs(20), || {
        let page = curl(&[&format!("{}/metrics", city.shown.admin)]);
        let is_none = |name: &str| page.lines().any(|line| line == format!("{name} 0"));
        (is_none("helan_records_difference") && is_none("helan_supervision_lag_events"))
            .then_some(())
    });
}

fn admin_token(city: &City) -> String {
    let folder = city.work().join("keys");
    let output = Command::new(program())
        .args(["keys", "admin", "--name", "auditor-1", "--role", "security", "--folder"])
        .arg(folder)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Says something of a finding; the status.
fn say(city: &City, token: &str, finding: &Value, what: &str, body: &str) -> u16 {
    let url = format!("{}/findings/{}/{what}", city.shown.admin, finding["id"].as_str().unwrap());
    let header = format!("Authorization: Bearer {token}");
    let answer = curl(&["-i", "-X", "POST", "-H", &header, "-d", body, &url]);
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}
