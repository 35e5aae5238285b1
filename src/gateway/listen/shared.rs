//! What the connections of one listener have in common: bounds, counts and who is open.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ipnet::IpNet;

use super::conn::Conn;
use crate::config::{Bounds, Listener};
use crate::domain::Zone;
use crate::net::tls::{Change, ServerTls, TlsError, Trust};

/// One listener, as its connections see it.
#[derive(Debug)]
pub struct ListenerShared {
    /// The side of the gate it belongs to.
    pub zone: Zone,
    /// Where it is bound.
    pub address: SocketAddr,
    /// What it bears.
    pub bounds: Bounds,
    /// What went wrong outside any request.
    pub mishaps: Mishaps,
    pub(super) trusted_proxies: Vec<IpNet>,
    pub(super) tls: Option<ServerTls>,
    pub(super) draining: AtomicBool,
    /// The time to finish is over: what is still open is cut.
    over: AtomicBool,
    count: AtomicU32,
    parked: AtomicU32,
    next: AtomicU64,
    by_address: Mutex<HashMap<IpAddr, u32>>,
    connections: Mutex<HashMap<u64, Weak<Conn>>>,
}

/// What can go wrong before or between requests, where no record has a request to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mishap {
    /// The listener had as many connections as it bears.
    Full,
    /// The address had as many connections as one may have.
    AddressFull,
    /// The TLS handshake failed, or the certificate was not believed.
    HandshakeFailed,
    /// The TLS handshake took too long.
    HandshakeSlow,
    /// Bytes that are no request; answered 400 by hyper where it could be.
    Malformed,
    /// A request head beyond the bounds; answered 431.
    HeadTooLarge,
    /// A request head that did not arrive in time; answered 408.
    HeadSlow,
    /// The caller left before its request head was whole.
    HeadBroken,
    /// HTTP/2 used against its rules.
    Http2Broken,
    /// An answer was left unread for too long.
    Unread,
}

/// How often each mishap happened.
#[derive(Debug, Default)]
pub struct Mishaps([AtomicU64; Mishap::ALL.len()]);

impl Mishap {
    /// Every mishap.
    pub const ALL: [Self; 10] = [
        Self::Full,
        Self::AddressFull,
        Self::HandshakeFailed,
        Self::HandshakeSlow,
        Self::Malformed,
        Self::HeadTooLarge,
        Self::HeadSlow,
        Self::HeadBroken,
        Self::Http2Broken,
        Self::Unread,
    ];

    /// Whether the caller got an answer: what hyper refuses before there is a request for us.
    pub fn is_answered(self) -> bool {
        match self {
            Self::Malformed | Self::HeadTooLarge | Self::HeadSlow => true,
            Self::Full
            | Self::AddressFull
            | Self::HandshakeFailed
            | Self::HandshakeSlow
            | Self::HeadBroken
            | Self::Http2Broken
            | Self::Unread => false,
        }
    }

    /// The name used in records and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::Full => "listener-full",
            Self::AddressFull => "address-full",
            Self::HandshakeFailed => "handshake-failed",
            Self::HandshakeSlow => "handshake-slow",
            Self::Malformed => "malformed",
            Self::HeadTooLarge => "head-too-large",
            Self::HeadSlow => "head-slow",
            Self::HeadBroken => "head-broken",
            Self::Http2Broken => "http2-broken",
            Self::Unread => "unread",
        }
    }
}

impl Mishaps {
    pub(super) fn count(&self, mishap: Mishap) {
        let at = Mishap::ALL.iter().position(|one| *one == mishap);
        if let Some(count) = at.and_then(|at| self.0.get(at)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often each happened since the start.
    pub fn read(&self) -> impl Iterator<Item = (Mishap, u64)> {
        Mishap::ALL.into_iter().zip(self.0.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}

/// A connection's place among those a listener bears; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    listener: Arc<ListenerShared>,
    address: Option<IpAddr>,
}

/// Counts a connection as parked, until dropped.
#[derive(Debug)]
pub(super) struct Parked<'l>(&'l ListenerShared);

/// Keeps a connection listed while it is served.
#[derive(Debug)]
pub(super) struct Listed(Arc<Conn>);

impl ListenerShared {
    pub(super) fn new(
        zone: Zone,
        address: SocketAddr,
        listener: &Listener,
        tls: Option<ServerTls>,
    ) -> Self {
        Self {
            zone,
            address,
            bounds: listener.bounds,
            mishaps: Mishaps::default(),
            trusted_proxies: listener.trusted_proxies.clone(),
            tls,
            draining: AtomicBool::new(false),
            over: AtomicBool::new(false),
            count: AtomicU32::new(0),
            parked: AtomicU32::new(0),
            next: AtomicU64::new(1),
            by_address: Mutex::default(),
            connections: Mutex::default(),
        }
    }

    /// Connections open now, handshakes and those waiting for a worker included.
    pub fn open(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// Those among them that wait for a call and hold no more than that takes.
    pub fn parked(&self) -> u32 {
        self.parked.load(Ordering::Acquire)
    }

    pub(super) fn park(&self) -> Parked<'_> {
        self.parked.fetch_add(1, Ordering::AcqRel);
        Parked(self)
    }

    /// When the certificate shown ends, in milliseconds since the epoch; none without TLS.
    pub fn certificate_ends(&self) -> Option<i64> {
        self.tls.as_ref()?.ends()
    }

    /// Takes a place for a connection from this address.
    pub(super) fn place(self: &Arc<Self>, peer: IpAddr) -> Result<Place, Mishap> {
        if self.count.fetch_add(1, Ordering::AcqRel) >= self.bounds.connections {
            self.count.fetch_sub(1, Ordering::AcqRel);
            return Err(Mishap::Full);
        }
        // From here on the drop gives the place back.
        let mut place = Place { listener: Arc::clone(self), address: None };
        let peer = peer.to_canonical();
        if self.trusted_proxies.iter().any(|network| network.contains(&peer)) {
            return Ok(place);
        }
        let prefix = prefix(peer);
        let mut by_address = lock(&self.by_address);
        let count = by_address.entry(prefix).or_default();
        if *count >= self.bounds.connections_per_address {
            drop(by_address);
            return Err(Mishap::AddressFull);
        }
        *count = count.saturating_add(1);
        place.address = Some(prefix);
        Ok(place)
    }

    pub(super) fn next_number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Lists a connection, and asks it to end if the listener is about to.
    pub(super) fn list(conn: &Arc<Conn>) -> Listed {
        let listener = &conn.listener;
        lock(&listener.connections).insert(conn.number, Arc::downgrade(conn));
        if listener.draining.load(Ordering::Acquire) {
            conn.close();
        }
        Listed(Arc::clone(conn))
    }

    /// Asks every connection to end after what it is answering.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.each(|conn| conn.close());
    }

    /// Notes that what is open now is about to be cut.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// Whether what ends now is cut.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Reads the files of TLS again; nothing on a listener without.
    pub(super) fn reload(&self) -> Option<Result<Change, TlsError>> {
        let tls = self.tls.as_ref()?;
        let result = tls.reload();
        let listener = self.address;
        match &result {
            Ok(Change::Nothing) => {}
            Ok(Change::Certificate) => tracing::info!(%listener, "the certificate was replaced"),
            Ok(Change::Trust) => {
                let trust = Arc::clone(&tls.current().trust);
                let lost = self.check_again(&trust);
                let generation = trust.generation;
                tracing::info!(%listener, generation, lost, "whose certificates are believed changed");
            }
            Err(error) => {
                let cause = std::error::Error::source(error).map(ToString::to_string);
                tracing::error!(%listener, %error, cause, "TLS goes on as before");
            }
        }
        Some(result)
    }

    /// Checks every certificate shown on an open connection against a new trust, each chain once.
    /// Says how many connections are no longer trusted.
    fn check_again(&self, trust: &Trust) -> usize {
        let mut seen: HashMap<[u8; 32], bool> = HashMap::new();
        let mut lost = 0_usize;
        self.each(|conn| {
            let Some(certificate) = conn.certificate() else { return };
            let check = || trust.check(&certificate.chain).is_ok();
            let trusted = *seen.entry(certificate.thumbprint).or_insert_with(check);
            conn.judge(trusted, trust.generation);
            lost = lost.saturating_add(usize::from(!trusted));
        });
        lost
    }

    fn each(&self, mut act: impl FnMut(&Arc<Conn>)) {
        let all: Vec<_> = lock(&self.connections).values().filter_map(Weak::upgrade).collect();
        all.iter().for_each(&mut act);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.listener.count.fetch_sub(1, Ordering::AcqRel);
        let Some(address) = self.address else { return };
        let mut by_address = lock(&self.listener.by_address);
        if let Some(count) = by_address.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                by_address.remove(&address);
            }
        }
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.0.parked.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        lock(&self.0.listener.connections).remove(&self.0.number);
    }
}

/// What counts as one address: all of IPv4, the network half of IPv6.
fn prefix(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & (u128::MAX << 64)).into()),
    }
}

/// Nothing panics while these locks are held, and what they guard is whole between statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(total: u32, per_address: u32) -> Arc<ListenerShared> {
        let bounds = Bounds {
            connections: total,
            connections_per_address: per_address,
            ..Bounds::default()
        };
        let address = "127.0.0.1:1".parse().unwrap();
        let config = Listener {
            address,
            tls: None,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            bounds,
        };
        Arc::new(ListenerShared::new(Zone::Opening, address, &config, None))
    }

    fn place(listener: &Arc<ListenerShared>, from: &str) -> Result<Place, Mishap> {
        listener.place(from.parse().unwrap())
    }

    #[test]
    fn an_address_has_its_share_and_gets_it_back() {
        let listener = listener(10, 1);

        let first = place(&listener, "2001:db8::1").unwrap();
        assert_eq!(place(&listener, "2001:db8::2").unwrap_err(), Mishap::AddressFull);
        let _other_network = place(&listener, "2001:db8:0:1::1").unwrap();
        assert_eq!(listener.open(), 2);
        drop(first);
        assert!(place(&listener, "2001:db8::2").is_ok());
    }

    #[test]
    fn a_listener_bears_so_many_and_a_trusted_proxy_may_bring_them_all() {
        let listener = listener(3, 1);

        let all: Vec<_> = (0..3).map(|_| place(&listener, "::ffff:10.0.0.1").unwrap()).collect();
        assert_eq!(place(&listener, "192.0.2.1").unwrap_err(), Mishap::Full);
        drop(all);
        assert_eq!(listener.open(), 0);
    }
}
