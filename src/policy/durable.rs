//! Small files that are there whole after a crash, or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::pace::give_way;

/// Bytes given to the disk at once: records wait for it meanwhile, and a province's list of files has
/// eleven million.
const STEP: usize = 256 << 10;

/// Writes a file beside its place, syncs it and moves it there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    write_in_steps(&mut file, bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    sync_folder(path)
}

/// Writes bytes, of many some at a time and each on the disk before the next.
pub(super) fn write_in_steps(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    for step in bytes.chunks(STEP) {
        give_way();
        file.write_all(step)?;
        if bytes.len() > STEP {
            file.sync_data()?;
        }
    }
    Ok(())
}

/// Removes a file for good.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync_folder(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
    File::open(folder)?.sync_all()
}
