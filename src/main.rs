//! Arguments → run → exit code.

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;
use helan::cli::{Cli, Exit};
// By its feature `override` it is the `malloc` that Rust, SQLite and AWS-LC call. As a `#[global_allocator]` it
// would be asked for an alignment each time, which takes a longer way and, over 1 KiB, more room.
use mimalloc as _;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers; anything else is bad usage.
            let is_answer =
                matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            drop(error.print());
            return if is_answer { ExitCode::SUCCESS } else { Exit::Usage.into() };
        }
    };
    helan::cli::run(&cli).into()
}
