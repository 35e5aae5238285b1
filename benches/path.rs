//! How long the whole path takes in memory: from a request whose head is read to the last byte of
//! its answer, records included. Nothing is sent to the caller; only a fetch uses a socket.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may stop")]
#![expect(clippy::disallowed_methods, reason = "spans that are measured, never recorded time")]

#[path = "support/gate.rs"]
mod gate;
#[path = "support/proc.rs"]
mod proc;
mod support;

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use helan::domain::{Cache, EntryId, GrantId};
use helan::journal::Reader;
use helan::net::jws::SigningKey;
use helan::policy::{EntrySource, KeySet};
use http::{StatusCode, header};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::gate::{Answer, Gate, Round};
use self::support::{City, REGISTER, noon};

const APPLICATION: &str = "natural-resources/registration";
const KEPT: &str = "civil-affairs/marriage-kept";

/// What the department answers: 1 KiB with Chinese text, of which three of five items are granted.
fn rows() -> String {
    let row = |number: u32| {
        json!({
            "name_man": "马建国",
            "cert_num_man": format!("64010619850715{number:04}"),
            "name_woman": "李秀英",
            "cert_num_woman": format!("64010619870302{number:04}"),
            "status": "已婚",
        })
    };
    json!({ "total": 7, "rows": (0..7).map(row).collect::<Vec<_>>() }).to_string()
}

/// What the caller may have of it.
fn shaped() -> Value {
    let row = |number: u32| {
        json!({
            "name_man": "马建国",
            "cert_num_man": format!("6***************{:02}", number % 100),
            "status": "已婚",
        })
    };
    json!({ "total": 7, "rows": (0..7).map(row).collect::<Vec<_>>() })
}

/// The department's interface, on a thread of its own.
fn department() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let body = bytes::Bytes::from(rows());
                let service = service_fn(move |_| {
                    let answer = http::Response::builder()
                        .header(header::CONTENT_TYPE, "application/json")
                        .body(http_body_util::Full::new(body.clone()));
                    std::future::ready(answer)
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
    });
    address
}

/// The sample city with that department, a copy of its register that may be kept, no quota that the
/// benchmark could use up, and an issuer whose key is in `folder`.
fn city(folder: &TempDir, department: SocketAddr) -> (City, String) {
    let mut city = City::new(0, 0, 0);
    let sources = &mut city.sources;
    for organization in sources.organizations.values_mut() {
        for upstream in &mut Arc::make_mut(organization).upstreams {
            upstream.url = format!("http://{department}");
        }
    }
    let kept = EntryId::parse(KEPT).unwrap();
    let mut copy = EntrySource::clone(&sources.entries[REGISTER]);
    copy.entry.id = kept.clone();
    copy.entry.cache = Some(Cache { shared: true, seconds: Some(86_400), largest: 1 << 20 });
    sources.entries.insert(kept.clone(), Arc::new(copy));

    let mut grant = sources.grants["g-02"].as_ref().clone();
    let mut agreement = sources.agreements["a-02"].as_ref().clone();
    grant.limits.per_day = Some(u64::from(u32::MAX));
    sources.grants.insert(grant.id.clone(), Arc::new(grant.clone()));
    agreement.entry = kept.clone();
    agreement.id = "a-kept".to_owned().try_into().unwrap();
    grant.entry = kept;
    grant.id = GrantId::parse("g-kept").unwrap();
    grant.agreement = Some(agreement.id.clone());
    sources.grants.insert(grant.id.clone(), Arc::new(grant));
    sources.agreements.insert(agreement.id.clone(), Arc::new(agreement));

    let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let key = SigningKey::from_pem(pem.as_bytes()).unwrap();
    fs::write(folder.path().join("bench.jwks"), json!({ "keys": [key.public()] }).to_string())
        .unwrap();
    for issuer in sources.issuers.values_mut() {
        issuer.keys = KeySet::File(folder.path().join("bench.jwks"));
    }
    let now = noon().millis() / 1000;
    let token = key.token(&json!({
        "iss": "https://identity.city.example", "sub": APPLICATION, "aud": "helan",
        "iat": now, "exp": now + 86_400,
    }));
    (city, token.unwrap())
}

/// One kind of call, and what must come back.
struct Case {
    name: &'static str,
    entry: &'static str,
    purpose: &'static str,
    status: StatusCode,
    cache: Option<&'static str>,
    outcome: &'static str,
}

const CASES: [Case; 3] = [
    Case {
        name: "a cache hit",
        entry: KEPT,
        purpose: "helan-purpose: data-verification\r\n",
        status: StatusCode::OK,
        cache: Some("helan; hit"),
        outcome: "answered",
    },
    Case {
        name: "a fetch over loopback",
        entry: REGISTER,
        purpose: "helan-purpose: data-verification\r\n",
        status: StatusCode::OK,
        cache: Some("helan; fwd=bypass"),
        outcome: "answered",
    },
    Case {
        name: "a refusal",
        entry: REGISTER,
        purpose: "",
        status: StatusCode::FORBIDDEN,
        cache: None,
        outcome: "purpose-missing",
    },
];

impl Case {
    fn request(&self, token: &str) -> String {
        format!(
            "GET /{}?cert_num=640106198507150001 HTTP/1.1\r\nhost: gate.example\r\n\
             accept: application/json\r\nauthorization: Bearer {token}\r\n{}\
             helan-matter: \"estate-transfer\"\r\n\r\n",
            self.entry, self.purpose
        )
    }

    fn check(&self, answer: &Answer) {
        let cache = answer.head.headers.get("cache-status").map(|value| value.to_str().unwrap());
        assert_eq!(answer.head.status, self.status, "{:?}", answer.body);
        match self.cache {
            Some(wanted) => assert!(cache.unwrap().starts_with(wanted), "{cache:?}"),
            None => assert_eq!(cache, None),
        }
    }

    /// The body and the records of one call, looked at closely.
    fn check_closely(&self, answer: &Answer, records: &TempDir) {
        self.check(answer);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        if self.status == StatusCode::OK {
            assert_eq!(body, shaped());
        } else {
            assert_eq!(body["code"], self.outcome);
        }
        let transaction = answer.head.headers["helan-transaction"].to_str().unwrap();
        let events: Vec<Value> = Reader::last(records.path(), 10)
            .unwrap()
            .map(|record| serde_json::from_slice(&record.unwrap().json).unwrap())
            .filter(|event: &Value| event["transaction"] == transaction)
            .collect();
        let said: Vec<_> =
            events.iter().map(|event| (&event["event"], &event["outcome"])).collect();
        let decided = if self.status == StatusCode::OK { "allowed" } else { self.outcome };
        assert_eq!(
            said,
            [(&json!("decided"), &json!(decided)), (&json!("finished"), &json!(self.outcome))]
        );
    }
}

fn path(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let records = tempfile::tempdir().unwrap();
    let (city, token) = city(&folder, department());
    let mut gate = Gate::open(&city, records.path());
    let mut group = criterion.benchmark_group("path");
    for case in CASES {
        let request = case.request(&token);
        gate.round(&request, 1);
        let first = gate.round(&request, 1);
        case.check_closely(&first.answers[0], &records);
        for at_once in [1, 64] {
            let mut bench = |what: &str, measured: fn(&Round) -> Duration| {
                group.bench_function(format!("{}, {at_once} at once, {what}", case.name), |b| {
                    b.iter_custom(|rounds| {
                        let round = |_| {
                            let round = gate.round(&request, at_once);
                            round.answers.iter().for_each(|answer| case.check(answer));
                            measured(&round)
                        };
                        (0..rounds).map(round).sum()
                    });
                });
            };
            bench("until all are answered", |round| round.took);
            // Of a call that is alone nearly all of it is the sync.
            if at_once > 1 {
                bench("CPU of each", |round| {
                    round.worked / u32::try_from(round.answers.len()).unwrap()
                });
            }
        }
    }
    group.finish();
    assert_eq!(gate.journal.stats().failures, 0);
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30);
    targets = path
}
criterion_main!(benches);
