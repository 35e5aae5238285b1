//! An interface's answer: its head, and a body that is passed on as it comes.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http_body::{Body, Frame, SizeHint};

use super::error::Stage;
use super::link::Link;
use super::{Slot, UpstreamError};

/// What an interface answered.
pub struct Answer {
    /// Status and headers, but for those that speak of the connection (RFC 9110 §7.6.1).
    pub head: Parts,
    /// The rest, as it comes.
    pub body: AnswerBody,
    /// Whether the connection had been used before.
    pub reused: bool,
}

impl fmt::Debug for Answer {
    /// Without the department's headers and data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { head, body: _, reused } = self;
        f.debug_struct("Answer")
            .field("status", &head.status)
            .field("reused", reused)
            .finish_non_exhaustive()
    }
}

/// The body of an answer.
///
/// It holds the [`Slot`] and the connection until its last byte; the connection is used again only
/// if that byte came. A body that was cut short ends in an error, never as if it were whole, unless
/// the interface ends its bodies by closing a plain connection, which cannot be told apart.
#[derive(Debug)]
pub struct AnswerBody {
    /// None once nothing more is to come.
    held: Option<(Link, Slot)>,
    idle: Duration,
}

impl AnswerBody {
    pub(super) fn new(link: Link, slot: Slot) -> Self {
        let idle = slot.upstream().idle;
        let over = link.is_over();
        let mut body = Self { held: Some((link, slot)), idle };
        if over {
            body.finish();
        }
        body
    }

    fn finish(&mut self) {
        if let Some((link, _slot)) = self.held.take() {
            link.finish();
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = UpstreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        let this = self.get_mut();
        let Some((link, slot)) = &mut this.held else { return Poll::Ready(None) };
        let part = ready!(poll_part(link, this.idle, cx));
        match &part {
            Some(Ok(_)) if !link.is_over() => {}
            Some(Ok(_)) | None => this.finish(),
            Some(Err(error)) => {
                slot.upstream().state.failed(error);
                this.held = None;
            }
        }
        Poll::Ready(part)
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.held.as_ref().map_or_else(|| SizeHint::with_exact(0), |(link, _)| link.size_hint())
    }
}

/// The next part, unless it takes longer than `idle`.
fn poll_part(
    link: &mut Link,
    idle: Duration,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
    let part = link.poll_part(cx);
    if part.is_pending() {
        ready!(link.timer().poll_pause(cx, idle));
        return Poll::Ready(Some(Err(UpstreamError::Timeout { stage: Stage::Body, limit: idle })));
    }
    link.timer().clear();
    part
}
