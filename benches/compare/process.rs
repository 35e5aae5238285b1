//! Programs that run beside this one and end with it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// How long a program may take to be ready, and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that was started; ended when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    log: PathBuf,
}

/// Starts a program in this folder, by another one that becomes it if one is given. What it says
/// goes to `log` there.
///
/// The kernel ends it if this program dies without dropping it.
pub(crate) fn start<A: AsRef<OsStr>>(
    by: &[&str],
    program: &Path,
    folder: &Path,
    arguments: &[A],
) -> anyhow::Result<Running> {
    let log = folder.join("log");
    let file = File::create(&log)?;
    let child = Command::new("setpriv")
        .args(["--pdeathsig", "TERM"])
        .args(by)
        .arg(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    Ok(Running { child, log })
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until something holds; the program's log is the explanation if it does not.
    pub(crate) fn until<T>(&mut self, mut look: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
        let begun = now();
        loop {
            if let Some(found) = look() {
                return Ok(found);
            }
            let ended = self.child.try_wait()?;
            if ended.is_some() || begun.elapsed() > PATIENCE {
                let log = fs::read_to_string(&self.log).unwrap_or_default();
                bail!("{} is not ready:\n{log}", self.log.display());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks it to stop, and waits; in the end it has to.
    pub(crate) fn stop(&mut self, signal: Signal) {
        let begun = now();
        let asked = kill_process(Pid::from_child(&self.child), signal).is_ok();
        while asked && matches!(self.child.try_wait(), Ok(None)) {
            if begun.elapsed() > PATIENCE {
                drop(self.child.kill());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop(Signal::TERM);
    }
}

/// Runs a program to its end and gives what it printed.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let Output { status, stdout, stderr } = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let text = String::from_utf8_lossy(&stdout).into_owned();
    if !status.success() {
        bail!(
            "{} ended with {status}:\n{text}{}",
            command.get_program().display(),
            String::from_utf8_lossy(&stderr)
        );
    }
    Ok(text)
}

/// So many ports in a row that nobody listens on now and that were not given out before. They lie
/// below those that the kernel gives out by itself, so that nobody takes one meanwhile.
pub(crate) fn free_ports(count: u16) -> anyhow::Result<u16> {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let mine = u16::try_from(std::process::id() % 500)? * 20;
    loop {
        let base = 11_000 + mine + GIVEN.fetch_add(count, Ordering::Relaxed);
        ensure!(base < 31_000, "no {count} free ports in a row");
        let mut ports = base..base + count;
        if ports.all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return Ok(base);
        }
    }
}

/// Where a program is: on the PATH, where Debian keeps what root runs, or in `$HELAN_TOOLS/venv`.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = std::env::var_os("HELAN_TOOLS").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), Path::new(&tools).join("venv/bin")])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

#[expect(clippy::disallowed_methods, reason = "programs are waited for in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
