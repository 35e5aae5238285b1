//! Goes over the folder now and then, for changes that no event told of.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use super::watch::Message;
use crate::policy::folder::{FileReader, Stamps, are_alike};
use crate::policy::pace;

/// How long it rests between two rounds.
const REST: Duration = Duration::from_secs(4);

/// How far it stands behind those that serve, as `nice` counts.
const BACK: i32 = 10;

/// Goes round until the watch has ended. A province's hundred thousand files take a third of a second
/// each time, and calls are not to wait for that.
pub(super) fn go(files: &FileReader, watch: &Sender<Message>, ended: &Receiver<()>) {
    // Linux keeps the priority of each thread apart.
    if let Err(error) = rustix::process::nice(BACK) {
        tracing::warn!(%error, "the policy folder is gone over at the priority of calls");
    }
    let mut before = Stamps::new();
    while ended.recv_timeout(REST) == Err(RecvTimeoutError::Timeout) {
        pace::begin();
        let found = files.stamps();
        // Once for each state, since a reading may be on its way.
        let changed = !are_alike(&found, &before) && !files.has_read(&found);
        pace::drop_in_steps(std::mem::replace(&mut before, found));
        if watch.send(Message::Round { changed }).is_err() {
            return;
        }
    }
}
