//! What the detectors know of the records, kept beside the policies' state and brought up to date from the
//! journal. The file is a convenience: without it, everything is read from the first record again.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::detect::{Ledger, VERSION};
use super::line::{self, Line};
use crate::domain::Thresholds;
use crate::journal::{ReadError, Reader};

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

    /// Takes in all that stands in a folder.
    ///
    /// # Errors
    ///
    /// If the folder cannot be listed; what cannot be read in it is kept as a finding.
    pub fn catch_up(&self, records: &Path) -> io::Result<()> {
        let next = self.seq().saturating_add(1);
        let mut taking = self.taking();
        for record in Reader::from_seq(records, next)? {
            match record {
                Ok(record) => {
                    let line = line::read(record.seq, &record.json);
                    taking.take(record.seq, line.as_ref());
                }
                Err(error) => taking.complain(&error),
            }
        }
        Ok(())
    }

    /// Takes records in until it is dropped; whoever looks waits for that.
    pub(super) fn taking(&self) -> Taking<'_> {
        Taking { ledger: self.ledger(), thresholds: &self.thresholds }
    }

    /// Writes the ledger down; the log says so if that fails, and it is no loss.
    pub fn store(&self) {
        if let Err(error) = self.write() {
            tracing::error!(%error, "what the detectors know cannot be written down; it is read from the records again after a restart");
        }
    }

    fn write(&self) -> io::Result<()> {
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

/// Takes records into the ledger.
pub(super) struct Taking<'w> {
    ledger: MutexGuard<'w, Ledger>,
    thresholds: &'w Thresholds,
}

impl Taking<'_> {
    /// Takes a record in, once; none if it cannot be read.
    pub(super) fn take(&mut self, seq: u64, line: Option<&Line<'_>>) {
        match line {
            Some(line) => self.ledger.take(seq, line, self.thresholds),
            None => self.ledger.skip(seq),
        }
    }

    /// Notes what cannot be read.
    pub(super) fn complain(&mut self, error: &ReadError) {
        tracing::error!(%error, "the records cannot be read whole");
        self.ledger.complain(error);
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
        watch.write().unwrap();

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
