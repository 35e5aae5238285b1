//! The load, and the CPU that an answer took.

use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustls::ClientConfig;

use crate::client::Client;
use crate::cpu;
use crate::process::{now, output};

/// How the measured program is kept to a core of its own, and the one of load and origin.
pub(crate) const PROXY: &[&str] = &["taskset", "-c", "0"];
pub(crate) const REST: &str = "1";

/// How calls come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// HTTP/1.1 over so many kept connections.
    Kept(u32),
    /// HTTP/2, 16 connections with 4 calls at once on each.
    Streams,
    /// A connection for each call, with a full handshake if it is TLS.
    New,
}

/// What is called.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) headers: Vec<String>,
    pub(crate) tls: Arc<ClientConfig>,
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
        Load::New => connections(target, seconds),
    }
}

fn h2load(target: &Target, arguments: &[&str], seconds: u32) -> anyhow::Result<f64> {
    let mut command = Command::new("h2load");
    command.args(target.headers.iter().flat_map(|header| ["-H", header]));
    let text = output(command.args(arguments).args(["-D", &seconds.to_string(), &target.url]))?;
    let codes = text.lines().find_map(|line| line.strip_prefix("status codes: "));
    let codes = codes.with_context(|| format!("h2load said:\n{text}"))?;
    let clean = codes.ends_with(" 2xx, 0 3xx, 0 4xx, 0 5xx")
        && text.contains(" 0 failed, 0 errored, 0 timeout");
    ensure!(clean, "{} was not always answered with 2xx:\n{text}", target.url);
    count(codes)
}

/// Each of some threads makes one connection after the other; the core of the load bounds them.
fn connections(target: &Target, seconds: u32) -> anyhow::Result<f64> {
    let end = now() + Duration::from_secs(seconds.into());
    let each = || {
        let mut calls = 0;
        while now() < end {
            Client::connect(target, "Connection: close")?.call()?;
            calls += 1;
        }
        anyhow::Ok(calls)
    };
    let calls: u32 = thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(each)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().ok().context("a caller's thread died")?)
            .sum::<anyhow::Result<u32>>()
    })?;
    Ok(f64::from(calls))
}

/// The number that a line begins with.
fn count(line: &str) -> anyhow::Result<f64> {
    let count: f64 = line.split_whitespace().next().unwrap_or("").parse()?;
    ensure!(count > 0.0, "nothing was answered");
    Ok(count)
}
