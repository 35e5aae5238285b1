//! Builds the parts, hands them to each other, starts listeners, drains on stop.

mod announce;

mod control;

mod figures;

mod kept;

mod load;

mod parts;

mod place;

mod process;

mod supervise;

mod workers;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::Config;
use crate::config::problem::BadConfiguration;
use crate::journal::Clock;

use self::control::{Control, Held};
use self::parts::Parts;
pub(crate) use self::place::{located, upstream_of};

/// How to start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the time comes from.
    pub clock: Clock,
    /// Start from the last policies that were good, if those on disk are not.
    pub last_good: bool,
}

/// A node that serves.
#[derive(Debug)]
pub struct Running {
    runtime: Runtime,
    parts: Arc<Parts>,
    listening: Held,
    control: Control,
    stop: StopSignals,
    unready: Duration,
    drain: Duration,
}

/// SIGTERM and SIGINT, heard from before the node says that it is ready.
#[derive(Debug)]
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

/// Starts a node: everything is checked before a port is bound, and it is ready when this returns.
pub fn start(config: &Path, options: &Options) -> anyhow::Result<Running> {
    let config = read(config)?;
    let runtime = control::runtime()?;
    let built = Parts::build(&config, options, runtime.handle())?;
    let parts = Arc::clone(&built.parts);
    let listening = workers::listen(&config, &parts)?;
    parts.figures.watch(listening.listeners());
    let listening = Arc::new(Mutex::new(Some(listening)));
    let control = Control::start(&runtime, &config, built, &listening)?;
    let stop =
        runtime.block_on(async { StopSignals::hear() }).context("cannot listen for signals")?;
    parts.readiness.set(true);
    tracing::info!(admin = %config.admin.address, "ready");
    let unready = Duration::from_millis(config.unready_ms.into());
    let drain = Duration::from_millis(config.drain_ms.into());
    Ok(Running { runtime, parts, listening, control, stop, unready, drain })
}

fn read(path: &Path) -> anyhow::Result<Config> {
    let config =
        crate::config::load(path).map_err(|problems| BadConfiguration::of_node(&problems))?;
    if config.zones.len() > 1 && config.zones_together.is_none() {
        return Err(BadConfiguration(format!(
            "{}: two zones in one process share its memory; run a process each, or write `zones_together: yes-in-one-process`",
            path.display()
        ))
        .into());
    }
    Ok(config)
}

impl Running {
    /// Serves until SIGTERM or SIGINT, then finishes what is under way and ends.
    pub fn until_stopped(mut self) {
        self.runtime.block_on(self.stop.wait());
        self.stop();
    }

    /// Readiness fails first, then accepting stops, then what is under way finishes.
    fn stop(self) {
        tracing::info!("stopping");
        self.parts.readiness.set(false);
        std::thread::sleep(self.unready);
        let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(listening) = listening {
            let left = self.runtime.block_on(listening.drain(self.drain));
            if left > 0 {
                tracing::warn!(connections = left, "cut before they were done");
            }
        }
        drop(self.control);
        self.runtime.shutdown_background();
        self.parts.figures.bring_in(&self.parts.sides);
        self.parts.close_folds(i64::MAX);
        self.parts.journal.close();
        if let Some(follower) = self.parts.follower.get() {
            follower.finish(self.drain);
        }
        tracing::info!("stopped");
    }
}

impl StopSignals {
    fn hear() -> std::io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
