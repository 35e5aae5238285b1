//! Load from h2load and wrk, and the CPU that an answer took.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::cpu;
use crate::process::output;

/// The core that the measured program has to itself, and the one of load and origin.
pub(crate) const PROXY: &str = "0";
pub(crate) const REST: &str = "1";

/// How calls come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// HTTP/1.1 over so many kept connections.
    Kept(u32),
    /// HTTP/2, 16 connections with 4 calls at once on each.
    Streams,
    /// A connection for each call, 32 at once.
    New,
}

/// What is called.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) headers: Vec<String>,
}

/// Microseconds of CPU of a program for each answered call, after a warm-up.
pub(crate) fn cost(pid: u32, target: &Target, load: Load, seconds: u32) -> anyhow::Result<f64> {
    answered(target, load, 1)?;
    let before = cpu::seconds(pid)?;
    let calls = answered(target, load, seconds)?;
    Ok((cpu::seconds(pid)? - before) * 1e6 / calls)
}

/// Makes calls for so long; how many were answered. All of them must have been with 2xx.
fn answered(target: &Target, load: Load, seconds: u32) -> anyhow::Result<f64> {
    match load {
        Load::Kept(connections) => {
            h2load(target, &["--h1", "-c", &connections.to_string()], seconds)
        }
        Load::Streams => h2load(target, &["-c", "16", "-m", "4"], seconds),
        Load::New => wrk(target, seconds),
    }
}

fn h2load(target: &Target, arguments: &[&str], seconds: u32) -> anyhow::Result<f64> {
    let mut command = pinned("h2load", target);
    let text = output(command.args(arguments).args(["-D", &seconds.to_string(), &target.url]))?;
    let codes = text.lines().find_map(|line| line.strip_prefix("status codes: "));
    let codes = codes.with_context(|| format!("h2load said:\n{text}"))?;
    let clean = codes.ends_with(" 2xx, 0 3xx, 0 4xx, 0 5xx")
        && text.contains(" 0 failed, 0 errored, 0 timeout");
    ensure!(clean, "{} was not always answered with 2xx:\n{text}", target.url);
    count(codes)
}

fn wrk(target: &Target, seconds: u32) -> anyhow::Result<f64> {
    let mut command = pinned("wrk", target);
    command.args(["-H", "Connection: close", "-t", "1", "-c", "32"]);
    let text = output(command.args(["-d", &seconds.to_string(), &target.url]))?;
    let clean = !text.contains("Non-2xx") && !text.contains("Socket errors");
    ensure!(clean, "{} was not always answered with 2xx:\n{text}", target.url);
    let line = text.lines().find(|line| line.contains(" requests in "));
    count(line.with_context(|| format!("wrk said:\n{text}"))?)
}

/// A load tool on the core of the load, with the target's headers.
fn pinned(tool: &str, target: &Target) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", REST, tool]);
    for header in &target.headers {
        command.args(["-H", header]);
    }
    command
}

/// The number that a line begins with.
fn count(line: &str) -> anyhow::Result<f64> {
    let count: f64 = line.split_whitespace().next().unwrap_or("").parse()?;
    ensure!(count > 0.0, "nothing was answered");
    Ok(count)
}

/// Calls at a steady rate over 50 kept connections; the 50th and 99th percentile of their latency
/// in microseconds. The first half second, when connections are made, does not count.
pub(crate) fn latency(
    target: &Target,
    rate: u32,
    seconds: u32,
    folder: &Path,
) -> anyhow::Result<[f64; 2]> {
    const CONNECTIONS: u32 = 50;
    const SETTLED: u64 = 500_000;
    let log = folder.join("latency.tsv");
    // h2load would add to it.
    drop(fs::remove_file(&log));
    let connections = CONNECTIONS.to_string();
    let each = (rate / CONNECTIONS).to_string();
    let file = format!("--log-file={}", log.display());
    let arguments = ["--h1", "-c", &connections, "--rps", &each, &file];
    let calls = h2load(target, &arguments, seconds)?;
    let wanted = f64::from(rate * seconds);
    if calls < wanted * 0.95 {
        bail!("{}: only {calls} of {wanted} calls could be made", target.url);
    }
    let text = fs::read_to_string(&log)?;
    let rows: Vec<(u64, u64)> = text.lines().filter_map(row).collect();
    let start = rows.iter().map(|(begun, _)| *begun).min().unwrap_or(0);
    let mut took: Vec<u64> =
        rows.iter().filter(|(begun, _)| *begun >= start + SETTLED).map(|(_, took)| *took).collect();
    took.sort_unstable();
    let at = |part: usize| took.get(took.len() * part / 100).copied().unwrap_or(0) as f64;
    Ok([at(50), at(99)])
}

/// When a call began and how long it took, in microseconds.
fn row(line: &str) -> Option<(u64, u64)> {
    let mut columns = line.split('\t');
    let begun = columns.next()?.parse().ok()?;
    columns.next().filter(|status| *status == "200")?;
    Some((begun, columns.next()?.parse().ok()?))
}
