//! Proof that the records are what they were: an RFC 6962 tree over every event, signed checkpoints,
//! and what outsiders need to check both.
//!
//! A leaf is the exact JSON of an event; the event with number n is leaf n - 1. Hashes lie in
//! `{records}/tree/tile/…` as C2SP tlog-tiles lays them out, checkpoints (C2SP tlog-checkpoint, Ed25519)
//! in `tree/checkpoints/` and the latest in `tree/checkpoint`.

mod checkpoint;
mod evidence;
mod follower;
mod growing;
mod hash;
mod history;
mod note;
mod past;
mod proof;
mod published;
mod report;
mod tile;
mod uncovered;
mod verify;

use std::path::{Path, PathBuf};

pub use self::checkpoint::{Checkpoint, SignedCheckpoint};
pub use self::evidence::{Evidence, NoEvidence, NotProved, Proved};
pub(super) use self::follower::Follower;
pub use self::follower::TreeOptions;
pub use self::hash::{ALGORITHM, Hash};

pub use self::note::{Note, Signer, Verifier};
pub use self::published::Published;
pub(super) use self::published::State;
pub use self::report::{Fault, Report};
pub use self::verify::{Believed, verify};

/// Where the tree of a folder of records lies.
fn folder(records: &Path) -> PathBuf {
    records.join("tree")
}
