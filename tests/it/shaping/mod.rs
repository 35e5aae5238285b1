//! Only granted items and rows leave, wherever the answer is cut.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod json;
mod refused;
mod rows;
mod table;

use std::sync::Arc;

use helan::domain::{Entry, Format, ItemName, Scope};
use helan::shape::{Action, MaskKey, Plan, PlanError, PlanSpec, Report, ShapeError, Shaper};
use serde_json::{Value, json};

/// What came of an answer.
type Shaped = Result<(String, Report), ShapeError>;

/// An entry with these items (name, path, type) behind an interface of this format.
fn entry(format: Format, rows: Option<&str>, envelope: &[&str], items: &[Value]) -> Entry {
    serde_json::from_value(json!({
        "id": "police/sample", "code": "101001001/000001", "name": "样例", "summary": "样例",
        "domain": "other", "format": "JSON", "update": "realtime", "published": "2026-01-01",
        "sharing": { "class": "conditional" }, "opening": { "class": "closed" },
        "items": items,
        "interface": {
            "upstream": "main", "description": "sample.yaml", "format": format,
            "rows": rows, "envelope": envelope,
        },
    }))
    .unwrap()
}

fn item(name: &str, path: &str, kind: &str) -> Value {
    json!({ "name": name, "title": name, "path": path, "type": kind })
}

fn keep(names: &[&str]) -> Vec<(ItemName, Action)> {
    names.iter().map(|name| (ItemName::parse(name).unwrap(), Action::Keep)).collect()
}

fn scope(item: &str, values: &[&str]) -> Scope {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Scope { item: ItemName::parse(item).unwrap(), values }
}

fn compile(
    entry: &Entry,
    items: &[(ItemName, Action)],
    scope: &[Scope],
) -> Result<Arc<Plan>, PlanError> {
    Plan::compile(&PlanSpec { entry, items, scope }).map(Arc::new)
}

/// Shapes an answer that comes in these parts.
fn shape_parts(plan: &Arc<Plan>, parts: &[&[u8]]) -> Shaped {
    let key = Arc::new(MaskKey::new(b"a key of the tests"));
    let mut shaper = Shaper::new(Arc::clone(plan), Some(key));
    let mut out = Vec::new();
    for part in parts {
        shaper.push(part, &mut out)?;
    }
    let report = shaper.finish(&mut out)?;
    Ok((String::from_utf8(out).unwrap(), report))
}

/// Shapes an answer that comes in parts of this size.
fn shape_chunks(plan: &Arc<Plan>, answer: impl AsRef<[u8]>, size: usize) -> Shaped {
    shape_parts(plan, &answer.as_ref().chunks(size).collect::<Vec<_>>())
}

/// Shapes an answer that comes whole, cut once at every byte, and byte by byte: always the same.
fn shape(plan: &Arc<Plan>, answer: impl AsRef<[u8]>) -> Shaped {
    let answer = answer.as_ref();
    let whole = shape_parts(plan, &[answer]);
    for cut in 0..=answer.len() {
        let (one, other) = answer.split_at(cut);
        assert_eq!(shape_parts(plan, &[one, other]), whole, "cut at {cut}");
    }
    assert_eq!(shape_chunks(plan, answer, 1), whole, "byte by byte");
    whole
}
