//! Files of the journal: zeroed ahead, written at the end, made durable by one system call.
//!
//! `pwritev2` with `RWF_DSYNC` is the only call that makes records durable. `fsync` is used for what
//! surrounds them: zeros ahead, names in the folder, a tail that was cut.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use rustix::io::{Errno, ReadWriteFlags, pwritev2};

/// The name of a segment that is zeroed and not yet in use.
const SPARE: &str = "spare.zero";

/// Zeros written at once.
const CHUNK: usize = 1 << 20;

/// A segment being written.
#[derive(Debug)]
pub(super) struct Segment {
    file: File,
    path: PathBuf,
    /// Bytes that are durable.
    pub(super) confirmed: u64,
}

impl Segment {
    /// Makes `bytes` durable at the end. After an error nothing may be written to it again: what the
    /// disk holds beyond `confirmed` is unknown.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let mut offset = self.confirmed;
        while !bytes.is_empty() {
            match pwritev2(&self.file, &[IoSlice::new(bytes)], offset, ReadWriteFlags::DSYNC) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = bytes.get(written..).unwrap_or_default();
                    offset = offset.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.confirmed = offset;
        Ok(())
    }

    /// Gives back what is not confirmed: zeros, or what a failed write may have left.
    pub(super) fn close(self) -> io::Result<()> {
        self.file.set_len(self.confirmed)
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
}

impl Spare {
    pub(super) fn new(folder: &Path, bytes: u64) -> Self {
        Self { folder: folder.to_owned(), bytes, zeroing: None }
    }

    /// Starts zeroing, if that has not been done.
    pub(super) fn prepare(&mut self) {
        if self.zeroing.is_none() {
            let (path, bytes) = (self.folder.join(SPARE), self.bytes);
            self.zeroing = thread::Builder::new()
                .name("journal-spare".to_owned())
                .spawn(move || zeroed(&path, bytes))
                .ok();
        }
    }

    /// The zeroed file, under the name that its first number gives it. Takes the place of a file of
    /// that name, which then holds nothing confirmed.
    pub(super) fn take(&mut self, first: u64) -> io::Result<Segment> {
        let spare = self.folder.join(SPARE);
        let file = match self.zeroing.take().map(JoinHandle::join) {
            Some(Ok(Ok(file))) => file,
            Some(Ok(Err(_)) | Err(_)) | None => zeroed(&spare, self.bytes)?,
        };
        let path = self.folder.join(name(first));
        fs::rename(&spare, &path)?;
        sync_folder(&self.folder)?;
        Ok(Segment { file, path, confirmed: 0 })
    }

    /// Waits for zeroing to end and leaves nothing behind.
    pub(super) fn discard(&mut self) {
        if let Some(zeroing) = self.zeroing.take() {
            drop(zeroing.join());
        }
        discard(&self.folder);
    }
}

/// Removes a spare that an earlier run left.
pub(super) fn discard(folder: &Path) {
    // Absent is what we want.
    drop(fs::remove_file(folder.join(SPARE)));
}

/// A file of zeros on the disk. Written, not only allocated: a sync into blocks that were never
/// written costs nearly twice as much.
fn zeroed(path: &Path, bytes: u64) -> io::Result<File> {
    let made = fill(path, bytes);
    if made.is_err() {
        // On a full disk the zeros would be what fills it.
        drop(fs::remove_file(path));
    }
    made
}

fn fill(path: &Path, bytes: u64) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    let zeros = vec![0; CHUNK];
    let mut left = bytes;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let chunk = zeros.get(..length).unwrap_or_default();
        file.write_all(chunk)?;
        left = left.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
    }
    file.sync_all()?;
    Ok(file)
}

/// Makes names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The name of the segment that starts with this number.
pub(super) fn name(first: u64) -> String {
    format!("{first:020}.log")
}

/// All segments of a folder, oldest first, with their first numbers.
pub(super) fn list(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if path.extension().is_some_and(|extension| extension == "log") && stem.len() == 20 {
            found.extend(stem.parse().ok().map(|first: u64| (first, path.clone())));
        }
    }
    found.sort_unstable();
    Ok(found)
}
