//! Answers as departments really send them, through a running gateway: coded, careless, broken off; and
//! what is on record of them.

mod broken;
mod counted;
mod recorded;

use std::fs;
use std::io::{BufRead as _, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::city::{City, program};
use crate::support::eventually;
use crate::support::records::{about, events};

const ENTRY: &str = "/ecology/air-quality";

/// A department that answers `?site=CASE` as the test says, and then hangs up.
fn department(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + Clone + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut stream = stream;
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                let (mut first, mut line) = (String::new(), String::new());
                while lines.read_line(&mut line).is_ok_and(|read| read > 2) {
                    if first.is_empty() {
                        first.clone_from(&line);
                    }
                    line.clear();
                }
                let target = first.split(' ').nth(1).unwrap_or("");
                answer(target.rsplit('=').next().unwrap_or(""), &mut stream);
            });
        }
    });
    format!("http://{address}")
}

/// Sends an answer with these extra fields; a caller that left is nobody's concern here.
fn send(stream: &mut TcpStream, fields: &str, body: &[u8]) {
    let length = body.len();
    promise(stream, fields, length, body);
}

/// Promises so many bytes and sends these.
fn promise(stream: &mut TcpStream, fields: &str, length: usize, body: &[u8]) {
    let kind =
        if fields.contains("Content-Type") { "" } else { "Content-Type: application/json\r\n" };
    let head = format!(
        "HTTP/1.1 200 OK\r\n{kind}{fields}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)));
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    coder.write_all(body).unwrap();
    coder.finish().unwrap()
}

/// A city whose air quality comes from this department.
fn city(department: &str) -> City {
    let city = City::start();
    point(&city, department);
    eventually("the department's place in the View", Duration::from_secs(20), || {
        let answer = curl(&[&format!("{}{ENTRY}?site=ready", city.shown.opening)]);
        (answer.body == r#"{"rows":[{"site":"ready"}]}"#).then_some(())
    });
    city
}

fn point(city: &City, department: &str) {
    let file = city.shown.policies.join("organizations/ecology.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let rest = &city.shown.upstreams["rest"];
    assert!(text.contains(rest), "{text}");
    fs::write(file, text.replace(rest, department)).unwrap();
}

fn ready(case: &str, stream: &mut TcpStream) -> bool {
    if case == "ready" {
        send(stream, "", br#"{"rows":[{"site":"ready"}]}"#);
    }
    case == "ready"
}

/// More than is held before the head leaves.
fn many_rows() -> String {
    let rows: Vec<_> = (0..5_000).map(|n| format!(r#"{{"site":"YC{n:04}","aqi":{n}}}"#)).collect();
    format!(r#"{{"total":5000,"rows":[{}"#, rows.join(","))
}

#[derive(Debug)]
struct Answer {
    /// Whether it came to its end.
    whole: bool,
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn transaction(&self) -> &str {
        let field = self.head.lines().find_map(|line| line.strip_prefix("helan-transaction: "));
        field.unwrap_or_else(|| panic!("no transaction: {self:?}")).trim()
    }

    fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or("").to_owned()
    }
}

fn curl(arguments: &[&str]) -> Answer {
    let output = Command::new("curl").args(["-sS", "-i"]).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let (head, body) = (head.to_owned(), body.to_owned());
    Answer { whole: output.status.success(), status, head, body }
}

/// How a call ended on record; the record follows the answer.
fn finished(records: &Path, transaction: &str) -> Value {
    eventually("the end on record", Duration::from_secs(10), || {
        let events = events(records);
        about(&events, "finished", transaction).first().map(|event| (*event).clone())
    })
}

fn metrics(city: &City) -> String {
    curl(&[&format!("{}/metrics", city.shown.admin)]).body
}

/// The city's policies served by `helan serve`, with a configuration of the test's own.
struct Served {
    city: City,
    child: Child,
}

impl Served {
    fn start(department: &str, change: impl FnOnce(String) -> String) -> Self {
        let mut city = City::start();
        point(&city, department);
        city.interrupt();
        let file = city.work().join("helan.yaml");
        let changed = change(fs::read_to_string(&file).unwrap());
        fs::write(&file, changed).unwrap();
        let log = fs::File::create(city.dir.path().join("serve-log")).unwrap();
        let child = Command::new(program())
            .args(["serve", "--config"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut served = Self { city, child };
        eventually("the node's start", Duration::from_secs(30), || {
            let end = served.child.try_wait().unwrap();
            let log = || fs::read_to_string(served.city.dir.path().join("serve-log"));
            assert!(end.is_none(), "the node ended at its start: {}", log().unwrap());
            curl(&[&format!("{}/readyz", served.city.shown.admin)]).whole.then_some(())
        });
        served
    }

    fn opening(&self) -> &str {
        self.city.shown.opening.trim_start_matches("http://")
    }

    fn interrupt(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        eventually("the node's end", Duration::from_secs(10), || self.child.try_wait().unwrap());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn i8_an_undeclared_member_never_leaves_and_is_counted_as_drift() {
    let careless = "\u{feff}{\"total\":2,\"secret\":[{\"rows\":[1]}],\"rows\":[\
        {\"s\\u0069te\":\"A\",\"camera_operator\":\"planted\",\"aqi\":1,\"aqi\":2},\
        {\"site\":\"B\",\"nested\":{\"site\":\"planted\"},\"aqi\":{\"site\":\"planted\"}}]}";
    let expected =
        "{\"total\":2,\"rows\":[{\"s\\u0069te\":\"A\",\"aqi\":1,\"aqi\":2},{\"site\":\"B\"}]}";
    let department = department(move |case, stream| match case {
        "plain" => send(stream, "", careless.as_bytes()),
        "gzip" => send(stream, "Content-Encoding: gzip\r\n", &gzip(careless.as_bytes())),
        other => assert!(ready(other, stream), "{other}"),
    });
    let city = city(&department);
    for case in ["plain", "gzip"] {
        let answer = curl(&[&format!("{}{ENTRY}?site={case}", city.shown.opening)]);
        assert_eq!((answer.status, answer.body.as_str()), (200, expected), "{case}");
        let finished = finished(&city.shown.records, answer.transaction());
        // Three members that are no items, one item of another type.
        assert_eq!(
            (&finished["drift"], &finished["mistyped"]),
            (&4.into(), &1.into()),
            "{finished}"
        );
        assert_eq!(finished["rows"], 2);
    }
    let page = metrics(&city);
    let counted = "helan_drift_members_total{entry=\"ecology/air-quality\"} 8\n";
    assert!(page.contains(counted), "{page}");
}

#[test]
fn i17_no_value_of_a_department_is_found_outside_the_answer() {
    const PLANTED: &str = "PLANTED-UPSTREAM-VALUE-5150";
    let department = department(|case, stream| {
        let row = format!(r#"{{"rows":[{{"site":"{PLANTED}","owner":"{PLANTED}","aqi":1}}]}}"#);
        let field = format!("X-Owner: {PLANTED}\r\nETag: \"{PLANTED}\"\r\n");
        match case {
            "whole" => send(stream, &field, row.as_bytes()),
            "type" => send(stream, "Content-Type: text/html\r\n", row.as_bytes()),
            "garbage" => send(stream, &field, format!("{row}{PLANTED}").as_bytes()),
            "late" => send(stream, "", format!("{},{PLANTED}", many_rows()).as_bytes()),
            "status" => {
                let head = format!(
                    "HTTP/1.1 500 {PLANTED}\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n{row}"
                );
                drop(stream.write_all(head.as_bytes()));
            }
            "head" => drop(write!(stream, "HTTP/1.1 200 OK\r\nX {PLANTED}\r\n\r\n{row}")),
            other => assert!(ready(other, stream), "{other}"),
        }
    });
    let mut city = city(&department);
    for case in ["whole", "type", "garbage", "late", "status", "head"] {
        let answer = curl(&[&format!("{}{ENTRY}?site={case}", city.shown.opening)]);
        let leaves = case == "whole";
        assert_eq!(answer.body.contains(PLANTED), leaves, "{case}: {answer:?}");
        assert!(!answer.head.contains(PLANTED), "{case}: {answer:?}");
        finished(&city.shown.records, answer.transaction());
    }
    let page = metrics(&city);
    assert!(!page.contains(PLANTED), "{page}");
    city.interrupt();
    let mut searched = 0;
    search(city.dir.path(), &mut |file, bytes| {
        searched += 1;
        let found = memchr::memmem::find(bytes, PLANTED.as_bytes()).is_some();
        assert!(!found, "{} holds a department's value", file.display());
    });
    assert!(searched > 50, "only {searched} files were searched");
}

fn search(folder: &Path, look: &mut impl FnMut(&Path, &[u8])) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, look);
        } else {
            look(&path, &fs::read(&path).unwrap());
        }
    }
}

#[test]
fn a_table_offered_as_a_file_passes_with_all_its_columns_through_their_masks() {
    let city = City::start();
    let (homes, flow) = ("/civil-affairs/care-homes", "/bus-company/passenger-flow");
    let open = |path: &str| curl(&[&format!("{}{path}", city.shown.opening)]);

    // Every item, as it is.
    let whole = open(homes);
    assert_eq!(whole.status, 200, "{whole:?}");
    assert!(whole.body.starts_with("name,address,beds,phone\r\n"), "{whole:?}");
    let end = finished(&city.shown.records, whole.transaction());
    assert_eq!(end["items"], serde_json::json!(["name", "address", "beds", "phone"]));
    assert!(end["rows"].as_u64().unwrap() > 0, "{end}");

    // One item is closed to the public: a part of a file is no file.
    let part = open(flow);
    assert_eq!((part.status, part.code().as_str()), (403, "item-not-open"), "{part:?}");

    // All of them, two through a mask.
    let file = city.shown.policies.join("catalog/bus-company/passenger-flow.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let masked =
        text.replace("masks: {pax: thousands}", "masks: {pax: thousands, revenue: thousands}");
    assert_ne!(masked, text);
    fs::write(&file, masked).unwrap();
    let masked = eventually("the new mask", Duration::from_secs(20), || {
        let answer = open(flow);
        (answer.status == 200).then_some(answer)
    });
    assert!(masked.body.starts_with("day,line,pax,revenue\r\n"), "{masked:?}");
    let end = finished(&city.shown.records, masked.transaction());
    assert_eq!(end["masked"], serde_json::json!(["pax", "revenue"]), "{end}");
    let column =
        |at: usize| masked.body.lines().skip(1).map(move |row| row.split(',').nth(at).unwrap());
    assert!(column(2).all(|pax| pax.ends_with("000") || pax == "0"), "{masked:?}");
}
