//! `helan records export`, read back by a program that is not ours.

use std::path::Path;
use std::process::Command;

use helan::domain::counted;
use serde_json::Value;

use super::marriage;
use crate::support::city::{City, program};
use crate::support::serving::curl;
use crate::support::tools::tool;

/// Prints every row as JSON, moments as they are written in records.
const PROGRAM: &str = "\
import duckdb, json, sys
rows = duckdb.connect().execute('select * from read_parquet(?)', [sys.argv[1]])
names = [c[0] for c in rows.description]
stamp = lambda v: v.strftime('%Y-%m-%dT%H:%M:%S.') + '%03dZ' % (v.microsecond // 1000)
for row in rows.fetchall():
    print(json.dumps({n: stamp(v) if hasattr(v, 'strftime') else v for n, v in zip(names, row)}))
";

fn others(count: usize) -> String {
    counted(count, "other event")
}

fn lines(output: &[u8]) -> Vec<Value> {
    let text = String::from_utf8(output.to_vec()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn helan(arguments: &[&str], records: &Path) -> Vec<u8> {
    let output = Command::new(program())
        .args(["records"])
        .args(arguments)
        .arg("--records")
        .arg(records)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn duckdb_reads_what_records_query_says() {
    let Some(python) = tool("duckdb", &["tools:venv/bin/python"]) else { return };
    let mut city = City::start();
    for _ in 0..5 {
        assert_eq!(marriage(&city, "data-verification").0, 200);
    }
    assert_eq!(marriage(&city, "nonsense").0, 403);
    curl(&[&format!("{}/market/enterprises?page=1", city.shown.opening)]);
    city.interrupt();

    let file = city.dir.path().join("records.parquet");
    let said = helan(&["export", "--out", file.to_str().unwrap()], &city.shown.records);
    let asked = lines(&helan(&["query", "--json"], &city.shown.records));
    let output = Command::new(python).args(["-c", PROGRAM]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = lines(&output.stdout);

    let calls = asked.iter().filter(|row| row["decided"].is_object()).count();
    assert!(calls > 6, "{calls}");
    let said = String::from_utf8(said).unwrap();
    let counts = format!(": {} and {}, ", counted(calls, "call"), others(asked.len() - calls));
    assert!(said.contains(&counts), "{said}");
    assert_eq!(rows.len(), asked.len());
    for row in &asked {
        let (decided, finished) = (&row["decided"], &row["finished"]);
        let seq = if decided.is_object() { &decided["seq"] } else { &row["event"]["seq"] };
        let found = rows.iter().find(|row| row["seq"] == *seq).unwrap();
        if decided.is_null() {
            assert_eq!(found["event"], row["event"]["event"]);
            let content: Value = serde_json::from_str(found["content"].as_str().unwrap()).unwrap();
            assert_eq!(content, row["event"]);
            continue;
        }
        let same =
            |column: &str, value: &Value| assert_eq!(found[column], *value, "{column} of {seq}");
        for name in
            ["time", "transaction", "zone", "organization", "entry", "grant", "path", "purpose"]
        {
            same(name, &decided[name]);
        }
        for name in ["parameters", "items", "used", "articles", "proved"] {
            let list = if decided[name].is_null() {
                Value::Array(Vec::new())
            } else {
                decided[name].clone()
            };
            same(name, &list);
        }
        same("decision", &decided["outcome"]);
        for name in
            ["status", "bytes", "rows", "upstream_status", "duration_us", "cache", "last_modified"]
        {
            same(name, &finished[name]);
        }
        same("finished_time", &finished["time"]);
    }
    assert!(rows.iter().any(|row| row["items"].as_array().is_some_and(|items| items.len() > 1)));

    // A span, and nothing half-written beside.
    let from = asked[asked.len() / 2]["decided"]["time"]
        .as_str()
        .or(asked[asked.len() / 2]["event"]["time"].as_str())
        .unwrap();
    let fewer = lines(&helan(&["query", "--json", "--from", from], &city.shown.records));
    let said =
        helan(&["export", "--from", from, "--out", file.to_str().unwrap()], &city.shown.records);
    let calls = fewer.iter().filter(|row| row["decided"].is_object()).count();
    let counts = format!(": {} and {}, ", counted(calls, "call"), others(fewer.len() - calls));
    assert!(String::from_utf8(said).unwrap().contains(&counts), "{counts}");
    assert!(!file.with_extension("parquet.part").exists());
}
