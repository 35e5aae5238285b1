//! Requests as they leave.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use socket2::SockRef;
use tokio::io::AsyncWrite;
use tokio::net::{TcpListener, TcpStream};

use crate::net::Stream;
use crate::upstream::http1::Line;
use crate::upstream::http1::sending::Sending;
use crate::upstream::{RequestBody, UpstreamError};

/// Takes `room` bytes a call, and notes the calls.
struct Sink {
    taken: Vec<u8>,
    calls: usize,
    room: usize,
}

impl AsyncWrite for Sink {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.calls += 1;
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let count = bytes.len().min(self.room);
        self.taken.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn send(request: Request<RequestBody>, room: usize) -> (String, usize, Sending) {
    let (head, body) = request.into_parts();
    let mut sending = Sending::idle();
    sending.begin((&head, &HOST), body);
    let mut sink = Sink { taken: Vec::new(), calls: 0, room };
    let sent = sending.poll(&mut sink, &mut Context::from_waker(Waker::noop()));
    let failed = match sent {
        Poll::Ready(Ok(())) => String::new(),
        failed @ (Poll::Ready(Err(_)) | Poll::Pending) => format!(" {failed:?}"),
    };
    (String::from_utf8(sink.taken).unwrap() + &failed, sink.calls, sending)
}

fn parts(parts: &'static [&'static str]) -> RequestBody {
    let parts = parts.iter().map(|part| {
        let part = Bytes::from_static(part.as_bytes());
        if part == "!" { Err("gone") } else { Ok(Frame::data(part)) }
    });
    RequestBody::stream(StreamBody::new(futures_util::stream::iter(parts)))
}

const HOST: HeaderValue = HeaderValue::from_static("h");

const HEAD: &str = "POST /a?b HTTP/1.1\r\nhost: h\r\nx: 1\r\n";

fn request(body: RequestBody, length: Option<&str>) -> Request<RequestBody> {
    let mut request = Request::post("/a?b").header("x", "1").header("host", "of the caller");
    if let Some(length) = length {
        request = request.header("content-length", length).header("expect", "100-continue");
    }
    request.body(body).unwrap()
}

/// A body, the `Content-Length` that came along, and what is written after [`HEAD`].
type Case = (fn() -> RequestBody, Option<&'static str>, String);

#[test]
fn a_request_is_written_the_same_however_little_is_taken_at_once() {
    let chunked = "transfer-encoding: chunked\r\n\r\n";
    let cases: [Case; 7] = [
        (RequestBody::empty, None, "content-length: 0\r\n\r\n".to_owned()),
        // What is said of a body that is not there is not passed on.
        (RequestBody::empty, Some("5"), "content-length: 0\r\n\r\n".to_owned()),
        (
            || RequestBody::full(Bytes::from_static(b"x=1")),
            Some("9"),
            "content-length: 3\r\n\r\nx=1".to_owned(),
        ),
        (
            || RequestBody::stream(Full::new(Bytes::from_static(b"x=1"))),
            None,
            "content-length: 3\r\n\r\nx=1".to_owned(),
        ),
        (|| parts(&["x", "", "=1"]), Some("3"), "content-length: 3\r\n\r\nx=1".to_owned()),
        (
            || parts(&["x", "", "abcdefghijklmnopqrstuvwxyz"]),
            None,
            format!("{chunked}1\r\nx\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n"),
        ),
        (|| parts(&[]), None, format!("{chunked}0\r\n\r\n")),
    ];
    for (body, length, expected) in cases {
        for room in [1, 2, 7, 1000] {
            let (sent, _, sending) = send(request(body(), length), room);

            assert_eq!(sent, format!("{HEAD}{expected}"), "{room}");
            assert!(sending.is_whole());
        }
    }
}

#[test]
fn head_and_body_leave_in_one_system_call() {
    for body in [
        RequestBody::empty(),
        RequestBody::full(Bytes::from_static(b"x=1")),
        RequestBody::stream(Full::new(Bytes::from_static(b"x=1"))),
    ] {
        assert_eq!(send(request(body, None), 1000).1, 1);
    }
}

#[test]
fn a_body_that_breaks_or_is_not_as_long_as_it_said_never_looks_whole() {
    for (body, length) in [
        (parts(&["x", "!"]), None),
        (parts(&["!"]), None),
        (parts(&["x"]), Some("2")),
        (parts(&["x", "yz"]), Some("2")),
    ] {
        let (sent, _, mut sending) = send(request(body, length), 1000);

        assert!(sent.contains("Upload") && !sent.contains("0\r\n\r\n"), "{sent}");
        let mut sink = Sink { taken: Vec::new(), calls: 0, room: 1000 };
        let again = sending.poll(&mut sink, &mut Context::from_waker(Waker::noop()));
        assert!(again.is_ready() && sink.calls == 0 && !sending.is_whole());
    }
}

#[test]
fn a_path_is_always_one() {
    for (uri, line) in [
        ("/a?b", "GET /a?b HTTP/1.1\r\n"),
        ("*", "GET * HTTP/1.1\r\n"),
        ("http://h?b", "GET /?b HTTP/1.1\r\n"),
        ("http://h", "GET / HTTP/1.1\r\n"),
    ] {
        let (sent, _, _) = send(Request::get(uri).body(RequestBody::empty()).unwrap(), 1000);
        assert_eq!(sent, format!("{line}host: h\r\n\r\n"));
    }
}

#[tokio::test]
async fn a_request_of_which_nothing_was_sent_comes_back_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (other_end, _) = listener.accept().await.unwrap();
    let mut line = Line::open(Stream::Plain(stream));
    SockRef::from(&other_end).set_linger(Some(Duration::ZERO)).unwrap();
    drop(other_end);
    // The runtime has not heard of the reset yet, but the socket has.
    assert!(line.is_usable());

    let body = RequestBody::full(Bytes::from_static(b"x=1"));
    let (head, body) = Request::post("/a").body(body).unwrap().into_parts();
    let failed = line.exchange((&head, &HOST), body, Duration::from_secs(5)).await.unwrap_err();

    assert!(matches!(failed.error, UpstreamError::Closed(_)), "{failed:?}");
    assert_eq!(failed.returned.unwrap().whole().unwrap(), "x=1");
    assert!(!line.is_free());
}
