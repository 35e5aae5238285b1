//! A city in which everything that can leave does: JSON, CSV, files, kept answers, and methods that
//! change something at the department.

use std::process::Command;
use std::time::Duration;

use crate::support::caller::{Answer, Caller};
use crate::support::city::City;
use crate::support::eventually;
use crate::support::stand_in::{StandIn, answer, json};
use crate::support::wire::Message;

/// What must not leave without a record, in every answer of the stand-in.
pub(super) const VALUE: &str = "a-value-of-the-department";

const REPORTS: &str = "opening: {class: closed}
items:
  - {name: station, title: 站号, type: string}
interface:
  upstream: reports
  description: reports.openapi.yaml
  base: /reports
  rows: rows[]
  opaque: [text/plain]
  body: {members: {station: {use: filter, item: station}}}
";

const REPORTS_OPENAPI: &str = "openapi: 3.1.0
info: {title: reports, version: '1'}
paths:
  /:
    get: {responses: {'200': {description: rows}}}
    post:
      requestBody: {content: {application/json: {}}}
      responses: {'200': {description: rows}}
    put:
      requestBody: {content: {text/plain: {}}}
      responses: {'200': {description: rows}}
    delete: {responses: {'200': {description: rows}}}
";

const PICTURES: &str = "code: 307030001010/000791
format: 电子文件/jpg
sharing: {class: unconditional, modes: [file], purposes: [work-reference]}
items:
  - {name: picture, title: 云图, type: any}
interface:
  upstream: reports
  description: pictures.openapi.yaml
  base: /pictures
  mode: file
  format: file
";

const PICTURES_OPENAPI: &str = "openapi: 3.1.0
info: {title: pictures, version: '1'}
paths:
  /:
    get: {responses: {'200': {description: the file}}}
";

/// The sample city with a stand-in of the test's own beside the departments'.
pub(super) struct Town {
    pub(super) city: City,
    pub(super) stand_in: StandIn,
}

impl Town {
    pub(super) fn start() -> Self {
        let city = City::start();
        let stand_in = StandIn::start(|message| match message.word(1) {
            "/pictures" => answer("200 OK", "image/jpeg", VALUE.repeat(20_000)),
            _ => json(&format!(r#"{{"rows":[{{"station":"{VALUE}"}}]}}"#)),
        });
        let upstream = stand_in.upstream("reports");
        city.publish(&upstream, ("weather/reports", REPORTS), REPORTS_OPENAPI);
        city.publish("", ("weather/pictures", PICTURES), PICTURES_OPENAPI);
        let town = Self { city, stand_in };
        eventually("the new entries", Duration::from_secs(20), || {
            let there = town.public().get("/weather/pictures", &[]).status == 200
                && town.department().get("/weather/reports", &[]).status == 200;
            there.then_some(())
        });
        // What was refused until then is many to a record by now, and so would be what is refused within
        // this second.
        std::thread::sleep(Duration::from_secs(1));
        town
    }

    pub(super) fn public(&self) -> Caller {
        Caller::public(&self.city.shown.opening)
    }

    /// An application that holds standing grants only.
    pub(super) fn department(&self) -> Caller {
        Caller::application(&self.city.shown, "xingqing/approval")
    }

    /// An application that holds a written grant.
    pub(super) fn granted(&self) -> Caller {
        Caller::application(&self.city.shown, "natural-resources/registration")
    }

    /// Every way in which data leaves, each on a connection that is open already.
    pub(super) fn data_calls(&self) -> Vec<Call> {
        let json = ("Content-Type", "application/json");
        let text = ("Content-Type", "text/plain");
        let body = br#"{"station":"53614"}"#;
        vec![
            call("an open call", self.public(), |c| c.get("/ecology/air-quality", &[])),
            call("a kept answer", self.public(), |c| c.get("/transport/bus-stops", &[])),
            call("a table", self.public(), |c| c.get("/ecology/polluters", &[])),
            call("a file", self.public(), |c| c.get("/weather/pictures", &[])),
            call("a head", self.public(), |c| c.call("HEAD", "/ecology/air-quality", &[], b"")),
            call("a granted call", self.granted(), |c| c.get(MARRIAGE, &DECLARED)),
            call("a shared file", self.department(), |c| c.get("/weather/pictures", &[])),
            call("POST", self.department(), move |c| {
                c.call("POST", "/weather/reports", &[json], body)
            }),
            call("PUT", self.department(), move |c| {
                c.call("PUT", "/weather/reports", &[text], b"a stream of text")
            }),
            call("DELETE", self.department(), |c| c.call("DELETE", "/weather/reports", &[], b"")),
        ]
    }

    /// Calls that are refused, each for another reason and by another step.
    pub(super) fn refused_calls(&self) -> Vec<Call> {
        let stranger = Caller::over_tls(&self.city.shown, &self.city.shown.sharing, None);
        vec![
            call("nothing there", self.public(), |c| c.get("/weather/nothing-here", &[])),
            call("ambiguous", self.public(), |c| c.get("/weather/%2e%2e/x", &[])),
            call("no such method", self.public(), |c| {
                c.call("DELETE", "/ecology/air-quality", &[], b"")
            }),
            call("not proved", stranger, |c| c.get("/ecology/air-quality", &[])),
            call("no purpose", self.granted(), |c| c.get(MARRIAGE, &[])),
            call("withheld", self.department(), |c| {
                c.get("/health/infectious-cases?onset=2026-05-01", &[])
            }),
        ]
    }

    /// What changed something at the department.
    pub(super) fn changes(&self) -> Vec<Message> {
        self.stand_in.seen().into_iter().filter(|seen| seen.word(0) != "GET").collect()
    }
}

pub(super) const MARRIAGE: &str = "/civil-affairs/marriage?cert_num=640106198507150024";

pub(super) const DECLARED: [(&str, &str); 2] =
    [("Helan-Purpose", "data-verification"), ("Helan-Matter", "\"estate-transfer\"")];

type Make = Box<dyn FnOnce(&mut Caller) -> Answer + Send>;

/// One call that is ready to be made.
pub(super) struct Call {
    pub(super) name: &'static str,
    caller: Caller,
    make: Make,
}

impl Call {
    pub(super) fn changes_something(&self) -> bool {
        ["POST", "PUT", "DELETE"].contains(&self.name)
    }
}

fn call(
    name: &'static str,
    caller: Caller,
    make: impl FnOnce(&mut Caller) -> Answer + Send + 'static,
) -> Call {
    Call { name, caller, make: Box::new(make) }
}

/// Makes all calls side by side.
pub(super) fn make_all(calls: Vec<Call>) -> Vec<(&'static str, Answer)> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = calls
            .into_iter()
            .map(|mut call| (call.name, scope.spawn(move || (call.make)(&mut call.caller))))
            .collect();
        threads.into_iter().map(|(name, thread)| (name, thread.join().unwrap())).collect()
    })
}

/// The granted call over HTTP/2: status, version, and the time to the first byte. The handshake does
/// not count.
pub(super) fn over_http_2(city: &City) -> (String, String, Duration) {
    let own = &city.shown.applications["natural-resources/registration"];
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--http2", "-o", "/dev/null", "--cacert"]).arg(&city.shown.ca);
    curl.arg("--cert").arg(&own.certificate).arg("--key").arg(&own.key);
    for (name, value) in DECLARED {
        curl.args(["-H", &format!("{name}: {value}")]);
    }
    curl.args(["-w", "%{http_code} %{http_version} %{time_pretransfer} %{time_starttransfer}"]);
    let output = curl.arg(format!("{}{MARRIAGE}", city.shown.sharing)).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words: Vec<&str> = text.split(' ').collect();
    let at = |word: &str| Duration::from_secs_f64(word.parse().unwrap());
    (words[0].to_owned(), words[1].to_owned(), at(words[3]).saturating_sub(at(words[2])))
}
