//! What the head of each segment carries on from all before it, beside counters and open calls.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::event::{Event, KeysUsed, Retired, SegmentHead};
use super::lines::Lines;
use super::segment;

/// What a folder of records rests on: numbers that were retired, keys that were used.
///
/// A key is named by purpose and id, as its file is: `subject-2026`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// The last number that was retired; 0 if none was.
    pub retired: u64,
    /// Every key that hashes on record were ever made with.
    pub keys: BTreeSet<String>,
    /// Those among them that are lost for good.
    pub lost: BTreeSet<String>,
}

impl Carried {
    /// Reads what the records in a folder rest on, and changes nothing.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut carried = Self::default();
        let segments = match segment::list(folder) {
            Ok(segments) => segments,
            // A new node has none yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(carried),
            Err(error) => return Err(error),
        };
        // A segment that begins with nothing that can be read is passed over.
        for (index, (_, path)) in segments.iter().enumerate().rev() {
            if carried.head(path)? {
                for (_, path) in segments.iter().skip(index) {
                    carried.take_all(path)?;
                }
                break;
            }
        }
        Ok(carried)
    }

    /// Takes in an event that stands behind the head.
    pub(super) fn take(&mut self, event: &Event) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "only what is carried on counts here")]
        match event {
            Event::Retired(Retired { last, .. }) => self.retired = self.retired.max(*last),
            Event::KeysUsed(KeysUsed { used, lost, .. }) => {
                self.keys.extend(used.iter().cloned());
                self.lost.extend(lost.iter().cloned());
            }
            _ => {}
        }
    }

    /// Starts from a head.
    pub(super) fn start(&mut self, head: &SegmentHead) {
        self.retired = head.retired;
        self.keys.clone_from(&head.keys);
        self.lost.clone_from(&head.lost);
    }

    fn head(&mut self, path: &Path) -> io::Result<bool> {
        let mut lines = Lines::open(path)?;
        let is_whole = lines.advance()?;
        let Some(frame) = lines.frame().filter(|_| is_whole) else { return Ok(false) };
        if let Ok(Event::Segment(head)) = serde_json::from_slice(frame.json) {
            self.start(&head);
        }
        Ok(true)
    }

    fn take_all(&mut self, path: &Path) -> io::Result<()> {
        let mut lines = Lines::open(path)?;
        while lines.advance()? || lines.resume()? {
            let Some(frame) = lines.frame() else { continue };
            let is_of_interest = [",\"event\":\"retired\"", ",\"event\":\"keys-used\""]
                .iter()
                .any(|mark| memchr::memmem::find(frame.json, mark.as_bytes()).is_some());
            if is_of_interest && let Ok(event) = serde_json::from_slice(frame.json) {
                self.take(&event);
            }
        }
        Ok(())
    }
}
