//! Files of the journal: zeroed ahead, written at the end, made durable by one system call.
//!
//! `pwritev2` with `RWF_DSYNC` is the only call that makes records durable. It goes past the page cache
//! where the file system lets it: a record is written once, and read by nobody soon. `fsync` is used for what
//! surrounds them: zeros ahead, names in the folder, a tail that was cut.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, ReadWriteFlags, pwritev2};

use super::blocks::{BLOCK, BLOCK_BYTES, Blocks};
use super::claim::{Claim, is_at};
use super::pack::PART;

/// The name of a segment that is zeroed and not yet in use.
const SPARE: &str = "spare.zero";

/// Zeros written at once: more would keep records waiting for the disk.
const CHUNK: usize = 256 << 10;

/// They lie in the program, where a disk takes them from: memory for them would have to be cleared each time.
#[repr(align(4096))]
struct Zeros([u8; CHUNK]);

static ZEROS: Zeros = Zeros([0; CHUNK]);

/// How long the disk is left to records in between.
const BREATH: Duration = Duration::from_millis(1);

/// A segment being written.
#[derive(Debug)]
pub(super) struct Segment {
    file: File,
    path: PathBuf,
    /// Bytes that are durable.
    pub(super) confirmed: u64,
    /// Whether writes go past the page cache.
    direct: bool,
    blocks: Blocks,
}

impl Segment {
    fn new(file: File, path: PathBuf) -> Self {
        let direct = go_direct(&file, true).is_ok();
        Self { file, path, confirmed: 0, direct, blocks: Blocks::default() }
    }

    /// A file that goes on behind `held`, which is all that it holds. Its zeros have to be laid.
    pub(super) fn behind(file: File, path: PathBuf, held: &[u8]) -> Self {
        let mut segment = Self::new(file, path);
        segment.blocks.append(held.chunks_exact(BLOCK).remainder());
        segment.confirmed = u64::try_from(held.len()).unwrap_or(u64::MAX);
        segment
    }

    /// Lays so many bytes of zeros behind the block that is written next, and says where they end.
    pub(super) fn lay(&mut self, bytes: u64) -> io::Result<u64> {
        let from = self.confirmed.next_multiple_of(BLOCK_BYTES);
        lay(&self.file, from, bytes, &AtomicBool::new(true))
    }

    /// Makes `bytes` durable at the end. After an error nothing may be written to it again: what the
    /// disk holds beyond `confirmed` is unknown.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.blocks.append(bytes);
        let mut offset = self.confirmed - self.confirmed % BLOCK_BYTES;
        let mut left = self.blocks.bytes();
        while !left.is_empty() {
            match pwritev2(&self.file, &[IoSlice::new(left)], offset, ReadWriteFlags::DSYNC) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    left = left.get(written..).unwrap_or_default();
                    offset = offset.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
                }
                Err(Errno::INTR) => {}
                // Some file systems take the flag and then no such write.
                Err(Errno::INVAL) if self.direct => {
                    go_direct(&self.file, false)?;
                    self.direct = false;
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.confirmed = self.confirmed.saturating_add(u64::try_from(bytes.len()).unwrap_or(0));
        self.blocks.keep_tail();
        Ok(())
    }

    /// Gives back what is not confirmed: zeros, or what a failed write may have left.
    pub(super) fn close(self) -> io::Result<()> {
        self.file.set_len(self.confirmed)
    }

    /// An error if its name leads to another file by now, or to none.
    pub(super) fn check(&self) -> io::Result<()> {
        if is_at(&self.file, &self.path)? {
            return Ok(());
        }
        let path = self.path.display();
        Err(io::Error::other(format!("{path} was removed or replaced while it was written")))
    }

    /// The name of its file.
    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// The segment after the current one, zeroed beside the writing.
#[derive(Debug)]
pub(super) struct Spare {
    folder: PathBuf,
    bytes: u64,
    zeroing: Option<JoinHandle<io::Result<File>>>,
    /// Somebody waits for it.
    hurry: Arc<AtomicBool>,
}

impl Spare {
    pub(super) fn new(folder: &Path, bytes: u64) -> Self {
        Self { folder: folder.to_owned(), bytes, zeroing: None, hurry: Arc::default() }
    }

    /// Starts zeroing, if that has not been done, in the folder that is claimed and in no other.
    pub(super) fn prepare(&mut self, claim: &Claim) {
        if self.zeroing.is_none() && claim.check().is_ok() {
            let (path, bytes) = (self.folder.join(SPARE), self.bytes);
            self.hurry = Arc::default();
            let hurry = Arc::clone(&self.hurry);
            self.zeroing = thread::Builder::new()
                .name("journal-spare".to_owned())
                .spawn(move || zeroed(&path, bytes, &hurry))
                .ok();
        }
    }

    /// The zeroed file, under the name that its first number gives it. Takes the place of a file of
    /// that name, which then holds nothing confirmed.
    pub(super) fn take(&mut self, first: u64) -> io::Result<Segment> {
        let spare = self.folder.join(SPARE);
        self.hurry.store(true, Ordering::Relaxed);
        let file = match self.zeroing.take().map(JoinHandle::join) {
            Some(Ok(Ok(file))) => file,
            Some(Ok(Err(_)) | Err(_)) | None => zeroed(&spare, self.bytes, &self.hurry)?,
        };
        let path = self.folder.join(name(first));
        fs::rename(&spare, &path)?;
        sync_folder(&self.folder)?;
        Ok(Segment::new(file, path))
    }

    /// Waits for zeroing to end and leaves nothing behind, but for a folder that is somebody else's by now.
    pub(super) fn discard(&mut self, claim: &Claim) {
        self.hurry.store(true, Ordering::Relaxed);
        if let Some(zeroing) = self.zeroing.take() {
            drop(zeroing.join());
        }
        if claim.check().is_ok() {
            discard(&self.folder);
        }
    }
}

/// Lets writes to a file go past the page cache, or not.
fn go_direct(file: &File, direct: bool) -> io::Result<()> {
    let mut flags = fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, direct);
    Ok(fcntl_setfl(file, flags)?)
}

/// Removes a spare that an earlier run left.
pub(super) fn discard(folder: &Path) {
    // Absent is what we want.
    drop(fs::remove_file(folder.join(SPARE)));
}

/// Removes what packing left when an earlier run broke off.
pub(super) fn discard_packing(folder: &Path) -> io::Result<()> {
    // Absent is what we want.
    drop(fs::remove_file(folder.join(PART)));
    drop_doubles(folder)
}

/// A file of zeros on the disk. Written, not only allocated: a sync into blocks that were never
/// written costs nearly twice as much.
fn zeroed(path: &Path, bytes: u64, hurry: &AtomicBool) -> io::Result<File> {
    let made = fill(path, bytes, hurry);
    if made.is_err() {
        // On a full disk the zeros would be what fills it.
        drop(fs::remove_file(path));
    }
    made
}

fn fill(path: &Path, bytes: u64, hurry: &AtomicBool) -> io::Result<File> {
    let mut open = OpenOptions::new();
    let file = open.read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
    lay(&file, 0, bytes, hurry)?;
    Ok(file)
}

/// Makes zeros durable from the beginning of a block on; says where they end.
fn lay(file: &File, from: u64, bytes: u64, hurry: &AtomicBool) -> io::Result<u64> {
    let end = from.saturating_add(bytes).next_multiple_of(BLOCK_BYTES);
    let Zeros(zeros) = &ZEROS;
    let mut at = from;
    let mut direct = go_direct(file, true).is_ok();
    while at < end {
        let length = usize::try_from(end.saturating_sub(at)).unwrap_or(CHUNK).min(CHUNK);
        match file.write_all_at(zeros.get(..length).unwrap_or_default(), at) {
            Ok(()) => at = at.saturating_add(u64::try_from(length).unwrap_or(u64::MAX)),
            Err(error) if direct && error.kind() == io::ErrorKind::InvalidInput => {
                go_direct(file, false)?;
                direct = false;
            }
            Err(error) => return Err(error),
        }
        if !hurry.load(Ordering::Relaxed) {
            thread::sleep(BREATH);
        }
    }
    file.sync_all()?;
    Ok(end)
}

/// Makes names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The name of the segment that starts with this number.
pub(super) fn name(first: u64) -> String {
    format!("{first:020}.log")
}

/// What the name of a packed segment ends with.
const PACKED: &str = "zst";

/// The name that a segment has when it is packed.
pub(super) fn packed_name(path: &Path) -> PathBuf {
    path.with_added_extension(PACKED)
}

/// Whether a segment is packed.
pub(super) fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == PACKED)
}

/// All segments of a folder, oldest first, with their first numbers. Of a segment that is there twice,
/// because packing it broke off, the original counts.
pub(super) fn list(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let name = name.strip_suffix(".zst").unwrap_or(name);
        if let Some(stem) = name.strip_suffix(".log").filter(|stem| stem.len() == 20) {
            found.extend(stem.parse().ok().map(|first: u64| (first, path.clone())));
        }
    }
    // `….log` sorts before `….log.zst`.
    found.sort_unstable();
    found.dedup_by_key(|(first, _)| *first);
    Ok(found)
}

/// Removes packed segments whose original is there: packing them broke off.
fn drop_doubles(folder: &Path) -> io::Result<()> {
    for (_, path) in list(folder)?.iter().filter(|(_, path)| !is_packed(path)) {
        match fs::remove_file(packed_name(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
