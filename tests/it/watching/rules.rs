//! Rules: promtool takes them, every alert fires when it should and not else, and says what to do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{all_rules, files, folder, is_in_both, list, text, yaml};
use crate::support::tools::tool;

/// What promtool says; it must be content.
fn promtool(program: &Path, words: &[&str], files: &[PathBuf]) -> String {
    let output = Command::new(program).args(words).args(files).output().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "promtool {words:?}: {said}");
    said
}

#[test]
fn promtool_takes_the_rules_and_every_case_comes_out_as_written() {
    let Some(program) = tool("promtool", &["promtool"]) else { return };

    promtool(&program, &["check", "rules"], &files("deploy/prometheus/rules", "yml"));
    let config = folder("deploy/prometheus/prometheus.yml");
    let said = promtool(&program, &["check", "config"], std::slice::from_ref(&config));
    for rules in files("deploy/prometheus/rules", "yml") {
        let name = rules.file_name().unwrap().to_str().unwrap();
        assert!(said.contains(&format!("rules/{name}")), "{name} is not loaded: {said}");
    }
    promtool(&program, &["test", "rules"], &files("deploy/prometheus/tests", "yml"));
}

fn alerts() -> Vec<serde_json::Value> {
    all_rules().into_iter().filter(|rule| rule["alert"].is_string()).collect()
}

#[test]
fn every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() {
    let (mut fires, mut silent) = (BTreeSet::new(), BTreeSet::new());
    for file in files("deploy/prometheus/tests", "yml") {
        for case in list(&yaml(&file)["tests"]) {
            for test in list(&case["alert_rule_test"]) {
                let name = text(test, "alertname").to_owned();
                let expected = list(&test["exp_alerts"]);
                let annotated = |one: &serde_json::Value| one["exp_annotations"].is_object();
                assert!(expected.iter().all(annotated), "{name} without its texts");
                if expected.is_empty() {
                    silent.insert(name)
                } else {
                    fires.insert(name)
                };
            }
        }
    }
    let names: BTreeSet<_> = alerts().iter().map(|alert| text(alert, "alert").to_owned()).collect();

    assert!(names.len() >= 20, "{names:?}");
    assert_eq!(fires, names, "alerts with a case in which they fire");
    assert_eq!(silent, names, "alerts with a case in which they do not");
}

#[test]
fn every_alert_says_how_bad_it_is_in_two_languages_and_where_to_read_on() {
    let page = fs::read_to_string(folder("deploy/OPERATING.md")).unwrap();
    let mut sections: BTreeSet<_> = page.lines().filter_map(|l| l.strip_prefix("### ")).collect();
    for alert in alerts() {
        let name = text(&alert, "alert").to_owned();
        let severity = text(&alert["labels"], "severity");
        assert!(["critical", "warning", "info"].contains(&severity), "{name}: {severity}");
        let annotations = &alert["annotations"];
        for about in ["summary", "description"] {
            let said = text(annotations, about);
            assert!(is_in_both(said), "{name}: {said}");
        }
        let place = format!("deploy/OPERATING.md#{}", name.to_lowercase());
        assert_eq!(text(annotations, "runbook"), place);
        assert!(sections.remove(name.as_str()), "{name} has no section in deploy/OPERATING.md");

        let (_, section) = page.split_once(&format!("\n### {name}\n\n")).unwrap();
        let section = section.split("\n#").next().unwrap();
        let first = section.lines().next().unwrap();
        assert!(first.ends_with('。') && !is_in_both(first), "{name} begins in Chinese: {first}");
        assert!(section.contains(&format!("**{severity}.**")), "{name} is {severity}");
        assert!(section.contains("*Do:*") || section.contains("The same"), "{name}: what to do?");
    }
    assert!(sections.is_empty(), "sections of no alert: {sections:?}");
}
