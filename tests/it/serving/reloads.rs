//! What a change of rules, key sets and secrets does while the node runs.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::{marriage, with_token};
use crate::support::city::City;
use crate::support::eventually;
use crate::support::records::events;
use crate::support::serving::{curl, metric};

/// The latest View of a zone, as the records tell of it.
fn latest(city: &City, zone: &str) -> Value {
    let mut all = events(&city.shown.records).into_iter();
    all.rfind(|e| e["event"] == "view-swapped" && e["zone"] == zone).unwrap()
}

fn failed(city: &City, expected: i64) {
    eventually("the policies' outcome", Duration::from_secs(10), || {
        (metric(city, "helan_policy_failed") == Some(expected)).then_some(())
    });
}

const BAR: &str = "@id(\"test-bar\")
@law(\"测试\")
@article(\"第一条\")
@text(\"今天谁也不用授权。〔意〕\")
@code(\"zone-closed\")
@order(\"1\")
forbid (principal, action == Action::\"use\", resource) when { context.call.claim == \"written\" };
";

#[test]
fn a_changed_rule_is_in_force_and_on_record_and_a_broken_one_is_told_until_it_is_mended() {
    let city = City::start();
    assert_eq!(marriage(&city, "data-verification").0, 200);
    let before = latest(&city, "sharing");
    let rules = city.shown.policies.join("rules/yc-2018");

    fs::write(rules.join("zz-bar.cedar"), BAR).unwrap();
    let body = eventually("the new rule", Duration::from_secs(10), || {
        let (status, body) = marriage(&city, "data-verification");
        (status == 403).then_some(body)
    });
    assert!(body.contains("zone-closed"), "{body}");
    let file = "rules/yc-2018/zz-bar.cedar";
    assert!(before["files"][file].is_null());
    // Requests see a View first; then it is told.
    let after = eventually("the record of it", Duration::from_secs(10), || {
        Some(latest(&city, "sharing")).filter(|after| after["files"][file].is_string())
    });
    assert_ne!(before["to"], after["to"]);
    assert_eq!(before["to"], after["from"]);

    fs::write(rules.join("zz-bar.cedar"), "forbid nonsense;\n").unwrap();
    failed(&city, 1);
    let log = fs::read_to_string(city.dir.path().join("log")).unwrap_or_default();
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(marriage(&city, "data-verification").0, 403, "a broken rule is no rule less");
    // The very bytes that are in force.
    fs::write(rules.join("zz-bar.cedar"), BAR).unwrap();
    failed(&city, 0);

    // A document that is broken and then says again what it said ends its alert as well.
    let grant = city.shown.policies.join("grants/g-02.yaml");
    let text = fs::read_to_string(&grant).unwrap();
    fs::write(&grant, "id: [\n").unwrap();
    failed(&city, 1);
    fs::write(&grant, text).unwrap();
    failed(&city, 0);
}

#[test]
fn a_key_set_that_changes_alone_is_taken_up_wherever_it_lies() {
    let city = City::start();
    let policies = &city.shown.policies;
    let good = fs::read(policies.join("city.jwks")).unwrap();
    let other = helan::net::jws::SigningKey::from_pem(
        rcgen::KeyPair::generate().unwrap().serialize_pem().as_bytes(),
    )
    .unwrap();
    let other = serde_json::json!({ "keys": [other.public()] }).to_string();
    let counts = |status: u16| {
        eventually("the key set", Duration::from_secs(10), || {
            (with_token(&city) == status).then_some(())
        });
    };
    counts(200);

    fs::write(policies.join("city.jwks"), &other).unwrap();
    counts(401);
    fs::write(policies.join("city.jwks"), &good).unwrap();
    counts(200);

    // In a folder of its own, where nothing else is read.
    fs::create_dir(policies.join("keys")).unwrap();
    fs::write(policies.join("keys/city.json"), &other).unwrap();
    let issuers = fs::read_to_string(policies.join("issuers.yaml")).unwrap();
    fs::write(policies.join("issuers.yaml"), issuers.replace("city.jwks", "keys/city.json"))
        .unwrap();
    counts(401);
    fs::write(policies.join("keys/city.json"), &good).unwrap();
    counts(200);
    let files = &latest(&city, "sharing")["files"];
    assert!(files["keys/city.json"].is_string(), "{files}");
    assert!(files["city.jwks"].is_null(), "nobody names it any more");
}

#[test]
fn every_file_that_a_view_cites_is_in_the_archive_and_no_secret_is() {
    let city = City::start();
    let policies = &city.shown.policies;
    fs::write(policies.join("interface.token"), "a-secret-nobody-may-see").unwrap();
    fs::write(policies.join("rules/yc-2018/README.md"), "for people").unwrap();
    let grant = policies.join("grants/g-02.yaml");
    let text = fs::read_to_string(&grant).unwrap();
    fs::write(&grant, format!("# changed\n{text}")).unwrap();
    eventually("the change", Duration::from_secs(10), || {
        (latest(&city, "sharing")["cause"] == "files").then_some(())
    });
    // The archive follows the event.
    std::thread::sleep(Duration::from_millis(300));

    let archive = city.work().join("state/archive");
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events(&city.shown.records).iter().filter(|e| e["event"] == "view-swapped") {
        for (file, hash) in event["files"].as_object().unwrap() {
            let archived = archive.join(hash.as_str().unwrap());
            assert!(archived.is_file(), "{file} is not in the archive");
            for kind in [".cedar", "profile.yaml", ".openapi.", ".jwks", "grants/", ".token", ".md"]
            {
                if file.contains(kind) {
                    *kinds.entry(kind).or_default() += 1;
                }
            }
        }
    }
    for kind in [".cedar", "profile.yaml", ".openapi.", ".jwks", "grants/"] {
        assert!(kinds.contains_key(kind), "no View cites a file like {kind}: {kinds:?}");
    }
    assert!(!kinds.contains_key(".token") && !kinds.contains_key(".md"), "{kinds:?}");
    for file in fs::read_dir(archive).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(
            !String::from_utf8_lossy(&bytes).contains("a-secret-nobody"),
            "a secret is archived"
        );
    }
}

#[test]
fn the_admin_interface_says_what_it_did_and_what_it_could_not() {
    let city = City::start();
    let admin = &city.shown.admin;
    let post = |action: &str, body: &str| {
        let role = if action == "reload" { "system" } else { "security" };
        let authorization = format!("Authorization: Bearer {}", city.shown.admin_tokens[role]);
        curl(&["-X", "POST", "-H", &authorization, "-d", body, &format!("{admin}/{action}")])
    };

    for path in ["healthz", "readyz", "metrics", "freezes"] {
        assert_eq!(curl(&[&format!("{admin}/{path}")]).0, 200, "{path}");
        assert_eq!(curl(&["-I", &format!("{admin}/{path}")]).0, 200, "HEAD {path}");
        assert_eq!(curl(&["-X", "PUT", &format!("{admin}/{path}")]).0, 405, "PUT {path}");
    }
    assert_eq!(curl(&[&format!("{admin}/freeze")]).0, 405);
    assert_eq!(curl(&["-X", "POST", &format!("{admin}/reload")]).0, 401);

    let typed = r#"{"kind":"entry","id":"ecology/air-qualty"}"#;
    let (status, body) = post("freeze", typed);
    assert!(status == 200 && body.contains("mind the id"), "{status} {body}");
    assert_eq!(post("thaw", typed).0, 200);
    let known = r#"{"kind":"entry","id":"ecology/air-quality"}"#;
    let (status, body) = post("freeze", known);
    assert!(status == 200 && !body.contains("mind the id"), "{status} {body}");
    assert_eq!(post("thaw", known).0, 200);

    assert_eq!(post("reload", "").0, 202);
    fs::write(city.work().join("certs/gateway.pem"), "no certificate").unwrap();
    let (status, body) = post("reload", "");
    assert!(status == 202 && body.contains("gateway.pem"), "{status} {body}");
}
