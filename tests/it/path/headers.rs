//! Header fields that pass, in both directions, and those that the gateway says itself.

use std::process::Command;

use http::Version;

use super::{Answer, Department, Entry, call, publish, reply, send, serve_with};
use crate::support::city::City;

#[test]
fn the_department_sees_who_asks_and_nothing_else_of_the_callers() {
    let city = City::start();
    let department = Department::start(|_| reply(&[]));
    let http2 = Entry { name: "http2", upstream: "    protocol: http2\n", ..Entry::default() };
    publish(&city, &department, &[Entry::default(), http2]);

    for (entry, version) in [("stub", Version::HTTP_11), ("http2", Version::HTTP_2)] {
        let sent = [
            "Cookie: session=1",
            "Helan-Purpose: work-reference",
            "Helan-Operator: somebody",
            "X-Forwarded-For: 192.0.2.7",
            "Forwarded: for=192.0.2.7",
            "Via: 1.1 somewhere",
            "traceparent: 00-11111111111111111111111111111111-2222222222222222-01",
            "X-HTTP-Method-Override: DELETE",
            "Accept: application/json",
            "X-Region: north",
            "X-Unheard-Of: 1",
        ];
        let answer = call(&city, &format!("/weather/{entry}"), &sent);
        assert_eq!(answer.status, 200, "{answer:?}");
        let asked = department.asked().remove(0);

        assert_eq!(asked.version, version);
        let mut names: Vec<_> = asked.headers.keys().map(http::HeaderName::as_str).collect();
        names.retain(|name| *name != "host");
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "accept",
                "accept-encoding",
                "forwarded",
                "traceparent",
                "via",
                "x-edition",
                "x-region"
            ]
        );
        assert_eq!(asked.header("x-edition"), Some("7"), "what is fixed is always sent");
        assert_eq!(asked.header("via"), Some("1.1 demo"));
        assert_eq!(asked.header("forwarded"), Some("for=_public;proto=http"));
        let transaction = answer.header("helan-transaction").replace('-', "");
        let trace = asked.header("traceparent").unwrap();
        assert!(trace.starts_with(&format!("00-{transaction}-")), "{trace}");
    }
}

#[test]
fn via_and_forwarded_say_how_the_call_came() {
    let city = City::start();
    let department = Department::start(|_| reply(&[]));
    publish(&city, &department, &[Entry::default()]);

    let credentials = &city.shown.applications["xingqing/approval"];
    let output = Command::new("curl")
        .args(["-sS", "--http2", "-o", "/dev/null", "-w", "%{http_code} %{http_version}"])
        .args(["-H", "Helan-Purpose: work-reference", "--cacert"])
        .arg(&city.shown.ca)
        .arg("--cert")
        .arg(&credentials.certificate)
        .arg("--key")
        .arg(&credentials.key)
        .arg(format!("{}/weather/stub", city.shown.sharing))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "200 2");

    let asked = department.asked().remove(0);
    assert_eq!(asked.header("via"), Some("2.0 demo"));
    assert_eq!(asked.header("forwarded"), Some("for=_xingqing.approval;proto=https"));
}

#[test]
fn of_the_departments_headers_only_those_pass_that_an_entry_may_let_through() {
    let city = City::start();
    let department = Department::start(|_| {
        reply(&[
            ("set-cookie", "a=1"),
            ("server", "Tomcat/5"),
            ("x-powered-by", "PHP/4"),
            ("link", "<http://10.0.0.1/>; rel=next"),
            ("content-disposition", "attachment; filename=\"x\""),
            ("content-language", "zh"),
            ("content-language", "en"),
            ("last-modified", "Wed, 25 Nov 2026 10:00:00 GMT"),
            ("x-total-count", "2"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("ratelimit", "\"x\";r=1"),
            ("age", "5"),
            ("helan-transaction", "forged"),
        ])
    });
    let interface = "  rows: rows[]\n  envelope: [total]\n  headers: [X-Total-Count, X-Hop]\n";
    let shaped = Entry { interface, ..Entry::default() };
    let file = Entry { name: "file", interface: "  format: file\n", ..Entry::default() };
    publish(&city, &department, &[shaped, file]);

    let answer = call(&city, "/weather/stub", &[]);
    assert_eq!(answer.status, 200, "{answer:?}");
    for name in [
        "set-cookie",
        "server",
        "x-powered-by",
        "link",
        "content-disposition",
        "x-hop",
        "ratelimit",
        "age",
    ] {
        assert_eq!(answer.header(name), "", "{name}");
    }
    assert_eq!(answer.header("content-language"), "zh, en");
    assert_eq!(answer.header("x-total-count"), "2");
    assert_eq!(answer.header("last-modified"), "Wed, 25 Nov 2026 10:00:00 GMT");
    assert_eq!(answer.header("helan-transaction").len(), 36);
    assert_eq!(answer.header("cache-control"), "no-cache");
    let file = call(&city, "/weather/file", &[]);
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"x\"");
}

#[test]
fn limits_are_told_with_every_answer_and_with_the_refusal() {
    let city = City::start();
    let department = Department::start(|_| reply(&[]));
    let opening = "  rate: {calls: 2, seconds: 3600, burst: 2}\n";
    let slow = "rate: {calls: 1, seconds: 3600}";
    let limited = Entry { name: "limited", entry: slow, ..Entry::default() };
    publish(&city, &department, &[Entry { opening, ..Entry::default() }, limited]);

    let answers: Vec<_> = (0..3).map(|_| call(&city, "/weather/stub", &[])).collect();

    let lefts: Vec<_> = answers.iter().map(|answer| answer.header("ratelimit")).collect();
    assert!(lefts[0].starts_with("\"address-entry\";r=1;t="), "{lefts:?}");
    assert!(lefts[1].starts_with("\"address-entry\";r=0;t="), "{lefts:?}");
    let refused = &answers[2];
    assert_eq!((refused.status, refused.code().as_str()), (429, "address-rate"));
    assert_eq!(refused.header("ratelimit-policy"), "\"address-entry\";q=2;w=3600");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1_790..=1_800).contains(&wait), "{wait}");
    assert_eq!(refused.header("ratelimit"), format!("\"address-entry\";r=0;t={wait}"));
    // Pages may read it all (Fetch standard), whether or not they said who they are.
    assert!(answers.iter().all(|answer| answer.header("access-control-allow-origin") == "*"));

    assert_eq!(call(&city, "/weather/limited", &[]).status, 200);
    let refused = call(&city, "/weather/limited", &[]);
    assert_eq!(refused.code(), "entry-rate");
    assert!(refused.header("ratelimit").starts_with("\"entry\";r=0;t=3"), "{refused:?}");
    assert_eq!(department.asked().len(), 3);
}

#[test]
fn in_the_opening_zone_every_look_counts_for_the_address_and_origins_are_told_apart() {
    let mut city = City::start();
    let written = "    origins: ['*']\n";
    let instead = "    origins: ['https://city.example']\n    \
                   address_rate: {calls: 1, seconds: 3600, burst: 3}\n";
    let _node = serve_with(&mut city, (written, instead));

    let listed = call(&city, "/catalog", &["Origin: https://city.example"]);
    let asked_ahead = send(
        &city,
        "OPTIONS",
        "/weather/warnings",
        &["Origin: https://other.example", "Access-Control-Request-Method: GET"],
        "",
    );
    let page = call(&city, "/catalog/weather/warnings", &[]);
    let looks = [&listed, &asked_ahead, &page];
    let refused = call(&city, "/catalog", &[]);

    let statuses: Vec<_> = looks.iter().map(|answer: &&Answer| answer.status).collect();
    assert_eq!(statuses, [200, 204, 200]);
    assert_eq!((refused.status, refused.code().as_str()), (429, "address-rate"));
    assert_eq!(listed.header("access-control-allow-origin"), "https://city.example");
    assert_eq!(asked_ahead.header("access-control-allow-origin"), "");
    for answer in looks.into_iter().chain([&refused]) {
        assert_eq!(answer.header("vary"), "Origin", "{answer:?}");
    }
}
