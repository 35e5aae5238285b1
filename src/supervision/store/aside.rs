//! A store that cannot be used is kept for whoever examines it, under another name.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::StoreError;

/// What stands beside a file of SQLite.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Renames a store with what belongs to it; takes the place of one that was set aside before.
pub(in crate::supervision) fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let to = with(path, ".set-aside");
    for suffix in [""].into_iter().chain(BESIDE) {
        let (from, to) = (with(path, suffix), with(&to, suffix));
        let failed = |cause| StoreError::Io { path: from.clone(), doing: "set aside", cause };
        remove(&to).map_err(failed)?;
        match fs::rename(&from, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(to)
}

/// Removes a store with what belongs to it.
pub(in crate::supervision) fn discard(path: &Path) -> Result<(), StoreError> {
    for suffix in [""].into_iter().chain(BESIDE) {
        let file = with(path, suffix);
        remove(&file).map_err(|cause| StoreError::Io { path: file, doing: "remove", cause })?;
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
