//! One HTTP/1.1 connection, driven by whoever uses it.
//!
//! A codec of our own, since a general one costs an eighth of a call more. No task and no channel: the
//! call that waits for the connection polls it, and a connection from the pool can be asked whether
//! it is still alive. Sending and reading go on side by side, so an interface may answer before it
//! has all of a body.

mod body;

mod chunked;

mod error;

mod framing;

mod head;

mod inbox;

mod sending;

#[cfg(test)]
mod tests;

mod write;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderValue, Method, request};
use http_body::SizeHint;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

use self::body::Body;
use self::head::HeadReader;
use self::inbox::Inbox;
use self::sending::Sending;
use super::clock::{Patience, Timer};
use super::link::Failed;
use super::{RequestBody, UpstreamError};
use crate::net::Stream;

pub use self::error::Http1Error;

#[derive(Debug)]
pub(super) struct Line {
    stream: Stream,
    inbox: Inbox,
    sending: Sending,
    /// What is to come of the answer.
    body: Body,
    /// Whether both sides go on after the answer.
    keep: bool,
    /// Whether anything of an answer came: a call may go again only if nothing did.
    heard: bool,
    /// Why the rest of the request stayed unsent.
    unsent: Option<Http1Error>,
    pub(super) timer: Timer,
    pub(super) idle_since: Instant,
}

impl Line {
    pub(super) fn open(stream: Stream) -> Box<Self> {
        Box::new(Self {
            stream,
            inbox: Inbox::default(),
            sending: Sending::idle(),
            body: Body::Over,
            keep: true,
            heard: false,
            unsent: None,
            timer: Timer::default(),
            idle_since: Instant::now(),
        })
    }

    /// Whether it may take another call (RFC 9112 §9.3): both messages are complete, and nothing came
    /// that nobody asked for.
    pub(super) fn is_free(&self) -> bool {
        self.keep && self.body.is_over() && self.sending.is_whole() && self.inbox.bytes.is_empty()
    }

    /// Whether it can take a call: looks, without waiting, whether the other side hung up or said
    /// something unasked. That costs a system call only if the runtime heard of either.
    pub(super) fn is_usable(&mut self) -> bool {
        let mut byte = [0];
        let mut byte = ReadBuf::new(&mut byte);
        let mut cx = Context::from_waker(Waker::noop());
        self.is_free() && Pin::new(&mut self.stream).poll_read(&mut cx, &mut byte).is_pending()
    }

    /// Makes little of itself while it is idle.
    pub(super) fn rest(&mut self) {
        self.inbox.shrink();
        self.sending.shrink();
        self.idle_since = Instant::now();
    }

    /// Sends a request to this host, and takes the head of its answer.
    pub(super) async fn exchange(
        &mut self,
        (head, host): (&request::Parts, &HeaderValue),
        body: RequestBody,
        limit: Duration,
    ) -> Result<Parts, Failed> {
        let mut patience = Patience::new(limit, body.upload());
        let whole = body.whole();
        self.sending.begin((head, host), body);
        (self.heard, self.keep, self.unsent) = (false, false, None);
        let mut reader = HeadReader::default();
        let outcome = poll_fn(|cx| match self.poll_head(&mut reader, &head.method, cx) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => {
                if self.unsent.is_some() {
                    patience.stop_sending();
                }
                patience.poll_lost(&mut self.timer, cx).map(|()| None)
            }
        })
        .await;
        self.timer.clear();
        match outcome {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => Err(self.failed(error, whole)),
            None => Err(Failed::too_late(limit)),
        }
    }

    fn poll_head(
        &mut self,
        reader: &mut HeadReader,
        method: &Method,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Parts, Http1Error>> {
        self.send_on(cx);
        if let Some(error) = self.unsent.take_if(|error| error.is_of_the_caller()) {
            return Poll::Ready(Err(error));
        }
        loop {
            if let Some(head) = reader.take(&mut self.inbox.bytes, method)? {
                self.body = head.body;
                // What a CONNECT opened would be no HTTP any more (RFC 9112 §6.3).
                self.keep = head.keep && *method != Method::CONNECT;
                return Poll::Ready(Ok(head.parts));
            }
            match self.inbox.poll_read(&mut self.stream, 0, cx) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(Http1Error::NoHead)),
                Poll::Ready(Ok(_)) => self.heard = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Http1Error::Read(error))),
                // Who refuses a body answers, then hangs up: the answer may be here before we hear
                // of it, and the end is as sure to come. Nobody answers what was not asked.
                Poll::Pending if self.sending.is_begun() => return Poll::Pending,
                Poll::Pending => {
                    let unsent = self.unsent.take();
                    return unsent.map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
                }
            }
        }
    }

    /// Sends what the other side takes of the request, and remembers if no more can be sent.
    fn send_on(&mut self, cx: &mut Context<'_>) {
        if let Poll::Ready(Err(error)) = self.sending.poll(&mut self.stream, cx) {
            self.unsent = Some(error);
        }
    }

    /// A request of which the other side can have seen nothing comes back. TLS may have sent some of
    /// what it says it did not.
    fn failed(&self, error: Http1Error, whole: Option<Bytes>) -> Failed {
        let untouched = !self.sending.is_begun() && matches!(self.stream, Stream::Plain(_));
        let whole = whole.filter(|_| untouched && !self.heard);
        let returned = whole.map(RequestBody::full);
        Failed::because(error.before_the_head()).after(returned, !self.heard)
    }

    /// Whether all of the answer came.
    pub(super) fn is_over(&self) -> bool {
        self.body.is_over()
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    /// The next part of the answer's body; the rest of the request is sent meanwhile.
    pub(super) fn poll_part(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, UpstreamError>>> {
        let part = self.poll_bytes(cx);
        part.map(|part| part.map_err(Http1Error::within_the_body).transpose())
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Http1Error>> {
        self.send_on(cx);
        loop {
            if let Some(part) = self.body.take(&mut self.inbox.bytes)? {
                return Poll::Ready(Ok(Some(part)));
            }
            if self.body.is_over() {
                return Poll::Ready(Ok(None));
            }
            let wanted = self.body.wanted(self.inbox.is_filled());
            match self.inbox.poll_read(&mut self.stream, wanted, cx) {
                Poll::Ready(Ok(0)) => {
                    self.keep = false;
                    self.body.ended()?;
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Http1Error::Read(error))),
                // An answer may be whole without the rest of the request; this one waits for it.
                Poll::Pending => {
                    let broke = self.unsent.take_if(|error| error.is_of_the_caller());
                    return broke.map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
                }
            }
        }
    }
}
