//! Holding a folder of records, and seeing that it is still the one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::open::JournalError;

/// The name of the file whose lock is the claim.
const LOCK: &str = "lock";

/// A folder that this process holds, for as long as this lives.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) folder: PathBuf,
    lock: File,
}

impl Claim {
    /// Takes hold of a folder that is there.
    pub(super) fn take(folder: &Path) -> Result<Self, JournalError> {
        let failed = |cause| JournalError::Io {
            folder: folder.to_owned(),
            doing: "claiming the folder",
            cause,
        };
        let mut open = OpenOptions::new();
        open.write(true).create(true).truncate(false).mode(0o600);
        let lock = open.open(folder.join(LOCK)).map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { folder: folder.to_owned(), lock }),
            Err(Errno::WOULDBLOCK) => Err(JournalError::InUse(folder.to_owned())),
            Err(error) => Err(failed(error.into())),
        }
    }

    /// An error if the path leads to another folder by now, or to none: what is written there may be
    /// somebody else's.
    pub(super) fn check(&self) -> io::Result<()> {
        if is_at(&self.lock, &self.folder.join(LOCK))? {
            return Ok(());
        }
        let folder = self.folder.display();
        Err(io::Error::other(format!(
            "{folder} was removed or replaced while this node wrote into it: put it back, or start the node anew"
        )))
    }
}

/// Whether a path still leads to this file.
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let own = file.metadata()?;
    match fs::metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (own.dev(), own.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
