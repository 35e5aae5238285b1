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
        let status = format!("/proc/{}/status", city.pid());
        eventually("strace's hold", Duration::from_secs(10), || {
            let text = fs::read_to_string(&status).unwrap();
            text.lines()
                .any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
                .then_some(())
        });
        // It takes hold of one thread after the other.
        std::thread::sleep(Duration::from_millis(500));
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
