//! Deadlines, and bodies that wait for each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use helan::upstream::{Fault, RequestBody};
use http::Method;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use super::support::{FINE, Worker, body_of, head, interface, say, send};

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_connection_that_does_not_come_about_in_time_is_given_up() {
    // It accepts, but never says a word of TLS.
    let (url, _) = interface(|_, mut stream| async move {
        head(&mut stream).await;
        sleep(Duration::from_secs(10)).await;
    })
    .await;
    let worker = Worker::new(&url.replace("http:", "https:"), json!({ "connect_ms": 100 }));
    let started = Instant::now();

    let failed = worker.get().await.unwrap_err();

    assert_eq!(failed.fault(), Fault::ConnectTimeout, "{failed:?}");
    assert_eq!(failed.proxy_error(), "connection_timeout");
    assert!(started.elapsed() < 10 * SHORT);
}

#[tokio::test]
async fn a_head_that_does_not_come_in_time_is_given_up_and_its_connection_too() {
    let (url, connections) = interface(|number, mut stream| async move {
        head(&mut stream).await;
        if number == 0 {
            sleep(Duration::from_secs(10)).await;
        }
        say(&mut stream, FINE).await;
    })
    .await;
    let worker = Worker::new(&url, json!({ "answer_ms": 100 }));

    let failed = worker.get().await.unwrap_err();

    assert_eq!(failed.fault(), Fault::AnswerTimeout, "{failed:?}");
    assert_eq!(failed.proxy_error(), "http_response_timeout");
    assert!(!worker.get().await.unwrap().reused);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up_after_what_came() {
    let (url, _) = interface(|_, mut stream| async move {
        head(&mut stream).await;
        say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf").await;
        sleep(Duration::from_secs(10)).await;
    })
    .await;
    let worker = Worker::new(&url, json!({ "idle_ms": 100 }));

    let mut answer = worker.get().await.unwrap();
    let part = answer.body.frame().await.unwrap().unwrap();
    let failed = answer.body.frame().await.unwrap().unwrap_err();

    assert_eq!(part.into_data().unwrap(), "half");
    assert_eq!(failed.fault(), Fault::BodyTimeout);
    assert_eq!(worker.figures().in_flight, 0);
}

#[tokio::test]
async fn a_slow_body_that_keeps_coming_is_not_late() {
    let (url, _) = interface(|_, mut stream| async move {
        head(&mut stream).await;
        say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n").await;
        for _ in 0..8 {
            sleep(SHORT / 2).await;
            say(&mut stream, "x").await;
        }
    })
    .await;
    let worker = Worker::new(&url, json!({ "idle_ms": 200, "answer_ms": 200 }));

    assert_eq!(body_of(worker.get().await.unwrap()).await.unwrap(), "xxxxxxxx");
}

#[tokio::test]
async fn a_slow_reader_is_not_a_late_interface() {
    let (url, _) = interface(|_, mut stream| async move {
        head(&mut stream).await;
        say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf").await;
        sleep(2 * SHORT).await;
        say(&mut stream, "more").await;
    })
    .await;
    let worker = Worker::new(&url, json!({ "idle_ms": 100 }));

    let mut answer = worker.get().await.unwrap();
    answer.body.frame().await.unwrap().unwrap();
    sleep(4 * SHORT).await;

    assert_eq!(answer.body.frame().await.unwrap().unwrap().into_data().unwrap(), "more");
}

#[tokio::test]
async fn the_answers_time_runs_from_the_last_byte_of_a_slow_callers_body() {
    let (url, _) = interface(|_, mut stream| async move {
        head(&mut stream).await;
        let mut body = [0; 4];
        stream.read_exact(&mut body).await.unwrap();
        sleep(SHORT).await;
        say(&mut stream, FINE).await;
    })
    .await;
    let worker = Worker::new(&url, json!({ "answer_ms": 200 }));
    let parts = futures_util::stream::unfold(0, |sent| async move {
        sleep(SHORT).await;
        let frame = Frame::data(Bytes::from_static(b"x"));
        (sent < 4).then_some((Ok::<_, std::io::Error>(frame), sent + 1))
    });
    let stream = http_body_util::Limited::new(StreamBody::new(parts), 4);
    let body = RequestBody::stream(stream);
    let request = http::Request::post("/a").header("content-length", 4).body(body).unwrap();

    let answer = send(&worker.upstreams, &worker.to, request).await.unwrap();

    assert_eq!(body_of(answer).await.unwrap(), "fine");
}

#[tokio::test]
async fn an_interface_that_stops_reading_is_late() {
    let (url, _) = interface(|_, mut stream| async move {
        head(&mut stream).await;
        sleep(Duration::from_secs(10)).await;
    })
    .await;
    let worker = Worker::new(&url, json!({ "answer_ms": 200 }));
    let part = Bytes::from(vec![b'x'; 64 * 1024]);
    let parts = futures_util::stream::repeat_with(move || {
        Ok::<_, std::io::Error>(Frame::data(part.clone()))
    });

    let failed = worker.call(Method::POST, RequestBody::stream(StreamBody::new(parts))).await;

    assert_eq!(failed.unwrap_err().fault(), Fault::AnswerTimeout);
}

#[tokio::test]
async fn nothing_is_read_faster_than_it_is_passed_on() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let (url, _) = interface(move |_, mut stream| {
        let count = Arc::clone(&count);
        async move {
            head(&mut stream).await;
            say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await;
            let part = vec![b'x'; 64 * 1024];
            while stream.write_all(&part).await.is_ok() {
                count.fetch_add(part.len(), Ordering::SeqCst);
            }
        }
    })
    .await;
    let worker = Worker::new(&url, json!({}));

    let mut answer = worker.get().await.unwrap();
    answer.body.frame().await.unwrap().unwrap();
    sleep(3 * SHORT).await;

    // The sockets hold some megabytes; we hold next to nothing.
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent < 32 << 20, "{sent} bytes");
}
