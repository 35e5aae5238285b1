//! Connections: used again, never too many, and never when they are no longer good.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use helan::upstream::{Fault, RequestBody, UpstreamError};
use http::Method;
use serde_json::json;
use tokio::time::sleep;

use super::support::{FINE, Worker, answer_all, body_of, compile, head, interface, say};

#[tokio::test]
async fn a_connection_is_used_again_once_the_answer_was_read() {
    let (url, connections) = interface(|_, stream| answer_all(stream)).await;
    let worker = Worker::new(&url, json!({}));

    let first = worker.get().await.unwrap();
    assert!(!first.reused);
    assert_eq!(body_of(first).await.unwrap(), "fine");
    let second = worker.get().await.unwrap();

    assert!(second.reused);
    assert_eq!(body_of(second).await.unwrap(), "fine");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    let figures = worker.figures();
    assert_eq!((figures.calls, figures.connects, figures.reuses), (2, 1, 1));
    assert_eq!(figures.in_flight, 0);
}

#[tokio::test]
async fn an_answer_without_a_body_frees_connection_and_slot_at_once() {
    let (url, connections) = interface(|_, mut stream| async move {
        while !head(&mut stream).await.is_empty() {
            say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n").await;
        }
    })
    .await;
    let worker = Worker::new(&url, json!({ "concurrency": 1, "connections": 1 }));

    let first = worker.call(Method::HEAD, RequestBody::empty()).await.unwrap();
    let second = worker.call(Method::HEAD, RequestBody::empty()).await.unwrap();

    assert!(second.reused);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    drop((first, second));
}

#[tokio::test]
async fn there_are_never_more_connections_than_allowed_and_who_waits_gets_the_next() {
    let (url, connections) = interface(|_, stream| answer_all(stream)).await;
    let worker = Worker::new(&url, json!({ "connections": 2, "connect_ms": 2000 }));

    let calls = (0..20).map(|_| async { body_of(worker.get().await.unwrap()).await.unwrap() });
    let bodies = futures_util::future::join_all(calls).await;

    assert!(bodies.iter().all(|body| body == "fine"));
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn who_waits_too_long_for_a_connection_is_told_so() {
    let (url, _) = interface(|_, stream| answer_all(stream)).await;
    let worker = Worker::new(&url, json!({ "connections": 1, "connect_ms": 50 }));

    let held = worker.get().await.unwrap();
    let refused = worker.get().await.unwrap_err();

    assert_eq!(refused.fault(), Fault::Queue);
    assert_eq!(refused.proxy_error(), "connection_limit_reached");
    drop(held);
    assert!(worker.get().await.is_ok());
}

#[tokio::test]
async fn a_reused_connection_that_closes_before_the_first_byte_is_forgiven_for_get_only() {
    for (replayable, requests) in [(true, 3), (false, 2)] {
        let seen = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&seen);
        let (url, _) = interface(move |number, mut stream| {
            let count = Arc::clone(&count);
            async move {
                while !head(&mut stream).await.is_empty() {
                    // The first connection answers once, then hangs up on the next request.
                    if count.fetch_add(1, Ordering::SeqCst) == 1 && number == 0 {
                        return;
                    }
                    say(&mut stream, FINE).await;
                }
            }
        })
        .await;
        let worker = Worker::new(&url, json!({}));

        body_of(worker.get().await.unwrap()).await.unwrap();
        let second = if replayable {
            worker.get().await
        } else {
            worker.call(Method::POST, RequestBody::empty()).await
        };

        if replayable {
            assert_eq!(body_of(second.unwrap()).await.unwrap(), "fine");
        } else {
            assert_eq!(second.unwrap_err().proxy_error(), "connection_terminated");
        }
        assert_eq!(seen.load(Ordering::SeqCst), requests);
        assert_eq!(worker.figures().retries, u64::from(replayable));
    }
}

#[tokio::test]
async fn a_fresh_connection_that_closes_is_not_forgiven() {
    let (url, connections) = interface(|_, mut stream| async move {
        head(&mut stream).await;
    })
    .await;
    let worker = Worker::new(&url, json!({}));

    let failed = worker.get().await.unwrap_err();

    assert!(matches!(failed, UpstreamError::Closed(_)), "{failed:?}");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn part_of_a_head_is_an_answer_and_is_not_asked_for_again() {
    let (url, connections) = interface(|_, mut stream| async move {
        head(&mut stream).await;
        say(&mut stream, FINE).await;
        head(&mut stream).await;
        say(&mut stream, "HTTP/1.1 200").await;
    })
    .await;
    let worker = Worker::new(&url, json!({}));

    body_of(worker.get().await.unwrap()).await.unwrap();
    let failed = worker.get().await.unwrap_err();

    assert!(matches!(failed, UpstreamError::Closed(_)), "{failed:?}");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    assert_eq!(worker.figures().retries, 0);
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_noticed_before_it_is_used() {
    let (url, connections) = interface(|_, mut stream| async move {
        head(&mut stream).await;
        say(&mut stream, FINE).await;
    })
    .await;
    let worker = Worker::new(&url, json!({}));

    body_of(worker.get().await.unwrap()).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    // A POST would not be forgiven.
    body_of(worker.post().await.unwrap()).await.unwrap();

    assert_eq!(connections.load(Ordering::SeqCst), 2);
    assert_eq!(worker.figures().retries, 0);
}

#[tokio::test]
async fn a_reload_keeps_connections_and_counts_calls_on() {
    let (url, connections) = interface(|_, stream| answer_all(stream)).await;
    let mut worker = Worker::new(&url, json!({ "concurrency": 2 }));
    body_of(worker.get().await.unwrap()).await.unwrap();
    let before = worker.to.slot().unwrap();

    worker.to = compile(&worker.shared, &url, json!({ "concurrency": 2 }), Path::new("."));

    assert!(worker.get().await.unwrap().reused);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    let _second = worker.to.slot().unwrap();
    assert!(matches!(worker.to.slot(), Err(UpstreamError::Busy)));
    drop(before);
    assert!(worker.to.slot().is_ok());
}

#[tokio::test]
async fn another_address_gets_none_of_the_old_connections() {
    let (old, _) = interface(|_, stream| answer_all(stream)).await;
    let (new, connections) = interface(|_, stream| answer_all(stream)).await;
    let mut worker = Worker::new(&old, json!({}));
    body_of(worker.get().await.unwrap()).await.unwrap();

    worker.to = compile(&worker.shared, &new, json!({}), Path::new("."));

    assert!(!worker.get().await.unwrap().reused);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn as_many_calls_as_allowed_run_at_once_until_their_last_byte() {
    let (url, _) = interface(|_, stream| answer_all(stream)).await;
    let worker = Worker::new(&url, json!({ "concurrency": 2 }));

    let (first, second) = (worker.get().await.unwrap(), worker.get().await.unwrap());
    assert!(matches!(worker.get().await, Err(UpstreamError::Busy)));
    body_of(first).await.unwrap();
    assert!(worker.get().await.is_ok());
    drop(second);

    assert_eq!(worker.figures().in_flight, 0);
    assert!(worker.figures().faults.contains(&(Fault::Busy, 1)));
}
