//! A call's way into the journal: room first, then `decided`, then `finished`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use super::call::{ALLOWED, Decided, Finished};
use super::queue::{Item, Kind};
use super::settled::Ticket;
use super::shared::Shared;
use super::write::{self, Common};
use crate::domain::{Timestamp, Zone};

/// Why no call can be recorded now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Spent {
    /// The disk refuses writes; the journal tries again by itself.
    #[error("the journal cannot write")]
    Failed,
    /// The zone has used up its share.
    #[error("the journal budget of the zone is spent")]
    Budget,
    /// Too little of the disk is free.
    #[error("the disk of the records is nearly full")]
    Disk,
}

/// Room in the journal that a zone has promised; given back when dropped.
struct Promise {
    shared: Arc<Shared>,
    zone: Zone,
    bytes: u64,
}

impl Promise {
    /// Hands an event over, in the promised room as far as it goes.
    fn hand_over(
        &mut self,
        time: Timestamp,
        kind: Kind,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Option<u64> {
        thread_local! {
            static BODY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        BODY.with_borrow_mut(|body| {
            write(body);
            let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
            if let Some(room) = self.shared.room(self.zone) {
                if length > self.bytes {
                    room.take_anyway(length - self.bytes);
                }
                room.spend(length);
            }
            self.bytes = self.bytes.saturating_sub(length);
            let room = Some((self.zone, length));
            let ticket = self.shared.queue.push(Item { kind, time, room }, body);
            if ticket.is_none() {
                self.shared.give_room(room);
            }
            ticket
        })
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.shared.give_room(Some((self.zone, self.bytes)));
    }
}

impl fmt::Debug for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {}", self.bytes, self.zone)
    }
}

/// Room for the two events of a call. Dropped unused, it gives the room back.
#[derive(Debug)]
#[must_use = "a call that is not decided leaves no record"]
pub struct Reservation(Promise);

impl Reservation {
    pub(super) fn new(shared: &Arc<Shared>, zone: Zone, bytes: u64) -> Self {
        Self(Promise { shared: Arc::clone(shared), zone, bytes })
    }

    /// Hands over what was decided. Nothing may be answered before the ticket is durable.
    pub fn decided(self, decided: &Decided) -> (Ticket, OpenCall) {
        self.decided_as(decided, None)
    }

    /// The same, with what is written already of what calls of its decision say alike.
    pub fn decided_as(mut self, decided: &Decided, common: Option<&Common>) -> (Ticket, OpenCall) {
        let quota = if decided.outcome == ALLOWED {
            decided.quota.iter().map(|used| Arc::clone(&used.key)).collect()
        } else {
            Vec::new()
        };
        let kind = Kind::Decided { transaction: decided.transaction, quota };
        let write = |out: &mut Vec<u8>| write::decided(out, decided, common);
        let number = self.0.hand_over(decided.time, kind, write);
        (Ticket::new(&self.0.shared.settled, number), OpenCall { promise: self.0, number })
    }
}

/// A call that was decided and has not ended; it holds the room for its `finished`.
#[derive(Debug)]
#[must_use = "a call that is not finished reads as broken off"]
pub struct OpenCall {
    promise: Promise,
    number: Option<u64>,
}

impl OpenCall {
    /// Hands over how it ended, where nothing is to be given back.
    pub fn finish(self, finished: &Finished) {
        self.finish_or(finished, None);
    }

    /// Hands over how it ended. It outlives an outage of the disk, unless `decided` was given up:
    /// then there is nothing it could belong to, so it is counted by its outcome, and `undo` gives
    /// back what only durable calls use.
    pub fn finish_or(mut self, finished: &Finished, undo: Option<Undo>) {
        let otherwise = Unrecorded { zone: finished.zone, outcome: finished.outcome.clone(), undo };
        if self.number.is_none_or(|number| self.promise.shared.settled.has_failed(number)) {
            otherwise.settle(&self.promise.shared);
            return;
        }
        let (transaction, decided) = (finished.transaction, self.number);
        let kind = Kind::Finished { transaction, decided, otherwise };
        self.promise.hand_over(finished.time, kind, |out| write::finished(out, finished));
    }
}

/// Gives back what a call took that counts durable calls only, such as its place in a quota.
pub struct Undo(Box<dyn FnOnce() + Send>);

impl Undo {
    /// To be done if the call does not come on record.
    pub fn new(undo: impl FnOnce() + Send + 'static) -> Self {
        Self(Box::new(undo))
    }
}

impl fmt::Debug for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Undo").finish_non_exhaustive()
    }
}

/// What becomes of a call that ended before it was known that it cannot come on record: its caller
/// hung up, so nobody is left to be refused.
#[derive(Debug)]
pub(super) struct Unrecorded {
    zone: Zone,
    outcome: Cow<'static, str>,
    undo: Option<Undo>,
}

impl Unrecorded {
    pub(super) fn settle(self, shared: &Shared) {
        shared.count(self.zone, self.outcome, 1);
        if let Some(Undo(undo)) = self.undo {
            undo();
        }
    }
}
