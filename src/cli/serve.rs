//! `helan serve`: runs a node in the foreground.

use std::path::PathBuf;

use crate::journal::Clock;
use crate::run::{Options, start};

/// Runs a node in the foreground until SIGTERM or SIGINT; SIGHUP reads policies and certificates
/// again. Logs JSON to standard error; `RUST_LOG` sets how much.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  helan serve --config /etc/helan/helan.yaml\n  RUST_LOG=debug helan serve --config helan.yaml --last-good"
)]
pub struct Serve {
    /// The node's configuration (`helan schema config` describes it).
    #[arg(long)]
    config: PathBuf,
    /// Start from the last policies that were good, if those on disk are not; an alert stays up.
    #[arg(long)]
    last_good: bool,
}

/// Serves until stopped.
pub fn run(serve: &Serve) -> anyhow::Result<()> {
    super::log_to(std::io::stderr);
    let options = Options { clock: Clock::system(), last_good: serve.last_good };
    start(&serve.config, &options)?.until_stopped();
    Ok(())
}
