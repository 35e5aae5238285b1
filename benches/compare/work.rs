//! The folder that programs run in. What was measured stays there until the end: ext4 without a journal
//! of its own passes over every inode that was freed in the last minutes when it looks for one, and the next
//! program would pay for that.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::peers::Peer;

/// Bytes that a round may leave, twice what one was seen to.
pub(crate) const ROUND: u64 = 4 << 30;

/// How often it is tried to remove a folder that somebody still writes to, and how long between.
const TRIES: u32 = 50;
const BETWEEN: Duration = Duration::from_millis(100);

/// Makes the folder; it is removed when this is dropped, on Ctrl-C and when this program is asked to end.
pub(crate) fn make(out: &Path) -> anyhow::Result<TempDir> {
    let work = tempfile::Builder::new().prefix("work-").tempdir_in(out)?;
    let folder = work.path().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    thread::Builder::new().name("interrupted".to_owned()).spawn(move || {
        if runtime.block_on(interrupted()).is_ok() {
            remove(&folder);
            end();
        }
    })?;
    Ok(work)
}

async fn interrupted() -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Programs that run on write there until this one is gone; they do not make it anew.
fn remove(folder: &Path) {
    for _ in 0..TRIES {
        if fs::remove_dir_all(folder).is_ok() || !folder.exists() {
            return;
        }
        thread::sleep(BETWEEN);
    }
}

#[expect(clippy::exit, reason = "the thread that measures waits for programs and hears no signal")]
fn end() -> ! {
    std::process::exit(130)
}

/// Makes room for another round, if need be by removing what earlier ones left; says whether it had to.
pub(crate) fn make_room(work: &Path, bytes: u64) -> anyhow::Result<bool> {
    if free(work)? >= bytes {
        return Ok(false);
    }
    let is_program = |name: &str| {
        Peer::ALL
            .iter()
            .any(|peer| name.strip_prefix(peer.name()).is_some_and(|rest| rest.starts_with('-')))
    };
    for entry in fs::read_dir(work)? {
        let entry = entry?;
        if is_program(&entry.file_name().to_string_lossy()) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    let free = free(work)?;
    ensure!(
        free >= bytes,
        "a round may take {} GiB of disk, and {} are free",
        bytes >> 30,
        free >> 30
    );
    Ok(true)
}

fn free(folder: &Path) -> anyhow::Result<u64> {
    let disk = rustix::fs::statvfs(folder).context("the disk")?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_goes_only_where_room_is_short_and_the_city_stays() {
        let work = tempfile::tempdir().unwrap();
        for name in ["Helan-11000/records", "nginx-11004", "city/policies", "Helander"] {
            fs::create_dir_all(work.path().join(name)).unwrap();
        }
        let names = || {
            let entries = fs::read_dir(work.path()).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };

        assert!(!make_room(work.path(), 0).unwrap());
        assert_eq!(names(), ["Helan-11000", "Helander", "city", "nginx-11004"]);

        assert!(make_room(work.path(), u64::MAX).is_err());
        assert_eq!(names(), ["Helander", "city"]);
    }
}
