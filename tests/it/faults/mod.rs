//! Real faults: a slow disk, a failing disk, a killed process.

mod city;
mod failing;
mod killed;
mod slow;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::city::City;
use crate::support::eventually;

/// The one system call that makes records durable.
const DURABLE: &str = "pwritev2";

/// strace, attached to a process and injecting a fault into one system call of all its threads.
struct Injection {
    child: Child,
    log: PathBuf,
}

impl Injection {
    fn attach(strace: &Path, city: &City, fault: &str) -> Self {
        let log = city.dir.path().join(format!("strace-{}", fault.replace(['=', ':'], "-")));
        let child = Command::new(strace)
            .args(["-f", "-qq", "-p", &city.pid().to_string(), "-o"])
            .arg(&log)
            .args(["-e", &format!("trace={DURABLE}"), "-e", &format!("inject={DURABLE}:{fault}")])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It takes hold of one thread after the other, and any of them may be the journal's.
        let threads = format!("/proc/{}/task", city.pid());
        eventually("strace's hold of every thread", Duration::from_secs(30), || {
            let threads = fs::read_dir(&threads).unwrap();
            let is_held = |status: PathBuf| {
                // A thread may end just now.
                let Ok(text) = fs::read_to_string(status) else { return true };
                text.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
            };
            threads.map(|thread| thread.unwrap().path().join("status")).all(is_held).then_some(())
        });
        Self { child, log }
    }

    fn hits(&self) -> usize {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        text.lines()
            .filter(|line| line.contains("(DELAYED)") || line.contains("(INJECTED)"))
            .count()
    }

    fn detach(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        self.child.wait().unwrap();
    }
}
