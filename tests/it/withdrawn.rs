//! What was allowed and no longer is: withdrawn while a request arrives, while the department works,
//! and while the answer is under way.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::caller::Caller;
use crate::support::city::City;
use crate::support::eventually;
use crate::support::records::{about, events};
use crate::support::stand_in::{StandIn, json};

const SEARCHES: &str = "items:
  - {name: station, title: 站号, type: string}
  - {name: temp, title: 气温, type: number}
interface:
  upstream: searching
  description: searches.openapi.yaml
  rows: rows[]
  parameters:
    station: {use: filter, item: station}
  body:
    members:
      filter.station: {use: filter, item: station}
";

const SEARCHES_OPENAPI: &str = "openapi: 3.1.0
info: {title: searches, version: '1'}
paths:
  /:
    get:
      responses: {'200': {description: rows}}
    post:
      requestBody:
        content:
          application/json: {}
          application/x-www-form-urlencoded: {}
      responses: {'200': {description: rows}}
  /by-station/{station}:
    get:
      parameters:
        - {name: station, in: path, required: true, schema: {type: string}}
      responses: {'200': {description: rows}}
";

const ROWS: &str = r#"{"rows":[{"station":"53614","temp":-3.5}]}"#;

/// A city with the entry above in front of a stand-in, open to the public.
fn city(stand_in: SocketAddr) -> City {
    let city = City::start();
    let upstream = format!("  - id: searching\n    url: http://{stand_in}\n");
    city.publish(&upstream, ("weather/searches", SEARCHES), SEARCHES_OPENAPI);
    let mut caller = Caller::public(&city.shown.opening);
    eventually("the entry", Duration::from_secs(20), || {
        (caller.get("/catalog/weather/searches", &[]).status == 200).then_some(())
    });
    city
}

fn close(city: &City) {
    city.reload(|| city.edit("catalog/weather/searches.yaml", "{class: open,", "{class: closed,"));
}

fn address(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("")
}

#[test]
fn what_is_withdrawn_while_a_body_arrives_is_not_sent_to_the_department() {
    let stand_in = StandIn::start(|_| json(ROWS));
    let city = city(stand_in.address);
    let body = br#"{"filter":{"station":"53614"}}"#;
    let mut whole = Caller::public(&city.shown.opening);
    let fields = [("Content-Type", "application/json")];
    assert_eq!(whole.call("POST", "/weather/searches", &fields, body).status, 200);
    assert_eq!(stand_in.seen().len(), 1);

    let mut stream = TcpStream::connect(address(&city.shown.opening)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "POST /weather/searches HTTP/1.1\r\nHost: city.example\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body[..10]).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    close(&city);
    stream.write_all(&body[10..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();

    assert_eq!(status(&answer), "403", "{answer}");
    assert_eq!(stand_in.seen().len(), 1, "the department was asked under a View that is gone");
}

#[test]
fn what_is_withdrawn_while_the_department_works_does_not_leave() {
    let stand_in = StandIn::start(|_| {
        std::thread::sleep(Duration::from_secs(3));
        json(ROWS)
    });
    let city = city(stand_in.address);
    let answer = std::thread::scope(|scope| {
        let call =
            scope.spawn(|| Caller::public(&city.shown.opening).get("/weather/searches", &[]));
        eventually("the call's way to the department", Duration::from_secs(10), || {
            let asked = TcpStream::connect(stand_in.address).is_ok();
            asked.then(|| std::thread::sleep(Duration::from_millis(500)))
        });
        close(&city);
        call.join().unwrap()
    });

    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(!answer.message.text().contains("53614"));
    let transaction = answer.transaction();
    let outcome = |kind: &str| {
        let events = events(&city.shown.records);
        let event = about(&events, kind, transaction).first().copied()?;
        Some(event["outcome"].as_str().unwrap().to_owned())
    };
    let patience = Duration::from_secs(5);
    assert_eq!(eventually("its record", patience, || outcome("decided")), "allowed");
    assert_eq!(eventually("its end", patience, || outcome("finished")), answer.code());
}

/// Answers every call with rows without end, a part each tenth of a second.
fn endless() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut seen = [0; 1024];
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"rows\":[";
                let row = r#"{"station":"53614","temp":-3.5},"#.repeat(1000);
                if stream.read(&mut seen).is_err() || stream.write_all(head.as_bytes()).is_err() {
                    return;
                }
                while stream.write_all(row.as_bytes()).is_ok() {
                    std::thread::sleep(Duration::from_millis(100));
                }
            });
        }
    });
    address
}

/// Reads an answer without end until it breaks; how long after a moment in the middle that was.
fn breaks_after(city: &City, withdraw: impl FnOnce()) -> (Duration, String) {
    let mut stream = TcpStream::connect(address(&city.shown.opening)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = "GET /weather/searches HTTP/1.1\r\nHost: city.example\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut part = vec![0; 64 * 1024];
    let mut begun = String::new();
    while begun.len() < 200 * 1024 {
        let read = stream.read(&mut part).unwrap();
        begun.push_str(&String::from_utf8_lossy(&part[..read]));
    }
    assert_eq!(status(&begun), "200");
    let transaction = begun.split("helan-transaction: ").nth(1).unwrap();
    let transaction = transaction.split('\r').next().unwrap().to_owned();
    withdraw();
    let start = Instant::now();
    loop {
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return (start.elapsed(), transaction),
            Ok(_) => assert!(start.elapsed() < Duration::from_secs(10), "it goes on"),
        }
    }
}

#[test]
fn a_body_under_way_ends_within_five_seconds_of_what_it_rests_on() {
    let city = city(endless());
    let edit = |from: &str, to: &str| {
        city.reload(|| city.edit("catalog/weather/searches.yaml", from, to));
    };
    let cases: [(&str, &dyn Fn()); 2] = [
        ("an item gone", &|| {
            edit("  - {name: temp, title: 气温, type: number}\n", "");
        }),
        ("the entry closed", &|| close(&city)),
    ];
    for (what, withdraw) in cases {
        let (took, transaction) = breaks_after(&city, withdraw);
        assert!(took < Duration::from_secs(5), "{what}: {took:?}");
        let outcome = eventually("its record", Duration::from_secs(5), || {
            let events = events(&city.shown.records);
            let finished = about(&events, "finished", &transaction).first().copied()?;
            Some(finished["outcome"].as_str().unwrap().to_owned())
        });
        assert_eq!(outcome, "permit-lapsed", "{what}");
    }
}

#[test]
fn a_body_under_way_outlives_a_change_that_takes_nothing_from_it() {
    let city = city(endless());
    let mut caller = TcpStream::connect(address(&city.shown.opening)).unwrap();
    caller.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    caller.write_all(b"GET /weather/searches HTTP/1.1\r\nHost: city.example\r\n\r\n").unwrap();
    city.reload(|| city.edit("catalog/weather/searches.yaml", "summary: 观测", "summary: 测量"));
    let until = Instant::now() + Duration::from_secs(3);
    let mut part = vec![0; 64 * 1024];
    while Instant::now() < until {
        assert!(caller.read(&mut part).unwrap() > 0, "it broke off");
    }
}

#[test]
fn a_frozen_entry_says_so_in_the_catalog() {
    let city = City::start();
    let freeze = city.shown.calls.iter().find(|call| call.name == "freeze").unwrap();
    let entry = freeze.command.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap();
    let page = format!("/catalog/{entry}");
    let mut caller = Caller::public(&city.shown.opening);
    assert_eq!(caller.get(&page, &[]).json()["claims"][0]["allowed"], true);

    let done = Command::new("sh").arg("-c").arg(&freeze.command).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let claim = &caller.get(&page, &[]).json()["claims"][0];

    assert_eq!((&claim["allowed"], &claim["denial"]), (&false.into(), &"frozen".into()));
    let openapi = caller.get(&format!("{page}/openapi.json"), &[]).json();
    assert_eq!(openapi["paths"], serde_json::json!({}));
}

#[test]
fn what_cannot_be_checked_is_refused_and_reaches_nobody() {
    let stand_in = StandIn::start(|_| json(ROWS));
    let city = city(stand_in.address);
    let mut caller = Caller::public(&city.shown.opening);
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let body = ("Content-Type", "application/json");
    for (kind, text, status, code) in [
        (form, "station=53614", 415, "body-not-described"),
        (body, r#"{"filter":{"station":"1"},"fields":[]}"#, 400, "body-not-valid"),
        (body, r#"{"filter":{"station":"1"},"where":{}}"#, 400, "body-not-valid"),
        (body, r#"{"filter.station":"1"}"#, 400, "body-not-valid"),
        (body, r#"{"filter":{"station":"1","station":"2"}}"#, 400, "body-not-valid"),
    ] {
        let answer = caller.call("POST", "/weather/searches", &[kind], text.as_bytes());
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{text}");
    }
    for path in ["/weather/searches/by-station/53614/", "/weather/searches/by-station//"] {
        assert!(caller.get(path, &[]).status >= 400, "{path}");
    }
    assert!(stand_in.seen().is_empty());
    assert_eq!(caller.get("/weather/searches/by-station/53614", &[]).status, 200);
}

#[test]
fn a_purpose_that_nothing_names_is_on_record_only_as_a_keyed_hash() {
    let stand_in = StandIn::start(|_| json(ROWS));
    let city = city(stand_in.address);
    let mut caller = Caller::public(&city.shown.opening);
    let planted = "640104199001019998";
    let answer = caller.get("/weather/searches", &[("Helan-Purpose", planted)]);
    assert_eq!(answer.status, 200);
    let known = caller.get("/weather/searches", &[("Helan-Purpose", "work-reference")]);

    let events = events(&city.shown.records);
    let decided = |answer: &str| about(&events, "decided", answer)[0].clone();
    let hidden = decided(answer.transaction());
    assert!(hidden["purpose"].is_null() && hidden["purpose_hash"]["hash"].is_string());
    assert_eq!(decided(known.transaction())["purpose"], "work-reference");
    assert!(!serde_json::to_string(&events).unwrap().contains(planted));
}
