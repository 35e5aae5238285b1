//! One connection from its first byte to its last.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::accept::Arrival;
use super::calls::{Answer, Calls, Handler, Streams};
use super::conn::{Conn, Cut};
use super::handshake::{begins_with_preface, secure};
use super::io::{Io, Scratch, Stream};
use super::park::{Woken, apart, parked, stop};
use super::pulse::Pulse;
use super::shared::{ListenerShared, Mishap};
use super::watch::{Alarm, LAST_WORDS, Watch};
use crate::config::Bounds;

/// What the answer to a head that did not arrive in time looks like.
const TOO_SLOW: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Room for answers on their way; what is larger waits in the body.
const BUFFER: usize = 64 * 1024;

/// What connections of one worker are served with.
pub(super) struct Tools<B> {
    pub(super) handler: Handler<B>,
    pub(super) scratch: Scratch,
}

/// Serves a connection to its end.
pub(super) async fn serve<B: Answer>(arrival: Arrival, tools: Rc<Tools<B>>) {
    let Arrival { socket, peer, listener, place: _place, load: _load } = arrival;
    let socket = match tokio::net::TcpStream::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(%error, %peer, "an accepted connection cannot be served");
            return;
        }
    };
    let secured = match &listener.tls {
        Some(tls) => Box::pin(secure(socket, tls, &listener)).await,
        None => Ok((Stream::Plain(socket), None)),
    };
    match secured {
        Ok((stream, tls)) => {
            let conn = Conn::new(listener.next_number(), listener, peer, tls);
            Box::pin(talk(stream, Arc::new(conn), tools)).await;
        }
        Err(mishap) => listener.mishaps.count(mishap),
    }
}

/// Speaks HTTP until the connection ends.
async fn talk<B: Answer>(stream: Stream, conn: Arc<Conn>, tools: Rc<Tools<B>>) {
    let _listed = ListenerShared::list(&conn);
    let http2 = match (&stream, conn.tls()) {
        (Stream::Plain(socket), _) => match Box::pin(begins_with_preface(socket, &conn)).await {
            Some(http2) => http2,
            None => return,
        },
        (Stream::Tls(_), facts) => facts.is_some_and(|facts| facts.http2),
    };
    let pulse = Pulse::new(!http2);
    let io = Io::new(stream, Arc::clone(&conn), Rc::clone(&pulse), Rc::clone(&tools.scratch));
    let handler = Rc::clone(&tools.handler);
    if http2 {
        let streams = Streams::new(&conn);
        let calls =
            Calls::new(handler, Arc::clone(&conn), Rc::clone(&pulse), Some(streams.clone()));
        let http = builder_2(conn.bounds(), streams).serve_connection(io, calls);
        let mut watch = Watch::new(conn.bounds());
        let end = drive(&mut Box::pin(http), &conn, &pulse, &mut watch).await;
        note_end(&end, &conn, &pulse);
    } else {
        let calls = Calls::new(handler, Arc::clone(&conn), Rc::clone(&pulse), None);
        talk_1(io, calls, &conn, &pulse).await;
    }
}

/// Speaks HTTP/1. Hyper has its buffers only while there are calls: between those that lie far
/// apart the connection is parked.
async fn talk_1<B: Answer>(mut io: Io, mut calls: Calls<B>, conn: &Conn, pulse: &Pulse) {
    let mut watch = Watch::parking(conn.bounds());
    let (http, end) = loop {
        let before = pulse.calls();
        let mut http = Box::new(builder_1(conn.bounds()).serve_connection(io, calls));
        let end = drive(&mut http, conn, pulse, &mut watch).await;
        if !matches!(end, End::Alarm(Alarm::Quiet)) {
            break (http, end);
        }
        // Without a call it has nothing to end.
        let stopped = if pulse.calls() == before { Some(Ok(())) } else { stop(&mut http) };
        match stopped {
            Some(Ok(())) => (io, calls) = apart(*http),
            Some(Err(error)) => break (http, End::Over(Err(error))),
            None => {
                conn.close();
                let end = drive(&mut http, conn, pulse, &mut watch).await;
                break (http, end);
            }
        }
        if matches!(parked(&io, conn, &mut watch).await, Woken::End) {
            return finish(io, &[]).await;
        }
    };
    note_end(&end, conn, pulse);
    if matches!(end, End::Alarm(Alarm::HeadSlow)) && pulse.in_head() {
        finish(http.into_parts().io, TOO_SLOW).await;
    } else if matches!(end, End::Over(Ok(()))) && !pulse.is_shutting() {
        // After an offer to upgrade hyper leaves the farewell to us.
        finish(http.into_parts().io, &[]).await;
    }
}

fn builder_1(bounds: &Bounds) -> http1::Builder {
    let head = usize::try_from(bounds.header_bytes).unwrap_or(BUFFER);
    let mut builder = http1::Builder::new();
    builder
        .max_header_size(head)
        .max_headers(usize::from(bounds.headers))
        .max_buf_size(BUFFER.max(head))
        // Our own watch tells a slow head from an idle connection; hyper's timer does not.
        .header_read_timeout(None);
    builder
}

fn builder_2(bounds: &Bounds, streams: Streams) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(bounds.streams)
        .max_header_list_size(bounds.header_bytes)
        .max_send_buf_size(BUFFER)
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(1024 * 1024)
        // Streams opened and reset at once cost us and not the caller (CVE-2023-44487).
        .max_pending_accept_reset_streams(32)
        .max_local_error_reset_streams(128)
        .keep_alive_interval(Duration::from_millis(u64::from(bounds.idle_ms / 2).max(1000)))
        .keep_alive_timeout(Duration::from_millis(u64::from(bounds.header_ms)));
    builder
}

/// Hyper's two kinds of connection, driven alike.
trait Http: Future<Output = hyper::Result<()>> + Unpin {
    /// Begins nothing new, finishes what is under way.
    fn wind_down(&mut self);
}

impl<B: Answer> Http for Box<http1::Connection<Io, Calls<B>>> {
    fn wind_down(&mut self) {
        Pin::new(&mut **self).graceful_shutdown();
    }
}

impl<B: Answer> Http for Pin<Box<http2::Connection<Io, Calls<B>, Streams>>> {
    fn wind_down(&mut self) {
        self.as_mut().graceful_shutdown();
    }
}

/// How a connection came to its end.
#[derive(Debug)]
enum End {
    Over(hyper::Result<()>),
    Alarm(Alarm),
}

/// Drives a connection, winds it down when asked, and cuts it when it waits for too long.
async fn drive<H: Http>(http: &mut H, conn: &Conn, pulse: &Pulse, watch: &mut Watch) -> End {
    let mut told = false;
    poll_fn(|cx| {
        conn.waker.register(cx.waker());
        loop {
            if let Poll::Ready(end) = Pin::new(&mut *http).poll(cx) {
                return Poll::Ready(End::Over(end));
            }
            let closing = conn.is_closing();
            // A caller that just connected may ask once: its request could be on the way.
            if closing && !told && !pulse.awaits_first() {
                told = true;
                http.wind_down();
                continue;
            }
            return match watch.poll(pulse.wait(), closing, cx) {
                Poll::Ready(Alarm::Idle) if !closing => {
                    conn.close();
                    continue;
                }
                // Only empty lines came so far.
                Poll::Ready(Alarm::Quiet) if pulse.awaits_first() => continue,
                alarm @ (Poll::Pending | Poll::Ready(_)) => alarm.map(End::Alarm),
            };
        }
    })
    .await
}

/// Counts what went wrong, so that every answer and every silence is accounted for.
fn note_end(end: &End, conn: &Conn, pulse: &Pulse) {
    let mishap = match end {
        End::Over(Ok(())) | End::Alarm(Alarm::Quiet | Alarm::Idle | Alarm::Overdue) => None,
        End::Over(Err(error)) => {
            tracing::debug!(%error, peer = %conn.peer(), "a connection broke");
            mishap(error, pulse)
        }
        End::Alarm(Alarm::HeadSlow) => pulse.in_head().then_some(Mishap::HeadSlow),
        End::Alarm(Alarm::Unread) => {
            pulse.break_off();
            conn.set_cut(Some(Cut::Stalled));
            Some(Mishap::Unread)
        }
    };
    if let Some(mishap) = mishap {
        conn.listener.mishaps.count(mishap);
    }
}

fn mishap(error: &hyper::Error, pulse: &Pulse) -> Option<Mishap> {
    let socket = || error.source().is_some_and(<dyn Error>::is::<io::Error>);
    if error.is_user() {
        None
    } else if error.is_parse_too_large() {
        Some(Mishap::HeadTooLarge)
    } else if error.is_parse() {
        Some(Mishap::Malformed)
    } else if pulse.in_head() {
        Some(Mishap::HeadBroken)
    } else if pulse.is_http2() && !socket() {
        Some(Mishap::Http2Broken)
    } else {
        None
    }
}

/// Says the last word and hangs up.
async fn finish(io: Io, last: &[u8]) {
    let mut io = TokioIo::new(io);
    let say = async {
        io.write_all(last).await?;
        io.shutdown().await
    };
    if let Ok(Err(error)) = timeout(LAST_WORDS, say).await {
        tracing::debug!(%error, "a caller was gone before the farewell");
    }
}
