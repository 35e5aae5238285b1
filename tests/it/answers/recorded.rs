//! What a record says of the call: whom it asked about, how it was proved, which grant it is about.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Answer, ENTRY, city, curl, department, ready};
use crate::support::city::{City, program};
use crate::support::eventually;
use crate::support::records::{about, events};

/// Lets the entry be asked with a list of sites in a JSON body.
fn ask_by_body(city: &City) {
    let folder = city.shown.policies.join("catalog/ecology");
    let (entry, description) =
        (folder.join("air-quality.yaml"), folder.join("air-quality.openapi.yaml"));
    let text = fs::read_to_string(&description).unwrap();
    let post = "    post:\n      requestBody: {content: {application/json: {}}}\n      \
        responses: {'200': {description: 结果}}\n";
    fs::write(&description, format!("{text}{post}")).unwrap();
    let text = fs::read_to_string(&entry).unwrap();
    let body = "  body:\n    members:\n      'sites[]': {use: filter, item: site, subject: true}\n";
    fs::write(&entry, format!("{text}{body}")).unwrap();
}

fn ask(city: &City, sites: &[String]) -> Answer {
    let body = json!({ "sites": sites }).to_string();
    let url = format!("{}{ENTRY}", city.shown.opening);
    curl(&["-H", "Content-Type: application/json", "-d", &body, &url])
}

fn decided(city: &City, transaction: &str) -> Value {
    let events = events(&city.shown.records);
    about(&events, "decided", transaction).first().map(|event| (*event).clone()).unwrap()
}

#[test]
fn every_person_asked_about_is_on_record_and_a_list_without_end_is_not_taken() {
    let rows = |_: &str, stream: &mut std::net::TcpStream| assert!(ready("ready", stream));
    let city = city(&department(rows));
    ask_by_body(&city);
    let sites = |range: std::ops::Range<u32>| range.map(|n| format!("YC{n}")).collect::<Vec<_>>();
    let twice = [sites(0..3), sites(0..3)].concat();
    let answer = eventually("the body's place in the View", Duration::from_secs(20), || {
        let answer = ask(&city, &twice);
        (answer.status == 200).then_some(answer)
    });

    let record = decided(&city, answer.transaction());
    assert_eq!(record["subjects"].as_array().unwrap().len(), 3, "{record}");
    assert_eq!(record["parameters"], json!(["sites[]"]), "{record}");
    assert_eq!(record["checks"]["items-used"], true, "{record}");

    for (list, status) in [
        (sites(0..64), 200),
        (sites(0..65), 400),
        (vec!["YC1".to_owned(); 1_000], 200),
        (vec!["YC1".to_owned(); 3_000], 400),
    ] {
        let answer = ask(&city, &list);
        assert_eq!(answer.status, status, "{} sites: {answer:?}", list.len());
        let length = decided(&city, answer.transaction()).to_string().len();
        assert!(length < 10_000, "a caller wrote a record of {length} bytes");
    }
}

#[test]
fn a_refusal_is_found_by_the_grant_it_is_about_and_shows_every_proof() {
    let city = City::start();
    let own = &city.shown.applications["natural-resources/registration"];
    let shown: Value =
        serde_json::from_str(&fs::read_to_string(city.work().join("demo.json")).unwrap()).unwrap();
    let token = shown["applications"]["natural-resources/registration"]["token"].as_str().unwrap();
    let (certificate, key, ca) = (
        own.certificate.display().to_string(),
        own.key.display().to_string(),
        city.shown.ca.display().to_string(),
    );
    let bearer = format!("Authorization: Bearer {token}");
    let url = format!("{}/civil-affairs/marriage?cert_num=1", city.shown.sharing);
    let refused =
        curl(&["--cacert", &ca, "--cert", &certificate, "--key", &key, "-H", &bearer, &url]);
    assert_eq!(refused.status, 403, "{refused:?}");

    let record = decided(&city, refused.transaction());
    assert_eq!(record["grant"], "g-02", "{record}");
    assert!(record["grant_version"].is_string(), "{record}");
    assert_eq!(record["proved"], json!(["certificate", "token"]), "{record}");
    let output = Command::new(program())
        .args(["records", "query", "--grant", "g-02", "--records"])
        .arg(&city.shown.records)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(refused.transaction()), "{text}");
}
