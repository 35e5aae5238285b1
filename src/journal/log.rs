//! Numbers, lines and segments: what the journal thread writes, without knowing for whom.

use std::io;
use std::sync::Arc;

use super::claim::Claim;
use super::event::Event;
use super::frame::{Framer, encode};
use super::handed::{Giver, Piece, Stock};
use super::ledger::Ledger;
use super::segment::{Segment, Spare};
use crate::domain::Timestamp;

/// The end of the records.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) claim: Arc<Claim>,
    segment: Option<Segment>,
    spare: Spare,
    framer: Framer,
    /// Where lines go that are durable.
    tree: Giver,
    segment_bytes: u64,
    /// Lines that are not yet written.
    lines: Vec<u8>,
    /// The last number that is durable.
    pub(super) confirmed: u64,
    /// The last number that was given.
    given: u64,
    /// Whether the segment holds more than its head.
    has_events: bool,
}

impl Log {
    pub(super) fn new(
        claim: &Arc<Claim>,
        segment_bytes: u64,
        node: &str,
        confirmed: u64,
        tree: Giver,
    ) -> Self {
        Self {
            claim: Arc::clone(claim),
            segment: None,
            spare: Spare::new(&claim.folder, segment_bytes),
            framer: Framer::new(node),
            tree,
            segment_bytes,
            lines: Vec::new(),
            confirmed,
            given: confirmed,
            has_events: false,
        }
    }

    /// Whether an event of this many bytes belongs in the next segment.
    pub(super) fn is_full(&self, bytes: usize) -> bool {
        let confirmed = self.segment.as_ref().map_or(0, |segment| segment.confirmed);
        let after = confirmed
            .saturating_add(len(self.lines.len()))
            .saturating_add(len(bytes))
            .saturating_add(self.framer.overhead());
        self.has_events && after > self.segment_bytes
    }

    /// Gives an event its number and its line.
    pub(super) fn add(&mut self, body: &[u8]) {
        self.given = self.given.saturating_add(1);
        let starts_batch = self.lines.is_empty();
        self.framer.line(&mut self.lines, self.given, starts_batch, body);
        self.has_events = true;
    }

    /// Whether anything waits to be written.
    pub(super) fn has_lines(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Makes all lines durable; says how many bytes.
    pub(super) fn flush(&mut self, stock: &Arc<Stock>) -> io::Result<u64> {
        let segment = self.segment.as_mut().ok_or(io::ErrorKind::NotFound)?;
        segment.write(&self.lines)?;
        let bytes = len(self.lines.len());
        let room = stock.take(self.lines.len());
        let lines = std::mem::replace(&mut self.lines, room);
        self.tree.give(Piece::new(self.confirmed.saturating_add(1), lines, stock));
        self.confirmed = self.given;
        if segment.confirmed > self.segment_bytes / 2 {
            self.spare.prepare(&self.claim);
        }
        Ok(bytes)
    }

    /// An error if what is written goes where nobody finds it.
    pub(super) fn check(&self) -> io::Result<()> {
        self.claim.check()?;
        self.segment.as_ref().map_or(Ok(()), Segment::check)
    }

    /// Starts the next segment, in the folder that is claimed and in no other. Its head goes out with the
    /// next flush.
    pub(super) fn roll(&mut self, ledger: &mut Ledger, now: Timestamp) -> io::Result<()> {
        self.claim.check()?;
        let mut head = Vec::new();
        encode(&Event::Segment(ledger.head(now, self.confirmed)), &mut head)?;
        let next = self.spare.take(self.confirmed.saturating_add(1))?;
        if let Some(last) = self.segment.replace(next)
            && let Err(error) = last.close()
        {
            // Readers stop at the first number of the next segment, so this costs only space.
            tracing::warn!(%error, "the tail of a closed segment could not be given back");
        }
        self.lines.clear();
        self.given = self.confirmed;
        self.add(&head);
        self.has_events = false;
        Ok(())
    }

    /// Forgets what was not confirmed; says where that was.
    pub(super) fn give_up(&mut self) -> Option<String> {
        self.lines.clear();
        self.given = self.confirmed;
        self.spare.discard(&self.claim);
        self.segment.as_ref().map(Segment::name)
    }

    /// Leaves the folder as a reader wants it.
    pub(super) fn close(mut self) -> io::Result<()> {
        self.spare.discard(&self.claim);
        self.segment.take().map_or(Ok(()), Segment::close)
    }
}

fn len(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
