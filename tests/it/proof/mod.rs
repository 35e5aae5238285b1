//! That records are what they were: shown to somebody who trusts neither the node nor our own code, and
//! refused to whoever changes them.

mod auditing;
mod evidence;
mod keeping;
mod outside;
mod power;
mod rewound;
mod tampering;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use helan::domain::{Budget, EntryId, OrganizationId, Zone};
use helan::journal::tree::{Signer, TreeOptions};
use helan::journal::{ANSWERED, Clock, Decided, Finished, Journal, JournalOptions, Keep};
use uuid::Uuid;

use crate::support::city::program;

/// The name of these records.
const ORIGIN: &str = "north.example/records";

fn signer(seed: u8) -> Signer {
    Signer::new(ORIGIN, &[seed; 32]).unwrap()
}

fn options(folder: &Path, signers: impl IntoIterator<Item = Signer>) -> JournalOptions {
    let budget = Budget { pending_bytes: 1 << 30, bytes_per_second: 1 << 40 };
    JournalOptions {
        folder: folder.to_owned(),
        segment_bytes: 256 << 10,
        sync_ms: 0,
        free_bytes: 0,
        budgets: BTreeMap::from([(Zone::Sharing, budget)]),
        node: "north".to_owned(),
        clock: Clock::system(),
        tree: TreeOptions::signed_by(signers),
        keep: Keep::default(),
    }
}

fn open(folder: &Path) -> Journal {
    Journal::open(&options(folder, [signer(7)])).unwrap().0
}

/// Whole calls, two events each, and their transactions.
fn calls(journal: &Journal, count: usize) -> Vec<Uuid> {
    let mut made = Vec::new();
    let mut last = None;
    for _ in 0..count {
        let mut decided = Decided::new(Clock::system().now(), Uuid::now_v7(), Zone::Sharing);
        decided.organization = OrganizationId::parse("civil-affairs").ok();
        decided.entry = EntryId::parse("police/population-check").ok();
        let (ticket, open) = journal.reserve(Zone::Sharing, 2_048).unwrap().decided(&decided);
        open.finish(&Finished::new(&decided, decided.time, ANSWERED));
        made.push(decided.transaction);
        last = Some(ticket);
    }
    last.unwrap().wait().unwrap();
    made
}

/// A folder of records that a node closed in order.
fn grown(count: usize) -> (tempfile::TempDir, Vec<Uuid>) {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let made = calls(&journal, count);
    journal.close();
    (folder, made)
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    let status = Command::new("cp").arg("-a").arg(from.join(".")).arg(to.path()).status();
    assert!(status.unwrap().success());
    to
}

fn helan(arguments: &[&str]) -> Output {
    Command::new(program()).args(arguments).output().unwrap()
}

/// What `helan records verify` says of a folder, and its exit code.
fn verify(folder: &Path, more: &[&str]) -> (Option<i32>, String) {
    let key = signer(7).verifier().to_string();
    let folder = folder.to_str().unwrap();
    let words = ["records", "verify", "--records", folder, "--key", &key];
    let output = helan(&[&words, more].concat());
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// The lines of `verify` that say what is wrong.
fn wrong(said: &str) -> Vec<&str> {
    said.lines().filter_map(|line| line.strip_prefix("WRONG: ")).collect()
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "log");
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(is_segment)
        .collect();
    found.sort();
    found
}

fn checkpoint(folder: &Path) -> String {
    fs::read_to_string(folder.join("tree/checkpoint")).unwrap()
}

/// Events that a checkpoint covers.
fn size(checkpoint: &str) -> u64 {
    checkpoint.lines().nth(1).unwrap().parse().unwrap()
}
