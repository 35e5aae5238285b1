//! A process that is killed in the middle of its work.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::support::city::{City, Served, program};
use crate::support::records::events;
use crate::support::stand_in::{StandIn, json};

/// Calls on one connection until it breaks; every transaction of which a byte arrived is noted.
fn call_until_broken(address: &str, stop: &AtomicBool, seen: &Mutex<BTreeSet<String>>) {
    let Ok(mut stream) = TcpStream::connect(address) else { return };
    drop(stream.set_read_timeout(Some(Duration::from_secs(5))));
    let Ok(copy) = stream.try_clone() else { return };
    let mut lines = BufReader::new(copy);
    while !stop.load(Ordering::Relaxed) {
        let request = "GET /ecology/air-quality HTTP/1.1\r\nHost: city.example\r\n\r\n";
        if stream.write_all(request.as_bytes()).is_err() {
            return;
        }
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            if !lines.read_line(&mut line).is_ok_and(|read| read > 0) {
                return;
            }
            if let Some(id) = line.strip_prefix("helan-transaction: ") {
                seen.lock().unwrap().insert(id.trim().to_owned());
            }
            if let Some(text) = line.strip_prefix("content-length: ") {
                length = text.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        if lines.read_exact(&mut body).is_err() {
            return;
        }
    }
}

#[test]
fn twenty_kills_under_load_lose_no_record_of_an_answer_that_began() {
    let mut city = City::start();
    city.interrupt();
    let address = city.shown.opening.trim_start_matches("http://");
    let rest = city.shown.upstreams["rest"].trim_start_matches("http://").to_owned();
    let _rest = StandIn::on(TcpListener::bind(rest).unwrap(), |_| {
        json(r#"{"total":1,"rows":[{"site":"YC01","aqi":52}]}"#)
    });
    let seen = Mutex::new(BTreeSet::new());

    for _ in 0..20 {
        let config = city.work().join("helan.yaml");
        let mut node = Served::start(&config, &city.shown.opening, "warn");
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| call_until_broken(address, &stop, &seen));
            }
            std::thread::sleep(Duration::from_millis(300));
            node.kill();
            stop.store(true, Ordering::Relaxed);
        });
    }

    let decided: BTreeSet<String> = events(&city.shown.records)
        .iter()
        .filter(|event| event["event"] == "decided")
        .map(|event| event["transaction"].as_str().unwrap().to_owned())
        .collect();
    let seen = seen.into_inner().unwrap();
    assert!(seen.len() > 200, "only {} calls: too thin a load", seen.len());
    let lost: Vec<_> = seen.difference(&decided).collect();
    assert!(lost.is_empty(), "{} of {} calls have no record", lost.len(), seen.len());
    // Killed or not, what the records hold is proved.
    let config = city.work().join("helan.yaml");
    let output = Command::new(program())
        .args(["records", "verify", "--json", "--config"])
        .arg(config)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["count"], 0, "{report}");
    eprintln!(
        "kill -9: 20 kills, {} answered, {} calls and {} events recorded, 0 lost, {} checkpoints agree",
        seen.len(),
        decided.len(),
        report["events"],
        report["checkpoints"]
    );
}
