//! What the detectors know of the records, kept beside the policies' state and brought up to date from the
//! journal. The file is a convenience: without it, everything is read from the first record again.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::detect::{Ledger, VERSION};
use crate::domain::Thresholds;
use crate::journal::{Reader, Record};

/// The ledger of a node.
#[derive(Debug)]
pub struct Watch {
    ledger: Mutex<Ledger>,
    thresholds: Thresholds,
    file: PathBuf,
}

/// The ledger as it is written down.
#[derive(Serialize, Deserialize)]
struct Kept<L> {
    /// By which rules and parameters it was folded; by others it is folded anew.
    rules: String,
    thresholds: Thresholds,
    ledger: L,
}

impl Watch {
    /// Takes up what was written down in this folder, unless it knows more than the records do: then it is
    /// of other records.
    pub fn open(state: &Path, thresholds: Thresholds, committed: u64) -> Self {
        let file = state.join("detectors.json");
        let kept = std::fs::read(&file)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Kept<Ledger>>(&bytes).ok())
            .filter(|kept| kept.rules == VERSION && kept.thresholds == thresholds)
            .filter(|kept| kept.ledger.seq <= committed);
        let ledger = kept.map(|kept| kept.ledger).unwrap_or_default();
        Self { ledger: Mutex::new(ledger), thresholds, file }
    }

    /// The parameters.
    pub fn thresholds(&self) -> &Thresholds {
        &self.thresholds
    }

    /// The last record taken in.
    pub fn seq(&self) -> u64 {
        self.ledger().seq
    }

    /// Looks at the ledger.
    pub fn look<R>(&self, with: impl FnOnce(&Ledger) -> R) -> R {
        with(&self.ledger())
    }

    /// A reader that begins no later than behind the last record taken in.
    pub fn reader(&self, records: &Path) -> io::Result<Reader> {
        match self.ledger().latest {
            Some(latest) => Reader::since(records, latest),
            None => Reader::open(records),
        }
    }

    /// Takes in what a reader finds, up to this number; where to go on from, if it is not there yet.
    pub fn follow(&self, reader: &mut Reader, committed: u64) {
        let mut told = None;
        while self.seq() < committed {
            match reader.next() {
                Some(Ok(record)) => {
                    self.take(&record);
                    // Calls on the same core wait for no more than a record.
                    std::thread::yield_now();
                }
                Some(Err(error)) => {
                    // What a disk refuses it will refuse again: once is enough for now.
                    let text = error.to_string();
                    if told.as_ref() == Some(&text) {
                        return;
                    }
                    tracing::error!(%error, "the records cannot be read whole");
                    self.ledger().complain(&error);
                    told = Some(text);
                }
                None => return,
            }
        }
    }

    fn take(&self, record: &Record) {
        let mut ledger = self.ledger();
        if record.seq <= ledger.seq {
            return;
        }
        match record.event() {
            Ok(event) => ledger.take(record.seq, &event, &self.thresholds),
            Err(error) => {
                tracing::error!(seq = record.seq, %error, "a record is of a kind not known here");
                ledger.skip(record.seq);
            }
        }
    }

    /// Writes the ledger down.
    pub fn store(&self) -> io::Result<()> {
        let text = {
            let ledger = self.ledger();
            let rules = VERSION.to_owned();
            serde_json::to_vec(&Kept { rules, thresholds: self.thresholds, ledger: &*ledger })?
        };
        let beside = self.file.with_extension("new");
        // It says who asked for what: nobody else's to read.
        let mut options = std::fs::OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&beside)?.write_all(&text)?;
        std::fs::rename(beside, &self.file)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_down_is_taken_up_only_where_it_fits() {
        let folder = tempfile::tempdir().unwrap();
        let usual = Thresholds::default();
        let watch = Watch::open(folder.path(), usual, 0);
        watch.ledger().skip(7);
        watch.store().unwrap();

        assert_eq!(Watch::open(folder.path(), usual, 7).seq(), 7);
        // Of other records, of other parameters, or torn: everything is read again.
        assert_eq!(Watch::open(folder.path(), usual, 6).seq(), 0);
        let strict = Thresholds { probe_calls: 1, ..usual };
        assert_eq!(Watch::open(folder.path(), strict, 7).seq(), 0);
        let kept = folder.path().join("detectors.json");
        let text = std::fs::read(&kept).unwrap();
        std::fs::write(&kept, &text[..text.len() / 2]).unwrap();
        assert_eq!(Watch::open(folder.path(), usual, 7).seq(), 0);
    }
}
