//! Records as they stand on disk, read without the program's own code.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use helan::journal::tree::{Signer, TreeOptions};
use helan::journal::{Clock, Journal, JournalOptions, Keep};
use serde_json::Value;

use super::eventually;

/// Every event in a folder, in order. A line is a checksum, a space and JSON.
pub fn events(folder: &Path) -> Vec<Value> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "log" || kind == "zst"))
        .collect();
    files.sort();
    files
        .iter()
        .flat_map(|file| {
            let mut bytes = std::fs::read(file).unwrap();
            if file.extension().is_some_and(|kind| kind == "zst") {
                bytes = zstd::stream::decode_all(bytes.as_slice()).unwrap();
            }
            bytes
                .split(|byte| *byte == b'\n')
                .filter_map(|line| {
                    let start = line.iter().position(|byte| *byte == b'{')?;
                    serde_json::from_slice(&line[start..]).ok()
                })
                .collect::<Vec<Value>>()
        })
        .collect()
}

/// The events of one kind about one call.
pub fn about<'a>(events: &'a [Value], kind: &str, transaction: &str) -> Vec<&'a Value> {
    events
        .iter()
        .filter(|event| event["event"] == kind && event["transaction"] == transaction)
        .collect()
}

/// Packs every segment of a folder that nobody writes to; a new one, nearly empty, is left.
pub fn pack(folder: &Path) {
    let options = JournalOptions {
        folder: folder.to_owned(),
        segment_bytes: 1 << 20,
        sync_ms: 0,
        free_bytes: 0,
        budgets: BTreeMap::new(),
        node: "packer".to_owned(),
        clock: Clock::system(),
        tree: TreeOptions::signed_by(Signer::new("packer/records", &[7; 32])),
        keep: Keep { pack_after: Duration::ZERO, ..Keep::default() },
    };
    let (journal, _) = Journal::open(&options).unwrap();
    eventually("packing", Duration::from_secs(30), || {
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let plain = files.filter(|path| path.extension().is_some_and(|kind| kind == "log"));
        (plain.count() == 1).then_some(())
    });
    journal.close();
}
