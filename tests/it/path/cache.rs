//! What is kept of a department's answers, and how few calls it gets for that.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Answer, Department, Entry, GRANTED, call, publish, reply, send};
use crate::support::city::City;
use crate::support::eventually;
use crate::support::records::{about, events};

const KEPT: &str = "cache: {shared: true}";

/// Fifty callers at once; how long that took.
fn fifty(city: &City, path: &str) -> (Vec<Answer>, Duration) {
    let start = Instant::now();
    let answers = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..50).map(|_| scope.spawn(|| call(city, path, &[]))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    (answers, start.elapsed())
}

#[test]
fn an_answer_is_kept_as_long_as_the_department_says_and_then_validated() {
    let city = City::start();
    let department = Department::start(|seen| {
        let known = seen.header("if-none-match") == Some("\"v1\"");
        let fresh = reply(&[("etag", "\"v1\""), ("cache-control", "max-age=4"), ("age", "1")]);
        if known { fresh.status(304).body("") } else { fresh }
    });
    publish(&city, &department, &[Entry { entry: KEPT, ..Entry::default() }]);

    let first = call(&city, "/weather/stub", &[]);
    assert_eq!((first.status, first.body.as_str()), (200, GRANTED));
    assert_eq!(first.header("cache-status"), "helan; fwd=uri-miss; stored");
    assert_eq!(first.header("proxy-status"), "helan; received-status=200");
    let second = call(&city, "/weather/stub", &[]);
    assert!(second.header("cache-status").starts_with("helan; hit; ttl="), "{second:?}");
    // RFC 9111 §5.1, and none from a proxy that asked nobody.
    assert!(matches!(second.header("age"), "1" | "2"), "{second:?}");
    // Whole seconds, rounded down twice.
    let fresh = ["public, max-age=3", "public, max-age=4"];
    assert!(fresh.contains(&second.header("cache-control")), "{second:?}");
    assert_eq!(second.header("proxy-status"), "");
    assert_eq!(department.asked().len(), 1);

    std::thread::sleep(Duration::from_millis(3_100));
    let third = call(&city, "/weather/stub", &[]);
    assert_eq!(third.header("cache-status"), "helan; fwd=stale; stored; fwd-status=304");
    assert_eq!(third.header("proxy-status"), "helan; received-status=304");
    assert_eq!((third.status, third.body.as_str()), (200, GRANTED));
    assert_eq!(third.header("etag"), first.header("etag"));
    let asked = department.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("if-none-match"), Some("\"v1\""));
    assert_eq!(asked[0].header("x-edition"), Some("7"), "a fixed header is always sent");

    // The caller's own condition is answered here, in the name of the shaped answer.
    let tag = format!("If-None-Match: {}", first.header("etag"));
    let known = call(&city, "/weather/stub", &[&tag]);
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    let transaction = known.header("helan-transaction");
    let finished = eventually("its record", Duration::from_secs(5), || {
        about(&events(&city.shown.records), "finished", transaction).first().copied().cloned()
    });
    let items = finished["items"].as_array().map_or(0, Vec::len);
    assert!(finished["rows"].is_null() && items == 0, "{finished}");
}

#[test]
fn every_hit_is_recorded_with_all_that_left_whether_it_was_shaped_for_it_or_before() {
    let city = City::start();
    let rows = r#"{"total":1,"rows":[{"code":"a","name":"13812345678","inner":1}]}"#;
    let department =
        Department::start(move |_| reply(&[("cache-control", "max-age=60")]).body(rows));
    publish(&city, &department, &[Entry { entry: KEPT, ..Entry::default() }]);

    let answers: Vec<_> = (0..4).map(|_| call(&city, "/weather/stub", &[])).collect();

    let said = |answer: &Answer| {
        let transaction = answer.header("helan-transaction");
        eventually("its record", Duration::from_secs(5), || {
            let events = events(&city.shown.records);
            let finished = (*about(&events, "finished", transaction).first()?).clone();
            let names = ["items", "rows", "drift", "bytes", "personal", "upstream_status"];
            Some(names.map(|name| finished[name].clone()))
        })
    };
    let first = said(&answers[0]);
    assert_eq!(first[..3], [json!(["code", "name"]), json!(1), json!(1)]);
    assert_eq!(first[4], json!({"mobile": 1}));
    for answer in &answers[1..] {
        assert!(answer.header("cache-status").starts_with("helan; hit"), "{answer:?}");
        assert_eq!(answer.body, answers[0].body);
        assert_eq!(answer.header("etag"), answers[0].header("etag"));
        assert_eq!(said(answer), first);
    }
}

#[test]
fn a_head_is_answered_from_what_get_would_be_and_shares_its_fetch() {
    let city = City::start();
    let department = Department::start(|_| reply(&[("cache-control", "max-age=60")]));
    publish(&city, &department, &[Entry { entry: KEPT, ..Entry::default() }]);

    let head = send(&city, "HEAD", "/weather/stub", &[], "");
    let get = call(&city, "/weather/stub", &[]);

    assert_eq!((head.status, head.body.as_str()), (200, ""));
    for name in ["content-type", "content-length", "etag"] {
        assert!(!get.header(name).is_empty(), "{name}");
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    assert!(get.header("cache-status").starts_with("helan; hit"), "{get:?}");
    let asked = department.asked();
    assert_eq!(asked.iter().map(|seen| seen.method.as_str()).collect::<Vec<_>>(), ["GET"]);
    let tag = format!("If-None-Match: {}", get.header("etag"));
    assert_eq!(send(&city, "HEAD", "/weather/stub", &[&tag], "").status, 304);
}

#[test]
fn what_selects_an_answer_is_never_mixed_up() {
    let city = City::start();
    let department = Department::start(|seen| {
        let region = seen.header("x-region").unwrap_or("none").to_owned();
        reply(&[("cache-control", "max-age=60")])
            .body(format!(r#"{{"total":1,"rows":[{{"code":"{region}","name":"x"}}]}}"#))
    });
    publish(&city, &department, &[Entry { entry: KEPT, ..Entry::default() }]);

    for turn in 0..2 {
        for region in ["north", "south"] {
            let answer = call(&city, "/weather/stub", &[&format!("X-Region: {region}")]);
            assert!(answer.body.contains(region), "turn {turn}: {answer:?}");
            assert!(answer.header("vary").contains("X-Region"), "{answer:?}");
        }
    }
    assert_eq!(department.asked().len(), 2, "each region once");
    // `Vary` of the department's own, by a header that is always the same here: one answer.
    department.answers(|_| reply(&[("cache-control", "max-age=60"), ("vary", "accept-encoding")]));
    call(&city, "/weather/stub?code=a", &["Accept-Encoding: gzip"]);
    let again = call(&city, "/weather/stub?code=a", &["Accept-Encoding: br"]);
    assert!(again.header("cache-status").starts_with("helan; hit"), "{again:?}");
}

#[test]
fn what_the_department_reserves_is_not_kept_and_leaves_as_reserved() {
    let city = City::start();
    let department = Department::start(|_| reply(&[]));
    publish(&city, &department, &[Entry { entry: KEPT, ..Entry::default() }]);

    for (number, (said, left)) in [
        ("no-store", "no-store"),
        ("private, max-age=60", "private, no-cache"),
        ("max-age=60, x=\"no-store", "no-store"),
    ]
    .into_iter()
    .enumerate()
    {
        department.answers(move |_| reply(&[("cache-control", said)]));
        let path = format!("/weather/stub?code={number}");
        for _ in 0..2 {
            let answer = call(&city, &path, &[]);
            assert_eq!((answer.status, answer.body.as_str()), (200, GRANTED), "{said}");
            assert_eq!(answer.header("cache-control"), left, "{said}");
            // What nobody may keep nobody asks about again.
            assert_eq!(answer.header("etag").is_empty(), left == "no-store", "{said}");
            assert_eq!(answer.header("cache-status"), "helan; fwd=uri-miss", "{said}");
        }
        // One call each: what turns out not to be kept is not fetched a second time.
        assert_eq!(department.asked().len(), 2, "{said}");
    }
}

#[test]
fn an_answer_too_large_to_keep_is_fetched_once_and_arrives_whole() {
    let city = City::start();
    let row = format!(r#"{{"code":"a","name":"{}"}}"#, "x".repeat(900));
    let rows = vec![row; 3_000].join(",");
    let body = format!(r#"{{"total":3000,"rows":[{rows}]}}"#);
    let sent = body.clone();
    let department =
        Department::start(move |_| reply(&[("cache-control", "max-age=60")]).body(sent.clone()));
    let entry = "rate: {calls: 1, seconds: 3600}\ncache: {shared: true, largest: 100000}";
    let chunked =
        Entry { name: "http2", upstream: "    protocol: http2\n", entry, ..Entry::default() };
    publish(&city, &department, &[Entry { entry, ..Entry::default() }, chunked]);

    for entry in ["stub", "http2"] {
        let output = std::process::Command::new("curl")
            .args(["-sS", &format!("{}/weather/{entry}", city.shown.opening)])
            .output()
            .unwrap();
        // With a rate of one an hour, a second fetch would be refused.
        assert!(output.stdout == body.as_bytes(), "{entry}: {} bytes", output.stdout.len());
        assert_eq!(department.asked().len(), 1, "{entry}");
    }
}

#[test]
fn fifty_callers_at_once_are_one_call_to_the_department() {
    let city = City::start();
    let department = Department::start(|_| reply(&[("cache-control", "max-age=60")]).after(500));
    publish(&city, &department, &[Entry { entry: KEPT, ..Entry::default() }]);

    let (answers, _) = fifty(&city, "/weather/stub");

    assert!(answers.iter().all(|answer| answer.body == GRANTED));
    assert_eq!(department.asked().len(), 1);
    let collapsed = answers.iter().filter(|a| a.header("cache-status").ends_with("; collapsed"));
    assert!(collapsed.count() > 25, "hardly anybody waited");

    // An answer that each call has to have validated: one more call for all who waited.
    department.answers(|_| reply(&[("cache-control", "no-cache"), ("etag", "\"1\"")]).after(500));
    let (answers, _) = fifty(&city, "/weather/stub?code=b");
    assert!(answers.iter().all(|answer| answer.body == GRANTED));
    let asked = department.asked().len();
    assert!(asked <= 4, "{asked} calls");
}

#[test]
fn a_department_in_trouble_is_not_called_once_for_each_who_waits() {
    let city = City::start();
    let department = Department::start(|_| reply(&[]).status(500).after(300));
    let upstream = "    answer_ms: 400\n    idle_ms: 1000\n    connect_ms: 600\n";
    publish(&city, &department, &[Entry { entry: KEPT, upstream, ..Entry::default() }]);

    let (answers, took) = fifty(&city, "/weather/stub");
    let asked = department.asked().len();
    assert!(asked <= 4, "{asked} calls in {took:?}");
    // Who led has the described answer, the others wait no longer for one.
    let led = answers.iter().filter(|answer| answer.status == 500).count();
    assert_eq!(led, asked);
    let busy = answers.iter().filter(|answer| answer.code() == "upstream-busy");
    assert_eq!(busy.count(), 50 - asked);

    // Too slow to answer at all.
    department.answers(|_| reply(&[]).after(5_000));
    let (answers, took) = fifty(&city, "/weather/stub?code=b");
    let codes: Vec<_> = answers.iter().map(Answer::code).collect();
    assert!(
        codes.iter().all(|code| code == "upstream-timeout" || code == "upstream-busy"),
        "{codes:?}"
    );
    assert!(took < Duration::from_millis(4_000), "{took:?}");
    let asked = department.asked().len();
    assert!(asked <= 6, "{asked} calls in {took:?}");
}

#[test]
fn a_purge_forgets_at_once_and_a_change_forgets_its_target() {
    let city = City::start();
    let department = Department::start(|_| reply(&[("cache-control", "max-age=600")]));
    publish(&city, &department, &[Entry { entry: KEPT, ..Entry::default() }]);
    let hit = |path: &str| call(&city, path, &[]).header("cache-status").starts_with("helan; hit");
    call(&city, "/weather/stub", &[]);
    assert!(hit("/weather/stub"));

    let token = &city.shown.admin_tokens["system"];
    let purged = std::process::Command::new("curl")
        .args(["-sS", "-X", "POST", "-d", r#"{"entry":"weather/stub"}"#, "-H"])
        .arg(format!("Authorization: Bearer {token}"))
        .arg(format!("{}/purge", city.shown.admin))
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&purged.stdout).contains("1 kept answers forgotten"),
        "{purged:?}"
    );
    assert!(!hit("/weather/stub"));
    assert!(hit("/weather/stub"));

    assert_eq!(send(&city, "POST", "/weather/stub", &[], r#"{"code":"a"}"#).status, 200);
    assert!(!hit("/weather/stub"));
}

#[test]
fn a_caller_that_wants_only_what_is_kept_makes_nobody_ask_the_department() {
    let city = City::start();
    let department = Department::start(|_| reply(&[("cache-control", "max-age=600")]));
    let plain = Entry { name: "plain", ..Entry::default() };
    publish(&city, &department, &[Entry { entry: KEPT, ..Entry::default() }, plain]);
    let only = ["Cache-Control: only-if-cached"];

    for entry in ["stub", "plain"] {
        let answer = call(&city, &format!("/weather/{entry}"), &only);
        assert_eq!((answer.status, answer.code().as_str()), (504, "not-kept"), "{entry}");
    }
    assert_eq!(department.asked().len(), 0);
    call(&city, "/weather/stub", &[]);
    assert_eq!(call(&city, "/weather/stub", &only).status, 200);
}

#[test]
fn a_leader_that_hangs_up_leaves_the_fetch_to_those_who_wait() {
    let city = City::start();
    let counted = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&counted);
    let department = Department::start(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        reply(&[("cache-control", "max-age=60")]).after(600)
    });
    publish(&city, &department, &[Entry { entry: KEPT, ..Entry::default() }]);

    let address = city.shown.opening.trim_start_matches("http://").to_owned();
    let mut leader = std::net::TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut leader, b"GET /weather/stub HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    eventually("the fetch", Duration::from_secs(5), || {
        (counted.load(Ordering::SeqCst) == 1).then_some(())
    });
    drop(leader);
    let answer = call(&city, "/weather/stub", &[]);

    assert_eq!(answer.body, GRANTED);
    assert!(answer.header("cache-status").ends_with("; collapsed"), "{answer:?}");
    assert_eq!(department.asked().len(), 1);
}
