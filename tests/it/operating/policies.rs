//! What becomes of changed policies: who is told, what is denied at once, what is kept.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::{break_policies, by_token, config, crash, curl, marriage, named, serve, status, token};
use crate::support::city::City;
use crate::support::eventually;

#[test]
fn a_swap_says_who_gains_and_who_loses_whatever_the_reason() {
    let city = City::start();
    let grant = city.shown.policies.join("grants/g-02.yaml");
    let text = fs::read_to_string(&grant).unwrap();
    let mut swaps = named(&city, "view-swapped", 2).len();
    let mut change = |text: &str| {
        fs::write(&grant, text).unwrap();
        let all = named(&city, "view-swapped", swaps + 2);
        swaps = all.len();
        all.last().unwrap().clone()
    };

    let (head, _) = text.split_once("  - {by: bureau").unwrap();
    let lost = change(head);
    assert!(
        lost["losses"].as_array().unwrap().iter().any(|line| {
            let line = line.as_str().unwrap();
            line.starts_with("natural-resources: civil-affairs/marriage api status")
                && line.contains("for data-verification, in estate-transfer")
        }),
        "without the bureau's approval: {lost}"
    );
    assert!(lost["gains"].is_null(), "{lost}");

    let gained = change(&text.replace("matters: [estate-transfer]", "matters: []"));
    assert!(gained["gains"].as_array().unwrap().len() == 3, "{gained}");
    assert!(gained["losses"].is_null(), "{gained}");
}

#[test]
fn what_was_withdrawn_is_not_served_by_a_start_from_the_last_good_copy() {
    let city = City::start();
    assert_eq!(status(&marriage(&city, &[])), 200);
    break_policies(&city);
    fs::remove_file(city.shown.policies.join("grants/g-02.yaml")).unwrap();
    eventually("the withdrawal", Duration::from_secs(5), || {
        (status(&marriage(&city, &[])) == 403).then_some(())
    });
    crash(&city);

    let _node = serve(&city, &config(&city), &["--last-good"]);

    // The very first calls: nothing was looked at later than the listeners were opened.
    let refused = marriage(&city, &[]);
    assert!(status(&refused) == 403 && refused.contains("\"withdrawn\""), "{refused}");
    // The rest of the copy is served: only the department's interface is gone.
    let other = curl(&[&format!("{}/market/enterprises", city.shown.opening)]);
    assert!(matches!(status(&other), 502 | 504), "{other}");
}

#[test]
fn an_issuer_and_a_key_that_are_taken_away_count_no_longer_at_once() {
    let city = City::start();
    let token = token(&city, "human-resources/insurance-registration");
    let (issuers, set) =
        (city.shown.policies.join("issuers.yaml"), city.shown.policies.join("city.jwks"));
    let (text, keys) = (fs::read_to_string(&issuers).unwrap(), fs::read_to_string(&set).unwrap());
    let soon = |wanted: u16, what: &str| {
        eventually(what, Duration::from_secs(15), || {
            (by_token(&city, &token) == wanted).then_some(())
        });
    };
    assert_eq!(by_token(&city, &token), 200);
    break_policies(&city);

    fs::write(&issuers, text.replace("[sharing]", "[opening]")).unwrap();
    soon(401, "the end of its zone");
    fs::write(&issuers, &text).unwrap();
    soon(200, "its return");
    fs::remove_file(&issuers).unwrap();
    soon(401, "the issuer's end");
    fs::write(&issuers, &text).unwrap();
    soon(200, "its return");

    fs::write(&set, keys.replace("\"x\":\"", "\"x\":\"AA")).unwrap();
    eventually("the key's end", Duration::from_secs(5), || {
        (by_token(&city, &token) != 200).then_some(())
    });
    fs::write(&set, "half a fi").unwrap();
    fs::write(&set, &keys).unwrap();
    soon(200, "the key's return");
}

#[test]
fn a_secret_beside_the_policies_is_neither_archived_nor_cited() {
    const PLANTED: &str = "planted-department-secret-31337";
    let city = City::start();
    let before = named(&city, "view-swapped", 2).len();
    let secret = city.shown.policies.join("market.secret");
    fs::write(&secret, PLANTED).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let market = city.shown.policies.join("organizations/market.yaml");
    let text = fs::read_to_string(&market).unwrap();
    let with = text.trim_end().to_owned()
        + "\n    credentials:\n      - {kind: bearer, zone: sharing, token: {file: market.secret}}\n";
    fs::write(&market, with).unwrap();
    named(&city, "view-swapped", before + 2);
    // The copy is stored after the swap was told.
    std::thread::sleep(Duration::from_millis(500));

    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, PLANTED.as_bytes());
    let hash = helan::net::hex(digest.as_ref());
    let mut searched = 0;
    let mut folders = vec![city.work().join("state"), city.shown.records.clone()];
    while let Some(folder) = folders.pop() {
        if folder.starts_with(city.work().join("state/archive")) {
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        }
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            for planted in [PLANTED, &hash] {
                let there = memchr::memmem::find(&bytes, planted.as_bytes()).is_some()
                    || path.ends_with(planted);
                assert!(!there, "{} holds {planted}", path.display());
            }
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o077;
            assert_eq!(mode, 0, "others may read {}", path.display());
            searched += 1;
        }
    }
    assert!(searched > 50, "only {searched} files were searched");
}
