//! Pages for people, tried as somebody would who pastes their commands.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
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
    for offset in [0, 1, 2, 10, 13] {
        let written = format!("127.0.0.1:{}", 18_080 + offset);
        text = text.replace(&written, &format!("127.0.0.1:{}", base + offset));
    }
    text
}

/// Runs blocks one after the other in a folder with a demonstration; what each printed. They find the
/// program where a build puts it and leave nothing outside of `demo/`, which git passes over.
pub fn paste(blocks: &[String], here: &Path) -> Vec<String> {
    let built = here.join("built");
    fs::create_dir_all(built.join("release")).unwrap();
    symlink(program(), built.join("release/helan")).unwrap();
    let there = || fs::read_dir(here).unwrap().map(|file| file.unwrap().file_name()).collect();
    let before: BTreeSet<_> = there();
    // Should a block fail, what it started ends all the same.
    let mut script = "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n".to_owned();
    for block in blocks {
        writeln!(script, "echo '{MARK}'\n{block}").unwrap();
    }
    let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(here)
        .env("PATH", path)
        .env("CARGO_TARGET_DIR", built)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{printed}\n{complaints}");
    assert_eq!(there(), before, "what blocks left outside of demo/");
    printed.split(&format!("{MARK}\n")).skip(1).map(ToOwned::to_owned).collect()
}
