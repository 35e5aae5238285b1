//! One case on one program: the figures of its rows.

use std::collections::BTreeMap;

use anyhow::Context as _;

use crate::cases::{Case, Kind};
use crate::load::{Load, PROXY, cost};
use crate::origin::MIB;
use crate::peers::{Bench, Door, Peer, Proxy, launch};
use crate::prove::prove;
use crate::{idle, reload, steady};

/// Both cores, where two workers are compared with one.
const BOTH: &[&str] = &["taskset", "-c", "0,1"];

pub(crate) fn measure(
    bench: &Bench,
    fleet: &BTreeMap<Peer, Proxy>,
    case: &Case,
    peer: Peer,
) -> anyhow::Result<Vec<f64>> {
    let proxy = fleet.get(&peer).context("not started")?;
    let proven = |proxy: &Proxy, door, entry| {
        let target = proxy.target(bench, door, entry);
        prove(peer, &target)?;
        anyhow::Ok(target)
    };
    Ok(match &case.kind {
        Kind::Cost(door, entry, load) => {
            let target = proven(proxy, *door, entry)?;
            vec![cost(proxy.pid(), &target, *load, bench.seconds)?]
        }
        Kind::Input => {
            let target = proven(proxy, Door::Tls, "large")?;
            let micros = cost(proxy.pid(), &target, Load::Kept(8), bench.seconds)?;
            vec![f64::from(u32::try_from(MIB)?) / micros]
        }
        Kind::Idle(door) => {
            // Memory that an earlier load has left free would hide what a connection takes.
            let fresh = launch(bench, peer, PROXY, 1)?;
            let entry = if *door == Door::Plain { "public" } else { "small" };
            let target = proven(&fresh, *door, entry)?;
            vec![idle::connection(fresh.pid(), &target)?]
        }
        Kind::Rate(rate) => {
            let target = proven(proxy, Door::Tls, "small")?;
            steady::latency(&target, *rate, bench.seconds)?.into()
        }
        Kind::Reload => reload::costs(bench, peer)?,
        Kind::Workers => {
            let mut figures = Vec::new();
            for workers in [1, 2] {
                let fresh = launch(bench, peer, BOTH, workers)?;
                let target = proven(&fresh, Door::Tls, "small")?;
                figures.push(cost(fresh.pid(), &target, Load::Kept(64), bench.seconds)?);
            }
            let ratio = figures.iter().copied().reduce(|one, two| two / one);
            figures.extend(ratio);
            figures
        }
    })
}
