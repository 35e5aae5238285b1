//! The department's interface: an nginx that serves answers of exact sizes.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::city::fill;
use crate::load::REST;
use crate::process::{Running, find, start};

pub(crate) const KIB: usize = 1024;
pub(crate) const MIB: usize = 1024 * 1024;

/// The identity number in every row.
pub(crate) const CERT_NUM: &str = "640106198507150024";

/// Starts the origin on this port; it is ready when a proxy in front of it is.
pub(crate) fn serve(work: &Path, port: u16) -> anyhow::Result<Running> {
    let folder = work.join("origin");
    let files = folder.join("files/civil-affairs");
    fs::create_dir_all(&files)?;
    fs::create_dir_all(folder.join("tmp"))?;
    for entry in ["small", "kept", "public"] {
        fs::write(files.join(entry), answer(1, KIB))?;
    }
    fs::write(files.join("large"), answer(2_500, MIB))?;
    fs::write(files.join("whole"), "0123456789abcdef".repeat(MIB / 16))?;
    let config = fill(include_str!("peers/origin.conf"), &[("ORIGIN", &port.to_string())]);
    fs::write(folder.join("nginx.conf"), config)?;
    let nginx = find("nginx").context("nginx is missing; it is the origin, too")?;
    start(&nginx, REST, &folder, &crate::peers::nginx_arguments(&folder))
}

/// A JSON text of rows with twelve items each, of exactly this size: the last remark fills it.
fn answer(rows: usize, size: usize) -> String {
    let mut text = format!("{{\"total\":{rows},\"rows\":[");
    for number in 0..rows {
        text.push_str(if number == 0 { "" } else { "," });
        text.push_str(&row(number));
    }
    let filling = size.saturating_sub(text.len() + 2);
    let remark = text.len().saturating_sub(2);
    text.insert_str(remark, &"x".repeat(filling));
    text.push_str("]}");
    text
}

fn row(number: usize) -> String {
    format!(
        "{{\"cert_num\":\"{CERT_NUM}\",\"name\":\"张建国\",\"phone\":\"13895001234\",\
         \"address\":\"兴庆区解放东街{number:04}号\",\"region\":\"640104\",\"status\":\"01\",\
         \"kind\":\"首次登记\",\"registered\":\"2026-03-02\",\"expires\":\"2031-03-01\",\
         \"amount\":1280.5,\"members\":3,\"remark\":\"按规定受理，材料齐全\"}}"
    )
}
