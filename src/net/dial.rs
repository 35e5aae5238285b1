//! Connects to somebody else: name, TCP, and TLS where the URL says so, within one deadline.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Endpoint;

/// What is offered in the TLS handshake (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alpn {
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only.
    Http2,
    /// Both, HTTP/2 first.
    Either,
}

impl Alpn {
    pub(super) fn protocols(self) -> Vec<Vec<u8>> {
        match self {
            Self::Http1 => vec![b"http/1.1".to_vec()],
            Self::Http2 => vec![b"h2".to_vec()],
            Self::Either => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        }
    }
}

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("the name cannot be resolved")]
    Resolve(#[source] io::Error),
    /// The name resolves to nothing.
    #[error("the name has no address")]
    NoAddress,
    /// Nobody listens there.
    #[error("the connection was refused")]
    Refused(#[source] io::Error),
    /// There is no way there.
    #[error("there is no route to the address")]
    Unroutable(#[source] io::Error),
    /// Any other failure before TLS.
    #[error("the connection failed")]
    Connect(#[source] io::Error),
    /// It took too long.
    #[error("connecting took longer than {} ms", .limit.as_millis())]
    Timeout {
        /// What was allowed.
        limit: Duration,
    },
    /// Its certificate is not to be believed.
    #[error("the certificate is not trusted")]
    Certificate(#[source] rustls::Error),
    /// It broke off the handshake with an alert.
    #[error("the other side refused the TLS handshake")]
    Alert(#[source] rustls::Error),
    /// The handshake failed in another way.
    #[error("the TLS handshake failed")]
    Tls(#[source] io::Error),
    /// A TLS endpoint needs a TLS configuration and a host name TLS can check.
    #[error("the host cannot be checked by TLS")]
    Host,
}

impl DialError {
    /// The error type of RFC 9209 §2.3.
    pub fn proxy_error(&self) -> &'static str {
        match self {
            Self::Resolve(_) | Self::NoAddress => "dns_error",
            Self::Refused(_) => "connection_refused",
            Self::Unroutable(_) => "destination_ip_unroutable",
            Self::Connect(_) => "connection_terminated",
            Self::Timeout { .. } => "connection_timeout",
            Self::Certificate(_) => "tls_certificate_error",
            Self::Alert(_) => "tls_alert_received",
            Self::Tls(_) | Self::Host => "tls_protocol_error",
        }
    }

    /// Whether a second attempt has any prospect: what broke may have been one connection.
    pub fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Connect(_) | Self::Tls(_) => true,
            Self::Resolve(_)
            | Self::NoAddress
            | Self::Unroutable(_)
            | Self::Timeout { .. }
            | Self::Certificate(_)
            | Self::Alert(_)
            | Self::Host => false,
        }
    }

    fn tcp(error: io::Error) -> Self {
        #[expect(clippy::wildcard_enum_match_arm, reason = "io::ErrorKind is not ours and grows")]
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused(error),
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
                Self::Unroutable(error)
            }
            _ => Self::Connect(error),
        }
    }

    fn tls(error: io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner.cloned() {
            Some(inner @ rustls::Error::InvalidCertificate(_)) => Self::Certificate(inner),
            Some(inner @ rustls::Error::AlertReceived(_)) => Self::Alert(inner),
            _ => Self::Tls(error),
        }
    }
}

/// A connection that came about.
#[derive(Debug)]
pub struct Connected {
    /// The two directions.
    pub stream: Stream,
    /// Whether both sides agreed on HTTP/2 in the TLS handshake.
    pub http2: bool,
    /// Whom it leads to.
    pub peer: SocketAddr,
}

/// Connects within `limit`, trying the addresses of the host in turn.
///
/// `tls` is used if, and only if, the endpoint speaks TLS.
pub async fn dial(
    endpoint: &Endpoint,
    tls: Option<&Arc<ClientConfig>>,
    limit: Duration,
) -> Result<Connected, DialError> {
    let deadline = Instant::now() + limit;
    let all = async {
        let (stream, peer) = connect(endpoint, deadline, limit).await?;
        // Requests leave in one piece; waiting for more would only cost time.
        stream.set_nodelay(true).map_err(DialError::Connect)?;
        if !endpoint.is_tls() {
            return Ok(Connected { stream: Stream::Plain(stream), http2: false, peer });
        }
        let stream = handshake(endpoint, tls, stream).await?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Connected { stream: Stream::Tls(Box::new(stream)), http2, peer })
    };
    timeout_at(deadline, all).await.unwrap_or(Err(DialError::Timeout { limit }))
}

async fn connect(
    endpoint: &Endpoint,
    deadline: Instant,
    limit: Duration,
) -> Result<(TcpStream, SocketAddr), DialError> {
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((endpoint.host(), endpoint.port()))
        .await
        .map_err(DialError::Resolve)?
        .collect();
    let mut failed = DialError::NoAddress;
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        // A dead address must not eat the time of those after it.
        let now = Instant::now();
        let share = deadline.saturating_duration_since(now) / left.max(1);
        left = left.saturating_sub(1);
        failed = match timeout_at(now + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Ok(Err(error)) => DialError::tcp(error),
            Err(_) => DialError::Timeout { limit },
        };
    }
    Err(failed)
}

async fn handshake(
    endpoint: &Endpoint,
    tls: Option<&Arc<ClientConfig>>,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, DialError> {
    let name = ServerName::try_from(endpoint.host().to_owned()).map_err(|_| DialError::Host)?;
    let config = tls.ok_or(DialError::Host)?;
    let connector = TlsConnector::from(Arc::clone(config));
    // The handshake's state is big; most calls find a connection and never come here.
    Box::pin(connector.connect(name, stream)).await.map_err(DialError::tls)
}

/// The two directions of a connection, encrypted or not.
#[derive(Debug)]
pub enum Stream {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
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
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_without_a_listener_is_refused_and_named_so() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", free.local_addr().unwrap());
        drop(free);

        let endpoint = Endpoint::parse(&url).unwrap();
        let failed = dial(&endpoint, None, Duration::from_secs(2)).await.unwrap_err();

        assert_eq!(failed.proxy_error(), "connection_refused");
    }
}
