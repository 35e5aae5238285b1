//! Builds the roll-ups anew from the records, beside the old ones, and puts them in their place.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::line;
use super::rollup::Place;
use super::store::{self, Care, Claim, Store, StoreError};
use crate::domain::Timestamp;
use crate::journal::{ReadError, Reader};

/// Records between two writes.
const BATCH: u64 = 50_000;

/// Where the new ones are built.
const DRAFT: &str = "supervision.draft.sqlite";

/// Why roll-ups could not be built.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The roll-ups cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder of records cannot be read.
    #[error("cannot read the records in {folder}; check the path and its permissions")]
    Records {
        /// The folder.
        folder: PathBuf,
        /// What the disk said.
        #[source]
        cause: io::Error,
    },
    /// A segment cannot be read.
    #[error(transparent)]
    Read(ReadError),
}

/// What was built.
#[derive(Debug)]
pub struct Rebuilt {
    /// How far.
    pub place: Place,
    /// Records that can no longer be read; they are in no figure.
    pub damaged: Vec<ReadError>,
}

/// Builds the roll-ups in a state folder anew. `each` is told the time of records now and then. Refuses
/// while a node writes them.
pub fn rebuild(
    records: &Path,
    state: &Path,
    mut each: impl FnMut(u64, Timestamp),
) -> Result<Rebuilt, RebuildError> {
    let _claim = Claim::take(state)?;
    let draft = state.join(DRAFT);
    store::discard(&draft)?;
    let unreadable = |cause| RebuildError::Records { folder: records.to_owned(), cause };
    let begins = Reader::begins(records).map_err(unreadable)?;
    let reader = Reader::open(records).map_err(unreadable)?;
    let mut store = Store::open(&draft, Care::Draft)?;
    let mut fold = store.resume()?;
    let mut damaged = Vec::new();
    let mut taken = 0_u64;
    for record in reader {
        match record {
            Ok(record) => {
                let line = line::read(record.seq, &record.json);
                fold.take(record.seq, &record.json, line.as_ref());
            }
            Err(error @ ReadError::Io { .. }) => return Err(RebuildError::Read(error)),
            Err(error @ (ReadError::Damaged { .. } | ReadError::Gap { .. })) => {
                damaged.push(error);
                continue;
            }
        }
        taken = taken.saturating_add(1);
        if taken.is_multiple_of(BATCH) {
            store.add(&fold.take_batch())?;
            each(taken, fold.place().time);
        }
    }
    store.add(&fold.take_batch())?;
    if let Some((_, time)) = begins.filter(|(first, _)| *first > 1) {
        store.begin_after(time)?;
    }
    store.close()?;
    let path = state.join(store::FILE);
    store::discard(&path)?;
    let swapped = fs::rename(&draft, &path).and_then(|()| fs::File::open(state)?.sync_all());
    swapped.map_err(|cause| StoreError::Io { path, doing: "put in place", cause })?;
    Ok(Rebuilt { place: fold.place(), damaged })
}
