//! Policies that change while calls come in.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::city::City;
use crate::support::eventually;

/// One call of the registration system to the marriage register.
fn call(city: &City, purpose: &str) -> (u16, String) {
    let credentials = &city.shown.applications["natural-resources/registration"];
    let output = Command::new("curl")
        .args(["-sS", "-w", "\n%{http_code}", "--cacert"])
        .arg(&city.shown.ca)
        .arg("--cert")
        .arg(&credentials.certificate)
        .arg("--key")
        .arg(&credentials.key)
        .args(["-H", &format!("Helan-Purpose: {purpose}")])
        .args(["-H", "Helan-Matter: \"estate-transfer\""])
        .arg(format!("{}/civil-affairs/marriage?cert_num=640106198507150024", city.shown.sharing))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap_or(0), body.to_owned())
}

#[test]
fn fifty_reloads_under_load_fail_no_call_and_refill_no_quota() {
    let city = City::start();
    let grant = city.shown.policies.join("grants/g-02.yaml");
    let text = fs::read_to_string(&grant).unwrap();
    // Every allowed call counts; the quota must never be handed out anew.
    let bounded = text.replace("limits: {per_day: 3000}", "limits: {per_day: 100000}");
    fs::write(&grant, &bounded).unwrap();
    let stop = AtomicBool::new(false);
    let (made, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let url = format!("{}/ecology/air-quality", city.shown.opening);

    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let output = Command::new("curl")
                        .args(["-sS", "-w", "%{http_code}\n"])
                        .args(std::iter::repeat_n(["-o", "/dev/null", &url], 20).flatten())
                        .output()
                        .unwrap();
                    let statuses = String::from_utf8(output.stdout).unwrap();
                    for status in statuses.lines().filter(|line| line.len() == 3) {
                        made.fetch_add(1, Ordering::Relaxed);
                        failed.fetch_add(u64::from(status != "200"), Ordering::Relaxed);
                    }
                }
            });
        }
        for turn in 0..50 {
            let with = turn % 2 == 0;
            let purposes =
                if with { "[data-verification, work-reference]" } else { "[data-verification]" };
            let changed =
                bounded.replace("purposes: [data-verification]", &format!("purposes: {purposes}"));
            fs::write(&grant, changed).unwrap();
            let wanted = if with { 200 } else { 403 };
            eventually("the change", Duration::from_secs(10), || {
                (call(&city, "work-reference").0 == wanted).then_some(())
            });
        }
        stop.store(true, Ordering::Relaxed);
    });

    assert!(made.load(Ordering::Relaxed) > 100, "the load was too thin to prove anything");
    assert_eq!(failed.load(Ordering::Relaxed), 0);
    let used = used_today(&city);
    let allowed = allowed_calls(&city);
    assert_eq!(used, allowed, "the quota forgot calls");
}

/// The last number of use that the grant's records show.
fn used_today(city: &City) -> u64 {
    crate::support::records::events(&city.shown.records)
        .iter()
        .filter(|event| event["grant"] == "g-02" && event["outcome"] == "allowed")
        .filter_map(|event| event["quota"][0]["number"].as_u64())
        .max()
        .unwrap()
}

fn allowed_calls(city: &City) -> u64 {
    let events = crate::support::records::events(&city.shown.records);
    let allowed = events
        .iter()
        .filter(|event| event["event"] == "decided" && event["grant"] == "g-02")
        .filter(|event| event["outcome"] == "allowed");
    u64::try_from(allowed.count()).unwrap()
}

#[test]
fn a_withdrawal_holds_though_another_file_is_broken() {
    let city = City::start();
    assert_eq!(call(&city, "data-verification").0, 200);

    fs::write(city.shown.policies.join("grants/broken.yaml"), "id: [\n").unwrap();
    fs::remove_file(city.shown.policies.join("grants/g-02.yaml")).unwrap();
    let start = Instant::now();
    eventually("the withdrawal", Duration::from_secs(5), || {
        (call(&city, "data-verification").0 == 403).then_some(())
    });
    // 100 ms is the promise; one call of curl takes part of what is measured here.
    assert!(start.elapsed() < Duration::from_millis(600), "{:?}", start.elapsed());

    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(call(&city, "data-verification").0, 403, "the withdrawal did not hold");
    // The rest of the city goes on with the last good View.
    let output = Command::new("curl")
        .args(["-sS", "-o", "/dev/null", "-w", "%{http_code}"])
        .arg(format!("{}/ecology/air-quality", city.shown.opening))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "200");
    let page = Command::new("curl")
        .args(["-sS", &format!("{}/metrics", city.shown.admin)])
        .output()
        .unwrap();
    assert!(String::from_utf8(page.stdout).unwrap().contains("helan_policy_failed 1"));
}
