//! Parks an HTTP/1 connection on which nothing is asked: hyper and its buffers are given back, and
//! what is left waits on the socket for the next byte.
//!
//! Whatever comes then is for hyper to judge, put together anew: a request, a part of one, no HTTP at
//! all, or the end.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use futures_util::FutureExt as _;
use hyper::server::conn::http1;

use super::calls::{Answer, Calls};
use super::conn::Conn;
use super::io::Io;
use super::watch::Watch;

/// What ends the wait of a parked connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// The socket has something to read.
    Readable,
    /// It was idle for too long, or is to end.
    End,
}

/// Stops hyper between two calls. Nothing if it still has something to do; it then ends after that.
pub(super) fn stop<B: Answer>(
    http: &mut http1::Connection<Io, Calls<B>>,
) -> Option<hyper::Result<()>> {
    Pin::new(&mut *http).graceful_shutdown();
    // What it has to do it does at once, or it waits for the caller and is not between two calls.
    poll_fn(|cx| http.poll_without_shutdown(cx)).now_or_never()
}

/// Takes a stopped hyper apart. What it read of the next request, if anything, will be read again.
pub(super) fn apart<B: Answer>(http: http1::Connection<Io, Calls<B>>) -> (Io, Calls<B>) {
    let parts = http.into_parts();
    let mut io = parts.io;
    io.put_back(&parts.read_buf);
    (io, parts.service)
}

/// Waits until there is something to read, or an end.
pub(super) async fn parked(io: &Io, conn: &Conn, watch: &mut Watch) -> Woken {
    let counted = conn.listener.park();
    let woken = poll_fn(|cx| {
        conn.waker.register(cx.waker());
        // What was asked before the end came is still answered. An error is hyper's to find.
        if io.poll_readable(cx).is_ready() {
            return Poll::Ready(Woken::Readable);
        }
        if conn.is_closing() {
            return Poll::Ready(Woken::End);
        }
        watch.poll_parked(cx).map(|()| Woken::End)
    })
    .await;
    drop(counted);
    watch.look_again();
    woken
}
