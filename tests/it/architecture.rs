//! Which part of `src` may name which other part. A new arrow is a design decision: make it here.

use std::fs;
use std::path::{Path, PathBuf};

struct Part {
    name: &'static str,
    may_use: &'static [&'static str],
}

const fn part(name: &'static str, may_use: &'static [&'static str]) -> Part {
    Part { name, may_use }
}

const PARTS: &[Part] = &[
    part("domain", &["domain"]),
    part("net", &["net"]),
    part("config", &["config", "domain", "net"]),
    part("cache", &["cache", "domain", "net"]),
    part("shape", &["shape", "domain", "net"]),
    part("upstream", &["upstream", "domain", "net"]),
    part("journal", &["journal", "domain", "net", "config"]),
    part("policy", &["policy", "domain", "net", "config"]),
    part(
        "gateway",
        &["gateway", "domain", "net", "config", "policy", "cache", "shape", "upstream", "journal"],
    ),
    part("supervision", &["supervision", "domain", "net", "journal", "policy"]),
    part("control", &["control", "domain", "net", "config", "policy", "journal", "supervision"]),
];

/// `run` and `cli` may use all.
const FREE: &[&str] = &["run", "cli", "lib.rs", "main.rs", "run.rs"];

#[test]
fn every_part_names_only_the_parts_it_may() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for part in PARTS {
        for file in rust_files(&src.join(part.name)) {
            for (at, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
                for used in line.split("crate::").skip(1) {
                    let used =
                        used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                    let allowed = used.is_empty() || part.may_use.contains(&used);
                    assert!(allowed, "{}:{}: {}", file.display(), at + 1, line.trim());
                }
            }
        }
    }
}

#[test]
fn every_part_is_in_the_table() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(src).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let known = PARTS.iter().any(|part| part.name == name) || FREE.contains(&name.as_str());
        assert!(known, "{name} is in nobody's list");
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let inner = folders.iter().flat_map(|folder| rust_files(folder));
    files
        .into_iter()
        .chain(inner)
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect()
}
