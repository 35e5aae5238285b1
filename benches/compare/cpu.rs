//! What a process and its children have used, as `/proc` tells it.

use std::fs;

use anyhow::Context as _;

/// The ticks of `/proc`; part of the kernel's promise to programs, whatever it counts in itself.
const USER_HZ: f64 = 100.0;

/// Seconds of CPU, of all threads and of children that ended.
pub(crate) fn seconds(pid: u32) -> anyhow::Result<f64> {
    let mut ticks = 0_u32;
    for pid in family(pid)? {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The second field is a name in parentheses that may hold anything.
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        // utime, stime, and the same of children that were waited for: fields 14 to 17.
        for field in fields.split_whitespace().skip(11).take(4) {
            ticks += field.parse::<u32>()?;
        }
    }
    Ok(f64::from(ticks) / USER_HZ)
}

/// Resident bytes.
pub(crate) fn resident(pid: u32) -> anyhow::Result<f64> {
    let mut kib = 0_u32;
    for pid in family(pid)? {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let value = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
        kib += value.parse::<u32>()?;
    }
    Ok(f64::from(kib) * 1024.0)
}

/// A process and all its living children, and theirs.
fn family(pid: u32) -> anyhow::Result<Vec<u32>> {
    let mut members = vec![pid];
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let children = fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace() {
            members.extend(family(child.parse()?)?);
        }
    }
    Ok(members)
}
