//! Whoever reads what a command prints may stop reading, as `head` does: that is no failure.

use std::process::{Command, Stdio};

use crate::support::city::program;

/// Runs a command whose output nobody reads; its exit code and what it complains of.
pub fn unread(arguments: &[&str]) -> (Option<i32>, String) {
    let mut child = Command::new(program())
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_command_whose_output_nobody_reads_ends_quietly() {
    let empty = tempfile::tempdir().unwrap();
    let empty = empty.path().to_str().unwrap();
    let commands: &[&[&str]] = &[
        &["schema", "entry"],
        &["schema"],
        &["records", "query", "--records", empty],
        &["records", "verify", "--records", empty],
    ];
    for command in commands {
        assert_eq!(unread(command), (Some(0), String::new()), "{command:?}");
    }
}
