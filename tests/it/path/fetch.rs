//! What the department is asked, and what never reaches it or comes back from it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Department, Entry, GRANTED, call, publish, reply, send, serve_with};
use crate::support::city::City;
use crate::support::records::events;
use crate::support::{eventually, free_port};

#[test]
fn a_condition_that_the_department_would_have_to_check_is_refused_before_anything_is_sent() {
    let city = City::start();
    let department = Department::start(|_| reply(&[("etag", "\"1\"")]));
    publish(&city, &department, &[Entry::default()]);

    for (method, condition) in [
        ("GET", "If-Match: \"1\""),
        ("GET", "If-Unmodified-Since: Wed, 25 Nov 2026 10:00:00 GMT"),
        ("POST", "If-Match: *"),
        ("POST", "If-None-Match: *"),
    ] {
        let body = if method == "POST" { r#"{"code":"a"}"# } else { "" };
        let answer = send(&city, method, "/weather/stub", &[condition], body);
        assert_eq!((answer.status, answer.code().as_str()), (412, "condition-not-offered"));
    }
    assert_eq!(department.asked().len(), 0);
    let answer = call(&city, "/weather/stub", &["If-None-Match: \"1\"", "Range: bytes=0-1"]);
    assert_eq!((answer.status, answer.body.as_str()), (200, GRANTED));
    let asked = department.asked();
    assert!(asked[0].header("if-none-match").is_none() && asked[0].header("range").is_none());
}

#[test]
fn a_file_is_what_was_asked_for_and_never_an_error_page_or_a_part() {
    let city = City::start();
    let department = Department::start(|_| reply(&[]));
    let interface = "  format: file\n";
    publish(&city, &department, &[Entry { interface, ..Entry::default() }]);

    let whole = call(&city, "/weather/stub", &[]);
    assert_eq!((whole.status, whole.body.as_str()), (200, super::ROWS));
    for status in [206, 404, 500] {
        let page = move |_: &super::Seen| reply(&[]).status(status).body("SELECT * FROM people");
        department.answers(page);
        let answer = call(&city, "/weather/stub", &[]);
        assert_eq!((answer.status, answer.code().as_str()), (502, "answer-not-described"));
        assert!(!answer.body.contains("SELECT"), "{answer:?}");
    }
    // What is shaped may have described errors, but no parts either.
    let shaped = Entry { name: "shaped", ..Entry::default() };
    publish(&city, &department, &[shaped]);
    department.answers(|_| reply(&[]).status(206));
    assert_eq!(call(&city, "/weather/shaped", &[]).status, 502);
    department.answers(|_| reply(&[]).status(404));
    assert_eq!(call(&city, "/weather/shaped", &[]).status, 404);
}

#[test]
fn the_public_however_slowly_it_reads_leaves_departments_their_places() {
    let city = City::start();
    let department = big();
    let upstream = "    concurrency: 4\n";
    publish(&city, &department, &[Entry { upstream, ..Entry::default() }]);

    let address = city.shown.opening.trim_start_matches("http://");
    let mut reader = TcpStream::connect(address).unwrap();
    reader.write_all(b"GET /weather/stub?code=big HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut first = [0; 12];
    reader.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");

    let busy = call(&city, "/weather/stub", &[]);
    assert_eq!((busy.status, busy.code().as_str()), (503, "upstream-busy"));
    assert_eq!(busy.header("proxy-status"), "helan; error=connection_limit_reached");
    assert_eq!(busy.header("retry-after"), "1");
    let department = &city.shown.applications["xingqing/approval"];
    let sharing = Command::new("curl")
        .args(["-sS", "-w", "%{http_code}", "-H", "Helan-Purpose: work-reference", "--cacert"])
        .arg(&city.shown.ca)
        .arg("--cert")
        .arg(&department.certificate)
        .arg("--key")
        .arg(&department.key)
        .arg(format!("{}/weather/stub", city.shown.sharing))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(sharing.stdout).unwrap(), format!("{GRANTED}200"));
    drop(reader);
    eventually("a free place", Duration::from_secs(5), || {
        (call(&city, "/weather/stub", &[]).status == 200).then_some(())
    });
}

#[test]
fn a_caller_that_always_reads_a_little_does_not_keep_its_place_for_ever() {
    let mut city = City::start();
    let department = big();
    let upstream = "    concurrency: 4\n";
    publish(&city, &department, &[Entry { upstream, ..Entry::default() }]);
    let written = format!("{{address: '{}'}}", city.shown.opening.trim_start_matches("http://"));
    let bounds = "bounds: {write_ms: 2000, read_bytes_per_second: 10000000}";
    let instead = written.replace('}', &format!(", {bounds}}}"));
    let _node = serve_with(&mut city, (&written, &instead));

    let address = city.shown.opening.trim_start_matches("http://");
    let mut reader = TcpStream::connect(address).unwrap();
    reader.write_all(b"GET /weather/stub?code=big HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let (start, mut some, mut all) = (Instant::now(), vec![0; 64 * 1024], 0);
    let end = loop {
        match reader.read(&mut some) {
            Ok(read) if read > 0 => all += read,
            end => break end,
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{all} bytes and still going on");
        std::thread::sleep(Duration::from_millis(20));
    };

    assert!(end.is_err(), "what broke off looks whole");
    eventually("a free place", Duration::from_secs(5), || {
        (call(&city, "/weather/stub", &[]).status == 200).then_some(())
    });
    let events = events(&city.shown.records);
    let finished = events.iter().filter(|event| event["event"] == "finished");
    let outcomes: Vec<_> = finished.map(|event| &event["outcome"]).collect();
    assert!(outcomes.iter().any(|outcome| **outcome == "caller-too-slow"), "{outcomes:?}");
}

/// A department whose answer to `code=big` is larger than all buffers on the way.
fn big() -> Department {
    let row = format!(r#"{{"code":"a","name":"{}"}}"#, "x".repeat(60_000));
    let body = format!(r#"{{"total":1,"rows":[{}]}}"#, vec![row; 600].join(","));
    Department::start(move |seen| {
        if seen.target.contains("code=big") { reply(&[]).body(body.clone()) } else { reply(&[]) }
    })
}

#[test]
fn calls_that_are_not_sent_since_the_interface_is_down_take_nothing_of_its_rate() {
    let city = City::start();
    let mut department = Department::start(|_| reply(&[]));
    department.address = format!("127.0.0.1:{}", free_port());
    let entry = "rate: {calls: 1, seconds: 3600, burst: 6}";
    publish(&city, &department, &[Entry { entry, ..Entry::default() }]);

    let answers: Vec<_> = (0..20).map(|_| call(&city, "/weather/stub", &[])).collect();

    let codes: Vec<_> = answers.iter().map(super::Answer::code).collect();
    assert!(!codes.iter().any(|code| code == "entry-rate"), "{codes:?}");
    assert_eq!(answers[0].header("proxy-status"), "helan; error=connection_refused");
    assert_eq!(answers[9].header("proxy-status"), "helan; error=destination_unavailable");
    assert_eq!(answers[9].header("retry-after"), "1");
}

#[test]
fn the_department_is_shown_the_credentials_of_the_zone_from_file_and_environment() {
    let city = City::start_with(&[("HELAN_TEST_PASSWORD", "pass:word")]);
    let department = Department::start(|_| reply(&[]));
    for (name, secret) in [("bearer", "b.earer~1\n"), ("header", "h-secret"), ("other", "no")] {
        let file = city.shown.policies.join(format!("{name}.secret"));
        std::fs::write(&file, secret).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let entry = |name, upstream| Entry { name, upstream, ..Entry::default() };
    publish(
        &city,
        &department,
        &[
            entry(
                "basic",
                "    credentials:\n      - {kind: basic, zone: opening, user: helan, password: {environment: HELAN_TEST_PASSWORD}}\n",
            ),
            entry(
                "bearer",
                "    protocol: http2\n    credentials:\n      - {kind: bearer, zone: opening, token: {file: bearer.secret}}\n",
            ),
            entry(
                "header",
                "    credentials:\n      - {kind: header, zone: opening, name: X-Key, value: {file: header.secret}}\n      - {kind: header, zone: sharing, name: X-Other, value: {file: other.secret}}\n",
            ),
        ],
    );

    for entry in ["basic", "bearer", "header"] {
        let sent = ["Authorization: Basic Y2FsbGVyOm93bg==", "X-Key: forged"];
        assert_eq!(call(&city, &format!("/weather/{entry}"), &sent[1..]).status, 200);
        // A caller's own credential proves the caller or is refused; it goes no further.
        assert_eq!(call(&city, &format!("/weather/{entry}"), &sent[..1]).status, 401);
        let asked = department.asked();
        assert_eq!(asked.len(), 1, "{entry}");
        let expected = match entry {
            // `helan:pass:word`
            "basic" => (Some("Basic aGVsYW46cGFzczp3b3Jk"), None),
            "bearer" => (Some("Bearer b.earer~1"), None),
            _ => (None, Some("h-secret")),
        };
        assert_eq!((asked[0].header("authorization"), asked[0].header("x-key")), expected);
        assert_eq!(asked[0].header("x-other"), None, "issued for another zone");
    }
}
