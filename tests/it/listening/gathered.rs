//! Answers of HTTP/2 that leave together.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use futures_util::future::join_all;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use super::tls::listener_tls;
use crate::support::ca::Ca;
use crate::support::node::{node, within};

/// Counts the TLS records that come.
struct Counting {
    socket: TcpStream,
    records: Arc<AtomicUsize>,
    /// Bytes of a record's head, as far as they came.
    head: Vec<u8>,
    /// Bytes of a record that are still to come.
    left: usize,
}

impl Counting {
    fn see(&mut self, mut bytes: &[u8]) {
        while let Some((byte, rest)) = bytes.split_first() {
            if self.left > 0 {
                let most = self.left.min(bytes.len());
                self.left -= most;
                bytes = &bytes[most..];
                continue;
            }
            self.head.push(*byte);
            bytes = rest;
            if let [_, _, _, high, low] = self.head[..] {
                self.left = usize::from(u16::from_be_bytes([high, low]));
                self.head.clear();
                self.records.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buffer))?;
        self.see(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Counting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

async fn letters(send: &mut http2::SendRequest<Full<bytes::Bytes>>, count: usize) -> usize {
    send.ready().await.unwrap();
    let request = Request::get(format!("https://gate.example/letters/{count}"));
    let answer = send.send_request(request.body(Full::default()).unwrap()).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(body.iter().copied().eq((b'a'..=b'z').cycle().take(count)), "{count} letters");
    body.len()
}

#[tokio::test]
async fn answers_that_are_ready_together_leave_in_few_records() {
    let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::new("city"));
    let tls = listener_tls(folder.path(), &ca, false);
    let node = node(|listener| listener.tls = Some(tls));
    let records = Arc::<AtomicUsize>::default();
    let counting = Counting {
        socket: node.connect().await,
        records: Arc::clone(&records),
        head: Vec::new(),
        left: 0,
    };
    let name = ServerName::try_from("gate.example").unwrap();
    let tls = TlsConnector::from(ca.client(None, b"h2")).connect(name, counting).await.unwrap();
    let (send, conn) = http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await.unwrap();
    tokio::spawn(conn);
    let call = || {
        let mut send = send.clone();
        async move { letters(&mut send, 600).await }
    };
    within(call()).await;
    let before = records.load(Ordering::Relaxed);

    within(join_all((0..40).map(|_| call()))).await;

    let came = records.load(Ordering::Relaxed) - before;
    assert!(came < 20, "{came} records for 40 answers");
}

#[tokio::test]
async fn answers_of_every_size_arrive_whole_through_a_small_window() {
    let node = node(|_| {});
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let socket = socket.connect(node.address).await.unwrap();
    let (send, conn) = http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    tokio::spawn(conn);
    let sizes = [0, 1, 255, 256, 1023, 1024, 1025, 2039, 2048, 2049, 16_384, 16_385, 90_000];
    let calls = sizes.iter().cycle().take(60).map(|size| {
        let mut send = send.clone();
        async move { letters(&mut send, *size).await }
    });

    let lengths = within(join_all(calls)).await;

    assert!(lengths.iter().eq(sizes.iter().cycle().take(60)));
}
