//! Opening a folder of records.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::claim::Claim;
use super::clock::Clock;
use super::event::{Event, KeysUsed, Started};
use super::frame::encode;
use super::keep::{Keeper, Orders};
use super::log::Log;
use super::queue::{Batch, Item, Kind};
use super::recover::{NoEnd, Recovery, recover};
use super::settled::lock;
use super::shared::Shared;
use super::tree::{Follower, TreeOptions};
use super::writer::Writer;
use super::{Journal, Thread};
use crate::domain::{Budget, Timestamp, Zone};

/// Where and how records are kept.
#[derive(Clone, Debug)]
pub struct JournalOptions {
    /// The folder of records; made if it is not there.
    pub folder: PathBuf,
    /// Bytes of one segment, zeroed ahead.
    pub segment_bytes: u64,
    /// Least milliseconds between two syncs while calls come as a crowd.
    pub sync_ms: u32,
    /// Bytes of disk that must stay free.
    pub free_bytes: u64,
    /// What each zone may use; a zone without a budget has none.
    pub budgets: BTreeMap<Zone, Budget>,
    /// Name of the node, in every line.
    pub node: String,
    /// Where the time comes from.
    pub clock: Clock,
    /// How their tree is signed.
    pub tree: TreeOptions,
    /// What becomes of records after they are written.
    pub keep: Keep,
}

/// What becomes of records after they are written.
#[derive(Clone, Debug)]
pub struct Keep {
    /// How long a segment is closed before it is packed, so that those who follow are done with it.
    pub pack_after: Duration,
    /// The keys that hashes on record are made with, named by purpose and id.
    pub used: BTreeSet<String>,
    /// Keys that the operator gave up for lost.
    pub lost: BTreeSet<String>,
}

impl Default for Keep {
    fn default() -> Self {
        let none = BTreeSet::new();
        Self { pack_after: Duration::from_secs(60), used: none.clone(), lost: none }
    }
}

/// Why a folder of records could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Two nodes must not write the same numbers.
    #[error("{0} is in use by another process: stop it, or give this node a folder of its own")]
    InUse(PathBuf),
    /// Records that were signed for are gone.
    #[error(
        "the records in {folder} end with number {last}, but a checkpoint was signed over {signed}: put back what was taken away, or set the folder aside as evidence and begin a new one; going on would give these numbers out twice"
    )]
    BelowCheckpoint {
        /// The folder.
        folder: PathBuf,
        /// The last number that is there.
        last: u64,
        /// The last number that must be there.
        signed: u64,
    },
    /// The disk refused.
    #[error(
        "cannot open the records in {folder}: {doing}; check that it exists, is writable and has room"
    )]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the disk said.
        #[source]
        cause: io::Error,
    },
}

impl Journal {
    /// Opens a folder of records: finds the end, cuts what was never confirmed, starts a segment
    /// that says so. Then the journal thread takes over.
    pub fn open(options: &JournalOptions) -> Result<(Self, Recovery), JournalError> {
        let folder = &options.folder;
        let failed = |doing| move |cause| JournalError::Io { folder: folder.clone(), doing, cause };
        make(folder).map_err(failed("making the folder"))?;
        let claim = Arc::new(Claim::take(folder)?);
        let shared = Arc::new(Shared::new(&options.budgets, options.clock.clone()));
        let (follower, feed) = Follower::open(&claim, &shared, options.tree.clone())
            .map_err(failed("opening their tree"))?;
        let signed = follower.signed();
        let (recovery, ledger) = recover(folder, signed).map_err(|error| match error {
            NoEnd::Io(cause) => failed("reading the last segment")(cause),
            NoEnd::BelowCheckpoint(last) => {
                JournalError::BelowCheckpoint { folder: folder.clone(), last, signed }
            }
        })?;

        let log = Log::new(&claim, options.segment_bytes, &options.node, recovery.last_seq, feed);
        let carried = Arc::clone(&ledger.carried);
        let mut writer = Writer::new(&shared, log, ledger);
        writer.free_bytes = options.free_bytes;
        writer.floor = Duration::from_millis(options.sync_ms.into());
        writer.check_disk();
        if let Some(time) = recovery.last_time {
            shared.last_time.store(time.millis(), std::sync::atomic::Ordering::Relaxed);
        }
        begin(&mut writer, &recovery, options).map_err(failed("starting a segment"))?;

        let (tree, onward, last) = (follower.state(), follower.onward(), recovery.last_seq);
        let orders = Arc::<Orders>::default();
        let keeper = Keeper::new(options, &shared, &carried, &orders);
        let threads = [
            run("journal", &claim, move || writer.run()),
            run("journal-tree", &claim, move || follower.run(last)),
            keeper.start(claim),
        ];
        let threads: io::Result<Vec<_>> = threads.into_iter().collect();
        let handles = Mutex::new(threads.map_err(failed("starting a thread"))?);
        let thread = Arc::new(Thread { shared: Arc::clone(&shared), handles, orders });
        let folder = folder.clone();
        Ok((Self { folder, shared, tree, thread, carried, onward }, recovery))
    }
}

/// Starts a thread that holds the folder as long as it runs.
fn run(
    name: &str,
    claim: &Arc<Claim>,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let held = Arc::clone(claim);
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        work();
        drop(held);
    })
}

/// The first events of this run, in one write with the head of their segment.
fn begin(writer: &mut Writer, recovery: &Recovery, options: &JournalOptions) -> io::Result<()> {
    let time = writer.shared.now();
    let keys = keys(writer, &options.keep, time);
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let signing_key = options.tree.signers.first().map(|newest| newest.verifier().to_string());
    let started = Event::Started(Started { time, version, signing_key });
    let mut batch = Batch::default();
    for event in recovery.event(time).iter().chain([&started]).chain(&keys) {
        let mut body = Vec::new();
        encode(event, &mut body)?;
        batch.push(Item { kind: Kind::Kept, time, room: None }, &body);
    }
    writer.log.roll(&mut writer.ledger, time)?;
    writer.write(&batch).map_err(|(_, error)| error)
}

/// What to put on record about keys, if any of them is new or newly lost.
fn keys(writer: &Writer, keep: &Keep, time: Timestamp) -> Option<Event> {
    let mut carried = lock(&writer.ledger.carried);
    let used: Vec<_> = keep.used.difference(&carried.keys).cloned().collect();
    let lost = keep.lost.intersection(&carried.keys);
    let lost: Vec<_> = lost.filter(|key| !carried.lost.contains(*key)).cloned().collect();
    if used.is_empty() && lost.is_empty() {
        return None;
    }
    let event = Event::KeysUsed(KeysUsed { time, used, lost });
    carried.take(&event);
    Some(event)
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
