//! The thread that hashes what has become durable, keeps the tiles and signs checkpoints.
//!
//! It works behind the journal thread, never before it: no call waits for a hash. What it is handed and
//! has no time for it reads from the segments later.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use memchr::memchr;

use super::super::claim::Claim;
use super::super::clock::{Clock, monotonic};
use super::super::frame::LEAD;
use super::super::handed::{Came, Giver, Onward, Piece, Taker, handed};
use super::super::read::Reader;
use super::super::shared::Shared;
use super::checkpoint::Checkpoint;
use super::growing::Growing;
use super::hash::Hash;
use super::history::History;
use super::note::{Signer, sign};
use super::published::{Published, State};
use super::tile::{Tiles, WIDTH_LEAVES, put, put_again};

/// Events that one checkpoint may leave uncovered.
const EVENTS: u64 = 10_000;

/// How long an event may stand uncovered.
const LONGEST: Duration = Duration::from_secs(1);

/// How often tiles are made durable. What a power cut takes of them is made again from the segments.
const SYNC: Duration = Duration::from_secs(60);

/// How long after a failure the disk is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// How long it lets lines gather, so that it is not woken for every write.
const NAP: Duration = Duration::from_millis(10);

/// Full tiles that may wait for the disk; beyond it events are read again later.
const TILES: usize = 1024;

/// How the tree is signed and where its checkpoints are copied to.
#[derive(Clone, Debug)]
pub struct TreeOptions {
    /// Who signs, the newest key first. The first checkpoint of a run is signed by all, so that whoever
    /// believes an older key learns of the newest from it.
    pub signers: Arc<[Signer]>,
    /// A folder, best of another machine, that gets a copy of the latest checkpoint.
    pub copies: Option<PathBuf>,
}

impl TreeOptions {
    /// Signed by these, the newest key first, and copied nowhere.
    pub fn signed_by(signers: impl IntoIterator<Item = Signer>) -> Self {
        Self { signers: signers.into_iter().collect(), copies: None }
    }
}

/// The tree of one folder of records.
#[derive(Debug)]
pub(in super::super) struct Follower {
    claim: Arc<Claim>,
    pieces: Taker,
    /// Where lines go on to that are in the tree.
    onward: Arc<Onward>,
    /// What the journal has committed.
    journal: Arc<Shared>,
    state: Arc<State>,
    clock: Clock,
    options: TreeOptions,
    tiles: Tiles,
    history: History,
    tree: Growing,
    /// The checkpoint that the last run ended with, until the tree has come to its size.
    expected: Option<Checkpoint>,
    /// Events under the last checkpoint.
    signed: u64,
    /// Whether this run has signed.
    has_signed: bool,
    /// Since when events stand uncovered.
    uncovered: Option<Instant>,
    /// Not before this the disk is tried again.
    not_before: Instant,
    last_sync: Instant,
    /// Events whose tiles are durable.
    synced: u64,
}

impl Follower {
    /// Opens the tree of these records, with where it is handed lines. It ends when none come any more.
    pub(in super::super) fn open(
        claim: &Arc<Claim>,
        journal: &Arc<Shared>,
        options: TreeOptions,
    ) -> io::Result<(Self, Giver)> {
        let folder = super::folder(&claim.folder);
        std::fs::create_dir_all(&folder)?;
        let (history, last) = History::open(&folder)?;
        let tiles = Tiles::new(&folder);
        let covered = last.as_ref().map_or(0, |last| last.checkpoint.size);
        let tree = durable(&folder, &tiles, covered)?;
        let (giver, pieces) = handed();
        let now = monotonic();
        let keeper = Self {
            claim: Arc::clone(claim),
            pieces,
            onward: Arc::default(),
            journal: Arc::clone(journal),
            state: Arc::new(State::new(&folder, tree.size())),
            clock: journal.clock.clone(),
            options,
            tiles,
            history,
            tree,
            signed: covered,
            expected: last.map(|last| last.checkpoint).filter(|last| last.size > 0),
            has_signed: false,
            uncovered: None,
            not_before: now,
            last_sync: now,
            synced: 0,
        };
        Ok((keeper, giver))
    }

    /// Events under the last checkpoint: the records must not end before them.
    pub(in super::super) fn signed(&self) -> u64 {
        self.signed
    }

    /// Where lines go on to that are in the tree.
    pub(in super::super) fn onward(&self) -> Arc<Onward> {
        Arc::clone(&self.onward)
    }

    /// What everybody may know.
    pub(in super::super) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    /// Follows the journal until it ends. `last` is the number it begins behind.
    pub(in super::super) fn run(mut self, last: u64) {
        self.catch_up(last);
        let mut pieces = Vec::new();
        loop {
            let Came { is_short, is_over } = self.pieces.take(&mut pieces, (NAP, self.patience()));
            for mut piece in pieces.drain(..) {
                self.take(&mut piece);
                self.onward.tell(|follower| follower.give(piece));
            }
            if is_short {
                self.catch_up(self.journal.committed.load(Ordering::Acquire));
                self.onward.tell(Giver::fall_short);
            }
            self.look(false);
            if is_over {
                break;
            }
        }
        self.catch_up(self.journal.committed.load(Ordering::Acquire));
        self.not_before = monotonic();
        self.look(true);
        if let Err(error) = self.history.close() {
            tracing::warn!(%error, "the zeros behind the last checkpoint could not be given back");
        }
        self.onward.end();
    }

    /// How long nothing need be done.
    fn patience(&self) -> Duration {
        let now = monotonic();
        self.uncovered.map_or(SYNC, |since| {
            (since + LONGEST).max(self.not_before).saturating_duration_since(now)
        })
    }

    fn is_broken(&self) -> bool {
        self.state.broken().is_some()
    }

    /// Takes in what the journal thread handed over.
    fn take(&mut self, piece: &mut Piece) {
        if piece.first > self.tree.size().saturating_add(1) {
            self.catch_up(piece.first.saturating_sub(1));
        }
        if self.is_broken() || piece.first > self.tree.size().saturating_add(1) {
            return;
        }
        let (mut number, mut rest) = (piece.first, piece.lines.as_mut_slice());
        while let Some(end) = memchr(b'\n', rest) {
            let (line, behind) = std::mem::take(&mut rest).split_at_mut(end);
            rest = behind.get_mut(1..).unwrap_or_default();
            if line.len() <= LEAD {
                continue;
            }
            if number > self.tree.size() {
                // The byte before the JSON is not needed any more: the mark of a leaf takes its place.
                let (_, marked) = line.split_at_mut(LEAD.saturating_sub(1));
                if !self.push(Hash::leaf_in_place(marked)) {
                    return;
                }
            }
            number = number.saturating_add(1);
        }
    }

    /// Reads from the segments what was not handed over, up to a number.
    fn catch_up(&mut self, last: u64) {
        if self.tree.size() >= last || self.is_broken() {
            return;
        }
        if let Err(error) = self.read_up_to(last) {
            tracing::error!(%error, "the records cannot be read for their tree; trying again");
            self.not_before = monotonic() + RETRY;
        }
    }

    fn read_up_to(&mut self, last: u64) -> io::Result<()> {
        let reader = Reader::from_seq(&self.claim.folder, self.tree.size().saturating_add(1))?;
        for record in reader {
            // What cannot be read shows as numbers that are missing.
            let Ok(record) = record else { continue };
            if record.seq > last {
                break;
            }
            if record.seq > self.tree.size().saturating_add(1)
                && !self.bridge(record.seq.saturating_sub(1))?
            {
                return Ok(());
            }
            if record.seq > self.tree.size() && !self.push(Hash::leaf(&record.json)) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Goes on over events that are gone or cannot be read, by their hashes in the tiles.
    fn bridge(&mut self, last: u64) -> io::Result<bool> {
        while self.tree.size() < last {
            let index = self.tree.size();
            let Some(leaf) = self.tiles.leaf(index)? else {
                let number = index.saturating_add(1);
                self.break_off(format!(
                    "event {number} cannot be read, and no tile holds its hash: run `helan records verify`, then set these records aside and begin a new folder"
                ));
                return Ok(false);
            };
            if !self.push(leaf) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Appends a leaf; signs when it is time. False if the tree cannot grow now.
    fn push(&mut self, leaf: Hash) -> bool {
        self.tree.push(leaf);
        let size = self.tree.size();
        self.state.grown_to(size);
        if self.expected.as_ref().is_some_and(|expected| expected.size <= size)
            && let Some(expected) = self.expected.take()
            && (expected.size < size || self.tree.root() != expected.root)
        {
            self.break_off(format!(
                "the first {} events are not those that their checkpoint was signed over: run `helan records verify`, then set these records aside and begin a new folder",
                expected.size
            ));
            return false;
        }
        if size > self.signed && self.uncovered.is_none() {
            self.uncovered = Some(monotonic());
        }
        if size.saturating_sub(self.signed) >= EVENTS {
            self.look(false);
        }
        self.tree.full() < TILES
    }

    fn break_off(&self, why: String) {
        tracing::error!("no further checkpoint is signed: {why}");
        self.state.break_off(why);
    }

    /// Signs a checkpoint if one is due, and makes tiles durable if that is.
    fn look(&mut self, is_last: bool) {
        let now = monotonic();
        if self.is_broken() || self.expected.is_some() || now < self.not_before {
            return;
        }
        let size = self.tree.size();
        let is_due = size.saturating_sub(self.signed) >= EVENTS
            || self.uncovered.is_some_and(|since| is_last || now >= since + LONGEST);
        let is_sync_due = size > self.synced && (is_last || now >= self.last_sync + SYNC);
        if !is_due && !is_sync_due {
            return;
        }
        // In another folder it would be somebody else's tree.
        let mut outcome = self.claim.check();
        if outcome.is_ok() && is_due {
            outcome = self.sign(size);
        }
        if outcome.is_ok() && is_sync_due {
            outcome = self.sync();
        }
        if let Err(error) = outcome {
            tracing::error!(%error, "a checkpoint could not be kept; trying again");
            self.not_before = now + RETRY;
        }
    }

    fn sign(&mut self, size: u64) -> io::Result<()> {
        self.write_full()?;
        for tile in self.tree.edges() {
            self.tiles.write(&tile)?;
        }
        let Some(newest) = self.options.signers.first() else { return Ok(()) };
        let origin = newest.name().to_owned();
        let checkpoint = Checkpoint { origin, size, root: self.tree.root() };
        let count = if self.has_signed { 1 } else { self.options.signers.len() };
        let signers: Vec<_> = self.options.signers.iter().take(count).collect();
        let note = sign(&checkpoint.to_string(), &signers);
        self.history.append(&note, size)?;
        self.signed = size;
        self.has_signed = true;
        self.uncovered = None;
        // Nobody hears of it before it is durable: it could not be signed twice, and differently.
        self.publish(&note)?;
        self.state.publish(Published { checkpoint, note, time: self.clock.now() });
        Ok(())
    }

    fn publish(&self, note: &str) -> io::Result<()> {
        put_again(&super::folder(&self.claim.folder).join("checkpoint"), note.as_bytes(), 0o600)?;
        if let Some(copies) = &self.options.copies
            // Whoever keeps it elsewhere is somebody else.
            && let Err(error) = put(&copies.join("checkpoint"), note.as_bytes(), 0o644)
        {
            tracing::warn!(%error, folder = %copies.display(), "the checkpoint could not be copied");
        }
        Ok(())
    }

    fn write_full(&mut self) -> io::Result<()> {
        let mut full = self.tree.take_full().into_iter();
        while let Some(tile) = full.next() {
            if let Err(error) = self.tiles.write(&tile) {
                self.tree.put_back(std::iter::once(tile).chain(full).collect());
                return Err(error);
            }
        }
        Ok(())
    }

    /// Makes all tiles durable at once and notes up to where.
    fn sync(&mut self) -> io::Result<()> {
        self.write_full()?;
        self.tiles.clean()?;
        let folder = super::folder(&self.claim.folder);
        rustix::fs::syncfs(std::fs::File::open(&folder)?)?;
        let size = format!("{}\n", self.tree.size());
        put(&folder.join("durable"), size.as_bytes(), 0o600)?;
        self.last_sync = monotonic();
        self.synced = self.tree.size();
        Ok(())
    }
}

/// The tree as far as its tiles are known to be durable and are covered by the last checkpoint.
fn durable(folder: &Path, tiles: &Tiles, covered: u64) -> io::Result<Growing> {
    let noted = std::fs::read_to_string(folder.join("durable")).ok();
    let noted = noted.and_then(|noted| noted.trim().parse::<u64>().ok()).unwrap_or(0);
    let size = noted.min(covered) / WIDTH_LEAVES * WIDTH_LEAVES;
    Ok(tiles.edges(size)?.map_or_else(Growing::default, |edges| Growing::from_edges(size, edges)))
}
