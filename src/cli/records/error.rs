//! What may be wrong when records are looked into.

use std::io;
use std::path::PathBuf;

use crate::config::problem::BadConfiguration;
use crate::domain::counted;
use crate::journal::tree::{NoEvidence, NotProved};
use crate::supervision::RebuildError;

/// Why the records could not all be shown.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// It is not said where they are, or the configuration that says so cannot be read.
    #[error(transparent)]
    Configuration(#[from] BadConfiguration),
    /// The folder could not be read.
    #[error("cannot read the records in {folder}; check the path and its permissions")]
    Open {
        /// The folder.
        folder: PathBuf,
        /// What the disk said.
        #[source]
        cause: io::Error,
    },
    /// The reader of our output went away, or its disk is full.
    #[error("cannot write the answer")]
    Write(#[from] io::Error),
    /// Verification found something.
    #[error("{} wrong with the records", are(*.0))]
    NotProved(u64),
    /// A call cannot be proved.
    #[error(transparent)]
    NoEvidence(#[from] NoEvidence),
    /// Evidence proves nothing.
    #[error("nothing is proved")]
    Evidence(#[from] NotProved),
    /// No key was given to check evidence with.
    #[error(
        "name the node's key with --key: a checkpoint proves nothing without knowing who signed it"
    )]
    NoKey,
    /// A key that is none.
    #[error(
        "`{given}` is neither a verifier key (name+id+key, as `helan keys verifier` prints it) nor a file of such keys"
    )]
    Key {
        /// What was given.
        given: String,
        /// Why it could not be read as a file.
        #[source]
        cause: Option<io::Error>,
    },
    /// A file that was named could not be read.
    #[error("cannot read {path}")]
    Unread {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The file that was asked for could not be written.
    #[error("cannot write {file}; check its folder, its permissions and the room on its disk")]
    File {
        /// Which.
        file: PathBuf,
        /// What the disk said.
        #[source]
        cause: io::Error,
    },
    /// The roll-ups could not be built.
    #[error(transparent)]
    Rebuild(#[from] RebuildError),
    /// What could be read was shown, but not all could be.
    #[error("the records are not sound; first problems:\n{}", .0.join("\n"))]
    Unsound(Vec<String>),
    /// Some of what was asked for is hidden with keys that are not at hand.
    #[error("this cannot be the whole answer, because a key\n{}", .0.join("\n"))]
    Hidden(Vec<String>),
}

fn are(things: u64) -> String {
    format!("{} {}", counted(things, "thing"), if things == 1 { "is" } else { "are" })
}
