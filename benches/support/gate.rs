//! The sharing side of a node with real parts, and requests for it.
//!
//! Only a listener makes a request, so requests come over loopback, wait until all of a round are
//! there, and are then answered at once in the worker's runtime. Only that is measured.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::future::join_all;
use helan::cache::Cache;
use helan::config::keys::KeyPurpose;
use helan::config::{Bounds, JournalConfig, Listener};
use helan::domain::{Budget, ProfileId, Timestamp, Zone};
use helan::gateway::identify::{self, KeySets};
use helan::gateway::listen::{Conn, Handler, Listening, RequestBody, Workers, start};
use helan::gateway::{
    Body, Folds, Inbound, Limiters, Memo, Node, Recorder, Side, Via, Worker, handle,
};
use helan::journal::tree::{Signer, TreeOptions};
use helan::journal::{Clock, Journal, JournalOptions, Keep};
use helan::policy::Overlay;
use helan::shape::MaskKey;
use helan::upstream::Upstreams;
use http::{Request, Response, response};
use http_body_util::BodyExt as _;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::support::{City, noon};

/// No round takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the gateway answered to one request.
pub(crate) struct Answer {
    pub(crate) head: response::Parts,
    pub(crate) body: Bytes,
}

/// One round of requests that were answered at once.
pub(crate) struct Round {
    /// How long it took until the last body had ended.
    pub(crate) took: Duration,
    /// CPU time of the whole process, until all its records were durable.
    pub(crate) worked: Duration,
    pub(crate) answers: Vec<Answer>,
}

/// A request that came in, and how its sender is told that the round is over.
type Waiting = (Arc<Conn>, Request<RequestBody>, oneshot::Sender<()>);

/// A node's sharing side behind a listener of one worker.
pub(crate) struct Gate {
    pub(crate) journal: Journal,
    wanted: Arc<AtomicUsize>,
    rounds: Receiver<Round>,
    senders: Vec<TcpStream>,
    address: SocketAddr,
    _listening: Listening,
    _control: Runtime,
}

impl Gate {
    /// Opens the sharing zone of this city under `yc-2018`, with its records under `folder`.
    pub(crate) fn open(city: &City, folder: &Path) -> Self {
        let clock = clock();
        let control = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (journal, _) = Journal::open(&journal_options(&clock, folder)).unwrap();
        let node = Arc::new(node(city, &clock));
        let side = Arc::new(side(city, &clock, &journal, &control));
        let wanted = Arc::new(AtomicUsize::new(0));
        let (tell, rounds) = mpsc::channel();
        let of_worker = Arc::clone(&wanted);
        let workers = Workers {
            count: 1,
            make: Arc::new(move |_| handler(worker(&node, &side), &of_worker, tell.clone())),
        };
        // A sender is idle while criterion calculates.
        let bounds = Bounds { idle_ms: 3_600_000, ..Bounds::default() };
        let listener = Listener {
            address: "127.0.0.1:0".parse().unwrap(),
            tls: None,
            trusted_proxies: Vec::new(),
            bounds,
        };
        let listening = start(&[(Zone::Sharing, listener)], &workers).unwrap();
        let address = listening.addresses()[0];
        Self {
            journal,
            wanted,
            rounds,
            senders: Vec::new(),
            address,
            _listening: listening,
            _control: control,
        }
    }

    /// Has this request answered so many times at once.
    pub(crate) fn round(&mut self, request: &str, at_once: usize) -> Round {
        self.wanted.store(at_once, Ordering::Release);
        while self.senders.len() < at_once {
            self.senders.push(TcpStream::connect(self.address).unwrap());
        }
        for sender in &mut self.senders[..at_once] {
            sender.write_all(request.as_bytes()).unwrap();
        }
        let round = self.rounds.recv_timeout(PATIENCE).unwrap();
        for sender in &mut self.senders[..at_once] {
            let mut answer = [0; 512];
            let length = sender.read(&mut answer).unwrap();
            assert!(answer[..length].ends_with(b"\r\n\r\n"), "a sender was not told all at once");
        }
        round
    }
}

/// Time that begins at the city's noon.
fn clock() -> Clock {
    let began = Instant::now();
    Clock::new(move || noon().plus_millis(i64::try_from(began.elapsed().as_millis()).unwrap()))
}

fn journal_options(clock: &Clock, folder: &Path) -> JournalOptions {
    // No round is to wait for the average of a minute.
    let budget = Budget { pending_bytes: 1 << 30, bytes_per_second: 1 << 40 };
    let JournalConfig { segment_bytes, sync_ms, free_bytes, .. } = JournalConfig::default();
    JournalOptions {
        folder: folder.to_owned(),
        segment_bytes,
        sync_ms,
        free_bytes,
        budgets: [(Zone::Sharing, budget)].into(),
        node: "bench".to_owned(),
        clock: clock.clone(),
        tree: TreeOptions::signed_by(Signer::new("bench/records", &[7; 32])),
        keep: Keep::default(),
    }
}

fn node(city: &City, clock: &Clock) -> Node {
    let overlay = OnceLock::new();
    overlay.get_or_init(|| Arc::new(ArcSwap::from_pointee(Overlay::default())));
    Node {
        name: "bench".to_owned(),
        via: Via::new("bench").unwrap(),
        clock: clock.clone(),
        mask_key: Some(Arc::new(MaskKey::new(&city.keys.secret(KeyPurpose::Mask).1))),
        keys: Arc::clone(&city.keys),
        limiters: Limiters::new([]),
        overlay,
    }
}

fn side(city: &City, clock: &Clock, journal: &Journal, control: &Runtime) -> Side {
    let view = city.sharing(ProfileId::Yc2018);
    let key_sets = Arc::new(KeySets::default());
    key_sets.configure(&view.view.issuers, &city.policies, control.handle()).unwrap();
    let recorder = Recorder {
        zone: Zone::Sharing,
        journal: journal.clone(),
        clock: clock.clone(),
        keys: Arc::clone(&city.keys),
        folds: Folds::default(),
        zone_metrics: city.metrics.zone(Zone::Sharing),
        metrics: Arc::clone(&city.metrics),
    };
    Side {
        zone: Zone::Sharing,
        profile: ProfileId::Yc2018,
        view: ArcSwap::from_pointee(view),
        cache: Cache::new(64 << 20),
        recorder: Arc::new(recorder),
        key_sets,
        address_rate: None,
        origins: Vec::new(),
    }
}

fn worker(node: &Arc<Node>, side: &Arc<Side>) -> Worker {
    Worker {
        node: Arc::clone(node),
        side: Arc::clone(side),
        upstreams: Rc::new(Upstreams::default()),
        memo: Rc::new(RefCell::new(Memo::default())),
        proofs: Rc::new(RefCell::new(identify::Memo::new(16_384))),
    }
}

/// Lets requests wait until the round is complete, and answers them all.
fn handler(worker: Worker, wanted: &Arc<AtomicUsize>, tell: Sender<Round>) -> Handler<Body> {
    let (worker, tell) = (Rc::new(worker), Rc::new(tell));
    let wanted = Arc::clone(wanted);
    let waiting: Rc<RefCell<Vec<Waiting>>> = Rc::default();
    Rc::new(move |conn, request| {
        let (over, told) = oneshot::channel();
        waiting.borrow_mut().push((conn, request, over));
        if waiting.borrow().len() == wanted.load(Ordering::Acquire) {
            let round = std::mem::take(&mut *waiting.borrow_mut());
            drop(tokio::task::spawn_local(answer(Rc::clone(&worker), round, Rc::clone(&tell))));
        }
        Box::pin(async move {
            told.await.unwrap();
            Response::new(Body::empty())
        })
    })
}

async fn answer(worker: Rc<Worker>, round: Vec<Waiting>, tell: Rc<Sender<Round>>) {
    let (requests, overs): (Vec<_>, Vec<_>) =
        round.into_iter().map(|(conn, request, over)| ((conn, request), over)).unzip();
    let (began, idle) = (Instant::now(), crate::proc::cpu());
    let answers = requests.into_iter().map(|(conn, request)| async {
        let received: Timestamp = worker.node.clock.now();
        let answer = handle(Rc::clone(&worker), Inbound::new(conn, request, received)).await;
        let (head, body) = answer.into_parts();
        Answer { head, body: body.collect().await.unwrap().to_bytes() }
    });
    let answers = join_all(answers).await;
    let took = began.elapsed();
    while worker.side.recorder.journal.stats().pending > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tell.send(Round { took, worked: crate::proc::cpu().saturating_sub(idle), answers }).unwrap();
    for over in overs {
        over.send(()).unwrap();
    }
}
