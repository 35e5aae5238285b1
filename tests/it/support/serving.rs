//! A node in a process of its own, on the folders of a demonstration that has ended.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::city::{City, program};
use super::eventually;

/// `helan serve`; ended when dropped.
pub struct Serving {
    child: Child,
    log: PathBuf,
}

impl Serving {
    /// Starts one and waits until it is ready.
    pub fn start(city: &City, arguments: &[&str]) -> Self {
        let log = city.dir.path().join("serve-log");
        let mut child = command(city, arguments)
            .stdin(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let ready = format!("{}/readyz", city.shown.admin);
        eventually("the node's start", Duration::from_secs(60), || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the node ended with {status}:\n{}", fs::read_to_string(&log).unwrap());
            }
            (curl(&[&ready]).0 == 200).then_some(())
        });
        Self { child, log }
    }

    /// What it wrote to its log, line by line.
    pub fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.log).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Asks it to stop and waits for its end.
    pub fn stop(mut self) {
        self.signal(Signal::TERM);
        eventually("the node's end", Duration::from_secs(20), || self.child.try_wait().unwrap());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `helan serve` on a city's configuration.
pub fn command(city: &City, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(["serve", "--config"]).arg(city.work().join("helan.yaml")).args(arguments);
    command
}

/// The answer's status and body.
pub fn curl(arguments: &[&str]) -> (u16, String) {
    let output = Command::new("curl")
        .args(["-sS", "-w", "\n%{http_code}"])
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap_or(0), body.to_owned())
}

/// The value of one series on a city's metrics page, written as the page writes it.
pub fn metric(city: &City, series: &str) -> Option<i64> {
    let (_, page) = curl(&[&format!("{}/metrics", city.shown.admin)]);
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}
