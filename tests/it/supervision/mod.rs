//! What is told of records: figures that are the same however they came about.

mod followed;
mod rollups;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::city::{City, program};

/// Every table of a store, row by row.
fn dump(state: &Path) -> BTreeMap<String, Vec<String>> {
    let path = state.join("supervision.sqlite");
    let store = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut names = store.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").unwrap();
    let names: Vec<String> =
        names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let rows = |table: &str| {
        let mut all = store.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = all.column_count();
        let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<String> {
            (0..columns).map(|at| Ok(format!("{:?} ", row.get_ref(at)?))).collect()
        };
        let mut rows: Vec<String> = all.query_map([], read).unwrap().map(Result::unwrap).collect();
        rows.sort();
        rows
    };
    names.into_iter().map(|table| (table.clone(), rows(&table))).collect()
}

/// Both stores hold the same, table by table.
fn assert_same(one: &BTreeMap<String, Vec<String>>, other: &BTreeMap<String, Vec<String>>) {
    assert!(one.len() > 10, "too few tables: {:?}", one.keys());
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (table, rows) in one {
        let (here, there): (Vec<_>, Vec<_>) =
            (rows.iter().collect(), other[table].iter().collect());
        let only = |these: &[&String], those: &[&String]| -> Vec<String> {
            these.iter().filter(|row| !those.contains(row)).take(3).map(|r| (*r).clone()).collect()
        };
        assert!(here == there, "{table}: {:?} and {:?}", only(&here, &there), only(&there, &here));
    }
}

/// `helan records rebuild` for a city.
fn rebuild(city: &City) -> Output {
    Command::new(program())
        .args(["records", "rebuild", "--config"])
        .arg(city.work().join("helan.yaml"))
        .output()
        .unwrap()
}

/// Calls by outcome, counted from the records by the test itself.
fn counted(events: &[Value]) -> BTreeMap<String, u64> {
    let mut open: BTreeMap<&str, &Value> = BTreeMap::new();
    let mut folds: BTreeMap<&str, (&str, u64)> = BTreeMap::new();
    let mut calls: BTreeMap<String, u64> = BTreeMap::new();
    let text = |value: &'_ Value| value.as_str().unwrap().to_owned();
    for event in events {
        match event["event"].as_str().unwrap() {
            "decided" => {
                open.insert(event["transaction"].as_str().unwrap(), event);
            }
            "finished" => {
                let decided = open.remove(event["transaction"].as_str().unwrap()).unwrap();
                let ended = if decided["outcome"] == "allowed" { event } else { decided };
                *calls.entry(text(&ended["outcome"])).or_default() += 1;
            }
            "folded" => {
                let count = event["count"].as_u64().unwrap();
                folds.insert(
                    event["fold"].as_str().unwrap(),
                    (event["code"].as_str().unwrap(), count),
                );
            }
            "uncounted" => {
                for (code, count) in event["counts"].as_object().unwrap() {
                    *calls.entry(code.clone()).or_default() += count.as_u64().unwrap();
                }
            }
            _ => {}
        }
    }
    for decided in open.into_values() {
        let allowed = decided["outcome"] == "allowed";
        let outcome = if allowed { "unfinished".to_owned() } else { text(&decided["outcome"]) };
        *calls.entry(outcome).or_default() += 1;
    }
    for (code, count) in folds.into_values() {
        *calls.entry(code.to_owned()).or_default() += count;
    }
    calls
}
