//! A real Chromium without a window, driven through chromedriver's own protocol (W3C `WebDriver`): enough of
//! it for these tests, over plain HTTP, with nothing to install but Debian's two packages.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::tools::tool;
use crate::support::{eventually, free_port, wire};

/// Keys that have no character (`WebDriver` §17.4.2).
pub(super) const TAB: &str = "\u{e004}";
pub(super) const ENTER: &str = "\u{e007}";

/// A width and height of the screen.
pub(super) type Size = (u32, u32);

pub(super) const DESKTOP: Size = (1280, 900);
pub(super) const PHONE: Size = (360, 740);

/// One browser with one page; ended when dropped.
pub(super) struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    /// Starts one, or says why the test is left out.
    pub(super) fn start() -> Option<Self> {
        let driver = tool("chromedriver", &["chromedriver"])?;
        let chromium = tool("chromium", &["chromium", "chromium-browser"])?;
        let port = free_port();
        let driver = Command::new(driver)
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut browser = Self { driver, port, session: String::new() };
        eventually("chromedriver's start", Duration::from_secs(20), || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        let options = json!({
            "binary": chromium,
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--lang=zh-CN", "--window-size=1280,900",
            ],
        });
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let made = browser.send("POST", "/session", &wanted);
        browser.session = made["sessionId"].as_str().unwrap().to_owned();
        Some(browser)
    }

    pub(super) fn open(&self, url: &str) {
        self.command("url", &json!({"url": url}));
    }

    pub(super) fn url(&self) -> String {
        self.send("GET", &format!("/session/{}/url", self.session), &Value::Null)
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// What a script returns; it runs beside the page, whose policy allows it none.
    pub(super) fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({"script": script, "args": []}))
    }

    pub(super) fn text(&self, css: &str) -> String {
        self.run(&format!("return document.querySelector({css:?})?.innerText ?? ''"))
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Types into a field.
    pub(super) fn fill(&self, css: &str, text: &str) {
        let element = self.find(css);
        self.command(&format!("element/{element}/value"), &json!({"text": text}));
    }

    pub(super) fn click(&self, css: &str) {
        let element = self.find(css);
        self.command(&format!("element/{element}/click"), &json!({}));
    }

    /// Presses keys wherever the focus is.
    pub(super) fn press(&self, key: &str) {
        let press = |kind: &str| json!({"type": kind, "value": key});
        let keys =
            json!({"type": "key", "id": "keys", "actions": [press("keyDown"), press("keyUp")]});
        self.command("actions", &json!({"actions": [keys]}));
    }

    /// Makes the screen so large; a phone also touches and has finer dots.
    pub(super) fn resize(&self, (width, height): Size) {
        let is_phone = width < 600;
        let metrics = json!({
            "width": width,
            "height": height,
            "deviceScaleFactor": if is_phone { 2 } else { 1 },
            "mobile": is_phone,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    pub(super) fn prefer(&self, scheme: &str) {
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", &media);
    }

    /// Keeps what the whole page looks like.
    pub(super) fn picture(&self, file: &Path) {
        let how = json!({"format": "png", "captureBeyondViewport": true});
        let taken = self.devtools("Page.captureScreenshot", &how);
        let png = base64::engine::general_purpose::STANDARD
            .decode(taken["data"].as_str().unwrap())
            .unwrap();
        std::fs::write(file, png).unwrap();
    }

    /// What the browser complained about since it was asked last.
    pub(super) fn complaints(&self) -> Vec<String> {
        let log = self.command("se/log", &json!({"type": "browser"}));
        let lines = log.as_array().unwrap().iter();
        lines.map(|line| line["message"].as_str().unwrap_or("").to_owned()).collect()
    }

    fn find(&self, css: &str) -> String {
        let found = self.command("element", &json!({"using": "css selector", "value": css}));
        let element = found.as_object().and_then(|found| found.values().next()).cloned();
        element.and_then(|id| id.as_str().map(str::to_owned)).unwrap()
    }

    fn devtools(&self, name: &str, parameters: &Value) -> Value {
        self.command("goog/cdp/execute", &json!({"cmd": name, "params": parameters}))
    }

    fn command(&self, name: &str, body: &Value) -> Value {
        self.send("POST", &format!("/session/{}/{name}", self.session), body)
    }

    /// One command to the driver; its value.
    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        // The driver keeps connections open, so the end of its answer is counted.
        let answer = wire::read(&mut BufReader::new(stream), true).unwrap().unwrap();
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        assert_eq!(answer.word(1), "200", "{method} {path}: {body}");
        body["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ending the session ends Chromium; the driver alone would leave it behind. It may have ended.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let path = format!("/session/{}", self.session);
            drop(write!(stream, "DELETE {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
            drop(stream.set_read_timeout(Some(Duration::from_secs(10))));
            drop(wire::read(&mut BufReader::new(stream), true));
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}
