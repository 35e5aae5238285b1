//! The department's interface: an nginx that serves answers of exact sizes.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::city::fill;
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
    fs::write(files.join("large"), answer(MIB / 400, MIB))?;
    fs::write(files.join("whole"), "0123456789abcdef".repeat(MIB / 16))?;
    let config = fill(include_str!("peers/origin.conf"), &[("ORIGIN", &port.to_string())]);
    fs::write(folder.join("nginx.conf"), config)?;
    let nginx = find("nginx").context("nginx is missing; it is the origin, too")?;
    start(&[], &nginx, &folder, &crate::peers::nginx_arguments(&folder))
}

/// A JSON text of rows with twelve items each, of exactly this size: four texts in each row, one of
/// which is granted, share what is missing.
fn answer(rows: usize, size: usize) -> String {
    let head = format!("{{\"total\":{rows},\"rows\":[");
    let bare: usize = (0..rows).map(|number| row(number, 0).len() + 1).sum();
    // The last row has no comma, and two brackets follow it.
    let missing = size.saturating_sub(head.len() + bare + 1);
    let each = missing / rows;
    let body: Vec<String> = (0..rows)
        .map(|number| row(number, if number == 0 { missing - each * (rows - 1) } else { each }))
        .collect();
    format!("{head}{}]}}", body.join(","))
}

/// A row that is so many bytes longer than it has to be.
fn row(number: usize, longer: usize) -> String {
    let more = "x".repeat(longer / 4);
    let rest = "x".repeat(longer - longer / 4 * 3);
    format!(
        "{{\"cert_num\":\"{CERT_NUM}\",\"name\":\"张建国{more}\",\"phone\":\"13895001234\",\
         \"address\":\"兴庆区解放东街{number:04}号{more}\",\"region\":\"640104\",\"status\":\"01\",\
         \"kind\":\"首次登记{more}\",\"registered\":\"2026-03-02\",\"expires\":\"2031-03-01\",\
         \"amount\":1280.5,\"members\":3,\"remark\":\"按规定受理，材料齐全{rest}\"}}"
    )
}
