//! README's three paths: every block of commands, in order, in a folder with a running demonstration,
//! as somebody would paste them.

use std::fs;
use std::path::Path;

use crate::support::city::City;
use crate::support::free_port;
use crate::support::pages::{at_ports, blocks, paste};
use crate::support::tools::tool;

/// Blocks of commands under a heading that begins so.
fn under(readme: &str, heading: &str) -> Vec<String> {
    blocks(readme.split("\n## ").find(|section| section.starts_with(heading)).unwrap())
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
    let here_at =
        |text: &str| at_ports(text, &city).replace("127.0.0.1:9090", &format!("127.0.0.1:{port}"));
    let scraped = here_at(&scraped);
    fs::write(here.join("deploy/prometheus/prometheus.yml"), scraped).unwrap();
    let has_prometheus = tool("prometheus", &["prometheus"]).is_some();

    let mut pasted = Vec::new();
    for heading in [
        "Ten minutes for a department",
        "Ten minutes for a consumer",
        "Ten minutes for an operator",
        "Supervising it",
    ] {
        let found = under(&readme, heading);
        assert!(found.len() >= 2, "{heading}: {found:?}");
        let can_run = |block: &String| !block.starts_with("prometheus ") || has_prometheus;
        pasted.extend(found.iter().filter(|block| can_run(block)).map(|block| here_at(block)));
    }
    let mut answers = paste(&pasted, here).into_iter();
    let mut next = |parts: &[&str], never: &[&str]| {
        let answer = answers.next().unwrap();
        for part in parts {
            assert!(answer.contains(part), "{part} is not in\n{answer}");
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
    // What policies breach, a department, and two callers.
    let found = [
        "V-08 ecology/inspection-plans",
        "V-12 transport/road-traffic",
        "V-14 human-resources/insurance-registration",
        "V-16 health/birth-issue",
    ];
    next(&found, &[]);
    next(&["\"organization\": \"weather\"", "other events"], &[]);
    next(&["civil-affairs/marriage"], &["640106198507150024"]);
}
