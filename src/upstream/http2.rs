//! One HTTP/2 connection, shared by many calls.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::response::Parts;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::clock::{Patience, Timer};
use super::link::Failed;
use super::{RequestBody, UpstreamError};
use crate::net::Stream;

/// Streams we open on one connection before we open another.
const STREAMS: usize = 100;
/// What one answer may hold in memory while its caller is slow.
const STREAM_WINDOW: u32 = 256 * 1024;
/// As much as all streams together, or a few slow callers would keep the answers of all others.
const CONNECTION_WINDOW: u32 = 100 * STREAM_WINDOW;
const _: () = assert!(CONNECTION_WINDOW / STREAM_WINDOW == 100 && STREAMS == 100);
const HEAD_BYTES: u32 = 64 * 1024;
/// A connection with streams that says nothing for so long is asked whether it is there.
const PING_AFTER: Duration = Duration::from_secs(20);
const PONG_WITHIN: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub(super) struct Trunk {
    sender: SendRequest<RequestBody>,
    streams: Arc<Semaphore>,
    used: Instant,
}

impl Trunk {
    /// Opens one; a task drives it until it is over and nobody holds it any more.
    pub(super) async fn open(stream: Stream) -> Result<Self, UpstreamError> {
        let (sender, connection) = Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(HEAD_BYTES)
            .keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PONG_WITHIN)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| UpstreamError::Closed(error.into()))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an HTTP/2 connection to an interface ended badly");
            }
        });
        Ok(Self { sender, streams: Arc::new(Semaphore::new(STREAMS)), used: Instant::now() })
    }

    /// A place on it, if there is one.
    pub(super) fn lease(&mut self) -> Option<Branch> {
        let place = Arc::clone(&self.streams).try_acquire_owned().ok()?;
        self.used = Instant::now();
        Some(self.branch(place))
    }

    pub(super) fn branch(&self, place: OwnedSemaphorePermit) -> Branch {
        Branch { body: None, sender: self.sender.clone(), timer: Timer::default(), place }
    }

    /// Its places, for who must wait for one.
    pub(super) fn streams(&self) -> &Arc<Semaphore> {
        &self.streams
    }

    /// Closed, or about to be: it told us to go away.
    pub(super) fn is_over(&self) -> bool {
        self.sender.is_closed()
    }

    pub(super) fn is_idle(&self, now: Instant, limit: Duration) -> bool {
        self.streams.available_permits() == STREAMS && self.used + limit <= now
    }
}

/// A place on a shared connection.
#[derive(Debug)]
pub(super) struct Branch {
    /// What is to come of the answer.
    body: Option<Incoming>,
    sender: SendRequest<RequestBody>,
    pub(super) timer: Timer,
    place: OwnedSemaphorePermit,
}

impl Branch {
    pub(super) fn is_of(&self, trunk: &Trunk) -> bool {
        Arc::ptr_eq(self.place.semaphore(), &trunk.streams)
    }

    pub(super) async fn exchange(
        &mut self,
        request: Request<RequestBody>,
        limit: Duration,
    ) -> Result<Parts, Failed> {
        let upload = request.body().upload();
        let mut patience = Patience::new(limit, upload.clone());
        let mut sent = pin!(self.sender.try_send_request(request));
        let outcome = poll_fn(|cx| match sent.as_mut().poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => patience.poll_lost(&mut self.timer, cx).map(|()| None),
        })
        .await;
        self.timer.clear();
        match outcome {
            Some(Ok(answer)) => {
                let (head, body) = answer.into_parts();
                self.body = Some(body);
                Ok(head)
            }
            Some(Err(mut failed)) => {
                let returned = failed.take_message().map(Request::into_body);
                let error = failed.into_error();
                let word = word_of(&error);
                let broke = upload.is_some_and(|upload| upload.broke());
                let failed = if word.reset && !broke {
                    Failed::because(UpstreamError::Reset(error.into()))
                } else {
                    Failed::of(error, broke)
                };
                let failed = failed.after(returned, true);
                Err(Failed { refused: word.refused, gone: word.gone, ..failed })
            }
            None => Err(Failed::too_late(limit)),
        }
    }

    /// Whether all of the answer came.
    pub(super) fn is_over(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint)
    }

    /// The next part of the answer's body.
    pub(super) fn poll_part(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let part = Pin::new(body).poll_frame(cx);
        part.map_err(|error| UpstreamError::BodyBroke(error.into()))
    }
}

/// What an error says beyond itself.
#[derive(Default)]
struct Word {
    /// The other side promises not to have looked at the request: `REFUSED_STREAM`, or `GOAWAY`
    /// with a lower last stream (RFC 9113 §8.7). The codec gives a stream the peer's `GOAWAY` as
    /// its error only if the stream is above the last one.
    refused: bool,
    /// Only this stream ended (`RST_STREAM`): that says nothing about the connection, and the request
    /// may have been acted on.
    reset: bool,
    /// The connection takes no more calls.
    gone: bool,
}

fn word_of(error: &hyper::Error) -> Word {
    let Some(error) = error.source().and_then(|source| source.downcast_ref::<h2::Error>()) else {
        return Word::default();
    };
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    Word {
        refused: error.is_remote() && (refused || error.is_go_away()),
        reset: error.is_reset(),
        gone: error.is_go_away() || error.is_io(),
    }
}
