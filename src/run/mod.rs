//! Builds the parts, hands them to each other, starts listeners, drains on stop.

mod control;

mod keep;

mod load;

mod parts;

mod workers;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::BadConfiguration;
use crate::config::Config;
use crate::journal::Clock;

use self::control::{Control, Held};
pub(crate) use self::load::rules_problem;
use self::parts::Parts;

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
    drain: Duration,
}

/// Starts a node: everything is checked before a port is bound, and it is ready when this returns.
pub fn start(config: &Path, options: &Options) -> anyhow::Result<Running> {
    let config = read(config)?;
    let runtime = control::runtime()?;
    let built = Parts::build(&config, options, runtime.handle())?;
    let parts = Arc::clone(&built.parts);
    let listening = workers::listen(&config, &parts)?;
    let listening = Arc::new(Mutex::new(Some(listening)));
    let control = Control::start(&runtime, &config, built, &listening)?;
    parts.readiness.set(true);
    tracing::info!(admin = %config.admin.address, "ready");
    let drain = Duration::from_millis(config.drain_ms.into());
    Ok(Running { runtime, parts, listening, control, drain })
}

fn read(path: &Path) -> anyhow::Result<Config> {
    let config = crate::config::load(path).map_err(|problems| {
        let text: Vec<_> = problems.iter().map(|problem| problem.render(false)).collect();
        BadConfiguration(format!("the configuration cannot be used\n{}", text.join("\n")))
    })?;
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
    pub fn until_stopped(self) -> anyhow::Result<()> {
        self.runtime.block_on(wait_for_stop()).context("cannot listen for signals")?;
        self.stop();
        Ok(())
    }

    /// Readiness fails first, then accepting stops, then what is under way finishes.
    fn stop(self) {
        tracing::info!("stopping");
        self.parts.readiness.set(false);
        let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(listening) = listening {
            let left = self.runtime.block_on(listening.drain(self.drain));
            if left > 0 {
                tracing::warn!(connections = left, "cut before they were done");
            }
        }
        drop(self.control);
        self.runtime.shutdown_background();
        self.parts.close_folds(i64::MAX);
        self.parts.journal.close();
        self.parts.keeper.close();
        tracing::info!("stopped");
    }
}

async fn wait_for_stop() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
