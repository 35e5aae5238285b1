//! Connections on which nothing is asked for a while: what they were promised still holds.

use std::time::{Duration, Instant};

use helan::gateway::listen::Mishap;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::tls::{client, listener_tls, tls_node};
use crate::support::ca::{Ca, put};
use crate::support::node::{Client, Node, node, read_all, within};

const ASK: &[u8] = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
const LAST: &[u8] = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// A listener that parks after 0.4 to 0.8 s, and lets go after 1.6 to 2.
fn quick() -> Node {
    node(|listener| listener.bounds.idle_ms = 1600)
}

/// Waits until so many connections are parked.
async fn parked(node: &Node, expected: u32) {
    let parked = || node.listening.listeners().first().unwrap().parked();
    within(async {
        while parked() != expected {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Makes a call.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut S) {
    ask_so(socket, ASK).await;
}

async fn ask_so<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut S, request: &[u8]) {
    socket.write_all(request).await.unwrap();
    // Without it rustls may keep what the socket would not take at once.
    socket.flush().await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        assert_ne!(within(socket.read_buf(&mut answer)).await.unwrap(), 0, "no answer");
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
}

/// A connection that made its call and is parked.
async fn at_rest(node: &Node) -> TcpStream {
    let mut socket = node.connect().await;
    ask(&mut socket).await;
    parked(node, 1).await;
    socket
}

#[tokio::test]
async fn one_that_is_asked_again_answers_and_knows_its_caller() {
    let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::new("city"));
    let tls = listener_tls(folder.path(), &ca, true);
    let node = node(|listener| {
        listener.tls = Some(tls);
        listener.bounds.idle_ms = 1600;
    });
    let own = ca.client(Some(&ca.issue(&["tax.example"], 7)), b"http/1.1");
    let mut client = client(&node, &own).await;

    for _ in 0..3 {
        let who = client.get("/who").await.unwrap().1;
        assert!(who.ends_with("Some(\"tax.example\")"), "{who}");
        parked(&node, 1).await;
        node.open(1).await;
    }
    assert_eq!(client.get("/slow").await.unwrap(), (200, "slow".to_owned()));
    assert_eq!(node.listening.listeners()[0].parked(), 0);
}

#[tokio::test]
async fn several_requests_at_once_are_answered_in_order() {
    let node = quick();
    let mut socket = at_rest(&node).await;
    let chunked = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                    3\r\nabc\r\n0\r\n\r\n";

    socket.write_all(&[chunked, ASK, LAST].concat()).await.unwrap();

    let (answers, end) = read_all(&mut socket).await;
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 3, "{answers}");
    assert!(answers.ends_with("hello"), "{answers}");
    assert!(answers.find("abc").unwrap() < answers.find("hello").unwrap(), "{answers}");
    end.unwrap();
}

#[tokio::test]
async fn one_that_was_offered_an_upgrade_goes_on_as_it_was() {
    let node = quick();
    let mut socket = node.connect().await;
    let offer = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

    for _ in 0..2 {
        ask_so(&mut socket, offer).await;
        parked(&node, 1).await;
    }
    socket.write_all(LAST).await.unwrap();
    let (answer, end) = read_all(&mut socket).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello"), "{answer}");
    end.unwrap();
}

#[tokio::test]
async fn what_is_no_request_is_answered_and_counted_as_ever() {
    let long = format!("GET /x HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "x".repeat(20_000));
    let both = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\
                Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    for (bytes, status, mishap) in [
        ("\x16\x03\x01 no HTTP at all\r\n\r\n", " 400 ", Some(Mishap::Malformed)),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", Some(Mishap::Malformed)),
        (&long, " 431 ", Some(Mishap::HeadTooLarge)),
        (both, " 400 ", None),
    ] {
        let node = quick();
        let mut answers = Vec::new();
        for rests in [false, true] {
            let mut socket = node.connect().await;
            ask(&mut socket).await;
            if rests {
                parked(&node, 1).await;
            }
            socket.write_all(bytes.as_bytes()).await.unwrap();
            let (answer, _) = read_all(&mut socket).await;
            assert!(answer.contains(status), "{bytes:?} → {answer:?}");
            let undated: Vec<_> = answer
                .lines()
                .filter(|line| !line.starts_with("date:"))
                .map(String::from)
                .collect();
            answers.push(undated);
        }
        assert_eq!(answers[0], answers[1], "{bytes:?}");
        if let Some(mishap) = mishap {
            node.counted(mishap, 2).await;
        }
    }
}

#[tokio::test]
async fn a_head_has_its_time_from_its_first_byte() {
    let node = node(|listener| {
        listener.bounds.idle_ms = 1600;
        listener.bounds.header_ms = 300;
    });
    let mut slow = at_rest(&node).await;
    let mut leaves = node.connect().await;
    ask(&mut leaves).await;
    parked(&node, 2).await;

    slow.write_all(b"GET /x").await.unwrap();
    leaves.write_all(b"GET /x").await.unwrap();
    let begun = Instant::now();
    parked(&node, 0).await;
    drop(leaves);
    let (answer, _) = read_all(&mut slow).await;

    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(280) && took < Duration::from_millis(900), "{took:?}");
    node.counted(Mishap::HeadSlow, 1).await;
    node.counted(Mishap::HeadBroken, 1).await;
}

#[tokio::test]
async fn one_that_is_idle_for_too_long_is_let_go_without_a_word() {
    let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::new("city"));
    let tls = listener_tls(folder.path(), &ca, false);
    for tls in [None, Some(tls)] {
        let secure = tls.is_some();
        let node = node(|listener| {
            listener.tls = tls;
            listener.bounds.idle_ms = 1600;
        });
        let begun = Instant::now();
        // An end without the farewell of TLS would be an error.
        let (said, end) = if secure {
            let mut stream = node.tls(&ca.client(None, b"http/1.1")).await.unwrap();
            ask(&mut stream).await;
            read_all(&mut stream).await
        } else {
            let mut stream = node.connect().await;
            ask(&mut stream).await;
            read_all(&mut stream).await
        };
        let took = begun.elapsed();

        assert_eq!(said, "", "TLS: {secure}");
        end.unwrap();
        assert!(took >= Duration::from_millis(1580), "TLS: {secure}, {took:?}");
        assert!(took < Duration::from_millis(2900), "TLS: {secure}, {took:?}");
        node.open(0).await;
        assert!(Mishap::ALL.iter().all(|mishap| node.mishaps(*mishap) == 0));
    }
}

#[tokio::test]
async fn bytes_that_make_no_request_do_not_keep_it() {
    let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::new("city"));
    let tls = listener_tls(folder.path(), &ca, false);
    let node = node(|listener| {
        listener.tls = Some(tls);
        listener.bounds.idle_ms = 1600;
    });
    let mut stream = node.tls(&ca.client(None, b"http/1.1")).await.unwrap();
    ask(&mut stream).await;
    let begun = Instant::now();
    parked(&node, 1).await;

    // The head of a record of TLS, and a byte of the record now and then.
    let (socket, _) = stream.get_mut();
    socket.write_all(&[0x17, 3, 3, 0, 200]).await.unwrap();
    let mut open = true;
    while open {
        assert!(begun.elapsed() < Duration::from_millis(2900), "kept by drops");
        let mut answer = [0; 100];
        let read = tokio::time::timeout(Duration::from_millis(100), socket.read(&mut answer)).await;
        open = read.is_err() && socket.write_all(&[0]).await.is_ok();
    }
    assert!(begun.elapsed() >= Duration::from_millis(1580), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_was_read_of_the_next_request_is_not_lost() {
    let node = node(|listener| listener.bounds.idle_ms = 4000);
    let mut socket = at_rest(&node).await;

    // Empty lines before a request are no part of it: hyper holds them and waits.
    socket.write_all(b"\r\n").await.unwrap();
    parked(&node, 0).await;
    parked(&node, 1).await;
    socket.write_all(&[b"\r\n", LAST].concat()).await.unwrap();

    let (answer, _) = read_all(&mut socket).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello"), "{answer}");
    assert_eq!(node.mishaps(Mishap::Malformed), 0);
}

#[tokio::test]
async fn a_drain_lets_it_go_at_once() {
    let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::new("city"));
    let tls = listener_tls(folder.path(), &ca, false);
    let (plain, secure) = (node(|_| ()), tls_node(tls));
    let mut socket = at_rest(&plain).await;
    let mut stream = secure.tls(&ca.client(None, b"http/1.1")).await.unwrap();
    ask(&mut stream).await;
    parked(&secure, 1).await;

    for node in [plain, secure] {
        let begun = Instant::now();
        assert_eq!(node.listening.drain(Duration::from_secs(4)).await, 0);
        assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    }
    let (said, end) = read_all(&mut socket).await;
    assert_eq!((said.as_str(), end.is_ok()), ("", true));
    let (said, end) = read_all(&mut stream).await;
    assert_eq!((said.as_str(), end.is_ok()), ("", true));
}

#[tokio::test]
async fn it_counts_among_the_open_ones() {
    for (total, per_address, mishap) in [(10, 1, Mishap::AddressFull), (1, 10, Mishap::Full)] {
        let node = node(|listener| {
            listener.bounds.connections = total;
            listener.bounds.connections_per_address = per_address;
        });
        let socket = at_rest(&node).await;

        if let Ok(mut turned_away) = TcpStream::connect(node.address).await {
            assert_eq!(read_all(&mut turned_away).await.0, "");
        }
        node.counted(mishap, 1).await;
        // It hangs up while it is parked.
        drop(socket);
        node.open(0).await;
        parked(&node, 0).await;
        let mut client = Client::new(node.connect().await, false).await;
        assert_eq!(client.get("/x").await.unwrap().0, 200);
    }
}

#[tokio::test]
async fn one_whose_certificate_is_revoked_is_closed() {
    let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::new("city"));
    let node = tls_node(listener_tls(folder.path(), &ca, true));
    let lost = ca.client(Some(&ca.issue(&["tax.example"], 7)), b"http/1.1");
    let good = ca.client(Some(&ca.issue(&["land.example"], 8)), b"http/1.1");
    let (mut lost, mut good) = (client(&node, &lost).await, client(&node, &good).await);
    assert_eq!(lost.get("/x").await.unwrap().0, 200);
    assert_eq!(good.get("/x").await.unwrap().0, 200);
    parked(&node, 2).await;

    put(folder.path(), "revoked.pem", &ca.revocation_list(&[7], 2099));
    node.listening.reload_tls();

    node.open(1).await;
    assert!(lost.get("/x").await.is_err());
    assert_eq!(good.get("/x").await.unwrap().0, 200);
}

#[tokio::test]
async fn calls_that_come_just_then_are_all_answered() {
    let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::new("city"));
    let tls = listener_tls(folder.path(), &ca, false);
    let node = node(|listener| {
        listener.tls = Some(tls);
        listener.bounds.idle_ms = 4000;
    });
    let anyone = ca.client(None, b"http/1.1");
    let callers = (0..60_u64).map(|number| {
        let (node, anyone) = (&node, &anyone);
        async move {
            let mut stream = node.tls(anyone).await.unwrap();
            for turn in 0..4 {
                ask(&mut stream).await;
                // Around the moment of the next look, or of the one after it.
                let pause = 1000 * (1 + turn % 2) + number % 20 - 10;
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            ask(&mut stream).await;
        }
    });

    futures_util::future::join_all(callers).await;

    let happened: Vec<_> = Mishap::ALL.iter().filter(|one| node.mishaps(**one) > 0).collect();
    assert!(happened.is_empty(), "{happened:?}");
}
