//! Starts the listeners of a node, and ends them.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use super::accept::{self, Worker, accept, bind};
use super::calls::{Answer, Handler};
use super::give_back::give_back;
use super::shared::ListenerShared;
use super::worker;
use crate::config::{Listener, TlsConfig};
use crate::domain::Zone;
use crate::net::tls::{Change, ClientFiles, ServerTls, TlsError, TlsFiles};

/// How often the files of TLS are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The threads that serve requests.
pub struct Workers<B> {
    /// How many; at least one.
    pub count: usize,
    /// Makes the handler of worker `n`, on that worker's thread and within its runtime.
    pub make: Arc<dyn Fn(usize) -> Handler<B> + Send + Sync>,
}

/// Why a node cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is taken, or not ours.
    #[error(
        "cannot listen on {address}: check that no other process has this port and that the address is this machine's"
    )]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// Certificates, keys or lists that cannot be used.
    #[error("cannot serve TLS on {address}")]
    Tls {
        /// The listener.
        address: SocketAddr,
        /// What is wrong with which file.
        #[source]
        cause: TlsError,
    },
    /// The system gives no thread.
    #[error("cannot start a thread: check the limits on processes and memory")]
    Thread {
        /// What the system says.
        #[source]
        cause: io::Error,
    },
}

/// What became of one listener when its TLS files were read again.
pub type Reloaded = (SocketAddr, Result<Change, TlsError>);

/// Listeners at work. Dropping it ends them at once.
#[derive(Debug)]
pub struct Listening {
    listeners: Vec<Arc<ListenerShared>>,
    stop: watch::Sender<bool>,
    end: watch::Sender<bool>,
    /// Closed when the last listener is.
    accepting: mpsc::Receiver<()>,
    threads: Vec<JoinHandle<()>>,
}

/// Binds every listener and starts serving.
pub fn start<B: Answer>(
    listeners: &[(Zone, Listener)],
    workers: &Workers<B>,
) -> Result<Listening, ListenError> {
    let bound = listeners
        .iter()
        .map(|(zone, listener)| open(*zone, listener))
        .collect::<Result<Vec<_>, _>>()?;
    let shared: Vec<_> = bound.iter().map(|(_, listener)| Arc::clone(listener)).collect();
    let thread = |cause| ListenError::Thread { cause };
    let (stop, stopped) = watch::channel(false);
    let (end, ended) = watch::channel(false);
    let (alive, accepting) = mpsc::channel(1);
    let queues = (0..workers.count.max(1)).map(|_| mpsc::channel(accept::QUEUE));
    let (queues, arrivals): (Vec<_>, Vec<_>) = queues.unzip();
    let ways = queues.into_iter().map(Worker::new).collect();
    // A worker that has no other beside it accepts for itself: on one core 7 % of the CPU of a new
    // connection went to a thread for that, and 5 % to the interrupts by which it took the core.
    let alone = arrivals.len() == 1;
    let mut accept: Option<BoxFuture<'static, ()>> =
        Some(Box::pin(run(bound, ways, stopped, alive)));
    let mut threads = Vec::new();
    for (number, arrivals) in arrivals.into_iter().enumerate() {
        let beside = accept.take_if(|_| alone);
        let worker = worker::spawn(number, workers, (arrivals, beside), ended.clone());
        threads.push(worker.map_err(thread)?);
    }
    if let Some(accept) = accept {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(thread)?;
        let accepter = thread::Builder::new().name("helan-accept".to_owned());
        threads.push(accepter.spawn(move || runtime.block_on(accept)).map_err(thread)?);
    }
    Ok(Listening { listeners: shared, stop, end, accepting, threads })
}

fn open(
    zone: Zone,
    listener: &Listener,
) -> Result<(TcpListener, Arc<ListenerShared>), ListenError> {
    let address = listener.address;
    let bind = |cause| ListenError::Bind { address, cause };
    let tls = listener.tls.as_ref().map(|tls| ServerTls::load(files(tls)));
    let tls = tls.transpose().map_err(|cause| ListenError::Tls { address, cause })?;
    let socket = self::bind(address).map_err(bind)?;
    let address = socket.local_addr().map_err(bind)?;
    Ok((socket, Arc::new(ListenerShared::new(zone, address, listener, tls))))
}

/// Whether the files of a listener's TLS could be used now.
pub fn check_tls(tls: &TlsConfig) -> Result<(), TlsError> {
    ServerTls::load(files(tls)).map(drop)
}

fn files(tls: &TlsConfig) -> TlsFiles {
    TlsFiles {
        certificate: tls.certificate.clone(),
        key: tls.key.clone(),
        clients: tls.clients.as_ref().map(|clients| ClientFiles {
            authorities: clients.authorities.clone(),
            revoked: clients.revoked.clone(),
            required: clients.required,
        }),
    }
}

/// Accepts on every listener, and looks at the files of TLS now and then.
async fn run(
    bound: Vec<(TcpListener, Arc<ListenerShared>)>,
    workers: Vec<Worker>,
    stop: watch::Receiver<bool>,
    alive: mpsc::Sender<()>,
) {
    let mut tasks = tokio::task::JoinSet::new();
    let shared: Vec<_> = bound.iter().map(|(_, listener)| Arc::clone(listener)).collect();
    for (socket, listener) in bound {
        tasks.spawn(accept(socket, listener, workers.clone(), stop.clone()));
    }
    drop(workers);
    let beside = [tokio::spawn(give_back(shared.clone())), tokio::spawn(look(shared))];
    while tasks.join_next().await.is_some() {}
    beside.iter().for_each(tokio::task::JoinHandle::abort);
    drop(alive);
}

/// Reads the files of TLS again when they change.
async fn look(listeners: Vec<Arc<ListenerShared>>) {
    let mut stamps: Vec<_> =
        listeners.iter().map(|l| l.tls.as_ref().map(ServerTls::stamp)).collect();
    loop {
        sleep(LOOK_EVERY).await;
        for (listener, before) in listeners.iter().zip(&mut stamps) {
            let now = listener.tls.as_ref().map(ServerTls::stamp);
            if now != *before {
                *before = now;
                let listener = Arc::clone(listener);
                // Chains are checked there too, and nobody is to wait for that.
                drop(tokio::task::spawn_blocking(move || listener.reload()).await);
            }
        }
    }
}

impl Listening {
    /// The listeners, with their addresses as bound, counts and mishaps.
    pub fn listeners(&self) -> &[Arc<ListenerShared>] {
        &self.listeners
    }

    /// Where is listened, in the order of the configuration.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|listener| listener.address).collect()
    }

    /// Reads certificates, keys, authorities and revocation lists again now, rather than within a
    /// second of their change. Blocks while it reads and checks.
    pub fn reload_tls(&self) -> Vec<Reloaded> {
        let each = self.listeners.iter();
        each.filter_map(|listener| Some((listener.address, listener.reload()?))).collect()
    }

    /// Closes the listening sockets; who already waits in their queues is still served.
    pub async fn stop_accepting(&mut self) {
        self.stop.send_replace(true);
        while self.accepting.recv().await.is_some() {}
    }

    /// Ends every connection after what it is answering, and at the deadline cuts those that are left.
    /// Says how many those were.
    pub async fn drain(mut self, within: Duration) -> u32 {
        let begun = Instant::now();
        self.stop_accepting().await;
        self.listeners.iter().for_each(|listener| listener.drain());
        while self.open() > 0 && begun.elapsed() < within {
            sleep(Duration::from_millis(5)).await;
        }
        let left = self.open();
        self.listeners.iter().for_each(|listener| listener.end());
        self.end.send_replace(true);
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || {
            threads.into_iter().filter_map(|thread| thread.join().err()).count()
        });
        match tokio::time::timeout(Duration::from_secs(1), joined).await {
            Ok(Ok(0)) => {}
            Ok(_) => tracing::error!("a thread that served requests panicked"),
            Err(_) => tracing::warn!("a thread that served requests does not end"),
        }
        left
    }

    fn open(&self) -> u32 {
        self.listeners.iter().map(|listener| listener.open()).sum()
    }
}

impl<B> fmt::Debug for Workers<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("count", &self.count).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use bytes::Bytes;
    use http::Response;
    use http_body_util::Empty;

    use super::*;
    use crate::config::Bounds;

    #[tokio::test]
    async fn only_where_there_are_several_workers_a_thread_accepts_for_them() {
        let listener = Listener {
            address: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            trusted_proxies: Vec::new(),
            bounds: Bounds::default(),
        };
        for (count, threads) in [(0, 1), (1, 1), (2, 3)] {
            let make: Arc<dyn Fn(usize) -> Handler<Empty<Bytes>> + Send + Sync> =
                Arc::new(|_| Rc::new(|_, _| Box::pin(async { Response::new(Empty::new()) })));
            let listening = start(&[(Zone::Sharing, listener.clone())], &Workers { count, make });
            let listening = listening.unwrap();
            assert_eq!(listening.threads.len(), threads, "{count} workers");

            let address = listening.addresses()[0];
            let answer = tokio::task::spawn_blocking(move || {
                use std::io::{Read as _, Write as _};
                let mut socket = std::net::TcpStream::connect(address).unwrap();
                socket.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
                let mut answer = String::new();
                socket.read_to_string(&mut answer).unwrap();
                answer
            });
            assert!(answer.await.unwrap().starts_with("HTTP/1.0 200 OK"));
            assert_eq!(listening.drain(Duration::from_secs(5)).await, 0);
        }
    }
}
