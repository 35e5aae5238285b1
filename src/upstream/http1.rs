//! One HTTP/1.1 connection, driven by whoever uses it.
//!
//! No task of its own: the call that waits for the connection polls it, which saves two hops between
//! tasks a call, and lets a connection from the pool be asked whether it is still alive.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::clock::{Patience, Timer};
use super::link::Failed;
use super::{RequestBody, UpstreamError};
use crate::net::Stream;

/// The head of an answer and, apart from that, what is read ahead of its body.
const HEAD_BYTES: usize = 64 * 1024;
const BUFFER_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Line {
    sender: SendRequest<RequestBody>,
    /// None once it is over.
    connection: Option<Connection<TokioIo<Heard>, RequestBody>>,
    heard: Arc<AtomicBool>,
    pub(super) timer: Timer,
    pub(super) idle_since: Instant,
}

impl Line {
    pub(super) async fn open(stream: Stream) -> Result<Box<Self>, UpstreamError> {
        let heard = Arc::new(AtomicBool::new(false));
        let io = TokioIo::new(Heard { stream, heard: Arc::clone(&heard) });
        let (sender, connection) = Builder::new()
            .max_header_size(HEAD_BYTES)
            .max_buf_size(BUFFER_BYTES)
            .handshake(io)
            .await
            .map_err(UpstreamError::Closed)?;
        let connection = Some(connection);
        let idle_since = Instant::now();
        Ok(Box::new(Self { sender, connection, heard, timer: Timer::default(), idle_since }))
    }

    /// Whether it can take a call: looks whether the other side hung up meanwhile.
    pub(super) fn is_usable(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Lets the connection read and write what it can.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && Pin::new(connection).poll(cx).is_ready()
        {
            // Dropped at once: what still waits in it then comes back as an error.
            self.connection = None;
        }
    }

    pub(super) async fn exchange(
        &mut self,
        request: Request<RequestBody>,
        limit: Duration,
    ) -> Result<Response<Incoming>, Failed> {
        let upload = request.body().upload();
        let mut patience = Patience::new(limit, upload.clone());
        self.heard.store(false, Ordering::Relaxed);
        let mut sent = pin!(self.sender.try_send_request(request));
        let outcome = poll_fn(|cx| {
            self.drive(cx);
            match sent.as_mut().poll(cx) {
                Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                Poll::Pending => patience.poll_lost(&mut self.timer, cx).map(|()| None),
            }
        })
        .await;
        self.timer.clear();
        match outcome {
            Some(Ok(answer)) => check(answer),
            Some(Err(mut failed)) => {
                let returned = failed.take_message();
                let unheard = !self.heard.load(Ordering::Relaxed);
                let broke = upload.is_some_and(|upload| upload.broke());
                Err(Failed::of(failed.into_error(), broke).after(returned, unheard))
            }
            None => Err(Failed::too_late(limit)),
        }
    }
}

/// What hyper lets through and we do not.
fn check(answer: Response<Incoming>) -> Result<Response<Incoming>, Failed> {
    let headers = answer.headers();
    let reason = if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        "it switched protocols unasked"
    } else if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        // RFC 9112 §6.3: smuggling looks like this.
        "it gave both Transfer-Encoding and Content-Length"
    } else {
        return Ok(answer);
    };
    Err(Failed::because(UpstreamError::Protocol { reason, cause: None }))
}

/// Notes whether anything was read: a call may go again only if nothing was.
#[derive(Debug)]
struct Heard {
    stream: Stream,
    heard: Arc<AtomicBool>,
}

impl AsyncRead for Heard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.heard.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Heard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
