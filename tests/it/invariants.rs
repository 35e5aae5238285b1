//! Invariants of the trade (domain brief 2.4) that no rule keeps by itself, on the whole path: real
//! sockets, a department of the test's own. Those that the rules keep are in `decisions`; I11 needs a
//! failing disk and is in `faults`.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::caller::{Answer, Caller};
use crate::support::city::{City, Served, program, today};
use crate::support::eventually;
use crate::support::records::{about, events};
use crate::support::stand_in::{StandIn, answer, json};

const STATIONS: &str =
    "sharing: {class: conditional, conditions: 依申请, modes: [api], purposes: [work-reference]}
opening: {class: closed}
items:
  - {name: number, title: 站号, type: string}
  - {name: name, title: 站名, type: string}
  - {name: keeper, title: 值守人, type: string}
interface:
  upstream: own
  description: stations.openapi.yaml
  base: /stations
  rows: rows[]
  parameters: {fields: {use: select, names: true}}
cache: {shared: true, seconds: 600}
";

const STATIONS_OPENAPI: &str = "openapi: 3.1.0
info: {title: stations, version: '1'}
paths:
  /:
    get:
      parameters: [{name: fields, in: query, schema: {type: string}}]
      responses: {'200': {description: rows}}
  /odd:
    get: {responses: {'200': {description: rows}}}
";

fn grant(id: &str, consumer: &str, application: &str, items: &str) -> String {
    let today = today();
    let until = today.checked_add(jiff::Span::new().days(90)).unwrap();
    format!(
        "id: {id}
consumer: {consumer}
applications: [{application}]
entry: weather/stations
items: {items}
purposes: [work-reference]
modes: [api]
limits: {{per_day: 1000}}
term: {{from: {today}, until: {until}}}
basis: {{rank: law, title: 气象法, article: 第二十二条}}
state: active
approvals:
  - {{by: provider, organization: weather, person: weather-steward, date: {today}, document: 共享答复〔2026〕95号}}
  - {{by: bureau, organization: big-data-bureau, person: big-data-bureau-steward, date: {today}, document: 授权确认〔2026〕95号}}
"
    )
}

const PATH: &str = "/weather/stations";

/// A city with an entry whose department says more than its description.
struct Town {
    city: City,
    own: StandIn,
}

impl Town {
    fn start() -> Self {
        let city = City::start();
        let own = StandIn::start(|message| {
            if message.word(1).starts_with("/stations/odd") {
                return answer("203 Else", "application/json", r#"{"rows":[{"name":"odd"}]}"#);
            }
            json(
                r#"{"rows":[{"number":"1","name":"one","keeper":"somebody","salary":9},
                {"salary":8,"keeper":{"name":"nested","number":"7"},"n\u0061me":"two","number":"2"}],
                "total":2,"name":"outside","number":["outside"]}"#,
            )
        });
        city.publish(&own.upstream("own"), ("weather/stations", STATIONS), STATIONS_OPENAPI);
        let folder = city.shown.policies.join("grants");
        let (approval, registration) = ("xingqing/approval", "natural-resources/registration");
        let two = grant("g-95", "xingqing", approval, "[number, name]");
        let one = grant("g-96", "natural-resources", registration, "[number]");
        fs::write(folder.join("g-95.yaml"), two).unwrap();
        fs::write(folder.join("g-96.yaml"), one).unwrap();
        let town = Self { city, own };
        town.until("xingqing/approval", PATH, "yes");
        town.until("natural-resources/registration", PATH, "yes");
        town
    }

    fn call(&self, application: &str, path: &str) -> Answer {
        Caller::application(&self.city.shown, application).get(path, &[])
    }

    fn until(&self, application: &str, path: &str, wanted: &str) -> Answer {
        let mut last = String::new();
        for _ in 0..200 {
            let answer = self.call(application, path);
            last = if answer.status == 200 { "yes".to_owned() } else { answer.code() };
            if last == wanted {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{path}: {last}, not {wanted}");
    }
}

/// The names of all members of all rows, and of what stands around them.
fn names(answer: &Answer) -> (BTreeSet<String>, BTreeSet<String>) {
    let body = answer.json();
    let of = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect();
    let rows = body["rows"].as_array();
    let rows = rows.unwrap_or_else(|| panic!("no rows: {}", answer.message.text())).iter();
    (rows.flat_map(|row| -> BTreeSet<String> { of(row) }).collect(), of(&body))
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn i7_an_interface_without_its_description_is_not_served_and_what_differs_from_it_does_not_pass() {
    let town = Town::start();
    let own = "xingqing/approval";

    assert_eq!(town.call(own, "/weather/stations/other").code(), "no-such-operation");
    assert_eq!(town.call(own, "/weather/stations?all=1").code(), "parameter-not-described");
    let mut caller = Caller::application(&town.city.shown, own);
    assert_eq!(caller.call("POST", PATH, &[], b"").status, 405);
    // The department answers with a status that is not described.
    let odd = town.call(own, "/weather/stations/odd");
    assert_eq!((odd.status, odd.code().as_str()), (502, "answer-not-described"));
    assert!(!odd.message.text().contains("odd"));
    let (rows, around) = names(&town.call(own, PATH));
    assert_eq!((rows, around), (set(&["number", "name"]), set(&["rows"])));

    fs::remove_file(town.city.shown.policies.join("catalog/weather/stations.openapi.yaml"))
        .unwrap();
    let output = Command::new(program())
        .args(["check", "--policies"])
        .arg(&town.city.shown.policies)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("stations.openapi.yaml"), "{said}");
}

#[test]
fn i8_only_items_of_grant_and_entry_leave_and_what_is_unknown_is_dropped_and_counted() {
    let town = Town::start();
    let (two, one) = ("xingqing/approval", "natural-resources/registration");
    let fetched = town.own.seen().len();

    // One kept answer serves both, each with its own items, however often and in whatever order.
    let (more, fewer) = (town.call(two, PATH), town.call(one, PATH));
    for (more, fewer) in [(&more, &fewer), (&town.call(two, PATH), &town.call(one, PATH))] {
        assert_eq!(names(more), (set(&["number", "name"]), set(&["rows"])));
        assert_eq!(names(fewer), (set(&["number"]), set(&["rows"])));
    }
    assert_eq!(town.own.seen().len(), fetched, "it was not kept, so the cache proved nothing");
    let text = more.message.text();
    for hidden in ["somebody", "salary", "nested", "outside", "total", "keeper"] {
        assert!(!text.contains(hidden), "{hidden} left: {text}");
    }

    // What is unknown is an alarm: in the record and in the metrics.
    let finished = eventually("the end of the call", Duration::from_secs(5), || {
        let events = events(&town.city.shown.records);
        about(&events, "finished", more.transaction()).first().map(|event| (*event).clone())
    });
    assert!(finished["drift"].as_u64().unwrap() >= 2, "{finished}");
    let page = Caller::public(&town.city.shown.admin).get("/metrics", &[]).message.text();
    let alarm = "helan_drift_members_total{entry=\"weather/stations\"}";
    assert!(page.lines().any(|line| line.starts_with(alarm) && !line.ends_with(" 0")), "{page}");

    // What a request asks for must be granted as well.
    assert_eq!(town.call(two, "/weather/stations?fields=number").status, 200);
    assert_eq!(town.call(two, "/weather/stations?fields=number,keeper").code(), "item-not-granted");

    // The entry's present revision counts: an item taken out of it is gone though the grant names it.
    town.city.edit(
        "catalog/weather/stations.yaml",
        "  - {name: name, title: 站名, type: string}\n",
        "",
    );
    eventually("the item's end", Duration::from_secs(5), || {
        let answer = town.call(two, PATH);
        // A call that was allowed a moment before is held back: what it would bring is gone.
        (answer.code() != "withdrawn" && names(&answer).0 == set(&["number"])).then_some(())
    });
}

#[test]
fn i9_each_thing_that_a_call_needs_is_needed_when_it_comes() {
    let town = Town::start();
    let own = "xingqing/approval";
    let file = "grants/g-95.yaml";
    let text = fs::read_to_string(town.city.shown.policies.join(file)).unwrap();
    let term = text.lines().find(|line| line.starts_with("term:")).unwrap();
    for (from, to, code) in [
        ("state: active", "state: suspended\nreason: 核查", "grant-suspended"),
        (term, "term: {from: 2099-01-01, until: 2099-02-01}", "grant-not-started"),
        ("modes: [api]", "modes: [file]", "mode-not-granted"),
        ("purposes: [", "purposes: [data-verification, ", "purpose-ambiguous"),
        ("purposes: [", "matters: [estate-transfer]\npurposes: [", "matter-missing"),
        ("per_day: 1000", "per_day: 1", "quota-spent"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        town.city.reload(|| fs::write(town.city.shown.policies.join(file), changed).unwrap());
        town.until(own, PATH, code);
    }
    town.city.reload(|| fs::write(town.city.shown.policies.join(file), &text).unwrap());
    town.until(own, PATH, "yes");

    // Somebody else's application, another purpose, an entry that is no longer served.
    assert_eq!(town.call("market/credit-rating", PATH).code(), "no-grant");
    let purpose = [("Helan-Purpose", "administrative-basis")];
    let other = Caller::application(&town.city.shown, own).get(PATH, &purpose);
    assert_eq!(other.code(), "purpose-not-granted");
    town.city.reload(|| {
        let file = "catalog/weather/stations.yaml";
        town.city.edit(file, "update: daily", "update: daily\nstate: offline");
    });
    assert_eq!(town.call(own, PATH).code(), "entry-offline");
}

/// What the department says and nobody may find, each unlike anything else.
const UNSHAPED: [&str; 9] = [
    "unshaped-item-0001",
    "640104199001019998",
    "unshaped-broken-0002",
    "unshaped-error-0003",
    "unshaped-software-0004",
    "unshaped-cookie-0005",
    "unshaped-page-0006",
    "unshaped-kept-0007",
    "unshaped-place-0008",
];

/// A department that says too much in every way there is.
fn talkative(target: &str) -> Vec<u8> {
    let [item, number, broken, error, software, cookie, page, kept, place] = UNSHAPED;
    let path = target.split('?').next().unwrap();
    match path {
        "/marriage" => json(&format!(
            r#"{{"total":1,"rows":[{{"name_man":"王建国","cert_num_man":"{number}","name_woman":"{item}","status":"1"}}]}}"#
        )),
        "/air-quality" => json(&format!(r#"{{"rows":[{{"site":"{broken}","aqi":}}]}}"#)),
        "/observations" => format!(
            "HTTP/1.1 500 {error}\r\nServer: {software}\r\nSet-Cookie: {cookie}\r\nX-Error: {error}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{{\"error\":\"{error}\"}}",
            12 + error.len()
        )
        .into_bytes(),
        "/warnings" => answer("200 OK", "text/html", format!("<p>{page}</p>")),
        "/penalties" => format!(
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/{place}\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes(),
        _ => json(&format!(r#"{{"total":1,"rows":[{{"line":"1","owner":"{kept}"}}],"by":"{kept}"}}"#)),
    }
}

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn i17_unshaped_bytes_are_only_in_the_memory_of_the_zone_that_fetched_them() {
    let mut city = City::start();
    city.interrupt();
    let rest = city.shown.upstreams["rest"].trim_start_matches("http://").to_owned();
    let rest = StandIn::on(TcpListener::bind(rest).unwrap(), |seen| talkative(seen.word(1)));
    // Everything that any part of the program would ever log.
    let node = Served::start(&city.work().join("helan.yaml"), &city.shown.opening, "trace");
    let mut public = Caller::public(&city.shown.opening);
    let mut granted = Caller::application(&city.shown, "natural-resources/registration");
    let declared =
        [("Helan-Purpose", "data-verification"), ("Helan-Matter", "\"estate-transfer\"")];

    let mut answers = vec![
        granted.get("/civil-affairs/marriage?cert_num=640106198507150024", &declared),
        public.get("/ecology/air-quality", &[]),
        public.get("/weather/observations", &[]),
        public.get("/weather/warnings", &[]),
        public.get("/market/penalties", &[]),
    ];
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 502, 502, 502, 502]);
    // Each zone keeps its own: what one has fetched is no hit for the other.
    for caller in [&mut granted, &mut public] {
        for hit in [false, true] {
            let answer = caller.get("/transport/bus-stops", &[]);
            assert_eq!(answer.status, 200);
            assert_eq!(answer.field("cache-status").contains("; hit"), hit);
            answers.push(answer);
        }
    }
    let asked = rest.seen().iter().filter(|seen| seen.word(1) == "/bus-stops").count();
    assert_eq!(asked, 2, "one zone answered from the other's memory");
    answers.push(Caller::public(&city.shown.admin).get("/metrics", &[]));
    let log = node.log.clone();
    drop(node);

    for answer in &answers {
        let whole = format!("{:?}{}", answer.message.fields, answer.message.text());
        for hidden in UNSHAPED {
            assert!(!whole.contains(hidden), "{hidden} left: {whole}");
        }
    }
    assert!(fs::read_to_string(&log).unwrap().contains("\"TRACE\""), "nothing was traced");
    let mut found = Vec::new();
    files(city.dir.path(), &mut found);
    assert!(found.contains(&log), "the log was not searched");
    for path in found {
        let bytes = fs::read(&path).unwrap();
        for hidden in UNSHAPED {
            let there = memchr::memmem::find(&bytes, hidden.as_bytes()).is_some();
            assert!(!there, "{} holds {hidden}", path.display());
        }
    }
}
