//! Bodies in both directions, each with its bounds.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};

use super::conn::Conn;
use super::pulse::Call;

/// The body of a request, bounded in size and in how long it may pause.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    left: u64,
    /// Armed while the caller is waited for.
    pause: Option<Pin<Box<Sleep>>>,
    waiting: bool,
    ended: bool,
    conn: Arc<Conn>,
}

/// Why the body of a request cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyProblem {
    /// More bytes than the listener bears.
    #[error("the request body is larger than {bytes} bytes")]
    TooLarge {
        /// The bound.
        bytes: u64,
    },
    /// No byte for too long.
    #[error("the request body paused for more than {millis} ms")]
    Paused {
        /// The bound.
        millis: u32,
    },
    /// The caller left, or broke the framing.
    #[error("the request body broke off")]
    Broken {
        /// What hyper says.
        #[source]
        cause: hyper::Error,
    },
}

impl BodyProblem {
    /// The name it is known by. Never renamed, never reused.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "body-too-large",
            Self::Paused { .. } => "body-paused",
            Self::Broken { .. } => "body-broken",
        }
    }
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, conn: &Arc<Conn>) -> Self {
        Self {
            ended: incoming.is_end_stream(),
            incoming,
            left: conn.bounds().body_bytes,
            pause: None,
            waiting: false,
            conn: Arc::clone(conn),
        }
    }

    /// Whether the caller has paused for too long.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<BodyProblem> {
        let millis = self.conn.bounds().body_ms;
        let limit = Duration::from_millis(u64::from(millis));
        let pause = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        if !self.waiting {
            self.waiting = true;
            let now = Instant::now();
            pause.as_mut().reset(now.checked_add(limit).unwrap_or(now));
        }
        ready!(pause.as_mut().poll(cx));
        Poll::Ready(BodyProblem::Paused { millis })
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyProblem;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyProblem>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) else {
            return self.poll_pause(cx).map(|problem| Some(Err(problem)));
        };
        self.waiting = false;
        Poll::Ready(match frame {
            None => {
                self.ended = true;
                None
            }
            Some(Err(cause)) => Some(Err(BodyProblem::Broken { cause })),
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                match self.left.checked_sub(u64::try_from(length).unwrap_or(u64::MAX)) {
                    Some(left) => {
                        self.left = left;
                        Some(Ok(frame))
                    }
                    None => {
                        let bytes = self.conn.bounds().body_bytes;
                        Some(Err(BodyProblem::TooLarge { bytes }))
                    }
                }
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.ended && !self.incoming.is_end_stream() {
            self.conn.unread.store(true, Ordering::Relaxed);
        }
    }
}

/// Whether the caller keeps an answer waiting, on one HTTP/2 stream.
#[derive(Debug, Default)]
pub(super) struct Handed {
    frames: Cell<u64>,
    waits_for_caller: Cell<bool>,
}

impl Handed {
    /// How many frames were handed over, if the next waits for the caller and not for us.
    pub(super) fn stalled_at(&self) -> Option<u64> {
        self.waits_for_caller.get().then(|| self.frames.get())
    }
}

pin_project! {
    /// The body of an answer. Ends its call when dropped; the pulse knows whether it was whole by then.
    pub(super) struct AnswerBody<B> {
        #[pin]
        body: B,
        // Bytes still owed by `Content-Length`: hyper asks for no more once they were given.
        owed: Option<u64>,
        handed: Option<Rc<Handed>>,
        call: Call,
    }
}

impl<B> AnswerBody<B> {
    pub(super) fn new(body: B, owed: Option<u64>, handed: Option<Rc<Handed>>, call: Call) -> Self {
        Self { body, owed, handed, call }
    }
}

impl<B: Body<Data = Bytes>> Body for AnswerBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let result = this.body.as_mut().poll_frame(cx);
        let open = match &result {
            Poll::Ready(None) => false,
            Poll::Ready(Some(Ok(frame))) => {
                let given = frame.data_ref().map_or(0, Bytes::len);
                let given = u64::try_from(given).unwrap_or(u64::MAX);
                *this.owed = this.owed.map(|owed| owed.saturating_sub(given));
                *this.owed != Some(0) && !this.body.is_end_stream()
            }
            Poll::Ready(Some(Err(_))) | Poll::Pending => true,
        };
        this.call.answer_is_open(open);
        if let Some(handed) = this.handed {
            handed.waits_for_caller.set(result.is_ready());
            handed.frames.set(handed.frames.get().wrapping_add(1));
        }
        result
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
