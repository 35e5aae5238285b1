//! Starting from the last policies that were good.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use super::{marriage, with_token};
use crate::support::city::City;
use crate::support::eventually;
use crate::support::serving::{Serving, command, metric};
use crate::support::stand_in::serve_rows;

/// A city that was good and has ended, with a stand-in for its main interface.
fn ended() -> City {
    let mut city = City::start();
    assert_eq!(marriage(&city, "data-verification").0, 200);
    city.interrupt();
    let rest = city.shown.upstreams["rest"].trim_start_matches("http://").to_owned();
    serve_rows(TcpListener::bind(rest).unwrap());
    city
}

/// What a start that refuses says.
fn refused(city: &City, arguments: &[&str]) -> String {
    let output = command(city, arguments).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{said}");
    said
}

#[test]
fn a_broken_file_stops_a_start_unless_it_may_go_on_from_the_last_good_copy() {
    let city = ended();
    let broken = city.shown.policies.join("grants/g-03.yaml");
    let good = fs::read_to_string(&broken).unwrap();
    fs::write(&broken, good.replace("state: active", "stat: active")).unwrap();
    let line = good.lines().position(|line| line == "state: active").unwrap() + 1;

    let said = refused(&city, &[]);
    assert!(said.contains(&format!("{}:{line}:1: error", broken.display())), "{said}");
    assert!(said.contains("--last-good"), "{said}");

    // Gone on purpose, while the other file is broken: the copy must not bring it back.
    fs::remove_file(city.shown.policies.join("grants/g-02.yaml")).unwrap();
    let node = Serving::start(&city, &["--last-good"]);
    assert_eq!(metric(&city, "helan_policy_failed"), Some(1));
    assert!(metric(&city, "helan_policy_problems") > Some(0));
    let told = node.log().into_iter().any(|entry| {
        let fields = &entry["fields"];
        fields["file"] == broken.display().to_string() && fields["line"] == line
    });
    assert!(told, "the log does not say what is wrong");
    assert_eq!(with_token(&city), 200, "what was granted before is not served");
    let (status, body) = marriage(&city, "data-verification");
    assert!(status == 403 && body.contains("withdrawn"), "{status} {body}");

    // It stays up until the folder is mended, although nothing else happens.
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(metric(&city, "helan_policy_failed"), Some(1));
    fs::write(&broken, &good).unwrap();
    eventually("the alert's end", Duration::from_secs(10), || {
        (metric(&city, "helan_policy_failed") == Some(0)).then_some(())
    });
    let (_, body) = marriage(&city, "data-verification");
    assert!(body.contains("no-grant"), "{body}");
    assert_eq!(with_token(&city), 200);
    node.stop();
}

#[test]
fn rules_and_key_sets_are_part_of_the_last_good_copy() {
    let city = ended();
    let rules = city.shown.policies.join("rules/yc-2018");
    let (rule, keys) = (rules.join("zz-new.cedar"), city.shown.policies.join("city.jwks"));
    let good = fs::read(&keys).unwrap();
    fs::write(&rule, "@id(\"x\")\nforbid (principal, action, resource) when { nonsense };\n")
        .unwrap();

    let said = refused(&city, &[]);
    assert!(said.contains(&format!("{}:2:", rule.display())), "{said}");
    fs::remove_file(&rule).unwrap();
    fs::write(&keys, "{\"keys\": [").unwrap();
    let said = refused(&city, &[]);
    assert!(said.contains("city.jwks"), "{said}");

    fs::write(&rule, "forbid nonsense;\n").unwrap();
    let node = Serving::start(&city, &["--last-good"]);
    assert_eq!(metric(&city, "helan_policy_failed"), Some(1));
    assert_eq!(with_token(&city), 200, "the issuer's key is not that of the copy");
    assert_eq!(marriage(&city, "data-verification").0, 200);

    // Everything says again what is in force: that, too, ends the alert.
    fs::remove_file(&rule).unwrap();
    fs::write(&keys, good).unwrap();
    eventually("the alert's end", Duration::from_secs(10), || {
        (metric(&city, "helan_policy_failed") == Some(0)).then_some(())
    });
    assert_eq!(with_token(&city), 200);
    node.stop();
}

#[test]
fn without_a_copy_the_start_says_so() {
    let city = ended();
    fs::write(city.shown.policies.join("grants/broken.yaml"), "id: [\n").unwrap();
    fs::remove_dir_all(city.work().join("state/last-good")).unwrap();

    let said = refused(&city, &["--last-good"]);

    assert!(said.contains("grants/broken.yaml:") && said.contains("no last good copy"), "{said}");
}
