//! Answers that are none, interfaces that are down, and what a body may not hide.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use helan::upstream::{Fault, RequestBody, Shared, UpstreamError, Upstreams};
use http::{Method, Request};
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::support::{FINE, Worker, answer_all, body_of, compile, head, interface, say, send};

#[tokio::test]
async fn a_body_cut_short_is_an_error_and_its_connection_is_not_used_again() {
    for cut in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let (url, connections) = interface(move |_, mut stream| async move {
            head(&mut stream).await;
            say(&mut stream, cut).await;
        })
        .await;
        let worker = Worker::new(&url, json!({}));

        let failed = body_of(worker.get().await.unwrap()).await.unwrap_err();

        assert_eq!(failed.proxy_error(), "http_response_incomplete", "{cut}");
        assert!(worker.figures().faults.contains(&(Fault::BodyBroke, 1)));
        assert_eq!(worker.figures().in_flight, 0);
        assert!(!worker.get().await.unwrap().reused);
        assert_eq!(connections.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn what_is_not_http_or_ambiguous_is_refused() {
    for (answer, error) in [
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "http_protocol_error"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "http_protocol_error",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nfine!",
            "http_protocol_error",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
            "http_protocol_error",
        ),
    ] {
        let (url, _) = interface(move |_, mut stream| async move {
            head(&mut stream).await;
            say(&mut stream, answer).await;
        })
        .await;

        let failed = Worker::new(&url, json!({})).get().await.unwrap_err();

        assert_eq!(failed.proxy_error(), error, "{answer}: {failed:?}");
    }
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let (url, _) = interface(|_, mut stream| async move {
        head(&mut stream).await;
        let filler = "x".repeat(100 * 1024);
        say(&mut stream, &format!("HTTP/1.1 200 OK\r\nfiller: {filler}\r\n\r\n")).await;
        head(&mut stream).await;
    })
    .await;

    let failed = Worker::new(&url, json!({})).get().await.unwrap_err();

    assert_eq!(failed.proxy_error(), "http_response_header_section_size", "{failed:?}");
}

#[tokio::test]
async fn an_interface_that_is_down_is_left_alone_and_found_when_it_is_back() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let worker = Worker::new(&format!("http://{address}"), json!({}));

    for _ in 0..5 {
        assert_eq!(worker.get().await.unwrap_err().proxy_error(), "connection_refused");
    }
    let Err(UpstreamError::Open { retry_after }) = worker.get().await else {
        panic!("the sixth call was tried");
    };
    assert!(retry_after <= Duration::from_secs(1));
    assert!(worker.figures().open);

    let back = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = back.accept().await {
            tokio::spawn(answer_all(stream));
        }
    });
    sleep(retry_after).await;
    let [first, second] = [worker.get().await, worker.get().await];

    assert!(first.is_ok() && second.is_ok());
    assert!(!worker.figures().open);
}

#[tokio::test]
async fn a_gateway_that_says_503_counts_as_down_and_one_that_says_500_does_not() {
    for (status, opens) in [(500, false), (503, true), (404, false)] {
        let (url, _) = interface(move |_, mut stream| async move {
            while !head(&mut stream).await.is_empty() {
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
                say(&mut stream, &answer).await;
            }
        })
        .await;
        let worker = Worker::new(&url, json!({}));

        for _ in 0..5 {
            assert_eq!(worker.get().await.unwrap().head.status, status);
        }

        assert_eq!(worker.figures().open, opens, "{status}");
    }
}

#[tokio::test]
async fn a_callers_broken_body_is_not_the_interfaces_fault() {
    let (url, _) = interface(|_, mut stream| async move {
        head(&mut stream).await;
        head(&mut stream).await;
    })
    .await;
    let worker = Worker::new(&url, json!({}));
    let parts = [Ok(Frame::data(Bytes::from_static(b"half"))), Err("the caller is gone")];
    let body = RequestBody::stream(StreamBody::new(futures_util::stream::iter(parts)));

    let failed = worker.call(Method::POST, body).await.unwrap_err();

    assert_eq!(failed.fault(), Fault::RequestBroke, "{failed:?}");
}

#[tokio::test]
async fn the_department_sees_its_own_credentials_and_host_and_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("token");
    fs::write(&secret, "s3cret\n").unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    let seen = Arc::new(Mutex::new(String::new()));
    let note = Arc::clone(&seen);
    let (url, _) = interface(move |_, mut stream| {
        let note = Arc::clone(&note);
        async move {
            let head = head(&mut stream).await;
            *note.lock().unwrap() = head;
            say(&mut stream, FINE).await;
        }
    })
    .await;
    let credentials = json!({ "credentials": [
        { "kind": "bearer", "zone": "sharing", "token": { "file": "token" } },
        { "kind": "header", "zone": "opening", "name": "x-key", "value": { "file": "token" } },
    ]});
    let to = compile(&Shared::default(), &url, credentials, folder.path());
    let request = Request::get("http://elsewhere.example/a?b=c")
        .header("authorization", "Bearer of-the-caller")
        .header("host", "elsewhere.example")
        .body(RequestBody::empty())
        .unwrap();

    let answer = send(&Upstreams::default(), &to, request).await.unwrap();
    body_of(answer).await.unwrap();

    let seen = seen.lock().unwrap();
    assert!(seen.starts_with("get /a?b=c http/1.1\r\n"), "{seen}");
    assert!(seen.contains("authorization: bearer s3cret\r\n"), "{seen}");
    assert!(seen.contains(&format!("host: {}\r\n", url.strip_prefix("http://").unwrap())));
    for not in ["of-the-caller", "elsewhere", "x-key"] {
        assert!(!seen.contains(not), "{seen}");
    }
    assert!(!format!("{to:?}").contains("s3cret"));
}
