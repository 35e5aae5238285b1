//! What a call holds of a connection: a whole one in HTTP/1.1, a place on one in HTTP/2.
//!
//! This is all the rest knows of the codecs: ours for HTTP/1.1, hyper's for HTTP/2.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::response::Parts;
use http::uri::{self, PathAndQuery};
use http::{Request, Uri, Version, request};
use http_body::{Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use super::clock::Timer;
use super::error::Stage;
use super::http1::Line;
use super::http2::Branch;
use super::pool::Pool;
use super::{RequestBody, UpstreamConfig, UpstreamError};

#[derive(Debug)]
pub(super) enum Link {
    Line { line: Box<Line>, pool: Arc<Pool>, seat: OwnedSemaphorePermit },
    Branch { branch: Branch, pool: Arc<Pool> },
}

impl Link {
    /// Sends the request and waits for the head of the answer.
    pub(super) async fn exchange(
        &mut self,
        to: &UpstreamConfig,
        head: &mut request::Parts,
        body: RequestBody,
    ) -> Result<Parts, Failed> {
        match self {
            Self::Line { line, .. } => {
                address_http1(head);
                let host = to.identity.endpoint.host_header();
                line.exchange((head, host), body, to.answer).await
            }
            Self::Branch { branch, pool } => {
                let head = address_http2(to, head)?;
                let request = Request::from_parts(head, body);
                // Boxed: it is large, and a call by HTTP/1.1 has none.
                let outcome = Box::pin(branch.exchange(request, to.answer)).await;
                if outcome.as_ref().is_err_and(|failed| failed.gone) {
                    pool.retire(branch);
                }
                outcome
            }
        }
    }

    /// The next part of the answer's body.
    pub(super) fn poll_part(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        match self {
            Self::Line { line, .. } => {
                line.poll_part(cx).map(|part| part.map(|part| part.map(Frame::data)))
            }
            Self::Branch { branch, .. } => branch.poll_part(cx),
        }
    }

    /// Whether all of the answer came.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Line { line, .. } => line.is_over(),
            Self::Branch { branch, .. } => branch.is_over(),
        }
    }

    /// How long the rest of the answer's body is.
    pub(super) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Line { line, .. } => line.size_hint(),
            Self::Branch { branch, .. } => branch.size_hint(),
        }
    }

    pub(super) fn timer(&mut self) -> &mut Timer {
        match self {
            Self::Line { line, .. } => &mut line.timer,
            Self::Branch { branch, .. } => &mut branch.timer,
        }
    }

    /// The answer is complete: what can be used again goes back to the pool.
    pub(super) fn finish(self) {
        match self {
            Self::Line { line, pool, seat } => {
                // Whether the other side hung up is asked when it is taken again.
                if line.is_free() {
                    pool.keep(line);
                }
                // Only now, so that who waits for the seat finds the connection.
                drop(seat);
            }
            Self::Branch { .. } => {}
        }
    }
}

/// Origin form (RFC 9112 §3.2.1).
fn address_http1(head: &mut request::Parts) {
    if head.uri.authority().is_some() {
        head.uri = Uri::from(path_and_query(&head.uri));
    }
    head.version = Version::HTTP_11;
}

/// `:scheme` and `:authority` instead of `Host` (RFC 9113 §8.3.1).
fn address_http2(to: &UpstreamConfig, head: &request::Parts) -> Result<request::Parts, Failed> {
    let mut head = head.clone();
    let endpoint = &to.identity.endpoint;
    let mut parts = uri::Parts::default();
    parts.scheme = Some(endpoint.scheme());
    parts.authority = Some(endpoint.authority().clone());
    parts.path_and_query = Some(path_and_query(&head.uri));
    head.uri = Uri::from_parts(parts).map_err(|_| {
        let reason = "the path cannot be sent to it";
        Failed::because(UpstreamError::Protocol { reason, cause: None })
    })?;
    head.version = Version::HTTP_2;
    head.headers.remove(HOST);
    Ok(head)
}

fn path_and_query(uri: &Uri) -> PathAndQuery {
    uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"))
}

/// A call that got no answer's head, and what is known for a second attempt.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: UpstreamError,
    /// The body, if the request was not even begun.
    pub(super) returned: Option<RequestBody>,
    /// The other side promised not to have looked at it.
    pub(super) refused: bool,
    /// The connection takes no more calls.
    pub(super) gone: bool,
    /// The connection closed before the first byte of an answer.
    pub(super) unheard: bool,
}

impl Failed {
    pub(super) fn because(error: UpstreamError) -> Self {
        Self { error, returned: None, refused: false, gone: false, unheard: false }
    }

    pub(super) fn too_late(limit: Duration) -> Self {
        Self::because(UpstreamError::Timeout { stage: Stage::Answer, limit })
    }

    /// What hyper says, unless the caller's body broke: then it only says what followed.
    pub(super) fn of(error: hyper::Error, caller_broke: bool) -> Self {
        Self::because(if caller_broke {
            UpstreamError::RequestBroke(Some(error.into()))
        } else {
            UpstreamError::before_the_head(error)
        })
    }

    pub(super) fn after(self, returned: Option<RequestBody>, unheard: bool) -> Self {
        let unheard = unheard && matches!(self.error, UpstreamError::Closed(_));
        Self { returned, unheard, ..self }
    }
}
