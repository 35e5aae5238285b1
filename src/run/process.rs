//! What the process takes of its machine: processors, memory, open files. Read from `/proc` when the page
//! is; where that cannot be read, the figures stay.

use std::fs;
use std::time::Duration;

use prometheus::{Counter, IntGauge, Registry};

/// Ticks a second in which `/proc` counts: `USER_HZ`, which Linux keeps at 100 for programs.
const TICK_MS: u64 = 10;

/// Figures of the process.
#[derive(Debug)]
pub(super) struct Process {
    cpu: Counter,
    memory: IntGauge,
    files: IntGauge,
    most_files: IntGauge,
}

impl Process {
    /// Makes and registers them.
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let cpu = Counter::new(
            "helan_process_cpu_seconds_total",
            "Time that processors spent on this process.",
        )?;
        registry.register(Box::new(cpu.clone()))?;
        Ok(Self {
            cpu,
            memory: gauge("helan_process_memory_bytes", "Memory that the process holds.")?,
            files: gauge("helan_process_open_files", "Files and connections that are open.")?,
            most_files: gauge(
                "helan_process_open_files_limit",
                "How many may be open; beyond them no connection is accepted.",
            )?,
        })
    }

    /// Brings them up to date.
    pub(super) fn update(&self) {
        let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}"));
        if let Some(spent) = read("stat").ok().as_deref().and_then(cpu) {
            self.cpu.inc_by((spent.as_secs_f64() - self.cpu.get()).max(0.0));
        }
        if let Some(bytes) = read("status").ok().as_deref().and_then(memory) {
            self.memory.set(bytes);
        }
        if let Some(most) = read("limits").ok().as_deref().and_then(most_files) {
            self.most_files.set(most);
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            self.files.set(i64::try_from(open.count()).unwrap_or(i64::MAX));
        }
    }
}

/// `utime` and `stime` of `proc_pid_stat(5)`. The name before them may hold anything, a parenthesis too.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let spent = ticks()?.saturating_add(ticks()?);
    Some(Duration::from_millis(spent.saturating_mul(TICK_MS)))
}

/// `VmRSS` of `proc_pid_status(5)`, in bytes.
fn memory(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes.saturating_mul(1024))
}

/// The soft limit of open files of `proc_pid_limits(5)`.
fn most_files(limits: &str) -> Option<i64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_read_whatever_the_program_is_called() {
        let stat = "77 (a) b (c) S 1 77 77 0 -1 4194304 900 0 1 0 150 25 3 4 20 0 5 0 100 9 8\n";

        assert_eq!(cpu(stat), Some(Duration::from_millis(1_750)));
        assert_eq!(cpu("77 (a) S 1"), None);
    }

    #[test]
    fn memory_and_limits_are_read_as_linux_writes_them() {
        let status = "Name:\thelan\nVmPeak:\t  90000 kB\nVmRSS:\t   51200 kB\nThreads:\t5\n";
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max open files            65536                524288               files     \n";

        assert_eq!(memory(status), Some(52_428_800));
        assert_eq!(most_files(limits), Some(65_536));
        assert_eq!(most_files("Max open files  unlimited unlimited files"), None);
    }
}
