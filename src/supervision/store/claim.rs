//! One process writes the roll-ups of a state folder.

use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{FILE, StoreError};

const LOCK: &str = "supervision.lock";

/// The right to write, until it is dropped or the process ends.
#[derive(Debug)]
pub(in crate::supervision) struct Claim {
    _file: File,
}

impl Claim {
    /// Takes the right to write the roll-ups in a state folder.
    pub(in crate::supervision) fn take(state: &Path) -> Result<Self, StoreError> {
        let path = state.join(LOCK);
        let failed = |cause| StoreError::Io { path: path.clone(), doing: "claim", cause };
        DirBuilder::new().recursive(true).mode(0o700).create(state).map_err(failed)?;
        let mut open = OpenOptions::new();
        open.write(true).create(true).truncate(false).mode(0o600);
        let file = open.open(&path).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(Errno::WOULDBLOCK) => Err(StoreError::InUse(state.join(FILE))),
            Err(error) => Err(failed(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_writes() {
        let state = tempfile::tempdir().unwrap();
        let claim = Claim::take(state.path()).unwrap();

        assert!(matches!(Claim::take(state.path()), Err(StoreError::InUse(_))));
        drop(claim);
        assert!(Claim::take(state.path()).is_ok());
    }
}
