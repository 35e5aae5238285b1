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
    pub console: String,
    /// One of each role, by the role's name.
    pub admin_tokens: BTreeMap<String, String>,
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

/// What an entry that a test publishes says, line by line, unless its own text does.
const USUAL: &str = "code: 307030001010/000777
name: 观测
summary: 观测数据。
domain: meteorology
format: 服务接口
sharing: {class: unconditional, modes: [api], purposes: [work-reference]}
opening: {class: open, review: {person: weather-steward, date: 2026-01-04, document: 保密审查〔2026〕777号}}
update: daily
published: 2026-01-05
";

/// The day in the city.
pub fn today() -> jiff::civil::Date {
    jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::fixed(jiff::tz::offset(8))).date()
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

    /// Adds an upstream to a provider, and an entry with its interface description; of the entry, what
    /// is not as usual.
    ///
    /// The city's dates move with its start, and only a steward who is filed that day reviews:
    /// `2026-01-04` becomes today.
    pub fn publish(&self, upstream: &str, entry: (&str, &str), description: &str) {
        let (organization, name) = entry.0.split_once('/').unwrap();
        let folder = self.shown.policies.join("catalog").join(organization);
        std::fs::write(folder.join(format!("{name}.openapi.yaml")), description).unwrap();
        let said = |key: &str| entry.1.lines().any(|line| line.split(':').next() == Some(key));
        let usual =
            USUAL.split_inclusive('\n').filter(|line| !said(line.split(':').next().unwrap()));
        let text = format!("id: {}\n{}{}", entry.0, usual.collect::<String>(), entry.1);
        let reviewed = text.replace("2026-01-04", &today().to_string());
        std::fs::write(folder.join(format!("{name}.yaml")), reviewed).unwrap();
        let file = self.shown.policies.join(format!("organizations/{organization}.yaml"));
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, format!("{text}{upstream}")).unwrap();
    }

    /// Replaces text in a policy file, in one step; the text must be there.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let file = self.shown.policies.join(file);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{} has no `{from}`", file.display());
        let beside = file.with_file_name(".edited");
        std::fs::write(&beside, text.replace(from, to)).unwrap();
        std::fs::rename(beside, file).unwrap();
    }

    /// Which Views were put in force so far, both zones counted.
    pub fn swaps(&self) -> usize {
        let events = super::records::events(&self.shown.records);
        events.iter().filter(|event| event["event"] == "view-swapped").count()
    }

    /// Makes a change and waits until both zones have a View with it.
    pub fn reload(&self, change: impl FnOnce()) {
        let before = self.swaps();
        change();
        eventually("the reload", Duration::from_secs(20), || {
            (self.swaps() >= before + 2).then_some(())
        });
    }

    /// Asks it to read its policies again, as SIGHUP does.
    pub fn hang_up(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
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

/// `helan serve` with a configuration of the test's own; killed when dropped.
pub struct Served {
    child: Child,
    pub log: PathBuf,
}

impl Served {
    /// Starts it and waits until it listens at this address.
    pub fn start(config: &Path, address: &str, log_level: &str) -> Self {
        let log = config.with_extension("log");
        let mut child = Command::new(program())
            .args(["serve", "--config"])
            .arg(config)
            .env("RUST_LOG", log_level)
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let address = address.rsplit('/').next().unwrap();
        eventually("the node's start", Duration::from_secs(30), || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the node ended with {status}: {}", std::fs::read_to_string(&log).unwrap());
            }
            std::net::TcpStream::connect(address).ok()
        });
        Self { child, log }
    }

    /// Asks it to stop and waits for its end.
    pub fn end(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        eventually("the node's end", Duration::from_secs(20), || self.child.try_wait().unwrap());
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for City {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
