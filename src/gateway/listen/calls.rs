//! From hyper's request to the gateway's handler and back.

use std::cell::RefCell;
use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::Service;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};

use super::body::{AnswerBody, Handed, RequestBody};
use super::conn::{Conn, Cut};
use super::head::HeadProblem;
use super::pulse::{Call, Pulse};
use super::raw_head::Writing;
use super::shared::Mishap;

/// What the gateway does with a request. Made once on each worker's own thread, so it may keep state
/// that only this worker uses. The future is boxed: an idle connection then holds none.
pub type Handler<B> =
    Rc<dyn Fn(Arc<Conn>, Request<RequestBody>) -> LocalBoxFuture<'static, Response<B>>>;

/// A body that answers can have.
pub trait Answer: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static {}

impl<B> Answer for B where B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + 'static
{}

/// The calls of one connection.
pub(super) struct Calls<B> {
    handler: Handler<B>,
    conn: Arc<Conn>,
    pulse: Rc<Pulse>,
    streams: Option<Streams>,
}

impl<B> Calls<B> {
    pub(super) fn new(
        handler: Handler<B>,
        conn: Arc<Conn>,
        pulse: Rc<Pulse>,
        streams: Option<Streams>,
    ) -> Self {
        Self { handler, conn, pulse, streams }
    }
}

impl<B: Answer> Service<Request<Incoming>> for Calls<B> {
    type Response = Response<AnswerBody<B>>;
    type Error = Infallible;
    type Future = Answering<B>;

    fn call(&self, request: Request<Incoming>) -> Answering<B> {
        let (call, writing) = self.pulse.call();
        let (mut head, body) = request.into_parts();
        if let Some(problem) = objection(writing, &head.headers) {
            head.extensions.insert(problem);
        }
        let handed = self.streams.as_ref().map(Streams::next);
        let request = Request::from_parts(head, RequestBody::new(body, &self.conn));
        let answer = (self.handler)(Arc::clone(&self.conn), request);
        Answering { answer, handed, call: Some(call) }
    }
}

/// What `check_head` is to refuse for how the head was written.
fn objection(writing: Writing, headers: &HeaderMap) -> Option<HeadProblem> {
    match writing {
        Writing::Plain => None,
        Writing::BareLineFeed => Some(HeadProblem::BareLineFeed),
        Writing::TwoLengths => Some(HeadProblem::AmbiguousLength),
        // Nobody saw whether a length stood beside the chunks.
        Writing::Unseen => {
            headers.contains_key(TRANSFER_ENCODING).then_some(HeadProblem::AmbiguousLength)
        }
    }
}

pin_project! {
    /// An answer in the making.
    pub(super) struct Answering<B> {
        answer: LocalBoxFuture<'static, Response<B>>,
        handed: Option<Rc<Handed>>,
        call: Option<Call>,
    }
}

impl<B: Answer> Future for Answering<B> {
    type Output = Result<Response<AnswerBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.answer.as_mut().poll(cx));
        let Some(call) = this.call.take() else { return Poll::Pending };
        let owed = answer.headers().get(CONTENT_LENGTH);
        let owed = owed.and_then(|length| length.to_str().ok()?.parse().ok());
        let handed = this.handed.take();
        Poll::Ready(Ok(answer.map(|body| AnswerBody::new(body, owed, handed, call))))
    }
}

/// Runs the streams of one HTTP/2 connection, and resets one whose answer is left unread.
///
/// While the caller grants no window hyper does not poll the body at all, so only the task around it
/// can notice. Hyper runs a stream right after it made its call; that is how the two are matched.
#[derive(Clone)]
pub(super) struct Streams {
    latest: Rc<RefCell<Option<Rc<Handed>>>>,
    conn: Arc<Conn>,
}

impl Streams {
    pub(super) fn new(conn: &Arc<Conn>) -> Self {
        Self { latest: Rc::default(), conn: Arc::clone(conn) }
    }

    fn next(&self) -> Rc<Handed> {
        let handed = Rc::<Handed>::default();
        *self.latest.borrow_mut() = Some(Rc::clone(&handed));
        handed
    }
}

impl<F: Future<Output = ()> + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let handed = self.latest.borrow_mut().take().unwrap_or_default();
        let conn = Arc::clone(&self.conn);
        // Nobody joins it: a stream ends with its answer or with its connection.
        let stream = Some(stream);
        drop(tokio::task::spawn_local(Watched { stream, handed, conn, timer: None, armed: None }));
    }
}

pin_project! {
    struct Watched<F> {
        #[pin]
        stream: Option<F>,
        handed: Rc<Handed>,
        conn: Arc<Conn>,
        timer: Option<Pin<Box<Sleep>>>,
        armed: Option<u64>,
    }
}

impl<F: Future<Output = ()>> Future for Watched<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(stream) = this.stream.as_mut().as_pin_mut() else { return Poll::Ready(()) };
        if stream.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(stalled) = this.handed.stalled_at() else { return Poll::Pending };
        let limit = Duration::from_millis(u64::from(this.conn.bounds().write_ms));
        let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        if *this.armed != Some(stalled) {
            *this.armed = Some(stalled);
            let now = Instant::now();
            timer.as_mut().reset(now.checked_add(limit).unwrap_or(now));
        }
        ready!(timer.as_mut().poll(cx));
        this.conn.listener.mishaps.count(Mishap::Unread);
        // Dropping the stream unfinished resets it. Its record is filed within the drop.
        this.conn.set_cut(Some(Cut::Stalled));
        this.stream.set(None);
        this.conn.set_cut(None);
        Poll::Ready(())
    }
}
