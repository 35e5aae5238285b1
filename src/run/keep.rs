//! Makes the last good copy durable on a thread of its own: a disk that is slow to sync must not hold up
//! the View after this one, nor the start.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::policy::good::{self, GoodError};

/// The files of a View, and whether any of them is new in the archive.
type Kept = (BTreeMap<PathBuf, String>, bool);

/// Keeps the last good copy.
#[derive(Debug)]
pub(super) struct Keeper {
    state: PathBuf,
    thread: Mutex<Option<(Sender<Kept>, JoinHandle<()>)>>,
}

impl Keeper {
    pub(super) fn start(state: PathBuf) -> io::Result<Self> {
        let (copies, inbox) = mpsc::channel();
        let sealed = state.clone();
        let thread = std::thread::Builder::new()
            .name("policy-keep".to_owned())
            .spawn(move || run(&sealed, &inbox))?;
        Ok(Self { state, thread: Mutex::new(Some((copies, thread))) })
    }

    /// Archives the files of a View in force, as they are now, and has them made durable.
    pub(super) fn keep(
        &self,
        folder: &Path,
        files: &BTreeMap<PathBuf, String>,
    ) -> Result<(), GoodError> {
        let added = good::archive(&self.state, folder, files)?;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((copies, _)) = &*thread {
            // The thread ends only when it is closed.
            drop(copies.send((files.clone(), added)));
        }
        Ok(())
    }

    /// Waits until what was kept is durable.
    pub(super) fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((copies, thread)) = thread {
            drop(copies);
            // A panic there was logged where it happened.
            drop(thread.join());
        }
    }
}

fn run(state: &Path, inbox: &Receiver<Kept>) {
    while let Ok((mut files, mut added)) = inbox.recv() {
        // Only the last one is the last good copy; what is new in the others is synced with it.
        for (later, more) in inbox.try_iter() {
            files = later;
            added |= more;
        }
        if let Err(error) = good::seal(state, &files, added) {
            tracing::error!(%error, "the last good copy could not be stored");
        }
    }
}
