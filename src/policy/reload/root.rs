//! Keeps the system's watch on the folder that stands at the root's path now.
//!
//! The system watches folders, not paths: when another folder or link is put in the root's place, the
//! old watch stays with the old folder and says nothing. So the folder around it is watched as well.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::SystemTime;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::watch::Message;

/// The watch on the root and on the folder it lies in.
#[derive(Debug)]
pub(super) struct RootWatch {
    watcher: RecommendedWatcher,
    root: PathBuf,
    watched: Option<Identity>,
}

/// Which folder it is: device, number, and when it was made, since numbers are given again.
type Identity = (u64, u64, Option<SystemTime>);

impl RootWatch {
    /// Starts to watch and tells of every event.
    pub(super) fn start(root: &Path, events: Sender<Message>) -> Result<Self, notify::Error> {
        let mut watcher = notify::recommended_watcher(move |event| {
            // The watch has ended; nobody is left to be told.
            drop(events.send(Message::Event(event)));
        })?;
        let watched = identity(root);
        watcher.watch(root, RecursiveMode::Recursive)?;
        if let Some(around) = around(root)
            && let Err(error) = watcher.watch(around, RecursiveMode::NonRecursive)
        {
            tracing::warn!(
                %error,
                folder = %around.display(),
                "cannot be watched; a policy folder that is put in another's place is noticed only after seconds"
            );
        }
        Ok(Self { watcher, root: root.to_owned(), watched })
    }

    /// The folder that is watched.
    pub(super) fn path(&self) -> &Path {
        &self.root
    }

    /// Watches what stands there now, if it is another folder than before or if it must be. Says
    /// whether it was done, so that what was missed can be looked at.
    pub(super) fn renew(&mut self, must: bool) -> bool {
        let now = identity(&self.root);
        if now == self.watched && !must {
            return false;
        }
        // The old one may be gone with its folder.
        drop(self.watcher.unwatch(&self.root));
        self.watched = match self.watcher.watch(&self.root, RecursiveMode::Recursive) {
            Ok(()) => now,
            Err(error) => {
                tracing::error!(%error, folder = %self.root.display(), "cannot be watched");
                None
            }
        };
        true
    }
}

fn identity(root: &Path) -> Option<Identity> {
    let meta = fs::metadata(root).ok()?;
    Some((meta.dev(), meta.ino(), meta.created().ok()))
}

/// The folder that the root lies in.
fn around(root: &Path) -> Option<&Path> {
    root.file_name()?;
    let parent = root.parent()?;
    Some(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
}
