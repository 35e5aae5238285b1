//! The control runtime: admin calls, signals, certificates, key sets and folds, on a thread of its own
//! so that nothing here waits for a request or makes one wait.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::parts::{Built, Parts};
use crate::config::Config;
use crate::control::{self, Admin, Handles, Meaning};
use crate::gateway::Described;
use crate::gateway::listen::Listening;
use crate::policy::reload::{Cause, Reload};

/// How often counts of what has no record of its own are written.
const FOLDS: Duration = Duration::from_millis(250);

/// The listeners, until they are drained.
pub(super) type Held = Arc<Mutex<Option<Listening>>>;

/// What goes on beside requests; the watch over the policies ends when this is dropped.
#[derive(Debug)]
pub(super) struct Control {
    _reload: Arc<Reload>,
}

impl Control {
    pub(super) fn start(
        runtime: &Runtime,
        config: &Config,
        built: Built,
        listening: &Held,
    ) -> anyhow::Result<Self> {
        let Built { parts, reload } = built;
        let admin = Arc::new(admin(&parts, &reload, listening, config));
        let address = config.admin.address;
        let listener = runtime
            .block_on(TcpListener::bind(address))
            .with_context(|| format!("cannot listen on {address} for admin calls"))?;
        runtime.spawn(control::serve(Arc::clone(&admin), listener));
        if let Some(path) = &config.admin.socket {
            let listener = runtime
                .block_on(async { control::bind_socket(path) })
                .with_context(|| format!("cannot listen on {} for admin calls", path.display()))?;
            runtime.spawn(control::serve_socket(admin, listener));
        }
        runtime.spawn(folds(Arc::clone(&parts)));
        // Heard from before the node says that it is ready: it would end one that does not listen.
        let hang_up = runtime
            .block_on(async { signal(SignalKind::hangup()) })
            .context("cannot listen for SIGHUP")?;
        runtime.spawn(hang_ups(hang_up, parts, Arc::clone(&reload), Arc::clone(listening)));
        Ok(Self { _reload: reload })
    }
}

/// The runtime of everything that is no request.
pub(super) fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("helan-control")
        .enable_all()
        .build()
}

fn admin(parts: &Arc<Parts>, reload: &Arc<Reload>, listening: &Held, config: &Config) -> Admin {
    let (paged, purged, asked) = (Arc::clone(parts), Arc::clone(parts), Arc::clone(parts));
    let (again, listening) = (Arc::clone(reload), Arc::clone(listening));
    let (held, read) = (Arc::clone(parts), Arc::clone(parts));
    let (viewed, compared) = (Arc::clone(parts), Arc::clone(parts));
    let (found, measured) = (Arc::clone(parts), Arc::clone(parts));
    Admin {
        keys: Arc::clone(&parts.keys),
        journal: parts.journal.clone(),
        clock: parts.clock.clone(),
        reload: Arc::clone(reload),
        readiness: Arc::clone(&parts.readiness),
        handles: Handles {
            metrics: Box::new(move || paged.page().map_err(|error| error.to_string())),
            purge: Box::new(move |entry| {
                purged.sides.values().map(|side| side.cache.purge_entry(entry)).sum()
            }),
            reload: Box::new(move |by| {
                // Keys first: credentials may stand in the policies that are hashed under a new one.
                let keys = held.reload_keys();
                again.trigger(Cause::Admin(by.to_owned()));
                keys.into_iter().chain(reload_tls(&listening)).collect()
            }),
            knows: Box::new(move |what| asked.knows(what)),
            findings: Box::new(move || found.findings()),
            measures: Box::new(move |period| measured.measures(period)),
            sources: Box::new(move || read.sources()),
            views: Box::new(move || viewed.views()),
            refusals: crate::gateway::meanings()
                .map(|described| {
                    let Described { code, text, remedy, .. } = described;
                    (code, Meaning { text, remedy })
                })
                .collect(),
            difference: Box::new(move || compared.difference()),
        },
        unproved: control::Unproved::default(),
        views: control::Views::default(),
        console: control::Console::default(),
        node: parts.node.name.clone(),
        records: config.records.clone(),
        state: config.state.clone(),
    }
}

/// Reads certificates again; what cannot be used leaves the old in place, stands in the log and is
/// said.
fn reload_tls(listening: &Held) -> Vec<String> {
    let listening = listening.lock().unwrap_or_else(PoisonError::into_inner);
    let all = listening.iter().flat_map(Listening::reload_tls);
    all.filter_map(|(address, outcome)| Some(format!("{address}: {}", outcome.err()?))).collect()
}

async fn folds(parts: Arc<Parts>) {
    let mut every = tokio::time::interval(FOLDS);
    loop {
        every.tick().await;
        parts.figures.bring_in(&parts.sides);
        parts.close_folds(parts.clock.now().millis().div_euclid(1000));
    }
}

async fn hang_ups(mut hang_up: Signal, parts: Arc<Parts>, reload: Arc<Reload>, listening: Held) {
    while hang_up.recv().await.is_some() {
        tracing::info!("SIGHUP: reading policies, certificates and keys again");
        drop(parts.reload_keys());
        reload.trigger(Cause::Signal);
        drop(reload_tls(&listening));
    }
}
