//! README's three paths: every block of commands, in order, in a folder with a running demonstration,
//! as somebody would paste them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::city::{City, program};
use crate::support::free_port;
use crate::support::tools::tool;

/// Blocks of commands under a heading that begins so.
fn blocks(readme: &str, heading: &str) -> Vec<String> {
    let section = readme.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let parts = section.split("\n```sh\n").skip(1);
    parts.map(|part| part.split("\n```").next().unwrap().to_owned()).collect()
}

/// README with the ports that this demonstration was given.
fn at_ports(text: &str, city: &City, prometheus: u16) -> String {
    let base: u16 = city.shown.opening.rsplit(':').next().unwrap().parse().unwrap();
    let mut text = text.replace("127.0.0.1:9090", &format!("127.0.0.1:{prometheus}"));
    for offset in [0, 1, 2, 10] {
        let written = format!("127.0.0.1:{}", 18_080 + offset);
        text = text.replace(&written, &format!("127.0.0.1:{}", base + offset));
    }
    text
}

#[test]
fn the_three_paths_work_as_they_are_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    assert!(
        readme.starts_with("# Helan 贺兰\n\n```sh\nmake demo"),
        "README starts with the commands"
    );
    let city = City::start();
    let port = free_port();
    let here = city.dir.path();
    fs::create_dir_all(here.join("deploy/prometheus")).unwrap();
    let scraped = fs::read_to_string(root.join("deploy/prometheus/prometheus.yml")).unwrap();
    let scraped = at_ports(&scraped, &city, port);
    fs::write(here.join("deploy/prometheus/prometheus.yml"), scraped).unwrap();
    let has_prometheus = tool("prometheus", &["prometheus"]).is_some();

    let mut script = "set -eu\n".to_owned();
    for heading in [
        "Ten minutes for a department",
        "Ten minutes for a consumer",
        "Ten minutes for an operator",
    ] {
        let found = blocks(&readme, heading);
        assert!(found.len() >= 4, "{heading}: {found:?}");
        for block in found {
            if block.starts_with("prometheus ") && !has_prometheus {
                continue;
            }
            writeln!(script, "echo '$$$'\n{}", at_ports(&block, &city, port)).unwrap();
        }
    }
    let path = format!(
        "{}:{}",
        program().parent().unwrap().display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(here)
        .env("PATH", path)
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{printed}\n{complaints}");

    let mut answers = printed.split("$$$\n").skip(1);
    let mut next = |parts: &[&str], never: &[&str]| {
        let answer = answers.next().unwrap();
        for part in parts {
            assert!(answer.contains(part), "{part} is not in\n{answer}\n{complaints}");
        }
        for part in never {
            assert!(!answer.contains(part), "{part} is in\n{answer}");
        }
    };
    next(
        &["code: FILL_IN", "upstream: FILL_IN", "class: conditional", "sensitivity: personal"],
        &[],
    );
    next(&[], &[]);
    // The city has breaches planted; the entry that was published has none.
    next(&["0 errors", "31 entries"], &["FILL_IN", "stations.yaml:", "stations.openapi"]);
    next(&["\"Y7301\"", "\"53614\"", "elevation"], &["13895007788", "马建军", "urn:helan:refusal"]);
    next(&["\"entries\"", "\"uscc\""], &["13895001234"]);
    next(&["name_man"], &["name_woman", "640106198507150024"]);
    next(&["g-02"], &[]);
    next(&["\"purpose-missing\"", "basis", "remedy", "transaction"], &[]);
    next(&["helan_requests_total{"], &[]);
    if has_prometheus {
        next(&["\"status\": \"success\"", "\"sharing\"", "\"refused\""], &["\"result\": []"]);
    }
    next(&["purpose-missing", "allowed by g-02"], &[]);
    next(&["\"frozen\""], &[]);
}
