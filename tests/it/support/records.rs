//! Records as they stand on disk, read without the program's own code.

use std::path::Path;

use serde_json::Value;

/// Every event in a folder, in order. A line is a checksum, a space and JSON.
pub fn events(folder: &Path) -> Vec<Value> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "log"))
        .collect();
    files.sort();
    files
        .iter()
        .flat_map(|file| {
            let bytes = std::fs::read(file).unwrap();
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
