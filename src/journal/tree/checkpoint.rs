//! Checkpoints: how many events there were and the root over them, in the form of C2SP
//! tlog-checkpoint.

use std::fmt;

use super::hash::Hash;
use super::note::{Note, Verifier};

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: one name for all time.
    pub origin: String,
    /// Events covered: those up to this number.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Reads the text of a note. Lines behind the third are an extension that nobody here knows.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let is_plain = !origin.is_empty() && (size == "0" || !size.starts_with('0'));
        let size =
            size.bytes().all(|digit| digit.is_ascii_digit()).then(|| size.parse().ok())??;
        let root = Hash::parse(root)?;
        is_plain.then(|| Self { origin: origin.to_owned(), size, root })
    }
}

/// The text of the note.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)
    }
}

/// A checkpoint as it was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What it says.
    pub checkpoint: Checkpoint,
    note: Note,
}

impl SignedCheckpoint {
    /// Reads a signed note; its signatures are not yet checked.
    pub fn parse(note: &str) -> Option<Self> {
        let note = Note::parse(note)?;
        Some(Self { checkpoint: Checkpoint::parse(note.text())?, note })
    }

    /// Whether one of these signed it.
    pub fn is_signed_by(&self, believed: &[Verifier]) -> bool {
        self.note.is_signed_by(believed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::note::{Signer, sign};
    use super::*;

    #[test]
    fn a_checkpoint_reads_as_it_is_written() {
        let signer = Signer::new("gate/records", &[3; 32]).unwrap();
        let origin = signer.name().to_owned();
        let checkpoint = Checkpoint { origin, size: 20, root: Hash::leaf(b"") };
        let note = sign(&checkpoint.to_string(), &[&signer]);

        let read = SignedCheckpoint::parse(&note).unwrap();

        assert_eq!(read.checkpoint, checkpoint);
        assert!(read.is_signed_by(&[signer.verifier()]));
    }

    #[test]
    fn what_is_no_checkpoint_is_none() {
        let root = Hash::empty();
        for wrong in ["", "o\n1\n", "o\n01\nR\n", "o\n+1\nR\n", "o\n1\nAAAA\n", "\n1\nR\n"] {
            let text = wrong.replace('R', &root.to_string());
            assert_eq!(Checkpoint::parse(&text), None, "{wrong:?}");
        }
    }
}
