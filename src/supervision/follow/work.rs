//! A store, the fold that goes on from it, and the reader that stands behind it.

use std::path::{Path, PathBuf};

use super::Trouble;
use crate::journal::{ReadError, Reader, Record};
use crate::supervision::rollup::{Fold, Place, Step};
use crate::supervision::store::{self, Care, Store, StoreError};

/// Records between two writes: a write is short, and so is what a kill costs.
const BATCH: u64 = 10_000;

/// What a round came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// All that is durable is folded.
    Even,
    /// A whole batch, and more is there.
    Full,
    /// Durable records cannot be read yet, or any more.
    Behind,
}

#[derive(Debug)]
pub(super) struct Work {
    records: PathBuf,
    store: Store,
    fold: Fold,
    reader: Option<Reader>,
    /// The day that was looked at last for records that are gone.
    day: i64,
}

impl Work {
    /// Opens the store, or makes one. It must be of these records.
    pub(super) fn begin(records: &Path, state: &Path, committed: u64) -> Result<Self, Trouble> {
        let path = state.join(store::FILE);
        let store = Store::open(&path, Care::Live)?;
        let fold = store.resume()?;
        let mut work =
            Self { records: records.to_owned(), store, fold, reader: None, day: i64::MIN };
        let place = work.place();
        if place.seq == 0 {
            return Ok(work);
        }
        let other = |why: &str| StoreError::Unusable { path: path.clone(), why: why.to_owned() };
        if place.seq > committed {
            return Err(other("it is ahead of the records, so it was made of others").into());
        }
        let mut reader = work.read_from(place.seq)?;
        match reader.next() {
            Some(Ok(Record { seq, json })) if seq == place.seq => {
                if crc32fast::hash(&json) != place.crc {
                    return Err(other("it was made of other records").into());
                }
                work.reader = Some(reader);
            }
            Some(Err(ReadError::Io { segment, cause })) => {
                return Err(Trouble::Read(ReadError::Io { segment, cause }));
            }
            // The record it ended at is damaged or gone by now; what follows is read all the same.
            Some(Ok(_) | Err(ReadError::Damaged { .. } | ReadError::Gap { .. })) | None => {}
        }
        Ok(work)
    }

    pub(super) fn place(&self) -> Place {
        self.fold.place()
    }

    /// Folds what is durable, up to a bound, and writes it.
    pub(super) fn fold(&mut self, committed: u64) -> Result<Came, Trouble> {
        let mut taken = 0;
        while taken < BATCH && self.place().seq < committed {
            let mut reader = match self.reader.take() {
                Some(reader) => reader,
                None => self.read_from(self.place().seq.saturating_add(1))?,
            };
            match reader.next() {
                // Behind damage a record may follow that is not durable yet: it is read again later.
                Some(Ok(record)) if record.seq > committed => break,
                Some(Ok(record)) => {
                    self.fold.take(&record);
                    taken += 1;
                    // Calls on the same core wait for no more than a record.
                    std::thread::yield_now();
                }
                Some(Err(error @ ReadError::Io { .. })) => return Err(Trouble::Read(error)),
                Some(Err(error @ (ReadError::Damaged { .. } | ReadError::Gap { .. }))) => {
                    tracing::warn!(%error, "what cannot be read there is in no figure");
                }
                None => {
                    self.reader = Some(reader);
                    break;
                }
            }
            self.reader = Some(reader);
        }
        if taken > 0 {
            self.store.add(&self.fold.take_batch())?;
            self.follow_retention()?;
        }
        Ok(if self.place().seq >= committed {
            Came::Even
        } else if taken == BATCH {
            Came::Full
        } else {
            Came::Behind
        })
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

    fn read_from(&self, seq: u64) -> Result<Reader, Trouble> {
        Reader::from_seq(&self.records, seq).map_err(|cause| self.unreadable(cause))
    }

    fn unreadable(&self, cause: std::io::Error) -> Trouble {
        Trouble::Records { folder: self.records.clone(), cause }
    }

    pub(super) fn close(self) -> Result<(), StoreError> {
        self.store.close()
    }
}
