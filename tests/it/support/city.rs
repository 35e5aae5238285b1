//! A demonstration city in a process of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{eventually, free_ports};

/// `demo.json`.
#[derive(Debug, Deserialize)]
pub struct Shown {
    pub opening: String,
    pub sharing: String,
    pub admin: String,
    pub ca: PathBuf,
    pub policies: PathBuf,
    pub records: PathBuf,
    pub applications: BTreeMap<String, Application>,
    pub upstreams: BTreeMap<String, String>,
    pub calls: Vec<Call>,
}

#[derive(Debug, Deserialize)]
pub struct Application {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub token: String,
}

#[derive(Debug, Deserialize)]
pub struct Call {
    pub name: String,
    pub command: String,
    pub status: Option<u16>,
    pub code: Option<String>,
}

/// A running city; ended when dropped.
pub struct City {
    pub shown: Shown,
    pub dir: tempfile::TempDir,
    child: Child,
}

/// The program under test.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_helan"))
}

impl City {
    /// Starts one and waits until it is ready.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with more in its environment.
    pub fn start_with(environment: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let work = dir.path().join("demo");
        let mut child = Command::new(program())
            .args(["demo", "--dir"])
            .arg(&work)
            .args(["--port-base", &free_ports().to_string()])
            .arg("--city")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"))
            .envs(environment.iter().copied())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let file = work.join("demo.json");
        let shown = eventually("the city's start", Duration::from_secs(60), || {
            if let Some(status) = child.try_wait().unwrap() {
                let log = std::fs::read_to_string(dir.path().join("log")).unwrap_or_default();
                panic!("the city ended with {status}:\n{log}");
            }
            serde_json::from_str(&std::fs::read_to_string(&file).ok()?).ok()
        });
        Self { shown, dir, child }
    }

    /// The demonstration's folder.
    pub fn work(&self) -> PathBuf {
        self.dir.path().join("demo")
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, as Ctrl-C does; how long that took.
    pub fn interrupt(&mut self) -> Duration {
        let start = Instant::now();
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        eventually("the city's end", Duration::from_secs(20), || self.child.try_wait().unwrap());
        start.elapsed()
    }
}

impl Drop for City {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
