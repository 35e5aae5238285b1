//! What is no plain request.

use helan::gateway::listen::Mishap;
use http_body_util::Full;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::node::{Client, node, read_all};

/// A request line and headers, complete with Host and an end.
fn get(extra: &str) -> String {
    format!("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{extra}\r\n")
}

#[tokio::test]
async fn whatever_is_malformed_or_ambiguous_gets_a_clear_refusal() {
    let node = node(|_| ());
    let long = "x".repeat(20_000);
    let cases: [(String, &str, &str); 22] = [
        (get(""), "200", "hello"),
        (get("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), "400", "ambiguous-length"),
        (get("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"), "400", "ambiguous-length"),
        (get("Content-Length: 3\r\nContent-Length: 3\r\n") + "abc", "400", "ambiguous-length"),
        (get("Content-Length: 3\r\nContent-Length: 4\r\n") + "abc", "400", ""),
        (get("Content-Length: +3\r\n"), "400", ""),
        (get("Content-Length: 3, 3\r\n"), "400", ""),
        (
            get("Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n",
            "501",
            "unknown-transfer-coding",
        ),
        (get("Transfer-Encoding: gzip\r\n"), "400", ""),
        (get("A: b\r\n folded\r\n"), "400", ""),
        (get("A : b\r\n"), "400", ""),
        (get("A: b\0c\r\n"), "400", ""),
        (get("A: b\n"), "400", "bare-line-feed"),
        (get(&format!("A: {long}\r\n")), "431", ""),
        (get(&"A: b\r\n".repeat(80)), "431", ""),
        ("GET /x HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), "400", "bad-host"),
        (get("Host: b\r\n"), "400", "bad-host"),
        ("get /x HTTP/1.0\r\n\r\n".to_owned(), "200", "hello"),
        (get("").replace("/x", "http://b/x"), "400", "two-hosts"),
        (get("").replace("/x", "*"), "400", "bad-target"),
        (get("").replace("GET /x", "CONNECT a:1"), "501", "method-not-offered"),
        ("\x16\x03\x01 no HTTP at all\r\n\r\n".to_owned(), "400", ""),
    ];
    for (request, status, code) in cases {
        let answer = node.raw(request.as_bytes()).await;
        let head: String = request.chars().take(120).collect();
        assert!(answer.contains(&format!(" {status} ")), "{head:?} → {answer:?}");
        assert!(answer.ends_with(code), "{head:?} → {answer:?}");
    }
    node.counted(Mishap::Malformed, 8).await;
    node.counted(Mishap::HeadTooLarge, 2).await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_and_each_is_looked_at() {
    let node = node(|_| ());
    let first = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
    let last = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";

    let plain = node.raw(format!("{first}{chunked}{last}").as_bytes()).await;
    assert_eq!(plain.matches("HTTP/1.1 200").count(), 3, "{plain}");
    assert!(plain.ends_with("hello"), "{plain}");
    let both = chunked.replace("Transfer", "Content-Length: 5\r\nTransfer");
    let refused = node.raw(format!("{first}{both}{last}").as_bytes()).await;
    assert!(refused.contains("ambiguous-length"), "{refused}");
}

#[tokio::test]
async fn a_head_that_begins_while_a_call_is_under_way_is_looked_at_as_a_whole() {
    let node = node(|_| ());
    let mut socket = node.connect().await;
    socket
        .write_all(
            b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n\
              POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX: y\r\n",
        )
        .await
        .unwrap();
    let mut answer = [0; 4096];
    let read = socket.read(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer[..read]).ends_with("slow"));
    socket.write_all(b"Content-Length: 5\r\n\r\n0\r\n\r\n").await.unwrap();

    let (refused, _) = read_all(&mut socket).await;
    assert!(refused.contains("ambiguous-length"), "{refused}");
}

#[tokio::test]
async fn a_large_request_gets_its_refusal_though_it_is_still_being_sent() {
    let node = node(|listener| listener.bounds.body_bytes = 1000);
    let mut stated = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n".to_vec();
    stated.resize(900_000, b'x');
    let mut chunked =
        b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nDBBA0\r\n".to_vec();
    chunked.resize(900_000, b'x');

    for bytes in [stated, chunked] {
        let answer = node.raw(&bytes).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer:?}");
        assert!(answer.ends_with("body-too-large"), "{answer:?}");
    }
}

#[tokio::test]
async fn http_2_is_spoken_on_a_plain_listener_too_and_is_as_strict() {
    let node = node(|_| ());
    let mut client = Client::new(node.connect().await, true).await;

    assert_eq!(client.get("/x").await.unwrap(), (200, "hello".to_owned()));
    let request = |name: &str, value: &str| {
        let request = http::Request::get("http://a/x").header(name, value);
        request.body(Full::default()).unwrap()
    };
    let two_hosts = client.send(request("host", "b")).await.unwrap();
    assert_eq!(two_hosts.status(), 400);
    let large = client.send(request("a", &"x".repeat(20_000))).await.unwrap();
    assert_eq!(large.status(), 431);
    assert_eq!(client.get("/x").await.unwrap().0, 200);
}

#[tokio::test]
async fn an_offer_to_upgrade_is_ignored_and_the_connection_goes_on() {
    let node = node(|_| ());
    let offer = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                 HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n";
    let last = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    let answer = node.raw(format!("{offer}{last}").as_bytes()).await;

    assert_eq!(answer.matches("HTTP/1.1 200").count(), 2, "{answer}");
}

#[tokio::test]
async fn forwarded_is_believed_from_trusted_proxies_only() {
    let request =
        b"GET /who HTTP/1.1\r\nHost: a\r\nForwarded: for=192.0.2.7\r\nConnection: close\r\n\r\n";
    let proud = node(|_| ());
    let behind = node(|listener| listener.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);

    assert!(proud.raw(request).await.ends_with("127.0.0.1 None"));
    assert!(behind.raw(request).await.ends_with("192.0.2.7 None"));
}
