//! `make compare`: Helan side by side with nginx, HAProxy and Envoy.
//!
//! The figure is CPU of the measured program for each answered call. Programs take turns within
//! each round, so that whatever else the machine does meets all of them.

mod cases;
mod chart;
mod city;
mod client;
mod count;
mod cpu;
mod idle;
mod instructions;
mod load;
mod measure;
mod origin;
mod peers;
mod process;
mod prove;
mod province;
mod reload;
mod steady;
mod table;
mod work;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use clap::Parser as _;

use self::cases::{CASES, Case};
use self::instructions::Committed;
use self::load::{PROXY, REST};
use self::peers::{Bench, Peer, Proxy, installed, launch};
use self::process::Running;
use self::table::Results;

/// Measures Helan with everything on side by side with nginx, HAProxy and Envoy.
#[derive(Debug, clap::Parser)]
#[command(after_help = AFTER)]
struct Options {
    /// The program to measure: a release build.
    #[arg(long, default_value = "target/trained/helan")]
    helan: PathBuf,
    /// How often all cases run; the table shows medians.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of load for each figure.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Only these cases.
    #[arg(long, value_delimiter = ',', value_name = "CASE")]
    only: Vec<String>,
    /// Only Helan, without the others beside it.
    #[arg(long)]
    alone: bool,
    /// Where compare.json, compare.svg and profiles go.
    #[arg(long, default_value = "target/compare")]
    out: PathBuf,
    /// Count the instructions of a call instead; fails if they are 5 % above the committed figure.
    #[arg(long)]
    count: bool,
    /// Write what was counted to benches/instructions.json.
    #[arg(long, requires = "count")]
    accept: bool,
}

const AFTER: &str = "\
Cases:
  tls-h1         1 KiB over TLS, 64 kept connections
  tls-h2         the same over HTTP/2, 16 connections with 4 calls at once
  plain-h1       1 KiB in the opening zone, no TLS
  same-policies  as tls-h1, peers with the policies that they have
  tls-new        a TLS connection for each call
  cache-hit      1 KiB that was kept, over TLS
  file-1m        a file of 1 MiB, over TLS
  json-1m        1 MiB of JSON, six of twelve items leave and one is masked
  idle-plain     memory of a kept connection that says nothing
  idle-tls       the same over TLS
  rate-2000      latency at 2,000 calls a second over TLS
  rate-10000     the same at 10,000
  reload         latency at 2,000 calls a second while a grant is added to 100,000
  workers        CPU of a call with two workers and with one

Example:
  compare --helan target/trained/helan --rounds 1 --only tls-h1,tls-h2
  compare --helan target/release/helan --count
It needs two cores (0 for what is measured, 1 for load and origin), h2load, nginx and curl. HAProxy
and Envoy are left out where they are missing. Records of about 2 GiB a round are written to a folder
work-… below --out, which is removed at the end and on Ctrl-C. Where less than 4 GiB are free before a
round, what earlier ones left goes first.";

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    fs::create_dir_all(&options.out)?;
    let out = options.out.canonicalize()?;
    if options.count {
        return count_calls(&options, &out);
    }
    compare(&options, &out)?;
    Ok(ExitCode::SUCCESS)
}

fn compare(options: &Options, out: &Path) -> anyhow::Result<()> {
    let cases = chosen(&options.only)?;
    needed(&["h2load", "curl", "taskset", "setpriv"])?;
    raise_file_limit()?;
    keep_off_the_measured_core()?;

    let work = work::make(out)?;
    let (_origin, bench) = prepare(options, work.path())?;
    let why = if options.alone { "not asked for" } else { "not installed" };
    for peer in Peer::ALL.into_iter().filter(|peer| !bench.programs.contains_key(peer)) {
        say(&format!("left out: {} is {why}", peer.name()))?;
    }

    let mut results = table::empty(&cases);
    for number in 1..=options.rounds {
        if work::make_room(work.path(), work::ROUND)? {
            say(
                "the disk is short of room: what earlier rounds left was removed, which this one may pay for",
            )?;
        }
        say(&format!("round {number} of {}", options.rounds))?;
        round(&bench, &cases, &mut results)?;
    }
    let json = table::json(&results, options.rounds, options.seconds);
    fs::write(out.join("compare.json"), format!("{json:#}\n"))?;
    fs::write(out.join("compare.svg"), chart::chart(&results))?;
    std::io::stdout().write_all(table::table(&results).as_bytes())?;
    Ok(())
}

/// It fails if a call takes more instructions than are committed.
fn count_calls(options: &Options, out: &Path) -> anyhow::Result<ExitCode> {
    needed(&["valgrind", "vgdb", "curl", "setpriv", "timeout"])?;
    let work = work::make(out)?;
    let (_origin, bench) = prepare(options, work.path())?;
    let counted = count::count(&bench, out)?;
    let committed = Committed::read(Path::new(instructions::FILE))?;
    std::io::stdout().write_all(committed.table(&counted).as_bytes())?;
    if options.accept {
        Committed::new(counted)?.write(Path::new(instructions::FILE))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(architecture) = committed.elsewhere() {
        say(&format!("not compared: the committed figures are of {architecture}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (words, status) = match committed.judge(&counted, out) {
        Ok(words) => (words, ExitCode::SUCCESS),
        Err(words) => (words, ExitCode::FAILURE),
    };
    std::io::stderr().write_all(words.as_bytes())?;
    Ok(status)
}

fn needed(tools: &[&str]) -> anyhow::Result<()> {
    for tool in tools {
        ensure!(process::find(tool).is_some(), "{tool} is missing; `make` installs it");
    }
    Ok(())
}

/// Starts the origin and makes the city.
fn prepare(options: &Options, work: &Path) -> anyhow::Result<(Running, Bench)> {
    let helan = options.helan.canonicalize();
    let helan = helan.with_context(|| format!("no program {}", options.helan.display()))?;
    let port = process::free_ports(1)?;
    let origin = origin::serve(work, port)?;
    let city = city::make(&helan, work, port)?;
    let bench = Bench {
        programs: installed(&helan, options.alone),
        tls: Arc::new(client::tls(&city.folder.join("certs/ca.pem"))?),
        city,
        origin: port,
        work: work.to_owned(),
        seconds: options.seconds,
        province: OnceCell::new(),
    };
    Ok((origin, bench))
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<&'static Case>> {
    if let Some(unknown) = names.iter().find(|name| CASES.iter().all(|case| case.name != **name)) {
        bail!("no case `{unknown}`; --help names them");
    }
    let wanted = |case: &&Case| names.is_empty() || names.iter().any(|name| name == case.name);
    Ok(CASES.iter().filter(wanted).collect())
}

/// Every case on every program, all of them started anew.
fn round(bench: &Bench, cases: &[&'static Case], results: &mut Results) -> anyhow::Result<()> {
    let fleet = bench
        .programs
        .keys()
        .map(|peer| Ok((*peer, launch(bench, *peer, PROXY, 1)?)))
        .collect::<anyhow::Result<BTreeMap<Peer, Proxy>>>()?;
    for case in cases {
        for peer in case.peers.iter().filter(|peer| fleet.contains_key(peer)) {
            let figures = measure::measure(bench, &fleet, case, *peer)
                .with_context(|| format!("{} on {}", case.name, peer.name()))?;
            for (row, value) in case.rows.iter().zip(figures) {
                say(&format!(
                    "  {:15} {:8} {} {}",
                    row.name,
                    peer.name(),
                    table::figure(value),
                    row.unit
                ))?;
                let line = results.iter_mut().find(|(known, _)| known.name == row.name);
                line.context("no such row")?.1.entry(*peer).or_default().push(value);
            }
        }
    }
    Ok(())
}

/// Two thousand connections are held here and by each program; programs inherit the limit.
fn raise_file_limit() -> anyhow::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(())
}

/// The load is made here and by h2load, which inherits it.
fn keep_off_the_measured_core() -> anyhow::Result<()> {
    let me = std::process::id().to_string();
    process::output(Command::new("taskset").args(["-cp", REST, &me]))
        .context("two cores are needed")?;
    Ok(())
}

fn say(words: &str) -> anyhow::Result<()> {
    writeln!(std::io::stderr(), "{words}")?;
    Ok(())
}
