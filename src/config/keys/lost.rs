//! Keys that are lost for good: a marker stands in the place of the file, so that a node starts without
//! it and says so on record.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::file::{KeyError, is_id};
use super::{KeyPurpose, key_name};

/// What a marker says.
const FORMAT: &str = "helan-key-lost-v1";

/// Marks a key as lost for good. One that is there is not.
pub fn lose(folder: &Path, purpose: KeyPurpose, id: &str) -> Result<PathBuf, KeyError> {
    let name = key_name(purpose, id);
    let there = folder.join(format!("{name}.key"));
    if !is_id(id) {
        return Err(KeyError::Files(vec![format!("`{id}` is no key id")]));
    }
    if there.exists() {
        return Err(KeyError::Files(vec![format!(
            "{} is there: it is not lost, and nothing is to be done",
            there.display()
        )]));
    }
    let path = folder.join(format!("{name}.lost"));
    let write = || -> io::Result<()> {
        let mut open = OpenOptions::new();
        let mut file = open.write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        file.write_all(format!("{FORMAT} {purpose} {id}\n").as_bytes())?;
        file.sync_all()
    };
    write().map_err(|cause| KeyError::Io { path: path.clone(), cause })?;
    Ok(path)
}

/// The keys of a folder that are marked as lost, in order.
pub fn lost(folder: &Path) -> Result<Vec<(KeyPurpose, String)>, KeyError> {
    let failed = |cause| KeyError::Io { path: folder.to_owned(), cause };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_none_or(|extension| extension != "lost") {
            continue;
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let named = stem.split_once('-').and_then(|(purpose, id)| {
            Some((KeyPurpose::parse(purpose)?, id.to_owned())).filter(|_| is_id(id))
        });
        found.push(named.ok_or_else(|| {
            KeyError::Files(vec![format!(
                "{}: no key has this name; `helan keys lost` writes these files",
                path.display()
            )])
        })?);
    }
    found.sort();
    Ok(found)
}
