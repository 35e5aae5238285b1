//! The console: what a browser sees, who may see it, and what is on record of that.

mod browser;
mod looks;
mod roles;
mod speed;

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::city::City;
use crate::support::eventually;
use crate::support::records::events;

/// What curl was answered: the head and the body.
fn curl(arguments: &[&str]) -> String {
    let output = Command::new("curl").args(["-sS", "-i"]).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// A header's value.
fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let head = answer.split("\r\n\r\n").next().unwrap();
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map_or("", |(_, value)| value.trim())
}

/// Somebody at the console, without a browser.
struct Visitor<'c> {
    city: &'c City,
    cookie: String,
}

impl<'c> Visitor<'c> {
    /// Logs in with the token of this role.
    fn login(city: &'c City, role: &str) -> Self {
        let answer = login(city, &city.shown.admin_tokens[role]);
        assert_eq!(status(&answer), 303, "{answer}");
        let cookie = header(&answer, "set-cookie").split(';').next().unwrap().to_owned();
        Self { city, cookie }
    }

    fn get(&self, path: &str) -> String {
        curl(&[
            "-H",
            &format!("Cookie: {}", self.cookie),
            &format!("{}{path}", self.city.shown.admin),
        ])
    }

    /// Sends a form, with the word that this page gives, and more headers.
    fn post(&self, path: &str, word: &str, form: &[(&str, &str)], headers: &[&str]) -> String {
        let cookie = format!("Cookie: {}", self.cookie);
        let fields: Vec<_> = [("word", word)]
            .iter()
            .chain(form)
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut arguments = vec!["-H", cookie.as_str()];
        arguments.extend(headers.iter().flat_map(|header| ["-H", header]));
        arguments.extend(fields.iter().flat_map(|field| ["--data-urlencode", field]));
        let url = format!("{}{path}", self.city.shown.admin);
        arguments.push(&url);
        curl(&arguments)
    }

    /// The word that forms of this session bear: it stands in the form that logs out.
    fn word(&self) -> String {
        let page = self.get("/console/health");
        let (_, rest) = page.split_once("name=\"word\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}

/// Sends a token to the login.
fn login(city: &City, token: &str) -> String {
    let url = format!("{}/console/login", city.shown.admin);
    curl(&["--data-urlencode", &format!("token={token}"), &url])
}

/// Events of this name, once there are so many that fit.
fn named(city: &City, name: &str, fits: impl Fn(&Value) -> bool, least: usize) -> Vec<Value> {
    eventually(name, Duration::from_secs(10), || {
        let mut all = events(&city.shown.records);
        all.retain(|event| event["event"] == name && fits(event));
        (all.len() >= least).then_some(all)
    })
}

/// Makes every call that the demonstration prints.
fn traffic(city: &City) {
    for call in city.shown.calls.iter().filter(|call| call.status.is_some()) {
        let ran = Command::new("sh").args(["-c", &call.command]).current_dir("/").output().unwrap();
        assert!(ran.status.success() || call.code.is_some(), "{}", call.name);
    }
}
