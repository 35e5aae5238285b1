//! Answers as departments really send them, through a running gateway: coded, careless, broken off.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::city::{City, program};
use crate::support::eventually;
use crate::support::node::{Client, within};
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

/// Long enough for the first part of an answer to be on its way.
const PAUSE: Duration = Duration::from_millis(300);

/// Sends the end of an answer later than the rest.
fn later(stream: &mut TcpStream, fields: &str, first: &[u8], rest: &[u8]) {
    promise(stream, fields, first.len() + rest.len(), first);
    std::thread::sleep(PAUSE);
    drop(stream.write_all(rest));
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

#[test]
fn trouble_before_the_head_leaves_is_a_clean_refusal() {
    let bomb = gzip(&vec![b' '; 8 << 20]);
    let rest = r#"{"rows":[{"site":"A","aqi":1},"#;
    let department = department(move |case, stream| match case {
        "cut" => {
            let coded = gzip(br#"{"rows":[{"site":"A","aqi":1}]}"#);
            send(stream, "Content-Encoding: gzip\r\n", &coded[..coded.len() - 6]);
        }
        "bomb" => send(stream, "Content-Encoding: gzip\r\n", &bomb),
        "no-gzip" => send(stream, "Content-Encoding: gzip\r\n", rest.as_bytes()),
        "coding" => send(stream, "Content-Encoding: br\r\n", rest.as_bytes()),
        "garbage" => send(stream, "", format!("{rest}oops").as_bytes()),
        "middle" => send(stream, "", rest.as_bytes()),
        "type" => send(stream, "Content-Type: text/html\r\n", b"<p>site</p>"),
        "close" => promise(stream, "", 1_000, rest.as_bytes()),
        "nothing" => {}
        other => assert!(ready(other, stream), "{other}"),
    });
    let city = city(&department);
    for (case, code) in [
        ("cut", "answer-not-shaped"),
        ("bomb", "answer-not-shaped"),
        ("no-gzip", "answer-not-shaped"),
        ("coding", "answer-not-described"),
        ("garbage", "answer-not-shaped"),
        ("middle", "answer-not-shaped"),
        ("type", "answer-not-described"),
        ("close", "upstream-failed"),
        ("nothing", "upstream-failed"),
    ] {
        for version in ["--http1.1", "--http2-prior-knowledge"] {
            let url = format!("{}{ENTRY}?site={case}", city.shown.opening);
            let answer = curl(&[version, &url]);
            assert!(answer.whole && answer.status == 502, "{case} {version}: {answer:?}");
            assert_eq!(answer.code(), code, "{case} {version}: {answer:?}");
            assert!(answer.head.contains("application/problem+json"), "{answer:?}");
            assert!(!answer.body.contains(r#""site""#), "{case}: data left with a refusal");
            let finished = finished(&city.shown.records, answer.transaction());
            assert_eq!((&finished["outcome"], &finished["status"]), (&code.into(), &502.into()));
        }
    }
}

#[test]
fn trouble_after_the_head_has_left_resets_the_answer_and_is_on_record_with_what_left() {
    let department = department(|case, stream| {
        let rows = many_rows();
        match case {
            "garbage" => later(stream, "", rows.as_bytes(), b",oops"),
            "middle" => later(stream, "", rows.as_bytes(), b""),
            "close" => {
                promise(stream, "", rows.len() + 100, rows.as_bytes());
                std::thread::sleep(PAUSE);
            }
            "gzip" => {
                let coded = gzip(format!("{rows}]}}").as_bytes());
                let (first, rest) = coded.split_at(coded.len() - 6);
                later(stream, "Content-Encoding: gzip\r\n", first, &rest[..2]);
            }
            other => assert!(ready(other, stream), "{other}"),
        }
    });
    let city = city(&department);
    for (case, outcome) in [
        ("garbage", "answer-not-shaped"),
        ("middle", "answer-not-shaped"),
        ("close", "upstream-broke"),
        ("gzip", "answer-not-shaped"),
    ] {
        for version in ["--http1.1", "--http2-prior-knowledge"] {
            let url = format!("{}{ENTRY}?site={case}", city.shown.opening);
            let answer = curl(&[version, &url]);
            assert!(!answer.whole, "{case} {version}: a broken answer looks whole");
            assert_eq!(answer.status, 200, "{case} {version}: {answer:?}");
            let finished = finished(&city.shown.records, answer.transaction());
            assert_eq!(finished["outcome"], outcome, "{case} {version}");
            assert_eq!(finished["items"], serde_json::json!(["site", "aqi"]), "{case} {version}");
            assert!(finished["rows"].as_u64().unwrap() > 1_000, "{finished}");
            assert!(finished["bytes"].as_u64().unwrap() > 10_000, "{finished}");
        }
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

/// Rows without an end, as long as somebody takes them.
fn endless(case: &str, stream: &mut TcpStream) {
    let rows = many_rows();
    let mut going = match case {
        "endless" | "slow" => {
            promise(stream, "", 1 << 30, rows.as_bytes());
            true
        }
        other => !ready(other, stream),
    };
    while going {
        if case == "slow" {
            std::thread::sleep(Duration::from_millis(50));
        }
        going = stream.write_all(br#",{"site":"YC","aqi":5}"#.repeat(100).as_slice()).is_ok();
    }
}

/// Opens an answer of HTTP/1.1 and reads its beginning.
fn begin(address: &str, case: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET {ENTRY}?site={case} HTTP/1.1\r\nHost: city.example\r\n\r\n").unwrap();
    let mut bytes = vec![0; 2_000];
    stream.read_exact(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let field = text.lines().find_map(|line| line.strip_prefix("helan-transaction: "));
    let transaction = field.unwrap_or_else(|| panic!("{text}")).trim().to_owned();
    (stream, transaction)
}

fn check_partial(finished: &Value, outcome: &str) {
    assert_eq!(finished["outcome"], outcome, "{finished}");
    assert_eq!(finished["items"], serde_json::json!(["site", "aqi"]), "{finished}");
    assert!(finished["rows"].as_u64().unwrap() > 100, "{finished}");
    assert!(finished["bytes"].as_u64().unwrap() > 1_000, "{finished}");
}

#[tokio::test]
async fn a_record_says_who_cut_an_answer_and_what_had_left() {
    let mut served = Served::start(&department(endless), |text| {
        let address = text.lines().find(|line| line.contains("{address:")).unwrap().to_owned();
        let bounded = address.replace("'}", "', bounds: {write_ms: 600}}");
        assert_ne!(bounded, address);
        format!("{}drain_ms: 300\n", text.replacen(&address, &bounded, 1))
    });
    let records = served.city.shown.records.clone();

    let (stream, transaction) = begin(served.opening(), "slow");
    drop(stream);
    check_partial(&finished(&records, &transaction), "aborted-by-caller");

    let (stream, transaction) = begin(served.opening(), "endless");
    check_partial(&finished(&records, &transaction), "stalled");
    drop(stream);

    let socket = tokio::net::TcpStream::connect(served.opening()).await.unwrap();
    let mut caller = Client::new(socket, true).await;
    let request = http::Request::get(format!("http://city.example{ENTRY}?site=endless"));
    let unread = caller.send(request.body(http_body_util::Full::default()).unwrap()).await.unwrap();
    let transaction = unread.headers()["helan-transaction"].to_str().unwrap().to_owned();
    let watched = records.clone();
    let end = within(tokio::task::spawn_blocking(move || finished(&watched, &transaction))).await;
    check_partial(&end.unwrap(), "stalled");
    drop(unread);

    let (stream, transaction) = begin(served.opening(), "slow");
    let reader = std::thread::spawn(move || {
        let mut stream = stream;
        drop(std::io::copy(&mut stream, &mut std::io::sink()));
    });
    served.interrupt();
    reader.join().unwrap();
    check_partial(&finished(&records, &transaction), "drain");
}

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
