//! Listeners and the workers behind them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use super::parts::Parts;
use crate::config::Config;
use crate::domain::Zone;
use crate::gateway::listen::{self, Handler, ListenError, Listening, Workers};
use crate::gateway::{Body, Inbound, Memo, Worker, handle, identify};
use crate::upstream::Upstreams;

/// Signatures one worker remembers.
const PROOFS: usize = 16_384;

/// Starts the listeners; each worker builds what only it uses on its own thread.
pub(super) fn listen(config: &Config, parts: &Arc<Parts>) -> Result<Listening, ListenError> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let listeners: Vec<_> = config
        .zones
        .iter()
        .flat_map(|(zone, served)| {
            served.listeners.iter().map(|listener| (*zone, listener.clone()))
        })
        .collect();
    let parts = Arc::clone(parts);
    let workers = Workers {
        count: config.workers.map_or(cores, usize::from),
        make: Arc::new(move |_| handler(&parts)),
    };
    listen::start(&listeners, &workers)
}

/// What one worker does with requests, of whichever side.
fn handler(parts: &Arc<Parts>) -> Handler<Body> {
    let upstreams = Rc::new(Upstreams::default());
    let workers: BTreeMap<Zone, Rc<Worker>> = parts
        .sides
        .iter()
        .map(|(zone, side)| {
            let worker = Worker {
                node: Arc::clone(&parts.node),
                side: Arc::clone(side),
                upstreams: Rc::clone(&upstreams),
                memo: Rc::new(RefCell::new(Memo::default())),
                proofs: Rc::new(RefCell::new(identify::Memo::new(PROOFS))),
            };
            (*zone, Rc::new(worker))
        })
        .collect();
    let clock = parts.clock.clone();
    Rc::new(move |conn, request| {
        let Some(worker) = workers.get(&conn.zone()).cloned() else {
            // A listener is only started for a zone that has a side; were it not so, nothing is said.
            let mut response = http::Response::new(Body::empty());
            *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
            return Box::pin(std::future::ready(response));
        };
        let inbound = Inbound::new(conn, request, clock.now());
        in_place(move || handle(worker, inbound))
    })
}

/// Makes a future where it stays. `Box::pin` makes it on the stack and copies it, which for that of a call is
/// 3 KiB and 300 instructions (`make count`).
fn in_place<F>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::into_pin(Box::write(Box::new_uninit(), make()))
}
