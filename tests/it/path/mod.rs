//! The path between a caller and a department, looked at from both ends: a department that keeps what
//! it was asked, behind a gateway in a process of its own.

mod cache;
mod fetch;
mod headers;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::runtime::Runtime;

use crate::support::city::{City, program};
use crate::support::eventually;

/// A request as the department got it.
#[derive(Clone, Debug)]
struct Seen {
    method: Method,
    target: String,
    version: Version,
    headers: HeaderMap,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// What a department answers, and how long it takes.
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    after: Duration,
}

/// Two rows with an item more than is described.
const ROWS: &str =
    r#"{"total":2,"rows":[{"code":"a","name":"甲","inner":1},{"code":"b","name":"乙","inner":2}]}"#;

/// What is granted of them.
const GRANTED: &str = r#"{"total":2,"rows":[{"code":"a","name":"甲"},{"code":"b","name":"乙"}]}"#;

fn reply(headers: &[(&'static str, &str)]) -> Reply {
    let json = ("content-type", "application/json".to_owned());
    let more = headers.iter().map(|(name, value)| (*name, (*value).to_owned()));
    Reply {
        status: 200,
        headers: std::iter::once(json).chain(more).collect(),
        body: Bytes::from_static(ROWS.as_bytes()),
        after: Duration::ZERO,
    }
}

impl Reply {
    fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    fn after(self, millis: u64) -> Self {
        Self { after: Duration::from_millis(millis), ..self }
    }

    fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }
}

type Answering = Box<dyn Fn(&Seen) -> Reply + Send>;

/// A department's interface over HTTP/1.1 and HTTP/2, that keeps every request it sees.
struct Department {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    answering: Arc<Mutex<Answering>>,
    runtime: Option<Runtime>,
}

impl Department {
    fn start(answer: impl Fn(&Seen) -> Reply + Send + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let answering: Arc<Mutex<Answering>> = Arc::new(Mutex::new(Box::new(answer)));
        let (notes, answers) = (Arc::clone(&seen), Arc::clone(&answering));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (notes, answers) = (Arc::clone(&notes), Arc::clone(&answers));
                tokio::spawn(async move {
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let serve = service_fn(move |request| {
                        answer_one(Arc::clone(&notes), Arc::clone(&answers), request)
                    });
                    // The gateway hangs up when it likes.
                    drop(server.serve_connection(TokioIo::new(stream), serve).await);
                });
            }
        });
        Self { address, seen, answering, runtime: Some(runtime) }
    }

    fn answers(&self, answer: impl Fn(&Seen) -> Reply + Send + 'static) {
        *self.answering.lock().unwrap() = Box::new(answer);
    }

    /// What it was asked since this was looked at last.
    fn asked(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

impl Drop for Department {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn answer_one(
    notes: Arc<Mutex<Vec<Seen>>>,
    answers: Arc<Mutex<Answering>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    drop(body.collect().await);
    let target = head.uri.path_and_query().unwrap().to_string();
    let seen = Seen { method: head.method, target, version: head.version, headers: head.headers };
    let reply = answers.lock().unwrap()(&seen);
    notes.lock().unwrap().push(seen);
    tokio::time::sleep(reply.after).await;
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(reply.body)).unwrap())
}

/// An entry of the weather bureau with one upstream of its own.
struct Entry<'a> {
    name: &'a str,
    /// Lines of its upstream besides the address.
    upstream: &'a str,
    /// Lines of its interface and of the entry itself.
    interface: &'a str,
    entry: &'a str,
    /// Lines under `opening`.
    opening: &'a str,
}

impl Default for Entry<'_> {
    fn default() -> Self {
        let interface = "  rows: rows[]\n  envelope: [total]\n";
        Self { name: "stub", upstream: "", interface, entry: "", opening: "" }
    }
}

const DESCRIPTION: &str = "openapi: 3.1.0
info: {title: stub, version: '1'}
paths:
  /:
    get:
      parameters:
        - {name: code, in: query, schema: {type: string}}
        - {name: X-Region, in: header, schema: {type: string}}
        - {name: X-Edition, in: header, schema: {type: string}}
      responses: {default: {description: rows}}
    post:
      parameters:
        - {name: code, in: query, schema: {type: string}}
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses: {'200': {description: rows}}
";

/// Publishes entries of one department in a running city, and waits until they can be called.
fn publish(city: &City, department: &Department, entries: &[Entry<'_>]) {
    // The city's dates move with its start, and only a steward who is filed that day reviews.
    let today = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)));
    let today = today.date();
    let folder = city.shown.policies.join("catalog/weather");
    let file = city.shown.policies.join("organizations/weather.yaml");
    let mut organization = fs::read_to_string(&file).unwrap();
    for (number, entry) in entries.iter().enumerate() {
        let Entry { name, upstream, interface, entry, opening } = entry;
        let code = 700_000 + u32::try_from(organization.len() + number).unwrap() % 100_000;
        fs::write(folder.join(format!("{name}.openapi.yaml")), DESCRIPTION).unwrap();
        let text = format!(
            "id: weather/{name}\ncode: 103001001/{code}\nname: {name}\nsummary: {name}。\n\
             domain: geography\nformat: 服务接口\n\
             sharing: {{class: unconditional, modes: [api], purposes: [work-reference]}}\n\
             opening:\n  class: open\n  \
             review: {{person: weather-steward, date: {today}, document: 保密审查〔2026〕777号}}\n{opening}\
             update: yearly\npublished: 2026-01-05\n\
             items:\n  - {{name: code, title: 代码, type: string}}\n  \
             - {{name: name, title: 名称, type: string}}\n\
             {entry}\ninterface:\n  upstream: {name}\n  description: {name}.openapi.yaml\n  \
             base: /{name}\n  parameters:\n    \
             code: {{use: filter, item: code}}\n    X-Region: {{use: page}}\n    \
             X-Edition: {{use: fixed, value: '7'}}\n  \
             body: {{members: {{code: {{use: filter, item: code}}}}}}\n{interface}"
        );
        fs::write(folder.join(format!("{name}.yaml")), text).unwrap();
        let address = &department.address;
        organization.push_str(&format!("  - id: {name}\n    url: http://{address}\n{upstream}"));
    }
    fs::write(&file, organization).unwrap();
    for entry in entries {
        eventually("the entry", Duration::from_secs(20), || {
            (call(city, &format!("/catalog/weather/{}", entry.name), &[]).status == 200)
                .then_some(())
        });
    }
}

/// A node that serves the city with another configuration; ended when dropped.
struct Node(std::process::Child);

/// Ends the demonstration and serves its city with a part of the configuration replaced.
fn serve_with(city: &mut City, (written, instead): (&str, &str)) -> Node {
    city.interrupt();
    let config = city.work().join("helan.yaml");
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains(written), "{text}");
    fs::write(&config, text.replace(written, instead)).unwrap();
    let node = std::process::Command::new(program())
        .args(["serve", "--config"])
        .arg(&config)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let node = Node(node);
    let address = city.shown.opening.trim_start_matches("http://");
    eventually("the node", Duration::from_secs(20), || TcpStream::connect(address).ok());
    node
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// An answer as it came over the socket.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn code(&self) -> String {
        let problem: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// A GET in the opening zone.
fn call(city: &City, path: &str, headers: &[&str]) -> Answer {
    send(city, "GET", path, headers, "")
}

fn send(city: &City, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let mut stream = TcpStream::connect(city.shown.opening.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: city.example\r\n");
    for header in headers.iter().chain(&["Connection: close"]) {
        head.push_str(&format!("{header}\r\n"));
    }
    if !body.is_empty() {
        head.push_str(&format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        ));
    }
    write!(stream, "{head}\r\n{body}").unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let all = headers.entry(name.to_lowercase()).or_default();
        if !all.is_empty() {
            all.push_str(", ");
        }
        all.push_str(value.trim());
    }
    Answer { status, headers, body: body.to_owned() }
}
