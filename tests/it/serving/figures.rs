//! The metrics page: what listeners and upstreams count, and that every answer is on record.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::city::City;
use crate::support::eventually;
use crate::support::records::events;
use crate::support::serving::{curl, metric};

/// What a listener answers to these bytes.
fn raw(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is as good an end.
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

/// Answers on record that have no pair, by code.
fn counted(city: &City, code: &str) -> u64 {
    let events = events(&city.shown.records);
    let counts = events.iter().filter(|event| event["event"] == "uncounted");
    counts.filter_map(|event| event["counts"][code].as_u64()).sum()
}

#[test]
fn what_is_answered_before_there_is_a_request_is_counted_and_goes_on_record() {
    let mut city = City::start();
    let open = city.shown.opening.clone();
    for _ in 0..3 {
        assert!(raw(&open, b"no HTTP at all\r\n\r\n").starts_with("HTTP/1.1 400 "));
    }
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert!(raw(&open, long.as_bytes()).starts_with("HTTP/1.1 431 "));
    // One that is a request, and refused as one; and one that hangs up in its head, unanswered.
    assert!(
        raw(&open, b"GET /x HTTP/1.1\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 400")
    );
    drop(TcpStream::connect(open.trim_start_matches("http://")).unwrap().write_all(b"GET /"));
    assert_eq!(curl(&[&format!("{open}/ecology/air-quality")]).0, 200);

    let mishap = |kind: &str| {
        metric(&city, &format!("helan_mishaps_total{{kind=\"{kind}\",zone=\"opening\"}}"))
    };
    eventually("all mishaps", Duration::from_secs(10), || {
        (mishap("malformed") == Some(3)
            && mishap("head-too-large") == Some(1)
            && mishap("head-broken") == Some(1))
        .then_some(())
    });
    assert_eq!(metric(&city, "helan_answers_total{zone=\"opening\"}"), Some(6));
    eventually("every answer on record", Duration::from_secs(10), || {
        (metric(&city, "helan_records_difference") == Some(0)
            && metric(&city, "helan_journal_uncounted_total") == Some(4))
        .then_some(())
    });
    assert_eq!((counted(&city, "malformed"), counted(&city, "head-too-large")), (3, 1));
    assert_eq!(counted(&city, "head-broken"), 0, "nobody was answered");

    // What was counted last goes on record before the end.
    assert!(raw(&open, b"no HTTP at all\r\n\r\n").starts_with("HTTP/1.1 400 "));
    city.interrupt();
    assert_eq!(counted(&city, "malformed"), 4);
}

#[test]
fn interfaces_connections_and_certificates_are_on_the_page() {
    let city = City::start();
    for _ in 0..3 {
        assert_eq!(curl(&[&format!("{}/ecology/air-quality", city.shown.opening)]).0, 200);
    }
    let address = city.shown.opening.trim_start_matches("http://");
    let mut held = TcpStream::connect(address).unwrap();
    let listener = format!("{{listener=\"{address}\",zone=\"opening\"}}");
    eventually("the open connection", Duration::from_secs(5), || {
        (metric(&city, &format!("helan_connections_open{listener}")) == Some(1)).then_some(())
    });
    held.write_all(b"GET /catalog HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    eventually("its rest", Duration::from_secs(5), || {
        (metric(&city, &format!("helan_connections_parked{listener}")) == Some(1)).then_some(())
    });
    drop(held);
    eventually("its end", Duration::from_secs(5), || {
        (metric(&city, &format!("helan_connections_open{listener}")) == Some(0)).then_some(())
    });

    let upstream = |name: &str| {
        metric(&city, &format!("helan_upstream_{name}{{upstream=\"ecology/rest\"}}"))
            .unwrap_or_else(|| panic!("{name}: {}", page(&city)))
    };
    assert!(upstream("calls_total") >= 1);
    assert!(upstream("connects_total") >= 1);
    for name in ["retries_total", "failures_total", "in_flight", "breaker_open"] {
        assert_eq!(upstream(name), 0, "{name}");
    }
    assert_eq!(metric(&city, "helan_upstream_faults_total{fault=\"connect\"}"), Some(0));
    let sharing = city.shown.sharing.trim_start_matches("https://");
    let expiry = format!(
        "helan_certificate_expiry_timestamp_seconds{{listener=\"{sharing}\",zone=\"sharing\"}}"
    );
    assert!(metric(&city, &expiry).unwrap() > jiff::Timestamp::now().as_second());
}

fn page(city: &City) -> String {
    curl(&[&format!("{}/metrics", city.shown.admin)]).1
}
