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
    part("shape", &["shape", "domain", "net"]),
    // It shapes nothing: beside what an answer was shaped to it keeps what was counted, the report.
    part("cache", &["cache", "domain", "net", "shape"]),
    part("upstream", &["upstream", "domain", "net"]),
    part("journal", &["journal", "domain", "net"]),
    part("policy", &["policy", "domain", "net", "config"]),
    part(
        "gateway",
        &["gateway", "domain", "net", "config", "policy", "cache", "shape", "upstream", "journal"],
    ),
    part("supervision", &["supervision", "domain", "net", "journal", "policy"]),
    part("control", &["control", "domain", "net", "config", "policy", "journal", "supervision"]),
    // All but what people type.
    part(
        "run",
        &[
            "run",
            "domain",
            "net",
            "config",
            "policy",
            "cache",
            "shape",
            "upstream",
            "journal",
            "gateway",
            "supervision",
            "control",
        ],
    ),
];

/// `cli` may use all; the forms of pages and reports name nothing.
const FREE: &[&str] = &["cli", "lib.rs", "main.rs", "templates", "askama.toml"];

#[test]
fn every_part_names_only_the_parts_it_may() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for part in PARTS {
        for file in rust_files(&src.join(part.name)) {
            for (line, used) in named(&fs::read_to_string(&file).unwrap()) {
                let allowed = part.may_use.contains(&used.as_str());
                assert!(allowed, "{}:{line}: {} names {used}", file.display(), part.name);
            }
        }
    }
}

/// The parts a file names after `crate::`, one by one or in braces, with their lines.
fn named(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let line = text[..at].matches('\n').count() + 1;
        let rest = &text[at + "crate::".len()..];
        let Some(inside) = rest.strip_prefix('{') else {
            found.push((line, word(rest)));
            continue;
        };
        let mut depth = 0;
        let mut begins = true;
        for (place, c) in inside.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && (c.is_alphabetic() || c == '_') => {
                    found.push((line, word(&inside[place..])));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn a_part_is_seen_however_it_is_named() {
    let text = "use crate::domain::Zone;\nuse crate::{\n    config::{Config, keys},\n    journal, net::{self},\n};\n\
                fn f() { crate::gateway::run(); mycrate::cli() }\n";

    let parts: Vec<_> =
        named(text).into_iter().map(|(line, used)| format!("{line} {used}")).collect();

    assert_eq!(parts, ["1 domain", "2 config", "2 journal", "2 net", "6 gateway"]);
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
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .chain(inner)
        .collect()
}
