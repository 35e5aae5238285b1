//! The append-only record of everything.
//!
//! One thread writes, in groups. Callers hand over an event and hold a ticket; nothing is answered
//! before the ticket is durable. When the disk refuses, tickets fail, new calls find no room, and the
//! thread tries a new segment until it works again. `pwritev2` with `RWF_DSYNC` is the one system
//! call that makes records durable.

mod blocks;
mod call;
mod carried;
mod claim;
mod clock;
mod event;
mod frame;
mod handed;
mod input;
mod keep;
mod ledger;
mod lines;
mod log;
mod open;
mod pace;
mod pack;
mod queue;
mod read;
mod recover;
mod reservation;
mod room;
mod seek;
mod segment;
mod settled;
mod shared;
mod tail;
pub mod tree;
mod write;
mod writer;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use uuid::Uuid;

pub use self::call::{
    ALLOWED, ANSWERED, Decided, Finished, KeyedHash, Proved, QuotaUse, network_of,
};
pub use self::carried::Carried;
pub use self::clock::Clock;
pub use self::event::{
    AdminWrite, Break, Event, FoldPhase, Folded, Freeze, KeysUsed, Recovered, Retired, SegmentHead,
    Started, Stopped, Uncounted, ViewSwapped,
};
pub use self::open::{JournalError, JournalOptions, Keep};
pub use self::read::{ReadError, Reader, Record, SegmentFile, segments};
pub use self::recover::{Cut, Recovery};
pub use self::reservation::{OpenCall, Reservation, Spent, Undo};
pub use self::room::BudgetUse;
pub use self::settled::{Durable, JournalFailed, Ticket};
pub use self::shared::{Disk, Stats};
pub use self::tail::{Tail, Told};
pub use self::write::Common;

use self::handed::Onward;
use self::keep::Orders;
use self::queue::Kind;
use self::settled::lock;
use self::shared::Shared;
use crate::domain::{Timestamp, Zone};

/// Where records are handed over. Clones are one journal.
#[derive(Clone, Debug)]
pub struct Journal {
    folder: PathBuf,
    shared: Arc<Shared>,
    tree: Arc<tree::State>,
    thread: Arc<Thread>,
    carried: Arc<Mutex<Carried>>,
    onward: Arc<Onward>,
}

/// Ends the threads when nobody can hand anything over any more: the one that writes, and with it the
/// ones that keep the tree and old segments.
#[derive(Debug)]
struct Thread {
    shared: Arc<Shared>,
    handles: Mutex<Vec<JoinHandle<()>>>,
    orders: Arc<Orders>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.orders.stop();
        self.shared.queue.close();
    }
}

/// When a call began: its id, a UUID of version 7, tells.
pub fn began(transaction: Uuid) -> Option<Timestamp> {
    let (seconds, nanos) = transaction.get_timestamp()?.to_unix();
    let millis = seconds.checked_mul(1_000)?.checked_add(u64::from(nanos) / 1_000_000)?;
    i64::try_from(millis).ok().map(Timestamp::from_millis)
}

impl Journal {
    /// Takes room for the two events of a call, about `bytes` together, from the zone's budget.
    pub fn reserve(&self, zone: Zone, bytes: u64) -> Result<Reservation, Spent> {
        if self.shared.has_failed.load(Ordering::Acquire) {
            return Err(Spent::Failed);
        }
        if self.shared.is_disk_low.load(Ordering::Relaxed) {
            return Err(Spent::Disk);
        }
        if self.shared.room(zone).is_some_and(|room| room.take(bytes)) {
            Ok(Reservation::new(&self.shared, zone, bytes))
        } else {
            Err(Spent::Budget)
        }
    }

    /// Hands over an event that somebody waits for: if the disk fails, so does the ticket, and the
    /// event is given up.
    pub fn note(&self, event: &Event) -> Ticket {
        Ticket::new(&self.shared.settled, self.shared.hand_over(event, Kind::Note, None))
    }

    /// The same, in room of the zone's budget; given up at once if there is none.
    pub fn note_within(&self, zone: Zone, event: &Event) -> Ticket {
        Ticket::new(&self.shared.settled, self.shared.hand_over(event, Kind::Note, Some(zone)))
    }

    /// Hands over an event that has happened already: it outlives an outage of the disk, though the
    /// ticket says that it was not durable at once.
    pub fn keep(&self, event: &Event) -> Ticket {
        Ticket::new(&self.shared.settled, self.shared.keep(event))
    }

    /// The same, counted toward the zone's budget.
    pub fn keep_within(&self, zone: Zone, event: &Event) {
        self.shared.hand_over(event, Kind::Kept, Some(zone));
    }

    /// Counts so many answers that could not have a pair of their own; the sum goes on record within
    /// two seconds, or when the journal works again.
    pub fn uncounted(&self, zone: Zone, code: impl Into<Cow<'static, str>>, number: u64) {
        self.shared.count(zone, code.into(), number);
    }

    /// The last number that is durable. What a reader finds beyond it is not.
    pub fn committed(&self) -> u64 {
        self.shared.committed.load(Ordering::Acquire)
    }

    /// What is durable, record by record, for one who follows; whoever followed before is handed nothing
    /// more.
    pub fn tail(&self) -> Tail {
        Tail::new(&self.folder, &self.shared, self.onward.ask())
    }

    /// `now`, but never before the latest time on record.
    pub fn clamp(&self, now: Timestamp) -> Timestamp {
        self.shared.clamp(now)
    }

    /// How much of its budget each zone uses.
    pub fn budgets(&self) -> Vec<BudgetUse> {
        self.shared.budgets()
    }

    /// The latest checkpoint; none in the first second.
    pub fn checkpoint(&self) -> Option<Arc<tree::Published>> {
        self.tree.latest()
    }

    /// Why no further checkpoint is signed, if that is so.
    pub fn is_unprovable(&self) -> Option<&str> {
        self.tree.broken()
    }

    /// A file of the tree by the name C2SP tlog-tiles gives it, `checkpoint` or `tile/…`; none if there is
    /// none.
    pub fn tree_file(&self, name: &str) -> std::io::Result<Option<Vec<u8>>> {
        self.tree.file(name)
    }

    /// Events in the tree; those up to [`Journal::committed`] are on their way into it.
    pub fn hashed(&self) -> u64 {
        self.tree.size()
    }

    /// Figures for the metrics page.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// From now on records whose last event is older than this many days are deleted; `why` is what
    /// says so. Nothing is deleted before this is called.
    pub fn keep_for(&self, days: u32, why: impl Into<String>) {
        self.thread.orders.keep_for(days, why.into());
    }

    /// What the records rest on by now.
    pub fn rests_on(&self) -> Carried {
        lock(&self.carried).clone()
    }

    /// Hashes on record are made with these keys from here on, named by purpose and id.
    pub fn use_keys(&self, used: impl IntoIterator<Item = String>) {
        let used: Vec<_> = {
            let carried = lock(&self.carried);
            used.into_iter().filter(|key| !carried.keys.contains(key)).collect()
        };
        if !used.is_empty() {
            let event =
                Event::KeysUsed(KeysUsed { time: self.shared.now(), used, lost: Vec::new() });
            lock(&self.carried).take(&event);
            self.shared.keep(&event);
        }
    }

    /// Writes what waits and that the node stopped, then ends. Blocks until that is durable.
    pub fn close(&self) {
        self.thread.orders.stop();
        // The keeper of segments was started last; what it records comes before the end.
        let mut threads = std::mem::take(&mut *lock(&self.thread.handles));
        threads.pop().into_iter().for_each(join);
        self.shared.settle_uncounted();
        self.shared.keep(&Event::Stopped(Stopped { time: self.shared.now() }));
        self.shared.queue.close();
        threads.into_iter().for_each(join);
    }
}

fn join(thread: JoinHandle<()>) {
    let name = thread.thread().name().unwrap_or_default().to_owned();
    if thread.join().is_err() {
        tracing::error!("the thread {name} ended by a panic");
    }
}
