//! `helan records verify`, `prove` and `check-proof`: what holds without trusting whoever keeps the
//! records.

use std::fs;
use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;

use uuid::Uuid;

use super::super::places::{Folder, places};
use super::{RecordsError, unless_gone};
use crate::config::keys::{KeyPurpose, Keys};
use crate::config::problem::BadConfiguration;
use crate::domain::counted;
use crate::journal::Event;
use crate::journal::tree::{
    Believed, Evidence, Fault, Report, SignedCheckpoint, Signer, Verifier, verify as read_all,
};

/// Whose signatures count.
#[derive(Clone, Debug, clap::Args)]
pub struct KeyArgs {
    /// Verifier key of the node, `name+id+key` as `helan keys verifier` prints it, or a file of such lines.
    #[arg(long = "key", value_name = "KEY|FILE")]
    pub keys: Vec<String>,
}

impl KeyArgs {
    fn read(&self) -> Result<Vec<Verifier>, RecordsError> {
        let mut found = Vec::new();
        for given in &self.keys {
            if let Some(key) = Verifier::parse(given) {
                found.push(key);
                continue;
            }
            let text = fs::read_to_string(given)
                .map_err(|cause| RecordsError::Key { given: given.clone(), cause: Some(cause) })?;
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                let key = Verifier::parse(line);
                found.push(
                    key.ok_or_else(|| RecordsError::Key { given: given.clone(), cause: None })?,
                );
            }
        }
        Ok(found)
    }
}

/// Reads every record again and checks it against the tree, the checkpoints, and what was kept
/// elsewhere.
#[derive(Clone, Debug, clap::Args)]
pub struct VerifyArgs {
    /// Where they are.
    #[command(flatten)]
    pub folder: Folder,
    /// Whose signatures count.
    #[command(flatten)]
    pub keys: KeyArgs,
    /// A checkpoint of these records that was kept elsewhere (a file).
    #[arg(long, value_name = "FILE")]
    pub since: Option<PathBuf>,
    /// One JSON object with all that was found.
    #[arg(long)]
    pub json: bool,
}

/// Writes a call as evidence that anybody can check without the records.
#[derive(Clone, Debug, clap::Args)]
pub struct ProveArgs {
    /// The `Helan-Transaction` of the call.
    #[arg(value_name = "TRANSACTION")]
    pub transaction: Uuid,
    /// Where the records are.
    #[command(flatten)]
    pub folder: Folder,
    /// The file to write; standard output without it.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Checks evidence that `prove` wrote, without any records.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckProofArgs {
    /// The file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Whose signature counts.
    #[command(flatten)]
    pub keys: KeyArgs,
}

/// Verifies a folder of records.
pub(super) fn verify(args: &VerifyArgs, out: &mut impl Write) -> Result<(), RecordsError> {
    let folder = args.folder.path()?;
    let mut keys = args.keys.read()?;
    if keys.is_empty()
        && let Some(config) = &args.folder.config
    {
        keys = verifiers(config)?;
    }
    let since = args.since.as_deref().map(read_checkpoint).transpose()?;
    let open = |cause| RecordsError::Open { folder: folder.clone(), cause };
    let watched = io::stderr().is_terminal();
    let progress = |report: &Report| {
        if watched {
            // Nothing depends on its being seen.
            drop(write!(
                io::stderr(),
                "\r{}, {} ",
                counted(report.events, "event"),
                counted(report.checkpoints, "checkpoint")
            ));
        }
    };
    let report = read_all(&folder, Believed { keys, since }, progress).map_err(open)?;
    if watched {
        drop(writeln!(io::stderr()));
    }
    // What was found does not depend on who stays to read it.
    unless_gone(tell(&report, args, out))?;
    if report.is_sound() { Ok(()) } else { Err(RecordsError::NotProved(report.count)) }
}

fn tell(report: &Report, args: &VerifyArgs, out: &mut impl Write) -> Result<(), RecordsError> {
    if args.json {
        let report = serde_json::to_string(report).map_err(io::Error::from)?;
        writeln!(out, "{report}")?;
    } else {
        show(report, args.since.is_some(), out)?;
    }
    Ok(out.flush()?)
}

fn show(report: &Report, had_since: bool, out: &mut impl Write) -> io::Result<()> {
    let Report { events, first, last, bytes, checkpoints, covered, .. } = report;
    if *events == 0 {
        writeln!(out, "no events")?;
    } else {
        let (events, bytes) = (counted(*events, "event"), counted(*bytes, "byte"));
        writeln!(out, "{events}, numbers {first} to {last}, {bytes}, hashed with sha-256")?;
    }
    let agree = if *checkpoints == 1 { "agrees" } else { "agree" };
    writeln!(
        out,
        "{} signed with ed25519 {agree}; the last covers {}",
        counted(*checkpoints, "checkpoint"),
        counted(*covered, "event")
    )?;
    for fault in &report.faults {
        writeln!(out, "WRONG: {fault}")?;
    }
    let untold =
        report.count.saturating_sub(u64::try_from(report.faults.len()).unwrap_or(u64::MAX));
    if untold > 0 {
        writeln!(out, "WRONG: and {untold} more")?;
    }
    if report.unfinished > 0 {
        let one = report.unfinished == 1;
        let (have, they) = if one { ("has", "it is") } else { ("have", "they are") };
        let calls = counted(report.unfinished, "call");
        writeln!(out, "note: {calls} {have} no end: the node was killed, or {they} under way")?;
    }
    if let Some(number) = report.first_clock_step {
        let steps = counted(report.clock_steps, "time");
        writeln!(out, "note: time ran back by more than 5 s {steps}, first at event {number}")?;
    }
    let is_told = report.faults.iter().any(|fault| matches!(fault, Fault::Uncovered { .. }));
    if last > covered && !is_told {
        let open = match last - covered {
            1 => "event".to_owned(),
            open => format!("{open} events"),
        };
        writeln!(out, "not proved: the last {open}, which no checkpoint covers yet")?;
    }
    not_proved(report, had_since, out)
}

/// Says what verification cannot tell.
fn not_proved(report: &Report, had_since: bool, out: &mut impl Write) -> io::Result<()> {
    if report.keys_from_records {
        writeln!(
            out,
            "not proved: whose records these are. The keys are those that the records name themselves; give --key with one from the operator"
        )?;
    }
    match report.anchored {
        Some(size) => {
            writeln!(
                out,
                "anchored: the checkpoint kept elsewhere agrees with the first {}",
                counted(size, "event")
            )?;
            writeln!(
                out,
                "not proved: that nothing behind event {size} was cut at a later checkpoint, or written anew by the holder of the key"
            )
        }
        None if had_since => Ok(()),
        None => writeln!(
            out,
            "not proved: that the tail was not cut at a checkpoint, or all of it written anew by the holder of the key. Keep a checkpoint elsewhere and give it with --since"
        ),
    }
}

/// Writes a call as evidence.
pub(super) fn prove(args: &ProveArgs, out: &mut impl Write) -> Result<(), RecordsError> {
    let folder = args.folder.path()?;
    let evidence = Evidence::collect(&folder, args.transaction)?;
    let mut text = serde_json::to_string_pretty(&evidence).map_err(io::Error::from)?;
    text.push('\n');
    match &args.out {
        None => out.write_all(text.as_bytes())?,
        Some(path) => {
            fs::write(path, text)
                .map_err(|cause| RecordsError::File { file: path.clone(), cause })?;
            let events = counted(evidence.events.len(), "event");
            writeln!(
                out,
                "{events} in {}; check: helan records check-proof {} --key KEY",
                path.display(),
                path.display()
            )?;
        }
    }
    Ok(())
}

/// Checks evidence.
pub(super) fn check(args: &CheckProofArgs, out: &mut impl Write) -> Result<(), RecordsError> {
    let keys = args.keys.read()?;
    if keys.is_empty() {
        return Err(RecordsError::NoKey);
    }
    let path = &args.file;
    let text =
        fs::read(path).map_err(|cause| RecordsError::Unread { path: path.clone(), cause })?;
    let evidence: Evidence = serde_json::from_slice(&text)
        .map_err(|cause| RecordsError::Unread { path: path.clone(), cause: cause.into() })?;
    let checkpoint = evidence.check(&keys)?;
    let (origin, size) = (&checkpoint.origin, checkpoint.size);
    for proved in &evidence.events {
        let name = serde_json::from_str::<Event>(&proved.leaf).map(|event| event.name());
        let name = name.unwrap_or("of a later version");
        writeln!(
            out,
            "proved: event {} ({name}) is one of the first {size} of `{origin}`",
            proved.number
        )?;
        writeln!(out, "  {}", proved.leaf)?;
    }
    writeln!(out, "root {} (sha-256), signed with ed25519", checkpoint.root)?;
    Ok(())
}

fn read_checkpoint(path: &std::path::Path) -> Result<SignedCheckpoint, RecordsError> {
    let failed = |cause| RecordsError::Unread { path: path.to_owned(), cause };
    let text = fs::read_to_string(path).map_err(failed)?;
    SignedCheckpoint::parse(&text).ok_or_else(|| {
        failed(io::Error::other("it is no signed checkpoint (C2SP tlog-checkpoint)"))
    })
}

/// The verifier keys of a node, the newest first.
pub(in super::super) fn verifiers(
    config: &std::path::Path,
) -> Result<Vec<Verifier>, BadConfiguration> {
    let config = places(config)?;
    let keys = Keys::load(&config.keys)
        .map_err(|error| BadConfiguration(format!("the keys cannot be used: {error}")))?;
    let origin = config.origin();
    let signers = keys.secrets(KeyPurpose::Signing).into_iter();
    let all = signers.map(|(_, seed)| Signer::new(&origin, &seed).map(|signer| signer.verifier()));
    all.collect::<Option<_>>().ok_or_else(|| {
        BadConfiguration(format!("`{origin}` cannot be the origin of checkpoints: write `journal.origin` without blanks and `+`"))
    })
}
