//! What a connection costs that is kept and says nothing: many of them, after one call on each.

use std::time::Duration;

use crate::client::Client;
use crate::cpu;
use crate::load::Target;

const CONNECTIONS: u32 = 8_000;

/// How long a program may take to notice that a connection is idle and give back what it held.
const QUIET: Duration = Duration::from_secs(2);

/// KiB of resident memory that each connection adds to a program.
pub(crate) fn connection(pid: u32, target: &Target) -> anyhow::Result<f64> {
    // What as many calls leave behind on one connection – code, buffers, records on their way – belongs to
    // no connection.
    let mut one = Client::connect(target, "Connection: keep-alive")?;
    for _ in 0..CONNECTIONS {
        one.call()?;
    }
    std::thread::sleep(QUIET);
    let before = cpu::resident(pid)?;
    let held: Vec<Client> = (0..CONNECTIONS)
        .map(|_| {
            let mut client = Client::connect(target, "Connection: keep-alive")?;
            client.call()?;
            Ok(client)
        })
        .collect::<anyhow::Result<_>>()?;
    std::thread::sleep(QUIET);
    let grown = cpu::resident(pid)? - before;
    drop(held);
    Ok(grown / 1024.0 / f64::from(CONNECTIONS))
}
