//! Opening a folder of records.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::clock::Clock;
use super::event::{Event, Started};
use super::frame::encode;
use super::log::Log;
use super::queue::{Batch, Item, Kind};
use super::recover::{NoEnd, Recovery, recover};
use super::shared::Shared;
use super::tree::{Keeper, TreeOptions};
use super::writer::Writer;
use super::{Journal, Thread};
use crate::domain::{Budget, Zone};

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
        let lock = claim(folder)?;
        let shared = Arc::new(Shared::new(&options.budgets, options.clock.clone()));
        let (keeper, feed) = Keeper::open(folder, &shared, options.tree.clone())
            .map_err(failed("opening their tree"))?;
        let signed = keeper.signed();
        let (recovery, ledger) = recover(folder, signed).map_err(|error| match error {
            NoEnd::Io(cause) => failed("reading the last segment")(cause),
            NoEnd::BelowCheckpoint(last) => {
                JournalError::BelowCheckpoint { folder: folder.clone(), last, signed }
            }
        })?;

        let log = Log::new(folder, options.segment_bytes, &options.node, recovery.last_seq, feed);
        let mut writer = Writer::new(&shared, log, ledger);
        writer.free_bytes = options.free_bytes;
        writer.floor = Duration::from_millis(options.sync_ms.into());
        writer.check_disk();
        if let Some(time) = recovery.last_time {
            shared.last_time.store(time.millis(), std::sync::atomic::Ordering::Relaxed);
        }
        begin(&mut writer, &recovery, &options.tree).map_err(failed("starting a segment"))?;

        let handle = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                writer.run();
                drop(lock);
            })
            .map_err(failed("starting the journal thread"))?;
        let (tree, last) = (keeper.state(), recovery.last_seq);
        let keeping = thread::Builder::new()
            .name("journal-tree".to_owned())
            .spawn(move || keeper.run(last))
            .map_err(failed("starting the thread of the tree"))?;
        let handles = Mutex::new(vec![handle, keeping]);
        let thread = Thread { shared: Arc::clone(&shared), handles };
        Ok((Self { shared, tree, thread: Arc::new(thread) }, recovery))
    }
}

/// The first events of this run, in one write with the head of their segment.
fn begin(writer: &mut Writer, recovery: &Recovery, tree: &TreeOptions) -> io::Result<()> {
    let time = writer.shared.now();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let signing_key = tree.signers.first().map(|newest| newest.verifier().to_string());
    let started = Event::Started(Started { time, version, signing_key });
    let mut batch = Batch::default();
    for event in recovery.event(time).iter().chain([&started]) {
        let mut body = Vec::new();
        encode(event, &mut body)?;
        batch.push(Item { kind: Kind::Kept, time, room: None }, &body);
    }
    writer.log.roll(&mut writer.ledger, time)?;
    writer.write(&batch).map_err(|(_, error)| error)
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Holds the folder for this process as long as the file is open.
fn claim(folder: &Path) -> Result<File, JournalError> {
    let failed =
        |cause| JournalError::Io { folder: folder.to_owned(), doing: "claiming the folder", cause };
    let mut open = OpenOptions::new();
    open.write(true).create(true).truncate(false).mode(0o600);
    let file = open.open(folder.join("lock")).map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(JournalError::InUse(folder.to_owned())),
        Err(error) => Err(failed(error.into())),
    }
}
