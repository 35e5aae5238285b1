//! What is known of a connection, shared by every request on it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use futures_util::task::AtomicWaker;
use http::HeaderMap;
use rustls::pki_types::CertificateDer;

use super::forwarded;
use super::shared::ListenerShared;
use crate::config::Bounds;
use crate::domain::{Timestamp, Zone};
use crate::net::tls::ends_at;

/// One connection.
pub struct Conn {
    pub(super) number: u64,
    pub(super) listener: Arc<ListenerShared>,
    peer: SocketAddr,
    tls: Option<TlsFacts>,
    /// Generation of trust under which the certificate was last found good.
    trusted_at: AtomicU64,
    revoked: AtomicBool,
    closing: AtomicBool,
    cut: Mutex<Option<Cut>>,
    /// A request's body was left unread: hang up slowly, or the answer is lost with it.
    pub(super) unread: AtomicBool,
    pub(super) waker: AtomicWaker,
}

/// Why the gateway cut an answer itself; what its record says then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nobody read on for too long.
    Stalled,
    /// The node stopped, and the time to finish was over.
    Drain,
}

impl Cut {
    /// The name used in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stalled => "stalled",
            Self::Drain => "drain",
        }
    }
}

/// How a connection is protected.
#[derive(Debug)]
pub struct TlsFacts {
    /// The caller's certificate, if it showed one that is believed.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// The version agreed on.
    pub version: TlsVersion,
    /// Whether HTTP/2 was agreed on.
    pub http2: bool,
    /// Generation of trust under which the handshake was made.
    pub trust_generation: u64,
}

/// Versions of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// A client certificate that was believed when it was shown.
#[derive(Debug)]
pub struct ClientCertificate {
    /// SHA-256 of its DER, as RFC 8705 binds tokens to it.
    pub thumbprint: [u8; 32],
    /// Its DNS names (subject alternative names).
    pub dns_names: Vec<String>,
    /// The last moment it holds.
    pub not_after: Timestamp,
    pub(super) chain: Vec<CertificateDer<'static>>,
}

impl ClientCertificate {
    /// Reads a chain as it was sent: the client's own certificate, then those above it.
    pub(super) fn read(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let own = chain.first()?;
        let names = webpki::EndEntityCert::try_from(own).ok()?;
        let mut thumbprint = [0; 32];
        let digest = digest(&SHA256, own);
        thumbprint.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Some(Self {
            thumbprint,
            dns_names: names.valid_dns_names().map(str::to_owned).collect(),
            not_after: Timestamp::from_millis(ends_at(own)?),
            chain: chain.iter().map(|link| link.clone().into_owned()).collect(),
        })
    }
}

impl Conn {
    pub(super) fn new(
        number: u64,
        listener: Arc<ListenerShared>,
        peer: SocketAddr,
        tls: Option<TlsFacts>,
    ) -> Self {
        let generation = tls.as_ref().map_or(0, |tls| tls.trust_generation);
        Self {
            number,
            listener,
            peer,
            tls,
            trusted_at: AtomicU64::new(generation),
            revoked: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            cut: Mutex::default(),
            unread: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }
    }

    /// The side of the gate it came to.
    pub fn zone(&self) -> Zone {
        self.listener.zone
    }

    /// What it may use.
    pub fn bounds(&self) -> &Bounds {
        &self.listener.bounds
    }

    /// The other end of the socket: the caller or a proxy before it.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// How it is protected; not at all without it.
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.tls.as_ref()
    }

    /// The caller's certificate.
    pub fn certificate(&self) -> Option<&Arc<ClientCertificate>> {
        self.tls.as_ref()?.certificate.as_ref()
    }

    /// The address a call is counted under, with `Forwarded` believed from trusted proxies only.
    pub fn consumer(&self, headers: &HeaderMap) -> IpAddr {
        forwarded::consumer(self.peer.ip(), &self.listener.trusted_proxies, headers)
    }

    /// Whether the caller's certificate, if it showed one, is still believed. To be asked on every
    /// request: after trust changed, the first request checks the chain anew.
    pub fn trusted(&self) -> bool {
        let Some(certificate) = self.certificate() else { return true };
        let Some(tls) = &self.listener.tls else { return false };
        if self.revoked.load(Ordering::Acquire) {
            return false;
        }
        if self.trusted_at.load(Ordering::Acquire) == tls.generation() {
            return true;
        }
        let trust = Arc::clone(&tls.current().trust);
        let trusted = trust.check(&certificate.chain).is_ok();
        self.judge(trusted, trust.generation);
        trusted
    }

    /// Notes what a check under this generation found; a connection no longer trusted is closed.
    pub(super) fn judge(&self, trusted: bool, generation: u64) {
        if trusted {
            self.trusted_at.fetch_max(generation, Ordering::AcqRel);
        } else {
            self.revoked.store(true, Ordering::Release);
            self.close();
        }
    }

    /// Asks for a graceful end: what is being answered is finished, nothing new is begun.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Says why what ends now was cut; none again when only one answer of several was.
    pub(super) fn set_cut(&self, cut: Option<Cut>) {
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = cut;
    }

    /// Why what ends now ends, if it is the gateway that cut it.
    pub fn cut(&self) -> Option<Cut> {
        let cut = *self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        cut.or_else(|| self.listener.is_over().then_some(Cut::Drain))
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conn")
            .field("number", &self.number)
            .field("peer", &self.peer)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}
