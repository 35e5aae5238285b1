//! The commands people type: one file each.

pub mod check;

pub mod draft;

pub mod demo;

pub mod explain;

pub mod keys;

mod places;

pub mod records;

pub mod report;

pub mod schema;

pub mod serve;

pub mod token;

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use crate::config::problem::BadConfiguration;
use anyhow::Context as _;

/// Helan 贺兰: a gate in front of the interfaces departments already run.
///
/// Routes calls by catalog entry, enforces grants item by item, limits, caches, and records every
/// access so that it can be proved later.
#[derive(Debug, clap::Parser)]
#[command(
    name = "helan",
    version,
    after_help = "Start with a working city on this machine:\n  helan demo\nPublish an interface, and see what is wrong with it and who could call it:\n  helan draft --openapi my-api.yaml --organization tax --name payers > payers.yaml\n  helan check --policies policies\n  helan explain --policies policies --application housing/desk --entry tax/payers\nRun a node, and read what it recorded:\n  helan serve --config /etc/helan/helan.yaml\n  helan records query --records /var/lib/helan/records --outcome no-grant\nExit codes: 0 fine, 1 refused or failed, 64 bad usage, 78 bad configuration."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Serve(serve::Serve),
    Check(check::Check),
    Draft(draft::Draft),
    Explain(explain::Explain),
    Demo(demo::Demo),
    #[command(
        after_help = "Examples:\n  helan keys make --folder /var/lib/helan/keys\n  helan keys credential --folder /var/lib/helan/keys\n  helan keys admin --folder /var/lib/helan/keys --name operator-1 --role system"
    )]
    Keys(keys::KeysArgs),
    #[command(
        subcommand,
        after_help = "Examples:\n  helan records query --records demo/records --outcome no-grant\n  helan records tail --records demo/records -f\n  helan records rebuild --config /etc/helan/helan.yaml\nVerify them, and give one call to somebody who does not trust you:\n  helan records verify --config demo/helan.yaml --since checkpoint-of-last-week\n  helan records prove 019a… --config demo/helan.yaml --out call.json\n  helan records check-proof call.json --key gate-1/records+…"
    )]
    Records(records::Records),
    Report(report::ReportArgs),
    #[command(
        after_help = "Example:\n  helan token --key issuer.pem --issuer https://id.city.example --subject housing/desk --audience helan\nThe key set that verifies such tokens: helan keys jwks --key issuer.pem"
    )]
    Token(token::TokenArgs),
    Schema(schema::Schema),
}

/// How a command ended, as the shell sees it (sysexits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Fine.
    Fine,
    /// Refused, or something failed.
    Failed,
    /// The arguments make no sense.
    Usage,
    /// The configuration or the policies cannot be used.
    Configuration,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Failed => 1,
            Exit::Usage => 64,
            Exit::Configuration => 78,
        })
    }
}

/// Runs one command.
pub fn run(cli: &Cli) -> Exit {
    let mut out = std::io::stdout();
    let now = crate::journal::Clock::system().now();
    let done: anyhow::Result<Exit> = match &cli.command {
        Command::Serve(serve) => serve::run(serve).map(|()| Exit::Fine),
        Command::Check(check) => check::run(check, &mut out).map(|_| Exit::Fine),
        Command::Draft(draft) => draft::run(draft, &mut out).map(|()| Exit::Fine),
        Command::Explain(explain) => explain::run(explain, &mut out)
            .map(|allowed| if allowed { Exit::Fine } else { Exit::Failed }),
        Command::Demo(demo) => demo::run(demo, &mut out).map(|()| Exit::Fine),
        Command::Keys(keys) => keys::run(keys, now, &mut out).map(|()| Exit::Fine),
        Command::Records(records) => {
            records::run(records, &mut out).map(|()| Exit::Fine).map_err(|error| {
                if let records::RecordsError::Configuration(bad) = error {
                    return bad.into();
                }
                error.into()
            })
        }
        Command::Report(report) => report::run(report, &mut out).map(|()| Exit::Fine),
        Command::Token(token) => token::run(token, now, &mut out).map(|()| Exit::Fine),
        Command::Schema(schema) => schema::run(schema, &mut out).map(|()| Exit::Fine),
    };
    match done {
        Ok(exit) => exit,
        Err(error) if error.downcast_ref::<BadConfiguration>().is_some() => {
            say(&error);
            Exit::Configuration
        }
        // Whoever reads our output may stop reading, as `head` does.
        Err(error) if is_broken_pipe(&error) => Exit::Fine,
        Err(error) => {
            say(&error);
            Exit::Failed
        }
    }
}

/// Starts the log: one JSON object a line. `RUST_LOG` sets how much.
fn log_to<W>(writer: W)
where
    W: for<'w> tracing_subscriber::fmt::MakeWriter<'w> + Send + Sync + 'static,
{
    let level = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().json().with_env_filter(level).with_writer(writer).init();
}

fn say(error: &anyhow::Error) {
    // With standard error gone there is nobody left to tell.
    drop(writeln!(std::io::stderr(), "helan: {error:#}"));
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Writes a secret that only its owner may read.
fn private(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    Ok(())
}
