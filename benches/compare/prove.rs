//! That what is timed is the right thing: the answer holds what it should and nothing else.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::city::{GRANTED, OPEN};
use crate::load::Target;
use crate::origin::{CERT_NUM, KIB, MIB};
use crate::peers::Peer;
use crate::process::output;

/// Makes one call and looks at its answer.
pub(crate) fn prove(peer: Peer, target: &Target) -> anyhow::Result<()> {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-k", "-f"]);
    for header in &target.headers {
        curl.args(["-H", header]);
    }
    let entry = target.url.rsplit('/').next().unwrap_or("");
    curl.args(["-w", "\n%header{cache-status}", &target.url]);
    if entry == "kept" {
        output(&mut curl)?;
    }
    let text = output(&mut curl)?;
    let (body, kept) = text.rsplit_once('\n').context("curl said nothing")?;
    let hit = kept.to_ascii_lowercase().contains("hit");
    ensure!(hit == (entry == "kept"), "{}: Cache-Status is {kept:?}", target.url);
    let size = if matches!(entry, "large" | "whole") { MIB } else { KIB };
    if peer != Peer::Helan || entry == "whole" {
        ensure!(body.len() == size, "{} gave {} bytes", target.url, body.len());
        return Ok(());
    }
    let answer: Value = serde_json::from_str(body)?;
    let rows = answer.get("rows").and_then(Value::as_array).context("an answer without rows")?;
    ensure!(answer.get("total") == Some(&Value::from(rows.len())), "rows are missing");
    let items: BTreeSet<&str> = if entry == "public" { OPEN.into() } else { GRANTED.into() };
    for row in rows {
        let row = row.as_object().context("a row that is none")?;
        let left: BTreeSet<&str> = row.keys().map(String::as_str).collect();
        ensure!(left == items, "{}: {left:?} left", target.url);
        let number = row.get("cert_num").and_then(Value::as_str);
        ensure!(number.is_none_or(masked), "{number:?} is not masked");
    }
    Ok(())
}

/// One character in front and two behind stand as they were.
fn masked(number: &str) -> bool {
    let stars = "*".repeat(CERT_NUM.len() - 3);
    number == CERT_NUM.get(..1).unwrap_or("").to_owned() + &stars + "24"
}
