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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_many_steps_takes_the_place_of_another_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        let steps = [0, 1, STEP - 1, STEP, STEP + 1, 3 * STEP + 7];
        for (round, length) in (b'a'..).zip(steps) {
            let bytes = vec![round; length];
            write(&path, &bytes).unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes, "{length}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
