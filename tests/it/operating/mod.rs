//! Operators at work on a running node: a real process, real calls, a real crash.

mod admin;
mod policies;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::city::{City, program};
use crate::support::eventually;
use crate::support::records::events;

const MATTER: &str = "Helan-Matter: \"estate-transfer\"";

/// What curl was answered: the head and the body.
fn curl(arguments: &[&str]) -> String {
    let output = Command::new("curl").args(["-sS", "-i"]).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// The call of the registration system to the marriage register, with these headers too.
fn marriage(city: &City, headers: &[&str]) -> String {
    let credentials = &city.shown.applications["natural-resources/registration"];
    let (certificate, key) = (credentials.certificate.display(), credentials.key.display());
    let (ca, certificate, key) =
        (city.shown.ca.display().to_string(), certificate.to_string(), key.to_string());
    let url = format!("{}/civil-affairs/marriage?cert_num=640106198507150024", city.shown.sharing);
    let mut arguments = vec!["--cacert", &ca, "--cert", &certificate, "--key", &key];
    for header in ["Helan-Purpose: data-verification", MATTER].iter().chain(headers) {
        arguments.extend(["-H", header]);
    }
    arguments.push(&url);
    curl(&arguments)
}

/// A call that shows a token.
fn by_token(city: &City, token: &str) -> u16 {
    let ca = city.shown.ca.display().to_string();
    let header = format!("Authorization: Bearer {token}");
    let url = format!("{}/market/revocations", city.shown.sharing);
    status(&curl(&["--cacert", &ca, "-H", &header, &url]))
}

/// A token of the demonstration, as it stands in `demo.json`.
fn token(city: &City, application: &str) -> String {
    let shown = fs::read_to_string(city.work().join("demo.json")).unwrap();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    shown["applications"][application]["token"].as_str().unwrap().to_owned()
}

/// A write, proved by this token or by nothing.
fn write(city: &City, token: Option<&str>, action: &str, body: &str) -> String {
    let url = format!("{}/{action}", city.shown.admin);
    let header = token.map(|token| format!("Authorization: Bearer {token}")).unwrap_or_default();
    curl(&["-X", "POST", "-H", &header, "-d", body, &url])
}

fn keys(city: &City, words: &[&str]) -> String {
    let folder = city.work().join("keys");
    let output =
        Command::new(program()).arg("keys").args(words).arg("--folder").arg(folder).output();
    String::from_utf8(output.unwrap().stdout).unwrap().trim().to_owned()
}

/// The token of an operator in this role.
fn admin_token(city: &City, role: &str) -> String {
    keys(city, &["admin", "--name", "wang-li", "--role", role])
}

/// Events of this name, once there are so many.
fn named(city: &City, name: &str, least: usize) -> Vec<Value> {
    eventually(name, Duration::from_secs(10), || {
        let mut all = events(&city.shown.records);
        all.retain(|event| event["event"] == name);
        (all.len() >= least).then_some(all)
    })
}

/// A node in the place of the demonstration's; ended when dropped.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Ends the demonstration as a crash would.
fn crash(city: &City) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(city.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

fn serve(city: &City, config: &Path, more: &[&str]) -> Serving {
    let log = fs::File::create(city.dir.path().join("served.log")).unwrap();
    let mut child = Command::new(program())
        .args(["serve", "--config"])
        .arg(config)
        .args(more)
        .stderr(log.try_clone().unwrap())
        .stdout(log)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let ready = format!("{}/readyz", city.shown.admin);
    eventually("the node's start", Duration::from_secs(30), || {
        if let Some(status) = child.try_wait().unwrap() {
            let log = fs::read_to_string(city.dir.path().join("served.log")).unwrap();
            panic!("the node ended with {status}:\n{log}");
        }
        (status(&curl(&[&ready])) == 200).then_some(())
    });
    Serving(child)
}

/// Breaks the folder, so that from here on nothing can become a View.
fn break_policies(city: &City) {
    fs::write(city.shown.policies.join("grants/broken.yaml"), "id: [\n").unwrap();
    // A reading that began before must not take in what is changed next.
    let metrics = format!("{}/metrics", city.shown.admin);
    eventually("the refusal", Duration::from_secs(20), || {
        curl(&[&metrics]).contains("helan_policy_failed 1").then_some(())
    });
}

fn config(city: &City) -> PathBuf {
    city.work().join("helan.yaml")
}
