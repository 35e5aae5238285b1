//! The connections one worker holds to one interface.
//!
//! A call takes a seat, then an idle connection or, if there is none, a new one: so there are never
//! more connections than seats. HTTP/2 connections are shared and counted apart.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::runtime::Handle;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::compile::Identity;
use super::error::Stage;
use super::http1::Line;
use super::http2::{Branch, Trunk};
use super::link::Link;
use super::{UpstreamConfig, UpstreamError};
use crate::domain::UpstreamProtocol;
use crate::net::dial;

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(30);
/// How often idle connections are looked at: those the other side closed go sooner.
const REAP_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Pool {
    identity: Arc<Identity>,
    /// The first configuration's, so that sessions can be resumed after a reload.
    tls: Option<Arc<ClientConfig>>,
    seats: Arc<Semaphore>,
    kept: Mutex<Kept>,
    spoken: AtomicU8,
    /// Held while connecting as long as HTTP/2 is possible: one connection serves all who wait.
    dialing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Kept {
    /// The one used last comes last and is used first.
    #[expect(
        clippy::vec_box,
        reason = "calls hold them boxed; moving the box in and out is cheap"
    )]
    lines: Vec<Box<Line>>,
    trunks: Vec<Trunk>,
    reaped: bool,
}

const UNKNOWN: u8 = 0;
const HTTP1: u8 = 1;
const HTTP2: u8 = 2;

impl Pool {
    pub(super) fn new(to: &UpstreamConfig) -> Arc<Self> {
        let endpoint = &to.identity.endpoint;
        let spoken = match to.identity.protocol {
            UpstreamProtocol::Auto if endpoint.is_tls() => UNKNOWN,
            UpstreamProtocol::Auto | UpstreamProtocol::Http1 => HTTP1,
            UpstreamProtocol::Http2 => HTTP2,
        };
        Arc::new(Self {
            identity: Arc::clone(&to.identity),
            tls: to.tls.clone(),
            seats: Arc::new(Semaphore::new(seats(to.identity.connections))),
            kept: Mutex::default(),
            spoken: AtomicU8::new(spoken),
            dialing: tokio::sync::Mutex::default(),
        })
    }

    /// A connection, and whether it has been used before. With `fresh`, an idle one will not do.
    pub(super) async fn lease(
        self: &Arc<Self>,
        to: &UpstreamConfig,
        fresh: bool,
    ) -> Result<(Link, bool), UpstreamError> {
        let ready = if fresh { None } else { self.ready() };
        let (link, reused) = match ready {
            Some(link) => (link, true),
            // Boxed: connecting is rare and its state is big.
            None => Box::pin(self.wait_or_open(to, fresh)).await?,
        };
        if reused {
            to.state.reused();
        } else {
            to.state.connected();
        }
        Ok((link, reused))
    }

    /// Whether other calls of this worker are under way here, each on a connection of its own.
    pub(super) fn is_busy(&self) -> bool {
        let free = self.seats.available_permits();
        self.spoken.load(Ordering::Relaxed) == HTTP1 && free < seats(self.identity.connections)
    }

    fn ready(self: &Arc<Self>) -> Option<Link> {
        if self.spoken.load(Ordering::Relaxed) != HTTP1
            && let Some(branch) = self.branch()
        {
            return Some(branch);
        }
        let seat = Arc::clone(&self.seats).try_acquire_owned().ok()?;
        let line = self.idle_line()?;
        Some(Link::Line { line, pool: Arc::clone(self), seat })
    }

    async fn wait_or_open(
        self: &Arc<Self>,
        to: &UpstreamConfig,
        fresh: bool,
    ) -> Result<(Link, bool), UpstreamError> {
        let wait = Wait { limit: to.connect, deadline: Instant::now() + to.connect };
        if self.spoken.load(Ordering::Relaxed) != HTTP1
            && let Some(leased) = self.share(&wait).await?
        {
            return Ok(leased);
        }
        let seat = wait.within(Arc::clone(&self.seats).acquire_owned()).await?;
        if let Some(line) = self.idle_line() {
            if !fresh {
                return Ok((Link::Line { line, pool: Arc::clone(self), seat }, true));
            }
            // A fresh connection takes the place of an idle one.
            drop(line);
        }
        self.open(&wait, seat).await
    }

    /// A place on a shared connection, opening one if need be; none if it turns out to be HTTP/1.1.
    async fn share(self: &Arc<Self>, wait: &Wait) -> Result<Option<(Link, bool)>, UpstreamError> {
        let _turn =
            timeout_at(wait.deadline, self.dialing.lock()).await.map_err(|_| wait.over())?;
        if self.spoken.load(Ordering::Relaxed) == HTTP1 {
            return Ok(None);
        }
        if let Some(branch) = self.branch() {
            return Ok(Some((branch, true)));
        }
        if let Some(trunk) = self.crowded_trunk() {
            let place = wait.within(Arc::clone(trunk.streams()).acquire_owned()).await?;
            return Ok(Some((self.link(trunk.branch(place)), true)));
        }
        let seat = wait.within(Arc::clone(&self.seats).acquire_owned()).await?;
        self.open(wait, seat).await.map(Some)
    }

    async fn open(
        self: &Arc<Self>,
        wait: &Wait,
        seat: OwnedSemaphorePermit,
    ) -> Result<(Link, bool), UpstreamError> {
        let Identity { endpoint, protocol, .. } = &*self.identity;
        let left = wait.deadline.saturating_duration_since(Instant::now());
        let connected =
            dial(endpoint, self.tls.as_ref(), left).await.map_err(UpstreamError::Connect)?;
        let wanted = *protocol == UpstreamProtocol::Http2;
        let http2 = connected.http2 || (wanted && !endpoint.is_tls());
        if wanted && !http2 {
            let reason = "it does not offer HTTP/2 in the TLS handshake";
            return Err(UpstreamError::Protocol { reason, cause: None });
        }
        self.spoken.store(if http2 { HTTP2 } else { HTTP1 }, Ordering::Relaxed);
        if !http2 {
            let line = Line::open(connected.stream);
            return Ok((Link::Line { line, pool: Arc::clone(self), seat }, false));
        }
        let mut trunk = Trunk::open(connected.stream).await?;
        let branch = trunk.lease().ok_or_else(|| wait.over())?;
        let mut kept = self.kept();
        kept.trunks.push(trunk);
        self.reap_later(&mut kept);
        Ok((self.link(branch), false))
    }

    /// Takes back a connection that can be used again.
    pub(super) fn keep(self: &Arc<Self>, mut line: Box<Line>) {
        line.rest();
        let mut kept = self.kept();
        kept.lines.push(line);
        self.reap_later(&mut kept);
    }

    /// Opens no more streams on the connection of this one; those under way go on.
    pub(super) fn retire(&self, branch: &Branch) {
        self.kept().trunks.retain(|trunk| !branch.is_of(trunk));
    }

    /// Whether it can be forgotten.
    pub(super) fn is_empty(&self) -> bool {
        let kept = self.kept();
        kept.lines.is_empty() && kept.trunks.is_empty()
    }

    fn idle_line(&self) -> Option<Box<Line>> {
        let now = Instant::now();
        loop {
            let mut line = self.kept().lines.pop()?;
            if line.idle_since + IDLE > now && line.is_usable() {
                return Some(line);
            }
        }
    }

    fn branch(self: &Arc<Self>) -> Option<Link> {
        let mut kept = self.kept();
        kept.trunks.retain(|trunk| !trunk.is_over());
        let branch = kept.trunks.iter_mut().find_map(Trunk::lease)?;
        Some(self.link(branch))
    }

    /// The one to wait for, if no further connection may be opened.
    fn crowded_trunk(&self) -> Option<Trunk> {
        let kept = self.kept();
        let full = kept.trunks.len() >= seats(self.identity.connections);
        kept.trunks.first().filter(|_| full).cloned()
    }

    fn link(self: &Arc<Self>, branch: Branch) -> Link {
        Link::Branch { branch, pool: Arc::clone(self) }
    }

    fn reap_later(self: &Arc<Self>, kept: &mut Kept) {
        // An answer may be dropped where there is no runtime; then the next one sees to it.
        if !kept.reaped
            && let Ok(runtime) = Handle::try_current()
        {
            kept.reaped = true;
            runtime.spawn(reap(Arc::downgrade(self)));
        }
    }

    /// Ends what was not used for long or was closed by the other side; says whether any is left.
    fn reap(&self, now: Instant) -> bool {
        let mut kept = self.kept();
        kept.lines.retain_mut(|line| line.idle_since + IDLE > now && line.is_usable());
        kept.trunks.retain(|trunk| !trunk.is_over() && !trunk.is_idle(now, IDLE));
        kept.reaped = !kept.lines.is_empty() || !kept.trunks.is_empty();
        kept.reaped
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn reap(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(REAP_EVERY).await;
        let left = pool.upgrade().is_some_and(|pool| pool.reap(Instant::now()));
        if !left {
            return;
        }
    }
}

fn seats(connections: u32) -> usize {
    usize::try_from(connections).unwrap_or(1).max(1)
}

/// How long a call may wait for a connection, queue and TLS included.
struct Wait {
    limit: Duration,
    deadline: Instant,
}

impl Wait {
    async fn within(
        &self,
        permit: impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>>,
    ) -> Result<OwnedSemaphorePermit, UpstreamError> {
        match timeout_at(self.deadline, permit).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(self.over()),
        }
    }

    fn over(&self) -> UpstreamError {
        UpstreamError::Timeout { stage: Stage::Queue, limit: self.limit }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::domain::{OrganizationId, Zone};
    use crate::upstream::Shared;

    #[tokio::test]
    async fn an_idle_connection_is_ended_after_half_a_minute() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = config(&format!("http://{}", listener.local_addr().unwrap()));
        let pool = Pool::new(&to);
        let (link, reused) = pool.lease(&to, false).await.unwrap();
        assert!(!reused);
        let _other_end = listener.accept().await.unwrap();
        let Link::Line { mut line, seat, .. } = link else { panic!("not HTTP/1.1") };
        // It says that it is ready once it was polled.
        assert!(line.is_usable());
        pool.keep(line);
        drop(seat);

        assert!(pool.reap(Instant::now() + IDLE - Duration::from_secs(1)));
        assert!(!pool.is_empty());
        assert!(!pool.reap(Instant::now() + IDLE));
        assert!(pool.is_empty());
    }

    fn config(url: &str) -> Arc<UpstreamConfig> {
        let upstream = serde_json::json!({ "id": "main", "url": url });
        let upstream = serde_json::from_value(upstream).unwrap();
        let organization = OrganizationId::parse("police").unwrap();
        let (zone, base) = (Zone::Sharing, Path::new("."));
        UpstreamConfig::compile(&Shared::default(), &organization, &upstream, zone, base).unwrap()
    }
}
