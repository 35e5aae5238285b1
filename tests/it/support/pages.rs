//! Pages for people, tried as somebody would who pastes their commands.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::city::{City, program};

/// What stands between the outputs of two blocks.
const MARK: &str = "$$$";

/// The blocks of commands of a page, or of a part of one.
pub fn blocks(page: &str) -> Vec<String> {
    let parts = page.split("\n```sh\n").skip(1);
    parts.map(|part| part.split("\n```").next().unwrap().to_owned()).collect()
}

/// Text with the ports that this demonstration was given in place of its usual ones.
pub fn at_ports(text: &str, city: &City) -> String {
    let base: u16 = city.shown.opening.rsplit(':').next().unwrap().parse().unwrap();
    let mut text = text.to_owned();
    for offset in [0, 1, 2, 10] {
        let written = format!("127.0.0.1:{}", 18_080 + offset);
        text = text.replace(&written, &format!("127.0.0.1:{}", base + offset));
    }
    text
}

/// Runs blocks one after the other in a folder; what each printed.
pub fn paste(blocks: &[String], here: &Path) -> Vec<String> {
    let mut script = "set -eu\n".to_owned();
    for block in blocks {
        writeln!(script, "echo '{MARK}'\n{block}").unwrap();
    }
    let path = format!(
        "{}:{}:/usr/sbin",
        program().parent().unwrap().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(here)
        .env("PATH", path)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{printed}\n{complaints}");
    printed.split(&format!("{MARK}\n")).skip(1).map(ToOwned::to_owned).collect()
}
