//! What a reload costs the calls that come meanwhile: a grant is added to a hundred thousand.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::client::Client;
use crate::load::{PROXY, Target};
use crate::peers::{Bench, Door, Peer, launch_in};
use crate::process::now;
use crate::prove::prove;
use crate::{cpu, steady};

const RATE: u32 = 2_000;

/// A node that just started reads its policies once more, and has its archive written.
const SETTLE: Duration = Duration::from_secs(8);

/// How long calls are made before the grant is written: a round that looks for changes is among it.
const BEFORE: Duration = Duration::from_secs(5);

/// How long a reload goes on behind the first call that it allowed: it says what changed and keeps it.
const AFTER: Duration = Duration::from_secs(1);

/// How long the new grant may take to be in force.
const PATIENCE: Duration = Duration::from_secs(60);

/// The 99th percentile before the reload and while it is under way, in microseconds; the seconds from
/// the write of the grant to the first call that it allows; and the memory then, in MiB.
pub(crate) fn costs(bench: &Bench, peer: Peer) -> anyhow::Result<Vec<f64>> {
    let province = bench.province()?;
    let fresh = launch_in(bench, province, peer, PROXY, 1)?;
    let target = fresh.target(bench, Door::Tls, "small");
    prove(peer, &target)?;
    thread::sleep(SETTLE);
    let done = AtomicBool::new(false);
    let (took, written, in_force) = thread::scope(|scope| {
        let calls = scope.spawn(|| steady::made(&target, RATE, &|_| !done.load(Ordering::Relaxed)));
        thread::sleep(BEFORE);
        let written = now();
        let in_force = crate::province::grant_one_more(province)
            .and_then(|entry| first_answer(&fresh.target(bench, Door::Tls, &entry), written));
        thread::sleep(AFTER);
        done.store(true, Ordering::Relaxed);
        let took = calls.join().ok().context("the load died")?;
        anyhow::Ok((took?, written, in_force?))
    })?;
    let part = |from: Option<Instant>, until: Instant| {
        let within = |due: &Instant| from.is_none_or(|from| *due >= from) && *due < until;
        let part = took.iter().filter(|(due, _)| within(due)).map(|(_, took)| *took).collect();
        steady::percentile(part, 99)
    };
    Ok(vec![
        part(None, written),
        part(Some(written), in_force + AFTER),
        (in_force - written).as_secs_f64(),
        cpu::resident(fresh.pid())? / 1024.0 / 1024.0,
    ])
}

/// When an entry was first answered.
fn first_answer(target: &Target, since: Instant) -> anyhow::Result<Instant> {
    loop {
        if Client::connect(target, "Connection: close")?.call().is_ok() {
            return Ok(now());
        }
        ensure!(since.elapsed() < PATIENCE, "{} is not granted", target.url);
        thread::sleep(Duration::from_millis(50));
    }
}
