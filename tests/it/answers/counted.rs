//! What has no record of its own is counted.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use super::{ENTRY, Served, curl, department, metrics, ready};
use crate::support::city::City;
use crate::support::eventually;
use crate::support::records::events;

#[test]
fn a_zone_that_has_spent_its_share_of_the_journal_refuses_and_the_other_answers() {
    let rows = |_: &str, stream: &mut TcpStream| assert!(ready("ready", stream));
    let served = Served::start(&department(rows), |text| {
        let profile = "opening:\n    profile: yc-2018\n";
        assert!(text.contains(profile), "{text}");
        let spent =
            format!("{profile}    journal: {{pending_bytes: 1000000, bytes_per_second: 10}}\n");
        text.replacen(profile, &spent, 1)
    });
    let open = || curl(&[&format!("{}{ENTRY}?site=ready", served.city.shown.opening)]);
    let refused = eventually("the end of the budget", Duration::from_secs(10), || {
        let answer = open();
        assert!(answer.status == 200 || answer.status == 503, "{answer:?}");
        (answer.status == 503).then_some(answer)
    });
    assert_eq!(refused.code(), "record-budget-spent");
    assert!(refused.head.contains("retry-after: "), "{refused:?}");

    let call = served.city.shown.calls.iter().find(|call| call.name == "unconditional").unwrap();
    let output = Command::new("sh").args(["-c", &call.command]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("HTTP/2 200"), "{text}");
    assert_eq!(open().code(), "record-budget-spent");
    eventually("the count of what was refused", Duration::from_secs(10), || {
        let events = events(&served.city.shown.records);
        let counts = events.iter().filter(|event| event["event"] == "uncounted");
        let mut counts = counts.map(|event| &event["counts"]["record-budget-spent"]);
        counts.any(|count| count.as_u64() > Some(0)).then_some(())
    });
}

#[test]
fn a_flood_of_like_refusals_is_counted_to_the_last_and_the_gauge_returns_to_zero() {
    let city = City::start();
    let address = city.shown.opening.trim_start_matches("http://").to_owned();
    let answered: usize = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let call = "GET /weather/nothing-here HTTP/1.1\r\nHost: city.example\r\n\r\n";
                    let mut stream = TcpStream::connect(&address).unwrap();
                    let mut lines = BufReader::new(stream.try_clone().unwrap());
                    (0..50).filter(|_| once(&mut stream, &mut lines, call) == 404).count()
                })
            })
            .collect();
        calls.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(answered, 200);
    eventually("every refusal in a pair or a count", Duration::from_secs(10), || {
        let events = events(&city.shown.records);
        let of = |kind: &str| events.iter().filter(|e| e["event"] == kind).collect::<Vec<_>>();
        let pairs = of("finished").iter().filter(|e| e["outcome"] == "no-such-entry").count();
        let closed = of("folded").into_iter().filter(|fold| fold["phase"] == "closed");
        let folded: u64 = closed.map(|fold| fold["count"].as_u64().unwrap()).sum();
        assert!(of("folded").iter().all(|fold| fold["count"].as_u64() > Some(0)));
        (folded > 0 && pairs as u64 + folded == 200).then_some(())
    });
    eventually("the difference's end", Duration::from_secs(10), || {
        metrics(&city).contains("\nhelan_records_difference 0\n").then_some(())
    });
}

/// One call on a connection that is kept; its status.
fn once(stream: &mut TcpStream, lines: &mut BufReader<TcpStream>, call: &str) -> u16 {
    stream.write_all(call.as_bytes()).unwrap();
    let (mut status, mut length, mut line) = (0, 0, String::new());
    loop {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the gateway hung up");
        if line.starts_with("HTTP/") {
            status = line.split(' ').nth(1).unwrap().parse().unwrap();
        }
        if let Some(text) = line.strip_prefix("content-length: ") {
            length = text.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    lines.read_exact(&mut vec![0; length]).unwrap();
    status
}
