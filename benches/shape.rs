//! How fast granted items are picked out of an answer: one core, parts of 16 KiB. Most cases are short
//! records with Chinese text, 3 of 14 members kept, one of them masked; the others are what is worst
//! for a scanner: indentation, and numbers one after another.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use helan::domain::{Entry, ItemName, Mask, Scope};
use helan::shape::{Action, Plan, PlanSpec, Shaper};
use serde_json::{Value, json};

const MEMBERS: [&str; 14] = [
    "id_no", "name", "sex", "birthday", "nation", "address", "phone", "region", "company", "post",
    "salary", "insured", "remark", "status",
];

fn entry(format: &str) -> Entry {
    let item = |name: &&str| json!({ "name": name, "title": name, "type": "string" });
    let items: Vec<Value> = MEMBERS.iter().map(item).collect();
    let rows = (format == "json").then_some("data.rows[]");
    serde_json::from_value(json!({
        "id": "social/insured", "code": "101001001/000001", "name": "参保", "summary": "参保",
        "domain": "other", "format": "JSON", "update": "daily", "published": "2026-01-01",
        "sharing": { "class": "conditional" }, "opening": { "class": "closed" }, "items": items,
        "interface": {
            "upstream": "main", "description": "x.yaml", "format": format, "rows": rows,
            "envelope": if format == "json" { vec!["total"] } else { vec![] },
        },
    }))
    .unwrap()
}

fn cells(number: usize) -> [String; 14] {
    [
        format!("64010419{:02}03{:02}{:04}", number % 100, number % 28 + 1, number % 10_000),
        "马小明".to_owned(),
        "男".to_owned(),
        "1990-03-07".to_owned(),
        "回族".to_owned(),
        format!("宁夏回族自治区银川市兴庆区文化西街{number}号"),
        format!("138{:08}", number % 100_000_000),
        "640104".to_owned(),
        "银川公共交通示例有限公司".to_owned(),
        "驾驶员".to_owned(),
        format!("{}.50", 4000 + number % 3000),
        "true".to_owned(),
        String::new(),
        "在职".to_owned(),
    ]
}

fn rows_of_json() -> String {
    let row = |number| {
        let members: Vec<String> = MEMBERS
            .iter()
            .zip(cells(number))
            .map(|(name, cell)| match *name {
                "salary" | "insured" => format!("\"{name}\":{cell}"),
                _ => format!("\"{name}\":\"{cell}\""),
            })
            .collect();
        format!("{{{}}}", members.join(","))
    };
    let rows: Vec<String> = (0..10_000).map(row).collect();
    format!("{{\"total\":10000,\"data\":{{\"rows\":[{}]}}}}", rows.join(","))
}

fn rows_of_csv() -> String {
    let rows: Vec<String> = (0..10_000).map(|number| cells(number).join(",")).collect();
    format!("{}\r\n{}\r\n", MEMBERS.join(","), rows.join("\r\n"))
}

/// What a program writes that formats for people.
fn indented(text: &str) -> String {
    serde_json::to_string_pretty(&serde_json::from_str::<Value>(text).unwrap()).unwrap()
}

/// Readings of sensors: little but numbers.
fn rows_of_numbers() -> String {
    let row = |number: usize| {
        let members = MEMBERS.iter().enumerate().map(|(at, name)| {
            format!("\"{name}\":{}.{:03}", number % 100 * (at + 1), (number * 7 + at) % 1000)
        });
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    let rows: Vec<String> = (0..10_000).map(row).collect();
    format!("{{\"total\":10000,\"data\":{{\"rows\":[{}]}}}}", rows.join(","))
}

fn keep(name: &str) -> (ItemName, Action) {
    (ItemName::parse(name).unwrap(), Action::Keep)
}

fn three_of_fourteen() -> Vec<(ItemName, Action)> {
    let mask = Action::Mask(Mask::IdNumber { first: 1, last: 2 });
    vec![(ItemName::parse("id_no").unwrap(), mask), keep("name"), keep("status")]
}

fn shape(plan: &Arc<Plan>, body: &str, out: &mut Vec<u8>) {
    out.clear();
    let mut shaper = Shaper::new(Arc::clone(plan), None);
    for part in body.as_bytes().chunks(16 * 1024) {
        shaper.push(part, out).unwrap();
    }
    assert_eq!(shaper.finish(out).unwrap().rows_out, 10_000);
}

fn shaping(criterion: &mut Criterion) {
    let all: Vec<(ItemName, Action)> = MEMBERS.iter().map(|name| keep(name)).collect();
    let scope = [Scope {
        item: ItemName::parse("region").unwrap(),
        values: vec!["640104".to_owned(), "640105".to_owned()],
    }];
    let (json, csv) = (rows_of_json(), rows_of_csv());
    let (indented, numbers) = (indented(&json), rows_of_numbers());
    let three_numbers = vec![keep("name"), keep("phone"), keep("status")];
    let cases: [(&str, &str, &str, Vec<_>, &[Scope]); 6] = [
        ("json, 3 of 14, one masked", "json", &json, three_of_fourteen(), &[]),
        ("json, 3 of 14, one masked, rows filtered", "json", &json, three_of_fourteen(), &scope),
        ("json, 14 of 14", "json", &json, all, &[]),
        ("json, indented, 3 of 14, one masked", "json", &indented, three_of_fourteen(), &[]),
        ("json, numbers, 3 of 14", "json", &numbers, three_numbers, &[]),
        ("csv, 3 of 14, one masked", "csv", &csv, three_of_fourteen(), &[]),
    ];
    let mut group = criterion.benchmark_group("shape");
    for (name, format, body, items, scope) in cases {
        let entry = entry(format);
        let plan = Plan::compile(&PlanSpec { entry: &entry, items: &items, scope }).unwrap();
        let plan = Arc::new(plan);
        let mut out = Vec::new();
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| shape(&plan, black_box(body), &mut out));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = shaping
}
criterion_main!(benches);
