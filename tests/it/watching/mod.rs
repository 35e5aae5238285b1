//! What `deploy/` gives those who watch: rules, dashboards and the operator's page, each held against
//! promtool, a real Prometheus and a running city.

mod dashboards;
mod page;
mod prometheus;
mod rules;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A folder of the project.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The files of a folder that end so, in order.
fn files(name: &str, kind: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(folder(name)).unwrap().map(|file| file.unwrap().path());
    let mut all: Vec<_> =
        all.filter(|path| path.extension().is_some_and(|ends| ends == kind)).collect();
    all.sort();
    assert!(!all.is_empty(), "{name} holds no {kind}");
    all
}

fn yaml(file: &Path) -> Value {
    helan::config::read_yaml(file).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// Every rule, recorded or alert.
fn all_rules() -> Vec<Value> {
    let groups: Vec<_> = files("deploy/prometheus/rules", "yml")
        .iter()
        .flat_map(|file| list(&yaml(file)["groups"]).to_vec())
        .collect();
    groups.iter().flat_map(|group| list(&group["rules"]).to_vec()).collect()
}

/// The dashboards, each with its file's name.
fn all_dashboards() -> Vec<(String, Value)> {
    let read = |file: PathBuf| {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        (name, serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap())
    };
    files("deploy/grafana/dashboards", "json").into_iter().map(read).collect()
}

/// Every query of a dashboard's panels.
fn queries(dashboard: &Value) -> Vec<&str> {
    let panels = list(&dashboard["panels"]).iter();
    panels.flat_map(|panel| list(&panel["targets"])).map(|target| text(target, "expr")).collect()
}

/// The names of metrics in a query: ours, and those that rules record.
fn metrics_of(query: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    query
        .split(|c| !is_part(c))
        .filter(|word| word.starts_with("helan_") || word.contains(":helan_"))
        .map(str::to_owned)
        .collect()
}

/// Texts for people say it in Chinese and in English.
fn is_in_both(said: &str) -> bool {
    let is_chinese = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    let english = said.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() > 1);
    said.chars().any(is_chinese) && english.count() >= 2
}
