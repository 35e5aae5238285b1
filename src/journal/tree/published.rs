//! What everybody may know of the tree: its size, its latest checkpoint, its files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;

use super::checkpoint::Checkpoint;
use crate::domain::Timestamp;

/// A checkpoint of this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The signed note, as outside tools read it.
    pub note: String,
    /// When it was signed.
    pub time: Timestamp,
}

/// Written by the follower, read by anybody.
#[derive(Debug)]
pub(in super::super) struct State {
    folder: PathBuf,
    size: AtomicU64,
    latest: ArcSwapOption<Published>,
    broken: OnceLock<String>,
}

impl State {
    pub(super) fn new(folder: &Path, size: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            size: AtomicU64::new(size),
            latest: ArcSwapOption::empty(),
            broken: OnceLock::new(),
        }
    }

    pub(super) fn grown_to(&self, size: u64) {
        self.size.store(size, Ordering::Relaxed);
    }

    pub(super) fn publish(&self, published: Published) {
        self.latest.store(Some(Arc::new(published)));
    }

    pub(super) fn break_off(&self, why: String) {
        // The first reason stays.
        drop(self.broken.set(why));
    }

    /// Events in the tree.
    pub(in super::super) fn size(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }

    /// The latest checkpoint that this run signed.
    pub(in super::super) fn latest(&self) -> Option<Arc<Published>> {
        self.latest.load_full()
    }

    /// A file of the tree under the name that C2SP tlog-tiles gives it: `checkpoint` or `tile/…`. None if
    /// that is no such name, or there is no such file.
    pub(in super::super) fn file(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        if !is_public(name) {
            return Ok(None);
        }
        let path = self.folder.join(name);
        if path.is_file() { fs::read(path).map(Some) } else { Ok(None) }
    }

    /// Why no checkpoint is signed any more.
    pub(in super::super) fn broken(&self) -> Option<&str> {
        self.broken.get().map(String::as_str)
    }
}

/// Whether a name is one of the tree's: digits in groups, an `x` before all but the last.
fn is_public(name: &str) -> bool {
    let is_group = |part: &str| {
        let digits = part.strip_prefix('x').unwrap_or(part);
        let digits = digits.strip_suffix(".p").unwrap_or(digits);
        !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
    };
    let mut parts = name.split('/');
    match parts.next() {
        Some("checkpoint") => parts.next().is_none(),
        Some("tile") => parts.clone().count() > 1 && parts.all(is_group),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_tree_are_public() {
        for name in ["checkpoint", "tile/0/000", "tile/1/x001/234.p/17"] {
            assert!(is_public(name), "{name}");
        }
        for name in [
            "",
            "tile",
            "tile/0",
            "durable",
            "checkpoint/x",
            "tile/../lock",
            "tile/0//1",
            "tile/0/a",
        ] {
            assert!(!is_public(name), "{name}");
        }
    }
}
