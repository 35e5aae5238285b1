//! A store, and the fold that goes on from it.

use std::path::{Path, PathBuf};

use super::Trouble;
use crate::journal::{ReadError, Reader, Record};
use crate::supervision::line::Line;
use crate::supervision::rollup::{Fold, Place, Step};
use crate::supervision::store::{self, Care, Store, StoreError};

#[derive(Debug)]
pub(super) struct Work {
    records: PathBuf,
    store: Store,
    fold: Fold,
    /// Records that are folded and not written.
    unwritten: u64,
    /// The day that was looked at last for records that are gone.
    day: i64,
}

impl Work {
    /// Opens the store, or makes one. It must be of these records.
    pub(super) fn begin(records: &Path, state: &Path, committed: u64) -> Result<Self, Trouble> {
        let path = state.join(store::FILE);
        let store = Store::open(&path, Care::Live)?;
        let fold = store.resume()?;
        let work = Self { records: records.to_owned(), store, fold, unwritten: 0, day: i64::MIN };
        let place = work.place();
        if place.seq == 0 {
            return Ok(work);
        }
        let other = |why: &str| StoreError::Unusable { path: path.clone(), why: why.to_owned() };
        if place.seq > committed {
            return Err(other("it is ahead of the records, so it was made of others").into());
        }
        let mut reader =
            Reader::from_seq(records, place.seq).map_err(|cause| work.unreadable(cause))?;
        match reader.next() {
            Some(Ok(Record { seq, json })) if seq == place.seq => {
                if crc32fast::hash(&json) != place.crc {
                    return Err(other("it was made of other records").into());
                }
            }
            Some(Err(ReadError::Io { segment, cause })) => {
                return Err(Trouble::Read(ReadError::Io { segment, cause }));
            }
            // The record it ended at is damaged or gone by now; what follows is read all the same.
            Some(Ok(_) | Err(ReadError::Damaged { .. } | ReadError::Gap { .. })) | None => {}
        }
        Ok(work)
    }

    /// How far it has folded.
    pub(super) fn place(&self) -> Place {
        self.fold.place()
    }

    /// Folds a record.
    pub(super) fn take(&mut self, seq: u64, json: &[u8], line: Option<&Line<'_>>) {
        self.fold.take(seq, json, line);
        self.unwritten = self.unwritten.saturating_add(1);
    }

    /// Records that are folded and not written.
    pub(super) fn unwritten(&self) -> u64 {
        self.unwritten
    }

    /// Writes what was folded.
    pub(super) fn write(&mut self) -> Result<(), Trouble> {
        if self.unwritten > 0 {
            self.store.add(&self.fold.take_batch())?;
            self.unwritten = 0;
            self.follow_retention()?;
        }
        Ok(())
    }

    /// Once a day: figures are kept as long as records.
    fn follow_retention(&mut self) -> Result<(), Trouble> {
        let day = Step::Day.bucket(self.place().time);
        if day == self.day {
            return Ok(());
        }
        self.day = day;
        let begins = Reader::begins(&self.records).map_err(|cause| self.unreadable(cause))?;
        if let Some((first, time)) = begins.filter(|(first, _)| *first > 1) {
            tracing::debug!(first, "figures of days before the first record are forgotten");
            self.store.begin_after(time)?;
        }
        Ok(())
    }

    fn unreadable(&self, cause: std::io::Error) -> Trouble {
        Trouble::Records { folder: self.records.clone(), cause }
    }

    pub(super) fn close(self) -> Result<(), StoreError> {
        self.store.close()
    }
}
