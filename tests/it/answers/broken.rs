//! Trouble on the way: early it is a clean refusal, later a reset, and the record tells which.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::{
    ENTRY, Served, city, curl, department, finished, gzip, many_rows, promise, ready, send,
};
use crate::support::city::City;
use crate::support::eventually;
use crate::support::node::{Client, within};
use crate::support::serving::metric;

/// Long enough for the first part of an answer to be on its way.
const PAUSE: Duration = Duration::from_millis(300);

/// Sends the end of an answer later than the rest.
fn later(stream: &mut TcpStream, fields: &str, first: &[u8], rest: &[u8]) {
    promise(stream, fields, first.len() + rest.len(), first);
    std::thread::sleep(PAUSE);
    drop(stream.write_all(rest));
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
    blamed(&city, "upstream", 18);
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
    blamed(&city, "upstream", 8);
}

/// So many calls count toward those who have to act.
fn blamed(city: &City, who: &str, times: i64) {
    let series = format!("helan_faults_total{{blame=\"{who}\",zone=\"opening\"}}");
    eventually(&series, Duration::from_secs(5), || {
        (metric(city, &series) == Some(times)).then_some(())
    });
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
    blamed(&served.city, "caller", 3);

    let (stream, transaction) = begin(served.opening(), "slow");
    let reader = std::thread::spawn(move || {
        let mut stream = stream;
        drop(std::io::copy(&mut stream, &mut std::io::sink()));
    });
    served.interrupt();
    reader.join().unwrap();
    check_partial(&finished(&records, &transaction), "drain");
}
