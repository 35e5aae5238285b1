//! Latency at a steady rate, with calls spaced evenly: h2load's clients all send at once.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::client::Client;
use crate::load::Target;
use crate::process::now;

const CONNECTIONS: u32 = 50;

/// The 50th and 99th percentile in microseconds of so many calls a second.
pub(crate) fn latency(target: &Target, rate: u32, seconds: u32) -> anyhow::Result<[f64; 2]> {
    let each = rate * seconds / CONNECTIONS;
    let took: Vec<_> =
        made(target, rate, &|turn| turn < each)?.into_iter().map(|(_, took)| took).collect();
    Ok([50, 99].map(|part| percentile(took.clone(), part)))
}

/// Microseconds within which so many of a hundred calls were answered.
pub(crate) fn percentile(mut took: Vec<Duration>, part: usize) -> f64 {
    took.sort_unstable();
    took.get(took.len() * part / 100).copied().unwrap_or_default().as_secs_f64() * 1e6
}

/// Makes so many calls a second while `goes_on` says so of a connection's next turn. When each was
/// due, and how long it took.
pub(crate) fn made(
    target: &Target,
    rate: u32,
    goes_on: &(dyn Fn(u32) -> bool + Sync),
) -> anyhow::Result<Vec<(Instant, Duration)>> {
    let clients = (0..CONNECTIONS).map(|_| connect(target)).collect::<anyhow::Result<Vec<_>>>()?;
    let begin = now() + Duration::from_millis(50);
    let took = thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .zip(clients)
            .map(|(number, client)| {
                let due = move |turn: u32| {
                    begin + Duration::from_secs(1) * (turn * CONNECTIONS + number) / rate
                };
                let turns = (0..).take_while(|turn| goes_on(*turn));
                scope.spawn(move || calls(client, turns.map(due)))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().ok().context("a caller's thread died")?)
            .collect::<anyhow::Result<Vec<_>>>()
    })?
    .concat();
    let last = took.iter().map(|(due, _)| *due).max().unwrap_or(begin);
    let late = (now() - begin).as_secs_f64() / (last - begin).as_secs_f64();
    ensure!(late < 1.05, "{}: {rate} calls a second could not be made", target.url);
    Ok(took)
}

fn connect(target: &Target) -> anyhow::Result<Client> {
    let mut client = Client::connect(target, "Connection: keep-alive")?;
    client.call()?;
    Ok(client)
}

/// Makes a call at each of these times. One that waits for the answer before it counts from when it
/// was due; that this program woke up late is nobody's latency.
fn calls(
    mut client: Client,
    times: impl Iterator<Item = Instant>,
) -> anyhow::Result<Vec<(Instant, Duration)>> {
    times
        .map(|due| {
            let wait = due.saturating_duration_since(now());
            thread::sleep(wait);
            let begun = if wait.is_zero() { due } else { now() };
            client.call()?;
            Ok((due, now() - begun))
        })
        .collect()
}
