//! HTTP/1.1 to the letter, over real sockets: early answers, bodies of every framing, and bytes that
//! nobody asked for.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use helan::upstream::{Answer, Fault, RequestBody, UpstreamError};
use http::{Method, Version};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::secure::{authority, worker};
use super::support::{FINE, Worker, body_of, head, interface, say, send};

/// Calls an interface that gives this answer and hangs up.
async fn ask(answer: &'static str) -> Result<Answer, UpstreamError> {
    let (url, _) = interface(move |_, mut stream| async move {
        head(&mut stream).await;
        say(&mut stream, answer).await;
    })
    .await;
    Worker::new(&url, json!({})).get().await
}

/// A body without end.
fn endless() -> RequestBody {
    let part = Bytes::from(vec![b'x'; 64 * 1024]);
    let parts = futures_util::stream::repeat_with(move || {
        Ok::<_, std::io::Error>(Frame::data(part.clone()))
    });
    RequestBody::stream(StreamBody::new(parts))
}

/// A body of this beginning, which then keeps us waiting for as long, and breaks off.
fn breaking(begin: &'static str, pause: Duration) -> RequestBody {
    let parts = futures_util::stream::unfold(0, move |sent| async move {
        if sent > 0 {
            sleep(pause).await;
            return Some((Err("the caller is gone"), sent));
        }
        Some((Ok(Frame::data(Bytes::from_static(begin.as_bytes()))), 1))
    });
    RequestBody::stream(StreamBody::new(Box::pin(parts)))
}

#[tokio::test]
async fn an_answer_during_the_upload_is_taken_and_its_connection_is_not_used_again() {
    let (url, connections) = interface(|_, mut stream| async move {
        head(&mut stream).await;
        say(&mut stream, "HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\n\r\nlarge").await;
        sleep(Duration::from_secs(10)).await;
    })
    .await;
    let worker = Worker::new(&url, json!({}));

    for expected in 1..3 {
        let answer = worker.call(Method::POST, endless()).await.unwrap();

        assert_eq!((answer.head.status.as_u16(), answer.reused), (413, false));
        assert_eq!(body_of(answer).await.unwrap(), "large");
        assert_eq!(connections.load(Ordering::SeqCst), expected);
    }
}

#[tokio::test]
async fn who_refuses_a_body_and_hangs_up_at_once_is_heard() {
    let (url, _) = interface(|_, mut stream| async move {
        head(&mut stream).await;
        // What it did not read makes the end of this connection a reset.
        say(&mut stream, "HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\n\r\nlarge").await;
    })
    .await;
    let worker = Worker::new(&url, json!({}));

    let answer = worker.call(Method::POST, endless()).await.unwrap();

    assert_eq!(answer.head.status, 413);
    assert_eq!(body_of(answer).await.unwrap(), "large");
}

#[tokio::test]
async fn an_upload_goes_on_while_the_answer_is_read() {
    let (url, connections) = interface(|_, mut stream| async move {
        while !head(&mut stream).await.is_empty() {
            say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n").await;
            let (mut left, mut part) = (2_000_000, vec![0; 50_000]);
            while left > 0 {
                stream.read_exact(&mut part).await.unwrap();
                stream.write_all(&part).await.unwrap();
                left -= part.len();
            }
        }
    })
    .await;
    let worker = Worker::new(&url, json!({}));
    let parts =
        || (0..20).map(|_| Ok::<_, std::io::Error>(Frame::data(vec![b'x'; 100_000].into())));

    for _ in 0..2 {
        let body = RequestBody::stream(StreamBody::new(futures_util::stream::iter(parts())));
        let request =
            http::Request::post("/a").header("content-length", 2_000_000).body(body).unwrap();
        let answer = send(&worker.upstreams, &worker.to, request).await.unwrap();

        assert!(body_of(answer).await.unwrap() == "x".repeat(2_000_000));
    }

    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_caller_that_breaks_off_ends_the_answer_that_waits_for_it() {
    let (url, _) = interface(|_, mut stream| async move {
        head(&mut stream).await;
        say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf").await;
        sleep(Duration::from_secs(10)).await;
    })
    .await;
    let worker = Worker::new(&url, json!({}));

    let body = breaking("x", Duration::from_millis(50));
    let failed = body_of(worker.call(Method::POST, body).await.unwrap()).await.unwrap_err();

    assert_eq!(failed.fault(), Fault::RequestBroke, "{failed:?}");
}

#[tokio::test]
async fn an_interface_never_takes_a_broken_body_for_a_whole_one() {
    let (note, seen) = tokio::sync::oneshot::channel();
    let note = std::sync::Mutex::new(Some(note));
    let (url, _) = interface(move |_, mut stream| {
        let note = note.lock().unwrap().take().unwrap();
        async move {
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            note.send(text).unwrap();
        }
    })
    .await;
    let worker = Worker::new(&url, json!({}));

    let body = breaking("half", Duration::from_millis(50));
    let failed = worker.call(Method::POST, body).await.unwrap_err();

    assert_eq!(failed.fault(), Fault::RequestBroke, "{failed:?}");
    assert!(seen.await.unwrap().ends_with("transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"));
}

#[tokio::test]
async fn interim_answers_are_passed_over_and_bounded() {
    let answer = ask("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine");
    let answer = answer.await.unwrap();
    assert_eq!((answer.head.status.as_u16(), answer.head.headers.len()), (200, 1));
    assert_eq!(body_of(answer).await.unwrap(), "fine");

    let (url, _) = interface(move |_, mut stream| async move {
        head(&mut stream).await;
        while stream.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").await.is_ok() {}
    })
    .await;
    let failed = Worker::new(&url, json!({})).get().await.unwrap_err();
    assert_eq!(failed.fault(), Fault::Protocol, "{failed:?}");
}

#[tokio::test]
async fn heads_that_could_be_read_in_two_ways_are_refused_with_the_rule() {
    for (answer, rule) in [
        ("HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n", "cannot be read"),
        ("HTTP/1.1 200 OK\r\ncontent-length : 4\r\n\r\nfine", "cannot be read"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 4, 4\r\n\r\nfine", "RFC 9110 §8.6"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nfine!", "RFC 9112 §6.3"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "RFC 9112 §6.3",
        ),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "RFC 9112 §6.1"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\nfine", "RFC 9112 §6.1"),
    ] {
        let failed = ask(answer).await.unwrap_err();

        assert_eq!(failed.fault(), Fault::Protocol, "{answer}: {failed:?}");
        assert!(failed.to_string().contains(rule), "{answer}: {failed}");
    }
}

#[tokio::test]
async fn extensions_and_trailers_are_dropped_and_their_connection_is_used_again() {
    let (url, connections) = interface(|_, mut stream| async move {
        let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n\
                      2;a=b\r\nfi\r\n2\r\nne\r\n0\r\nx: y\r\ncontent-length: 9\r\n\r\n";
        while !head(&mut stream).await.is_empty() {
            say(&mut stream, answer).await;
        }
    })
    .await;
    let worker = Worker::new(&url, json!({}));

    for _ in 0..2 {
        let whole = worker.get().await.unwrap().body.collect().await.unwrap();
        assert!(whole.trailers().is_none());
        assert_eq!(whole.to_bytes(), "fine");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_flood_of_extensions_or_trailers_is_an_error() {
    for (begin, flood) in
        [("", "1;eeeeeeee\r\nx\r\n"), ("0\r\n", "t: eeeeeeee\r\n"), ("1;", "eeeeeeee")]
    {
        let (url, _) = interface(move |_, mut stream| async move {
            head(&mut stream).await;
            say(&mut stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
            say(&mut stream, begin).await;
            while stream.write_all(flood.as_bytes()).await.is_ok() {}
        })
        .await;

        let answer = Worker::new(&url, json!({})).get().await.unwrap();
        let failed = body_of(answer).await.unwrap_err();

        assert_eq!(failed.fault(), Fault::BodyBroke, "{flood}: {failed:?}");
    }
}

#[tokio::test]
async fn a_body_until_the_end_is_whole_and_so_is_one_of_http_1_0() {
    for (version, status_line) in [
        (Version::HTTP_11, "HTTP/1.1 200 OK\r\n\r\nfine"),
        (Version::HTTP_10, "HTTP/1.0 200 OK\r\n\r\nfine"),
    ] {
        let answer = ask(status_line).await.unwrap();

        assert_eq!(answer.head.version, version);
        assert_eq!(body_of(answer).await.unwrap(), "fine");
    }
}

#[tokio::test]
async fn an_http_1_0_connection_goes_on_only_if_it_says_so() {
    for (connection, reused) in [("keep-alive", true), ("x", false)] {
        let (url, _) = interface(move |_, mut stream| async move {
            while !head(&mut stream).await.is_empty() {
                let head = "HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection";
                say(&mut stream, &format!("{head}: {connection}\r\n\r\n")).await;
            }
        })
        .await;
        let worker = Worker::new(&url, json!({}));

        worker.get().await.unwrap();

        assert_eq!(worker.get().await.unwrap().reused, reused, "{connection}");
    }
}

#[tokio::test]
async fn bytes_that_nobody_asked_for_end_a_connection() {
    // At once, or while it is idle.
    for (at_once, later) in [(2, 0), (1, 1)] {
        let (url, connections) = interface(move |_, mut stream: TcpStream| async move {
            while !head(&mut stream).await.is_empty() {
                say(&mut stream, &FINE.repeat(at_once)).await;
                sleep(Duration::from_millis(20)).await;
                say(&mut stream, &FINE.repeat(later)).await;
            }
        })
        .await;
        let worker = Worker::new(&url, json!({}));

        for _ in 0..3 {
            let answer = worker.post().await.unwrap();
            assert!(!answer.reused);
            assert_eq!(body_of(answer).await.unwrap(), "fine");
            sleep(Duration::from_millis(60)).await;
        }
        assert_eq!(connections.load(Ordering::SeqCst), 3);
    }
}

#[tokio::test]
async fn a_tls_connection_that_ends_without_a_word_cuts_its_body() {
    let folder = tempfile::tempdir().unwrap();
    for (farewell, whole) in [(true, true), (false, false)] {
        let acceptor = authority(folder.path(), "ca.pem", &[b"http/1.1"]);
        let (url, _) = interface(move |_, stream| {
            let acceptor = acceptor.clone();
            async move {
                let mut stream = acceptor.accept(stream).await.unwrap();
                while stream.read_u8().await.unwrap() != b'\n' {}
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nfine").await.unwrap();
                stream.flush().await.unwrap();
                if farewell {
                    stream.shutdown().await.unwrap();
                }
                // Only its end, so that what was not read does not make it a reset.
                let (mut tcp, _) = stream.into_inner();
                tcp.shutdown().await.unwrap();
                sleep(Duration::from_millis(200)).await;
            }
        })
        .await;

        let answer = worker(&url, folder.path(), "ca.pem", "http1").get().await.unwrap();
        let body = body_of(answer).await;

        assert_eq!(body.is_ok(), whole, "{body:?}");
        assert!(whole || body.unwrap_err().fault() == Fault::BodyBroke);
    }
}

#[tokio::test]
async fn a_long_body_comes_whole_in_large_parts_however_it_is_framed() {
    const LONG: usize = 8 << 20;
    let chunk = format!("{LONG:x}\r\n");
    for (framing, begin, end) in [
        (format!("content-length: {LONG}"), "", ""),
        ("transfer-encoding: chunked".to_owned(), &*chunk, "\r\n0\r\n\r\n"),
        ("connection: close".to_owned(), "", ""),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{begin}");
        let answer = answer + &"x".repeat(LONG) + end;
        let closes = framing.ends_with("close");
        let (url, _) = interface(move |_, mut stream| {
            let answer = answer.clone();
            async move {
                while !head(&mut stream).await.is_empty() {
                    say(&mut stream, &answer).await;
                    if closes {
                        return;
                    }
                }
            }
        })
        .await;
        let worker = Worker::new(&url, json!({}));

        for again in [false, true] {
            let mut answer = worker.get().await.unwrap();
            assert_eq!(answer.reused, again && !closes);
            let (mut length, mut largest) = (0, 0);
            while let Some(frame) = answer.body.frame().await {
                let part = frame.unwrap().into_data().unwrap();
                length += part.len();
                largest = largest.max(part.len());
            }
            // Framed as a chunk, four whole TLS records.
            assert_eq!((length, largest), (LONG, 64 * 1024 - 16), "{framing}");
        }
    }
}
