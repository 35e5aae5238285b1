//! What is sent to an interface besides the head.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Method;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use tokio::time::Instant;

/// Any error of the caller's side.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request to an interface.
#[derive(Debug)]
pub struct RequestBody(Kind);

#[derive(Debug)]
enum Kind {
    Empty,
    Full(Bytes),
    Stream { body: UnsyncBoxBody<Bytes, BoxError>, upload: Arc<Upload> },
}

impl RequestBody {
    /// No body at all.
    pub fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// A body that is all there.
    pub fn full(bytes: Bytes) -> Self {
        Self(if bytes.is_empty() { Kind::Empty } else { Kind::Full(bytes) })
    }

    /// A body that is passed on as it comes, only as fast as the interface takes it. Trailers are
    /// not passed on.
    pub fn stream<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        use http_body_util::BodyExt;
        let body = body.map_err(Into::into).boxed_unsync();
        Self(Kind::Stream { body, upload: Arc::new(Upload::default()) })
    }

    pub(super) fn upload(&self) -> Option<Arc<Upload>> {
        match &self.0 {
            Kind::Stream { upload, .. } => Some(Arc::clone(upload)),
            Kind::Empty | Kind::Full(_) => None,
        }
    }

    /// All of it, if it is all there.
    pub(super) fn whole(&self) -> Option<Bytes> {
        match &self.0 {
            Kind::Empty => Some(Bytes::new()),
            Kind::Full(bytes) => Some(bytes.clone()),
            Kind::Stream { .. } => None,
        }
    }
}

/// Whether it does no harm if the interface gets the request twice (RFC 9110 §9.2.2); whatever else
/// there is, we do not know.
pub(super) fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE]
        .contains(method)
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let kind = &mut self.get_mut().0;
        match std::mem::replace(kind, Kind::Empty) {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Kind::Stream { mut body, upload } => {
                let frame = Pin::new(&mut body).poll_frame(cx);
                upload.note(&frame);
                match frame {
                    Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => Poll::Ready(None),
                    Poll::Ready(frame @ (None | Some(Err(_)))) => Poll::Ready(frame),
                    more @ (Poll::Ready(Some(Ok(_))) | Poll::Pending) => {
                        *kind = Kind::Stream { body, upload };
                        more
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Full(_) => false,
            Kind::Stream { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream { body, .. } => body.size_hint(),
        }
    }
}

/// How a streamed body gets on: tells a slow interface from a slow caller.
#[derive(Debug, Default)]
pub(super) struct Upload(Mutex<Progress>);

#[derive(Debug, Default)]
struct Progress {
    waiting_for_the_caller: bool,
    moved: Option<Instant>,
    broke: bool,
}

impl Upload {
    /// Whether the caller's side failed.
    pub(super) fn broke(&self) -> bool {
        self.progress().broke
    }

    /// Since when everything waits for the interface. That is `now` while the caller keeps us
    /// waiting: then the interface is not late.
    pub(super) fn stalled_since(&self, now: Instant) -> Option<Instant> {
        let progress = self.progress();
        if progress.waiting_for_the_caller { Some(now) } else { progress.moved }
    }

    fn note(&self, frame: &Poll<Option<Result<Frame<Bytes>, BoxError>>>) {
        let mut progress = self.progress();
        progress.waiting_for_the_caller = frame.is_pending();
        progress.broke |= matches!(frame, Poll::Ready(Some(Err(_))));
        if frame.is_ready() {
            progress.moved = Some(Instant::now());
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
