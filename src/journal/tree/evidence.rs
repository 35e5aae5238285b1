//! One call as evidence: its events, that they are in the tree, and who says so. One file, which anybody
//! can check without the records.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::event::Event;
use super::super::read::{Reader, Record};
use super::checkpoint::{Checkpoint, SignedCheckpoint};
use super::hash::{ALGORITHM, Hash};
use super::history::{Notes, files};
use super::note::Verifier;
use super::proof::{climb, prove};
use super::tile::Tiles;

/// The form of the file.
const FORMAT: &str = "helan-evidence/1";

/// A call that can be proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    format: String,
    /// The algorithm of every hash in it.
    hash: String,
    /// What belongs to the call, in order.
    pub events: Vec<Proved>,
    /// The signed note that covers them all.
    pub checkpoint: String,
}

/// One event, and the hashes beside its way up to the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proved {
    /// Its number; as a leaf it counts from 0.
    pub number: u64,
    /// Its exact bytes.
    pub leaf: String,
    /// From the leaf up, in base64.
    path: Vec<String>,
}

/// Why a call cannot be proved.
#[derive(Debug, thiserror::Error)]
pub enum NoEvidence {
    /// No record of it.
    #[error(
        "there is no record of {0}: check the transaction, and whether these are the records of the node that answered"
    )]
    Unknown(Uuid),
    /// It is newer than the latest checkpoint.
    #[error(
        "event {0} is not under a checkpoint yet: try again in two seconds, while the node runs"
    )]
    Uncovered(u64),
    /// Tiles that the proof needs are gone.
    #[error(
        "the tree of the records does not hold the hashes that prove event {0}: run `helan records verify`"
    )]
    NoTiles(u64),
    /// The disk refused.
    #[error("the records cannot be read")]
    Io(#[from] io::Error),
}

/// Why a file proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotProved {
    /// The file is of another form.
    #[error("this is no evidence of form {FORMAT} with hashes {ALGORITHM}")]
    Format,
    /// Its checkpoint is none.
    #[error("its checkpoint is no signed note of C2SP tlog-checkpoint")]
    Checkpoint,
    /// Nobody believed has signed it.
    #[error("its checkpoint is not signed by the key given")]
    Unsigned,
    /// An event is not in the tree.
    #[error("event {0} is not among the events that the checkpoint was signed over")]
    NotInTree(u64),
    /// Nothing is proved.
    #[error("it holds no event")]
    Empty,
}

impl Evidence {
    /// Collects the events of a call and proves each under the latest checkpoint.
    pub fn collect(records: &Path, call: Uuid) -> Result<Self, NoEvidence> {
        let folder = super::folder(records);
        let found = events(records, call)?;
        let first = found.first().ok_or(NoEvidence::Unknown(call))?.seq;
        let latest = latest(&folder)?;
        let (note, size) = latest.ok_or(NoEvidence::Uncovered(first))?;
        let tiles = Tiles::new(&folder);
        let mut proved = Vec::new();
        for record in found {
            let number = record.seq;
            if number > size {
                return Err(NoEvidence::Uncovered(number));
            }
            let path = prove(&tiles, number.saturating_sub(1), size)?;
            let path = path.ok_or(NoEvidence::NoTiles(number))?;
            let leaf = String::from_utf8(record.json).map_err(io::Error::other)?;
            proved.push(Proved { number, leaf, path: path.iter().map(Hash::to_string).collect() });
        }
        Ok(Self {
            format: FORMAT.to_owned(),
            hash: ALGORITHM.to_owned(),
            events: proved,
            checkpoint: note,
        })
    }

    /// Checks everything that can be checked without the records; gives what was signed.
    pub fn check(&self, keys: &[Verifier]) -> Result<Checkpoint, NotProved> {
        if self.format != FORMAT || self.hash != ALGORITHM {
            return Err(NotProved::Format);
        }
        let signed = SignedCheckpoint::parse(&self.checkpoint).ok_or(NotProved::Checkpoint)?;
        if !signed.is_signed_by(keys) {
            return Err(NotProved::Unsigned);
        }
        if self.events.is_empty() {
            return Err(NotProved::Empty);
        }
        for event in &self.events {
            if event.root(signed.checkpoint.size) != Some(signed.checkpoint.root) {
                return Err(NotProved::NotInTree(event.number));
            }
        }
        Ok(signed.checkpoint)
    }
}

impl Proved {
    /// The root that its way leads to; none if it leads nowhere.
    fn root(&self, size: u64) -> Option<Hash> {
        let path: Option<Vec<_>> = self.path.iter().map(|hash| Hash::parse(hash)).collect();
        let index = self.number.checked_sub(1)?;
        climb(Hash::leaf(self.leaf.as_bytes()), index, size, &path?)
    }
}

/// The records of a call: its decision, its end, or an admin write.
fn events(records: &Path, call: Uuid) -> io::Result<Vec<Record>> {
    let mark = format!("\"transaction\":\"{call}\"");
    let mut found = Vec::new();
    for record in reader(records, call)? {
        let Ok(record) = record else { continue };
        if memchr::memmem::find(&record.json, mark.as_bytes()).is_none() {
            continue;
        }
        let is_end = match record.event() {
            Ok(Event::Decided(decided)) if decided.transaction == call => false,
            Ok(Event::Finished(finished)) if finished.transaction == call => true,
            Ok(Event::AdminWrite(write)) if write.transaction == call => true,
            Ok(_) | Err(_) => continue,
        };
        found.push(record);
        if is_end {
            break;
        }
    }
    Ok(found)
}

/// From the segment in which the call can have been recorded; a transaction tells its time (`UUIDv7`).
fn reader(records: &Path, call: Uuid) -> io::Result<Reader> {
    match super::super::began(call) {
        Some(began) => Reader::since(records, began),
        None => Reader::open(records),
    }
}

/// The latest checkpoint as it was signed, and how many events it covers.
fn latest(tree: &Path) -> io::Result<Option<(String, u64)>> {
    for path in files(tree)?.iter().rev() {
        let bytes = fs::read(path)?;
        if let Some(note) = Notes::of(&bytes).all.last() {
            let Ok(note) = str::from_utf8(note) else { return Ok(None) };
            let size = SignedCheckpoint::parse(note).map(|signed| signed.checkpoint.size);
            return Ok(size.map(|size| (note.to_owned(), size)));
        }
    }
    Ok(None)
}
