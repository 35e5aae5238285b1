//! Callers that take their time, or too much room.

use std::time::{Duration, Instant};

use helan::gateway::listen::Mishap;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::node::{Client, node, read_all, within};

#[expect(clippy::disallowed_methods, reason = "these tests measure real time")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn a_slow_head_is_cut_with_an_answer_and_drops_do_not_keep_it_alive() {
    let node = node(|listener| listener.bounds.header_ms = 300);
    let mut socket = node.connect().await;
    let begun = now();

    let answer = loop {
        let mut answer = [0; 200];
        // A byte now and then, as Slowloris does.
        let sent = socket.write_all(b"G").await;
        let read = tokio::time::timeout(Duration::from_millis(50), socket.read(&mut answer)).await;
        match (sent, read) {
            (_, Ok(Ok(length))) => break String::from_utf8_lossy(&answer[..length]).into_owned(),
            (_, Ok(Err(error))) | (Err(error), _) => panic!("no answer: {error}"),
            (Ok(()), Err(_)) => assert!(begun.elapsed() < Duration::from_secs(3)),
        }
    };

    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    node.counted(Mishap::HeadSlow, 1).await;
    drop(socket);
    node.open(0).await;
}

#[tokio::test]
async fn a_second_head_has_the_same_time_as_the_first() {
    let node = node(|listener| listener.bounds.header_ms = 300);
    let mut socket = node.connect().await;
    socket.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET /y").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    socket.write_all(b"y").await.unwrap();

    let (answers, _) = read_all(&mut socket).await;

    assert!(answers.contains("hello") && answers.contains("HTTP/1.1 408 "), "{answers}");
}

#[tokio::test]
async fn who_says_nothing_is_let_go_without_a_word() {
    let node = node(|listener| {
        listener.bounds.header_ms = 200;
        listener.bounds.idle_ms = 400;
    });
    let mut silent = node.connect().await;
    let mut idle = node.connect().await;
    idle.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let begun = now();

    assert_eq!(read_all(&mut silent).await.0, "");
    assert!(read_all(&mut idle).await.0.ends_with("hello"));
    let idle_for = begun.elapsed();
    assert!(idle_for >= Duration::from_millis(380), "{idle_for:?}");
    assert!(idle_for < Duration::from_secs(2), "{idle_for:?}");
    assert_eq!(node.mishaps(Mishap::HeadSlow), 0);
}

#[tokio::test]
async fn a_body_that_pauses_is_refused_and_one_that_flows_is_not() {
    let node = node(|listener| listener.bounds.body_ms = 300);
    let head = b"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\n";
    let mut pausing = node.connect().await;
    pausing.write_all(head).await.unwrap();
    pausing.write_all(b"ab").await.unwrap();
    let mut flowing = node.connect().await;
    flowing.write_all(head).await.unwrap();
    for byte in b"abcd" {
        tokio::time::sleep(Duration::from_millis(150)).await;
        flowing.write_all(&[*byte]).await.unwrap();
    }

    let (answer, _) = read_all(&mut pausing).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.ends_with("body-paused"), "{answer}");
    let (answer, _) = read_all(&mut flowing).await;
    // The echo comes in chunks, as the body came.
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let letters: String = body.chars().filter(char::is_ascii_alphabetic).collect();
    assert!(head.starts_with("HTTP/1.1 200 ") && letters == "abcd", "{answer}");
}

#[tokio::test]
async fn an_answer_left_unread_is_cut() {
    let node = node(|listener| listener.bounds.write_ms = 300);
    let mut socket = node.connect().await;
    socket.write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();

    node.open(1).await;
    node.open(0).await;

    node.counted(Mishap::Unread, 1).await;
    let (_, end) = read_all(&mut socket).await;
    assert!(end.is_err(), "an endless body must not end well");
}

#[tokio::test]
async fn a_stream_left_unread_is_reset_and_its_neighbors_go_on() {
    let node = node(|listener| listener.bounds.write_ms = 300);
    let mut client = Client::new(node.connect().await, true).await;
    let request = http::Request::get("http://a/endless").body(http_body_util::Full::default());
    let mut unread = client.send(request.unwrap()).await.unwrap();
    let begun = now();
    while node.mishaps(Mishap::Unread) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(5), "never cut");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    assert_eq!(client.get("/x").await.unwrap(), (200, "hello".to_owned()));
    let end = within(async {
        loop {
            match unread.frame().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => break Some(error),
                None => break None,
            }
        }
    });
    assert!(end.await.is_some(), "an endless body must not end well");
}

#[tokio::test]
async fn a_broken_answer_never_looks_whole() {
    let node = node(|_| ());
    for http2 in [false, true] {
        let mut client = Client::new(node.connect().await, http2).await;
        assert!(client.get("/broken").await.is_err(), "HTTP/2: {http2}");
    }
    // Without a length or chunks only a reset tells a broken body from a whole one.
    let mut old = node.connect().await;
    old.write_all(b"GET /broken HTTP/1.0\r\n\r\n").await.unwrap();
    let (answer, end) = read_all(&mut old).await;
    assert!(end.is_err(), "looks whole: {} bytes", answer.len());
}

#[tokio::test]
async fn connections_are_capped_per_address_and_in_all() {
    for (total, per_address, mishap) in [(10, 2, Mishap::AddressFull), (2, 10, Mishap::Full)] {
        let node = node(|listener| {
            listener.bounds.connections = total;
            listener.bounds.connections_per_address = per_address;
        });
        let mut one = Client::new(node.connect().await, false).await;
        let mut two = Client::new(node.connect().await, true).await;
        assert_eq!(one.get("/x").await.unwrap().0, 200);
        assert_eq!(two.get("/x").await.unwrap().0, 200);

        // The reset may come before the caller's own system has said that it is connected.
        if let Ok(mut turned_away) = TcpStream::connect(node.address).await {
            assert_eq!(read_all(&mut turned_away).await.0, "");
        }
        node.counted(mishap, 1).await;
        assert_eq!(one.get("/x").await.unwrap().0, 200);
        drop(one);
        node.open(1).await;
        let mut three = Client::new(node.connect().await, false).await;
        assert_eq!(three.get("/x").await.unwrap().0, 200);
    }
}
