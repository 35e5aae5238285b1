//! Sends one request, its body only as fast as the interface takes it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::request::Parts;
use http_body::Body as _;
use tokio::io::AsyncWrite;

use super::error::Http1Error;
use super::write::{Framing, chunk, write};
use crate::upstream::RequestBody;

/// What the write buffer may keep while the connection is idle.
const IDLE_BYTES: usize = 8 * 1024;

/// A request on its way. What leaves next is `out`, then `part`, then `tail`: one system call for a
/// head with a small body.
#[derive(Debug)]
pub(super) struct Sending {
    out: Vec<u8>,
    /// How much of `out` has left.
    left: usize,
    part: Bytes,
    tail: &'static [u8],
    body: RequestBody,
    framing: Framing,
    /// The body has no more parts.
    ended: bool,
    /// Any byte has left.
    begun: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    UnderWay,
    /// All of it has left.
    Whole,
    /// It never will.
    Failed,
}

impl Sending {
    /// As if a request had been sent.
    pub(super) fn idle() -> Self {
        Self {
            out: Vec::new(),
            left: 0,
            part: Bytes::new(),
            tail: b"",
            body: RequestBody::empty(),
            framing: Framing::Nothing,
            ended: true,
            begun: false,
            state: State::Whole,
        }
    }

    /// Takes the next request, once the last has left.
    pub(super) fn begin(&mut self, head: &Parts, body: RequestBody) {
        let framing = Framing::of(head, &body);
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        write(head, framing, &mut out);
        let ended = framing == Framing::Nothing;
        *self = Self { out, body, framing, ended, state: State::UnderWay, ..Self::idle() };
    }

    pub(super) fn is_begun(&self) -> bool {
        self.begun
    }

    pub(super) fn is_whole(&self) -> bool {
        self.state == State::Whole
    }

    pub(super) fn shrink(&mut self) {
        self.out.shrink_to(IDLE_BYTES);
    }

    /// Sends what the other side takes. An error is told once; then nothing is sent any more.
    pub(super) fn poll<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Http1Error>> {
        if self.state != State::UnderWay {
            return Poll::Ready(Ok(()));
        }
        let sent = self.poll_all(stream, cx);
        if let Poll::Ready(outcome) = &sent {
            self.state = if outcome.is_ok() { State::Whole } else { State::Failed };
            // Whoever makes the body learns that nobody wants more of it.
            (self.body, self.part) = (RequestBody::empty(), Bytes::new());
        }
        sent
    }

    fn poll_all<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Http1Error>> {
        loop {
            let more = match self.poll_more(cx) {
                Poll::Ready(more) => Some(more?),
                Poll::Pending => None,
            };
            ready!(self.poll_write(stream, cx)).map_err(Http1Error::Write)?;
            match more {
                Some(true) => {}
                Some(false) => return Poll::Ready(Ok(())),
                None => return Poll::Pending,
            }
        }
    }

    /// Asks the body for a part if none waits; says whether there may be another.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Http1Error>> {
        if !self.ended && self.part.is_empty() && self.tail.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => self.end()?,
                Some(Err(error)) => return Poll::Ready(Err(Http1Error::Upload(error))),
                Some(Ok(frame)) => {
                    if let Ok(part) = frame.into_data() {
                        self.add(part)?;
                    }
                }
            }
        }
        Poll::Ready(Ok(!self.ended))
    }

    fn add(&mut self, part: Bytes) -> Result<(), Http1Error> {
        let length = part.len() as u64;
        match &mut self.framing {
            // An empty chunk would be the last one.
            _ if length == 0 => return Ok(()),
            Framing::Nothing => {}
            Framing::Length(left) => {
                let more = "it is longer than its Content-Length (RFC 9112 §6.3)";
                *left = left.checked_sub(length).ok_or_else(|| Http1Error::Upload(more.into()))?;
                self.ended = *left == 0;
            }
            Framing::Chunked => {
                chunk(&mut self.out, length);
                self.ended = self.body.is_end_stream();
                self.tail = if self.ended { b"\r\n0\r\n\r\n" } else { b"\r\n" };
            }
        }
        self.part = part;
        Ok(())
    }

    fn end(&mut self) -> Result<(), Http1Error> {
        match self.framing {
            Framing::Nothing | Framing::Length(0) => {}
            Framing::Length(_) => {
                let less = "it is shorter than its Content-Length (RFC 9112 §6.3)";
                return Err(Http1Error::Upload(less.into()));
            }
            Framing::Chunked => self.tail = b"0\r\n\r\n",
        }
        self.ended = true;
        Ok(())
    }

    fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let out = self.out.get(self.left..).unwrap_or_default();
            let only_out = self.part.is_empty() && self.tail.is_empty();
            if out.is_empty() && only_out {
                break;
            }
            let stream = Pin::new(&mut *stream);
            let count = ready!(if only_out {
                stream.poll_write(cx, out)
            } else {
                let slices = [out, &self.part, self.tail].map(IoSlice::new);
                stream.poll_write_vectored(cx, &slices)
            })?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.wrote(count);
        }
        self.out.clear();
        self.left = 0;
        // TLS may hold some of it back.
        Pin::new(stream).poll_flush(cx)
    }

    fn wrote(&mut self, count: usize) {
        self.begun = true;
        let of_out = count.min(self.out.len().saturating_sub(self.left));
        self.left += of_out;
        let of_part = (count - of_out).min(self.part.len());
        self.part.advance(of_part);
        self.tail = self.tail.get(count - of_out - of_part..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use http::Request;
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    use super::*;

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
        sending.begin(&head, body);
        let mut sink = Sink { taken: Vec::new(), calls: 0, room };
        let sent = sending.poll(&mut sink, &mut Context::from_waker(Waker::noop()));
        let failed = match sent {
            Poll::Ready(Ok(())) => String::new(),
            other => format!(" {other:?}"),
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

    const HEAD: &str = "POST /a?b HTTP/1.1\r\nhost: h\r\nx: 1\r\n";

    fn request(body: RequestBody, length: Option<&str>) -> Request<RequestBody> {
        let mut request = Request::post("/a?b").header("x", "1").header("host", "h");
        if let Some(length) = length {
            request = request.header("content-length", length).header("expect", "100-continue");
        }
        request.body(body).unwrap()
    }

    #[test]
    fn a_request_is_written_the_same_however_little_is_taken_at_once() {
        let chunked = "transfer-encoding: chunked\r\n\r\n";
        let cases: [(fn() -> RequestBody, Option<&str>, String); 7] = [
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
            ("/a?b", "GET /a?b HTTP/1.1\r\n\r\n"),
            ("*", "GET * HTTP/1.1\r\n\r\n"),
            ("http://h?b", "GET /?b HTTP/1.1\r\n\r\n"),
            ("http://h", "GET / HTTP/1.1\r\n\r\n"),
        ] {
            assert_eq!(send(Request::get(uri).body(RequestBody::empty()).unwrap(), 1000).0, line);
        }
    }
}
