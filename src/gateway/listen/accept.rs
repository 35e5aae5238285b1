//! Accepts connections and hands each to the worker that has the fewest.
//!
//! One queue for all workers, rather than a socket each, so that a few busy HTTP/2 callers do not
//! share one core, and so that closing a listener loses nobody who already waits in its queue.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, watch};

use super::shared::{ListenerShared, Mishap, Place};

/// Connections the kernel keeps for us while we are busy.
const BACKLOG: i32 = 1024;

/// Connections that may wait for one worker.
pub(super) const QUEUE: usize = 256;

/// An accepted connection on its way to a worker.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) socket: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) listener: Arc<ListenerShared>,
    pub(super) place: Place,
    pub(super) load: Load,
}

/// One more connection on a worker, until dropped.
#[derive(Debug)]
pub(super) struct Load(Arc<AtomicU32>);

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The way to one worker.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    load: Arc<AtomicU32>,
    queue: mpsc::Sender<Arrival>,
}

impl Worker {
    pub(super) fn new(queue: mpsc::Sender<Arrival>) -> Self {
        Self { load: Arc::default(), queue }
    }
}

/// Binds a listening socket; accepted ones inherit its options.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    let probe = TcpKeepalive::new()
        .with_time(Duration::from_secs(45))
        .with_interval(Duration::from_secs(10));
    socket.set_tcp_keepalive(&probe)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Accepts until told to stop, then hands over who already waits, and closes.
pub(super) async fn accept(
    socket: TcpListener,
    listener: Arc<ListenerShared>,
    workers: Vec<Worker>,
    mut stop: watch::Receiver<bool>,
) {
    #[expect(deprecated, reason = "its successor is unsafe; a listener keeps its descriptor")]
    let watched = AsyncFd::with_interest(socket, Interest::READABLE);
    let socket = match watched {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(%error, listener = %listener.address, "cannot wait for connections");
            return;
        }
    };
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            // Not by tokio's listener: the worker's own runtime is to watch the connection, and this
            // one would watch it first, for two system calls more.
            accepted = socket.async_io(Interest::READABLE, take) => accepted,
        };
        match accepted {
            Ok((socket, peer)) => hand_over(socket, peer, &listener, &workers).await,
            Err(error) => wait_out(&error, &listener).await,
        }
    }
    let socket = socket.into_inner();
    while let Ok((socket, peer)) = take(&socket) {
        hand_over(socket, peer, &listener, &workers).await;
    }
}

/// Takes one connection that waits.
fn take(socket: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (socket, peer) = socket.accept()?;
    socket.set_nonblocking(true)?;
    Ok((socket, peer))
}

/// Most errors are of one connection that is gone already; for want of files we wait a little.
async fn wait_out(error: &io::Error, listener: &ListenerShared) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};

    if !matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        tracing::warn!(%error, listener = %listener.address, "cannot accept a connection");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Gives a connection to the worker that has the fewest; waits if even that one's queue is full.
async fn hand_over(
    socket: TcpStream,
    peer: SocketAddr,
    listener: &Arc<ListenerShared>,
    workers: &[Worker],
) {
    let place = match listener.place(peer.ip()) {
        Ok(place) => place,
        Err(mishap) => return turn_away(&socket, mishap, listener),
    };
    let fewest = workers.iter().min_by_key(|worker| worker.load.load(Ordering::Acquire));
    let Some(worker) = fewest else { return };
    worker.load.fetch_add(1, Ordering::AcqRel);
    let load = Load(Arc::clone(&worker.load));
    let arrival = Arrival { socket, peer, listener: Arc::clone(listener), place, load };
    if worker.queue.send(arrival).await.is_err() {
        tracing::debug!(%peer, "a connection came while its worker was ending");
    }
}

/// Resets the connection, so that a flood leaves nothing behind in the kernel.
fn turn_away(socket: &TcpStream, mishap: Mishap, listener: &ListenerShared) {
    listener.mishaps.count(mishap);
    if let Err(error) = SockRef::from(socket).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "a connection turned away is gone");
    }
}
