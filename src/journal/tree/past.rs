//! The checkpoints of a folder, one by one, as they stood when reading began.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::recover::name_of;
use super::checkpoint::SignedCheckpoint;
use super::history::{Notes, files, parse};
use super::note::Verifier;
use super::report::{Fault, Report};

/// How many checkpoints the published one may be behind. A crash between keeping and publishing leaves
/// it one behind; its name is not synced, so that a power cut takes up to half a minute, in which a busy
/// node signs some ten a second.
const BEHIND: u64 = 300;

#[derive(Debug)]
pub(super) struct Past {
    files: VecDeque<PathBuf>,
    notes: VecDeque<SignedCheckpoint>,
    /// Events that the last checkpoint covered when reading began: a live folder signs on.
    limit: u64,
    /// What `tree/checkpoint` holds, if that is a checkpoint.
    published: Option<SignedCheckpoint>,
    is_published: bool,
    /// Checkpoints that were read.
    count: u64,
    /// Which of them is the published one.
    place: Option<u64>,
}

impl Past {
    pub(super) fn open(tree: &Path) -> io::Result<Self> {
        // Before the history: what is published is in it already.
        let text = published(tree)?;
        let published = text.as_deref().and_then(SignedCheckpoint::parse);
        let files: VecDeque<_> = files(tree)?.into();
        let mut limit = 0;
        for file in files.iter().rev() {
            let bytes = fs::read(file)?;
            let sizes = Notes::of(&bytes).all.into_iter().filter_map(parse);
            limit = sizes.map(|signed| signed.checkpoint.size).max().unwrap_or(0);
            // The newest file may have just been begun.
            if limit > 0 {
                break;
            }
        }
        Ok(Self {
            files,
            notes: VecDeque::new(),
            limit,
            published,
            is_published: text.is_some(),
            count: 0,
            place: None,
        })
    }

    /// Events that the last checkpoint covers.
    pub(super) fn signed(&self) -> u64 {
        self.limit
    }

    /// The next checkpoint.
    pub(super) fn next(&mut self, report: &mut Report) -> io::Result<Option<SignedCheckpoint>> {
        while self.notes.is_empty() {
            let Some(path) = self.files.pop_front() else { return Ok(None) };
            let bytes = fs::read(&path)?;
            let notes = Notes::of(&bytes);
            let read: VecDeque<_> = notes.all.iter().filter_map(|note| parse(note)).collect();
            if read.len() < notes.all.len() || notes.is_damaged() {
                report.fault(Fault::Note { file: name_of(&path) });
            }
            self.notes = read;
        }
        let next = self.notes.pop_front().filter(|next| next.checkpoint.size <= self.limit);
        if let Some(next) = &next {
            self.count = self.count.saturating_add(1);
            if self.published.as_ref() == Some(next) {
                self.place = Some(self.count);
            }
        }
        Ok(next)
    }

    /// What is wrong with the published checkpoint, when all have been read.
    pub(super) fn fault(&self, keys: &[Verifier]) -> Option<Fault> {
        let newest = self.limit;
        let Some(published) = &self.published else {
            // The first one may have been kept and not yet published.
            let is_due = self.is_published || self.count > 1;
            return is_due.then_some(Fault::Unpublished { newest });
        };
        if self.place.is_some_and(|place| self.count.saturating_sub(place) <= BEHIND) {
            return None;
        }
        let is_signed = published.is_signed_by(keys);
        Some(Fault::Published { size: published.checkpoint.size, newest, is_signed })
    }
}

/// The file that is handed to whoever asks for the latest checkpoint; none if there is none.
fn published(tree: &Path) -> io::Result<Option<String>> {
    match fs::read(tree.join("checkpoint")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => Ok(Some(String::from_utf8_lossy(&read?).into_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::Checkpoint;
    use super::super::hash::Hash;
    use super::super::history::{self, History};
    use super::super::note::{Signer, sign};
    use super::*;

    #[test]
    fn a_file_of_checkpoints_that_was_just_begun_hides_none_before_it() {
        let tree = tempfile::tempdir().unwrap();
        let signer = Signer::new("gate", &[1; 32]).unwrap();
        let (mut history, _) = History::open(tree.path()).unwrap();
        let mut note = String::new();
        for size in 1..=3 {
            let checkpoint = Checkpoint { origin: "gate".to_owned(), size, root: Hash::empty() };
            note = sign(&checkpoint.to_string(), &[&signer]);
            history.append(&note, size).unwrap();
        }
        fs::write(tree.path().join("checkpoint"), note).unwrap();
        fs::write(history::folder(tree.path()).join("00000000000000000009.notes"), "").unwrap();
        let mut report = Report::default();
        let mut past = Past::open(tree.path()).unwrap();

        assert_eq!(past.signed(), 3);
        for size in 1..=3 {
            let next = past.next(&mut report).unwrap();
            assert_eq!(next.map(|next| next.checkpoint.size), Some(size));
        }
        assert_eq!(past.next(&mut report).unwrap(), None);
        assert_eq!((report.is_sound(), past.fault(&[signer.verifier()])), (true, None));
    }
}
