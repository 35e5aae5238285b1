//! A real Prometheus with the configuration and rules of `deploy/`, at free ports.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::folder;
use crate::support::serving::curl;
use crate::support::{eventually, free_port};

/// `deploy/prometheus` as it is, but for the node's address and the pace: once a second.
pub(super) fn configure(to: &Path, admin: &str) {
    let from = folder("deploy/prometheus");
    fs::create_dir_all(to.join("rules")).unwrap();
    for rules in super::files("deploy/prometheus/rules", "yml") {
        fs::copy(&rules, to.join("rules").join(rules.file_name().unwrap())).unwrap();
    }
    let mut text = fs::read_to_string(from.join("prometheus.yml")).unwrap();
    for (written, here) in [
        ("127.0.0.1:18082", admin.trim_start_matches("http://")),
        ("scrape_interval: 5s", "scrape_interval: 1s"),
        ("evaluation_interval: 15s", "evaluation_interval: 1s"),
    ] {
        assert!(text.contains(written), "{written}");
        text = text.replace(written, here);
    }
    fs::write(to.join("prometheus.yml"), text).unwrap();
}

/// A running Prometheus; ended when dropped.
pub(super) struct Prometheus {
    child: Child,
    url: String,
}

impl Prometheus {
    /// Starts one that scrapes this admin address, and waits until it has.
    pub(super) fn start(program: &Path, folder: &Path, admin: &str) -> Self {
        configure(folder, admin);
        let port = free_port();
        let child = Command::new(program)
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        let started = Self { child, url: format!("http://127.0.0.1:{port}") };
        eventually("the first scrape", Duration::from_secs(60), || {
            (started.values("up{job=\"helan\"}") == Some(vec![1.0])).then_some(())
        });
        started
    }

    /// What a query gives now; values that are no numbers are left out. None if it cannot be asked.
    pub(super) fn values(&self, query: &str) -> Option<Vec<f64>> {
        let url = format!("{}/api/v1/query", self.url);
        let (status, body) = curl(&["-G", "--data-urlencode", &format!("query={query}"), &url]);
        if status == 0 {
            return None;
        }
        let answer: Value = serde_json::from_str(&body).ok()?;
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        let result = answer["data"]["result"].as_array()?;
        let values = result.iter().map(|one| one["value"][1].as_str().unwrap().parse().unwrap());
        Some(values.filter(|value: &f64| !value.is_nan()).collect())
    }

    /// What it says of its rules.
    pub(super) fn rules(&self) -> Vec<Value> {
        let (_, body) = curl(&[&format!("{}/api/v1/rules", self.url)]);
        let answer: Value = serde_json::from_str(&body).unwrap();
        let groups = super::list(&answer["data"]["groups"]).to_vec();
        groups.iter().flat_map(|group| super::list(&group["rules"]).to_vec()).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
