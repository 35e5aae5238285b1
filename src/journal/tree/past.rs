//! The checkpoints of a folder, one by one, as they stood when reading began.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use super::super::recover::name_of;
use super::checkpoint::SignedCheckpoint;
use super::history::{files, notes, read};
use super::report::{Fault, Report};

#[derive(Debug)]
pub(super) struct Past {
    files: VecDeque<PathBuf>,
    notes: VecDeque<SignedCheckpoint>,
    /// Events that the last checkpoint covered when reading began: a live folder signs on.
    limit: u64,
}

impl Past {
    pub(super) fn open(tree: &Path) -> io::Result<Self> {
        let files: VecDeque<_> = files(tree)?.into();
        let mut limit = 0;
        if let Some(newest) = files.back() {
            let text = read(newest)?;
            let sizes = notes(&text).0.into_iter().filter_map(SignedCheckpoint::parse);
            limit = sizes.map(|signed| signed.checkpoint.size).max().unwrap_or(0);
        }
        Ok(Self { files, notes: VecDeque::new(), limit })
    }

    /// The next checkpoint.
    pub(super) fn next(&mut self, report: &mut Report) -> io::Result<Option<SignedCheckpoint>> {
        while self.notes.is_empty() {
            let Some(path) = self.files.pop_front() else { return Ok(None) };
            let text = read(&path)?;
            let (found, _) = notes(&text);
            let read: VecDeque<_> =
                found.iter().filter_map(|note| SignedCheckpoint::parse(note)).collect();
            if read.len() < found.len() || found.is_empty() {
                report.fault(Fault::Note { file: name_of(&path) });
            }
            self.notes = read;
        }
        Ok(self.notes.pop_front().filter(|next| next.checkpoint.size <= self.limit))
    }
}
