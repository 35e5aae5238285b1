//! The socket as hyper sees it: every read and write is noted in the pulse.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::conn::Conn;
use super::pulse::Pulse;

/// Most bytes thrown away after an answer was given to a request that was not read to its end.
const LINGER_BYTES: usize = 1 << 20;

/// Most bytes of HTTP/2 that wait for what is written next.
const HELD_BYTES: usize = 2 * 1024;

/// Room into which HTTP/1 is read first, shared by the connections of a worker.
pub(super) type Scratch = Rc<RefCell<Box<[u8]>>>;

/// Room for one read.
pub(super) fn scratch() -> Scratch {
    Rc::new(RefCell::new(vec![0; 16 * 1024].into_boxed_slice()))
}

/// A connection with or without TLS.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => tls.get_ref().0,
        }
    }
}

/// The socket of one connection.
#[derive(Debug)]
pub(super) struct Io {
    stream: TokioIo<Stream>,
    conn: Arc<Conn>,
    pulse: Rc<Pulse>,
    scratch: Scratch,
    /// What was read and noted before, and is to be read again.
    ahead: Bytes,
    /// What HTTP/2 wrote and did not flush.
    held: BytesMut,
    closed: bool,
    thrown_away: usize,
}

impl Io {
    pub(super) fn new(stream: Stream, conn: Arc<Conn>, pulse: Rc<Pulse>, scratch: Scratch) -> Self {
        let stream = TokioIo::new(stream);
        let (ahead, held) = (Bytes::new(), BytesMut::new());
        Self { stream, conn, pulse, scratch, ahead, held, closed: false, thrown_away: 0 }
    }

    /// Gives back bytes that were read and not used.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        // A copy, since they may be the last in a large buffer.
        self.ahead = Bytes::copy_from_slice(bytes);
    }

    /// Whether the socket has something to read: bytes, or that the other side hung up.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.inner().socket().poll_read_ready(cx)
    }

    /// Reads where the bytes can be looked at.
    fn poll_seen(
        &mut self,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let most = cursor.remaining().min(self.ahead.len());
            cursor.put_slice(&self.ahead.split_to(most));
            return Poll::Ready(Ok(()));
        }
        let mut scratch = self.scratch.borrow_mut();
        let most = cursor.remaining().min(scratch.len());
        let Some(room) = scratch.get_mut(..most) else { return Poll::Ready(Ok(())) };
        let mut read = ReadBuf::new(room);
        ready!(Pin::new(self.stream.inner_mut()).poll_read(cx, &mut read))?;
        self.pulse.read(read.filled());
        cursor.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }

    /// Reads on for a while, so that the answer is not lost to a reset: closing a socket with unread
    /// bytes resets it, and the caller then may not see what was answered.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = self.scratch.borrow_mut();
        while self.thrown_away < LINGER_BYTES {
            let mut read = ReadBuf::new(&mut scratch);
            ready!(Pin::new(self.stream.inner_mut()).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                break;
            }
            self.thrown_away = self.thrown_away.saturating_add(read.filled().len());
        }
        Poll::Ready(Ok(()))
    }

    /// Writes for HTTP/2, which writes what stands before a frame's data, then the data, then flushes:
    /// what is small waits for that, so that both leave in one system call and as one TLS record.
    fn poll_write_held(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.held.len().saturating_add(bytes.len()) <= HELD_BYTES {
            self.held.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        loop {
            let slices = [&self.held, bytes].map(io::IoSlice::new);
            let result = Write::poll_write_vectored(Pin::new(&mut self.stream), cx, &slices);
            self.note(&result);
            let count = ready!(result)?;
            let of_held = count.min(self.held.len());
            self.held.advance(of_held);
            if count == 0 || count > of_held {
                return Poll::Ready(Ok(count - of_held));
            }
        }
    }

    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let result = Write::poll_write(Pin::new(&mut self.stream), cx, &self.held);
            self.note(&result);
            match ready!(result)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.held.advance(count),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn note(&self, result: &Poll<io::Result<usize>>) {
        match result {
            Poll::Ready(_) => self.pulse.wrote(),
            Poll::Pending => self.pulse.cannot_write(),
        }
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        if self.pulse.is_broken() {
            // A body without a length would look whole after an orderly end.
            if let Err(error) = self.stream.inner().socket().set_zero_linger() {
                tracing::debug!(%error, "a broken answer could not be reset");
            }
        }
    }
}

impl Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.pulse.is_http2() {
            return self.poll_seen(cx, cursor);
        }
        let result = Pin::new(&mut self.stream).poll_read(cx, cursor);
        if result.is_ready() {
            self.pulse.bytes();
        }
        result
    }
}

impl Write for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.pulse.is_http2() {
            return self.poll_write_held(cx, bytes);
        }
        let result = Write::poll_write(Pin::new(&mut self.stream), cx, bytes);
        self.note(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_held(cx))?;
        let result = Write::poll_write_vectored(Pin::new(&mut self.stream), cx, bytes);
        self.note(&result);
        result
    }

    /// Told otherwise, h2 sends each frame of 256 bytes and more by itself; so it gathers answers below
    /// 1 KiB, those of several calls too.
    fn is_write_vectored(&self) -> bool {
        !self.pulse.is_http2() && Write::is_write_vectored(&self.stream)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_held(cx))?;
        let result = Write::poll_flush(Pin::new(&mut self.stream), cx);
        // TLS says that it wrote what it still holds: only here it is known to have left.
        self.pulse.flushed(result.is_ready());
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pulse.shutting();
        if !self.closed {
            ready!(self.poll_held(cx))?;
            ready!(Write::poll_shutdown(Pin::new(&mut self.stream), cx))?;
            self.closed = true;
        }
        if self.pulse.in_head() || self.conn.unread.load(Ordering::Relaxed) {
            ready!(self.poll_linger(cx))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_write_vectored(),
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
