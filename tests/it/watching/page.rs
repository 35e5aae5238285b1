//! The operator's page: every block of commands, in order, in a folder with a running demonstration, as
//! somebody would paste them; and every code it names exists.

use std::fs;

use super::{files, folder, prometheus};
use crate::support::city::City;
use crate::support::free_port;
use crate::support::pages::{at_ports, blocks, paste};
use crate::support::tools::tool;

fn page() -> String {
    fs::read_to_string(folder("deploy/OPERATING.md")).unwrap()
}

#[test]
fn every_code_of_a_refusal_that_the_page_names_exists() {
    let refusals = fs::read_to_string(folder("tests/expected/refusals.txt")).unwrap();
    let page = page();
    // Between backquotes, words joined by hyphens; names of programs are none of ours.
    let named = page.split('`').skip(1).step_by(2).filter(|word| {
        word.contains('-') && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    });
    let named: Vec<_> = named.filter(|word| !word.starts_with('-')).collect();

    assert!(named.len() >= 10, "{named:?}");
    for word in named {
        assert!(refusals.lines().any(|line| line == word), "`{word}` is no refusal");
    }
}

#[test]
fn the_operators_page_works_as_it_is_written() {
    if tool("prometheus", &["prometheus"]).is_none() || tool("promtool", &["promtool"]).is_none() {
        return;
    }
    let city = City::start();
    let here = city.dir.path();
    prometheus::configure(&here.join("deploy/prometheus"), &city.shown.admin);
    let prometheus = format!("127.0.0.1:{}", free_port());
    // The ports that this city was given, and less to wait for.
    let here_at = |block: &String| {
        let block = at_ports(block, &city).replace("127.0.0.1:9090", &prometheus);
        block.replace("sleep 25", "sleep 10")
    };
    let blocks: Vec<_> = blocks(&page()).iter().map(here_at).collect();

    let mut answers = paste(&blocks, here).into_iter();
    let checked = answers.next().unwrap();
    let files = files("deploy/prometheus/rules", "yml").len();
    assert_eq!(checked.matches("SUCCESS").count(), files, "{checked}");
    let mut next = |parts: &[&str]| {
        let answer = answers.next().unwrap();
        for part in parts {
            assert!(answer.contains(part), "{part} is not in\n{answer}");
        }
    };
    next(&["helan_ready 1", "helan_records_difference 0", "helan_journal_healthy 1"]);
    next(&["bus-company/passenger-flow", "item-not-open"]);
    next(&["is frozen", "\"leak under investigation\"", "is thawed"]);
    next(&["alertname=\"HelanAgreementEnds\""]);
    next(&["outcome"]);
    next(&["\"outcome\":\"no-such-entry\"", "helan_refusals_total{code=\"no-such-entry\""]);
    next(&["helan_records_difference 0"]);
    next(&["checkpoint"]);
    next(&["helan_policy_failed 1", "helan_policy_refused_files 1", "broken.yaml:2:1"]);
    next(&["helan_policy_failed 0"]);
    next(&[
        "helan_agreements_ending{organization=\"civil-affairs\"} 1",
        "helan_agreements_ending{organization=\"civil-affairs\"} 0",
    ]);
    next(&["breaker_open{upstream=\"weather/rest\"} 1"]);
    next(&["\"rows\"", "breaker_open{upstream=\"weather/rest\"} 0"]);
    next(&[
        "helan_drift_members_total{entry=\"transport/road-traffic\"}",
        "\"drift\":2",
        "\ncamera_operator\n",
    ]);
    next(&["confirm"]);
    next(&[]);
    assert_eq!(answers.next(), None);
}
