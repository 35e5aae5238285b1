//! Real faults: a slow disk, a failing disk, a killed process.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::city::{City, program};
use crate::support::eventually;
use crate::support::records::{about, events};
use crate::support::tools::tool;

/// The one system call that makes records durable.
const DURABLE: &str = "pwritev2";

/// strace, attached to a process and injecting a fault into one system call of all its threads.
struct Injection {
    child: Child,
    log: std::path::PathBuf,
}

impl Injection {
    fn attach(strace: &Path, city: &City, fault: &str) -> Self {
        let log = city.dir.path().join(format!("strace-{}", fault.replace(['=', ':'], "-")));
        let child = Command::new(strace)
            .args(["-f", "-qq", "-p", &city.pid().to_string(), "-o"])
            .arg(&log)
            .args(["-e", &format!("trace={DURABLE}"), "-e", &format!("inject={DURABLE}:{fault}")])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let status = format!("/proc/{}/status", city.pid());
        eventually("strace's hold", Duration::from_secs(10), || {
            let text = fs::read_to_string(&status).unwrap();
            text.lines()
                .any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
                .then_some(())
        });
        // It takes hold of one thread after the other.
        std::thread::sleep(Duration::from_millis(500));
        Self { child, log }
    }

    fn hits(&self) -> usize {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        text.lines()
            .filter(|line| line.contains("(DELAYED)") || line.contains("(INJECTED)"))
            .count()
    }

    fn detach(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        self.child.wait().unwrap();
    }
}

/// Status, transaction and the time until the first byte.
fn first_byte(address: &str, path: &str) -> (u16, String, Duration) {
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let start = Instant::now();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: city.example\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut first = [0];
    stream.read_exact(&mut first).unwrap();
    let took = start.elapsed();
    let mut text = String::from_utf8_lossy(&first).into_owned();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    text.push_str(&String::from_utf8_lossy(&rest));
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    let transaction = text
        .lines()
        .find_map(|line| line.strip_prefix("helan-transaction: "))
        .unwrap_or_default()
        .trim()
        .to_owned();
    (status, transaction, took)
}

#[test]
fn no_first_byte_leaves_before_its_record_is_durable() {
    let Some(strace) = tool("strace", &["/usr/bin/strace"]) else { return };
    let city = City::start();
    let path = "/ecology/air-quality";
    let quick = first_byte(&city.shown.opening, path);
    assert_eq!(quick.0, 200);
    assert!(quick.2 < Duration::from_millis(400), "{:?} without any delay", quick.2);

    let injection = Injection::attach(&strace, &city, "delay_enter=500000");
    let before = injection.hits();
    for path in [path, "/weather/nothing-here"] {
        let (_, _, took) = first_byte(&city.shown.opening, path);
        assert!(took >= Duration::from_millis(490), "{path}: a byte left after {took:?}");
    }
    assert!(injection.hits() > before, "the delay was not hit, so nothing was proved");
    injection.detach();
    assert_eq!(first_byte(&city.shown.opening, path).0, 200);
}

#[test]
fn a_disk_that_fails_lets_no_data_out_and_service_comes_back_by_itself() {
    let Some(strace) = tool("strace", &["/usr/bin/strace"]) else { return };
    let city = City::start();
    let path = "/ecology/air-quality";
    assert_eq!(first_byte(&city.shown.opening, path).0, 200);

    let injection = Injection::attach(&strace, &city, "error=EIO");
    for _ in 0..20 {
        let (status, _, _) = first_byte(&city.shown.opening, path);
        assert_eq!(status, 503, "data left without a record");
    }
    assert!(injection.hits() > 0, "the fault was not hit, so nothing was proved");
    injection.detach();

    let mut refused = 20;
    let transaction = eventually("the journal's recovery", Duration::from_secs(10), || {
        let (status, transaction, _) = first_byte(&city.shown.opening, path);
        refused += u64::from(status == 503);
        (status == 200).then_some(transaction)
    });
    let events = events(&city.shown.records);
    assert_eq!(about(&events, "decided", &transaction).len(), 1);
    assert!(events.iter().any(|event| event["event"] == "recovered" && event["cause"] == "write"));
    eventually("the count of answers without a record", Duration::from_secs(5), || {
        let counted: u64 = self::events(&city.shown.records)
            .iter()
            .filter(|event| event["event"] == "uncounted")
            .flat_map(|event| event["counts"].as_object().unwrap().values())
            .map(|count| count.as_u64().unwrap())
            .sum();
        (counted == refused).then_some(())
    });
}

/// A stand-in that answers every GET with the same rows, for as long as the test runs.
fn serve_rows(listener: TcpListener) {
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
                    if line == "\r\n" {
                        let body = r#"{"total":1,"rows":[{"site":"YC01","aqi":52}]}"#;
                        let head = format!(
                            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                            body.len()
                        );
                        if stream.write_all(head.as_bytes()).is_err() {
                            return;
                        }
                    }
                    line.clear();
                }
            });
        }
    });
}

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
    let rest = city.shown.upstreams["rest"].trim_start_matches("http://").to_owned();
    serve_rows(TcpListener::bind(rest).unwrap());
    let address = city.shown.opening.trim_start_matches("http://").to_owned();
    let seen = Mutex::new(BTreeSet::new());

    for _ in 0..20 {
        let mut node = Command::new(program())
            .args(["serve", "--config"])
            .arg(city.work().join("helan.yaml"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("the node's start", Duration::from_secs(30), || {
            assert!(node.try_wait().unwrap().is_none(), "the node ended at its start");
            TcpStream::connect(&address).ok()
        });
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| call_until_broken(&address, &stop, &seen));
            }
            std::thread::sleep(Duration::from_millis(300));
            node.kill().unwrap();
            node.wait().unwrap();
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
}
