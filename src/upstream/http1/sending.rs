//! Sends one request, its body only as fast as the interface takes it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderValue;
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
    pub(super) fn begin(&mut self, (head, host): (&Parts, &HeaderValue), body: RequestBody) {
        let framing = Framing::of(head, &body);
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        write(head, host, framing, &mut out);
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
