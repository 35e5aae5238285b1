//! What comes before HTTP: the TLS handshake, or a look at the first bytes.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustls::{HandshakeKind, ProtocolVersion};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::conn::{ClientCertificate, Conn, TlsFacts, TlsVersion};
use super::io::Stream;
use super::shared::{ListenerShared, Mishap};
use super::watch::LAST_WORDS;
use crate::net::tls::ServerTls;

/// How an HTTP/2 connection begins (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How often, 5 ms apart, is looked for the rest of a preface; callers send it at once.
const LOOKS: usize = 40;

/// What is sealed and handed to the kernel at once, two full records. Of 16, 24, 32, 48, 64 and 132 KiB
/// this is the cheapest for 1 MiB, by 6 to 30 %: less is more system calls, more has to wait for the
/// kernel's pacing timer (BBR).
const SEALED: usize = 32 * 1024;

/// The TLS handshake, and what it tells.
pub(super) async fn secure(
    socket: TcpStream,
    tls: &ServerTls,
    listener: &ListenerShared,
) -> Result<(Stream, Option<TlsFacts>), Mishap> {
    let loaded = tls.current();
    let accept = TlsAcceptor::from(Arc::clone(&loaded.config)).accept(socket);
    let limit = Duration::from_millis(u64::from(listener.bounds.handshake_ms));
    let stream = timeout(limit, accept).await.map_err(|_| Mishap::HandshakeSlow)?;
    let mut stream = stream.map_err(|error| {
        tracing::debug!(%error, listener = %listener.address, "a TLS handshake failed");
        Mishap::HandshakeFailed
    })?;
    let (_, session) = stream.get_mut();
    session.set_buffer_limit(Some(SEALED));
    let certificate = match session.peer_certificates() {
        Some(chain) => {
            let certificate = ClientCertificate::read(chain).ok_or(Mishap::HandshakeFailed)?;
            // A resumed session was not verified again; its certificate or the revocation list may
            // have ended since.
            let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
            if resumed && loaded.trust.check(&certificate.chain).is_err() {
                return Err(Mishap::HandshakeFailed);
            }
            Some(Arc::new(certificate))
        }
        None => None,
    };
    let old = session.protocol_version() == Some(ProtocolVersion::TLSv1_2);
    let facts = TlsFacts {
        certificate,
        version: if old { TlsVersion::Tls12 } else { TlsVersion::Tls13 },
        http2: session.alpn_protocol() == Some(b"h2"),
        trust_generation: loaded.trust.generation,
    };
    Ok((Stream::Tls(Box::new(stream)), Some(facts)))
}

/// Whether a plain connection speaks HTTP/2 from the start (RFC 9113 section 3.3). Nothing if it
/// ended, or said nothing in time.
pub(super) async fn begins_with_preface(socket: &TcpStream, conn: &Conn) -> Option<bool> {
    let mut seen = [0; PREFACE.len()];
    let limit = Duration::from_millis(u64::from(conn.bounds().header_ms));
    let mut length = tokio::select! {
        length = timeout(limit, socket.peek(&mut seen)) => length.ok()?.ok()?,
        () = farewell(conn) => return None,
    };
    for _ in 0..LOOKS {
        match seen.get(..length)? {
            [] => return None,
            whole if whole == PREFACE => return Some(true),
            part if PREFACE.starts_with(part) => sleep(Duration::from_millis(5)).await,
            _ => return Some(false),
        }
        length = socket.peek(&mut seen).await.ok()?;
    }
    Some(false)
}

/// Ends a moment after the connection is asked to.
async fn farewell(conn: &Conn) {
    poll_fn(|cx| {
        conn.waker.register(cx.waker());
        if conn.is_closing() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    sleep(LAST_WORDS).await;
}
