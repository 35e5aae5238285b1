//! What Helan is measured on: the demonstration's city with entries of our own, each granted,
//! limited, masked and recorded like any other.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rustix::process::Signal;
use serde_json::Value;

use crate::process::{free_ports, output, start};

/// The city's folder, and who calls.
#[derive(Debug)]
pub(crate) struct City {
    pub(crate) folder: PathBuf,
    pub(crate) token: String,
}

/// The items of the small answers, and those that leave.
pub(crate) const ITEMS: &str = include_str!("city/items.yaml");
pub(crate) const GRANTED: [&str; 6] =
    ["cert_num", "name", "region", "status", "registered", "amount"];
pub(crate) const OPEN: [&str; 8] =
    ["region", "status", "kind", "registered", "expires", "amount", "members", "remark"];

const ENTRIES: [(&str, &str); 5] = [
    ("small", include_str!("city/small.yaml")),
    ("kept", include_str!("city/kept.yaml")),
    ("large", include_str!("city/large.yaml")),
    ("whole", include_str!("city/whole.yaml")),
    ("public", include_str!("city/public.yaml")),
];

/// Lets `helan demo` make a city, ends it, and adds our entries, which must pass `helan check`.
pub(crate) fn make(helan: &Path, work: &Path, origin: u16) -> anyhow::Result<City> {
    let folder = work.join("city");
    fs::create_dir_all(&folder)?;
    let demo = folder.join("demo");
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let arguments = [
        "demo".into(),
        "--dir".into(),
        demo.clone().into_os_string(),
        "--city".into(),
        sample.into_os_string(),
        "--port-base".into(),
        free_ports(20)?.to_string().into(),
    ];
    let mut demonstration = start(&[], helan, &folder, &arguments)?;
    let shown: Value = demonstration
        .until(|| serde_json::from_str(&fs::read_to_string(demo.join("demo.json")).ok()?).ok())?;
    demonstration.stop(Signal::INT);
    let token = shown
        .pointer("/applications/natural-resources~1registration/token")
        .and_then(Value::as_str)
        .context("demo.json has no token of natural-resources/registration")?;

    let policies = demo.join("policies");
    publish(&policies, origin)?;
    output(std::process::Command::new(helan).args(["check", "--policies"]).arg(&policies))?;
    Ok(City { folder: demo, token: token.to_owned() })
}

fn publish(policies: &Path, origin: u16) -> anyhow::Result<()> {
    let (today, until) = term()?;
    let catalog = policies.join("catalog/civil-affairs");
    for (entry, text) in ENTRIES {
        fs::write(
            catalog.join(format!("{entry}.yaml")),
            fill(text, &[("TODAY", &today), ("ITEMS", ITEMS)]),
        )?;
        let (granted, mode) = match entry {
            "public" => continue,
            "whole" => ("content, index".to_owned(), "file"),
            _ => (GRANTED.join(", "), "api"),
        };
        let values = [
            ("ENTRY", entry),
            ("GRANTED", granted.as_str()),
            ("MODE", mode),
            ("TODAY", &today),
            ("UNTIL", &until),
        ];
        fs::write(
            policies.join(format!("grants/g-compare-{entry}.yaml")),
            fill(include_str!("city/grant.yaml"), &values),
        )?;
        fs::write(
            policies.join(format!("agreements/a-compare-{entry}.yaml")),
            fill(include_str!("city/agreement.yaml"), &values),
        )?;
    }
    let json = include_str!("city/compare.openapi.yaml");
    fs::write(catalog.join("compare.openapi.yaml"), json)?;
    let file = include_str!("city/compare-file.openapi.yaml");
    fs::write(catalog.join("compare-file.openapi.yaml"), file)?;

    let provider = policies.join("organizations/civil-affairs.yaml");
    let upstream = format!(
        "  - id: compare\n    url: http://127.0.0.1:{origin}\n    connections: 128\n    concurrency: 1024\n"
    );
    fs::write(&provider, fs::read_to_string(&provider)? + &upstream)?;
    let consumer = policies.join("organizations/natural-resources.yaml");
    let application = "    name: 不动产登记系统\n";
    let limited = format!("{application}    rate: {{calls: 1000000, burst: 1000000}}\n");
    fs::write(&consumer, fs::read_to_string(&consumer)?.replace(application, &limited))?;
    Ok(())
}

/// Today, and when grants end.
pub(crate) fn term() -> anyhow::Result<(String, String)> {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    let today = jiff::Zoned::now().with_time_zone(zone).date();
    let until = today.checked_add(jiff::Span::new().days(300))?;
    Ok((today.to_string(), until.to_string()))
}

/// Puts values in the places of a text that are marked with `@NAME@`.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    values
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("@{name}@"), value))
}
