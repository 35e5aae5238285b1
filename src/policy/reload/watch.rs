//! Turns the system's file events into paths to look at.
//!
//! A file is looked at when its writer closes it, or shortly after a write: one that is just being
//! written must not seem to have lost what has not been written yet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use notify::EventKind;
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind};

use super::build::Order;
use super::{Cause, Shared};

/// How long a writer that does not close its file is waited for.
const SETTLE: Duration = Duration::from_millis(20);

/// Events looked at together.
const BATCH: usize = 10_000;

/// What the watch is told.
#[derive(Debug)]
pub(super) enum Message {
    /// By the system.
    Event(notify::Result<notify::Event>),
    /// To read the folder again.
    Trigger(Cause),
    /// To end.
    Stop,
}

/// Watches until it is told to stop.
pub(super) fn run(shared: &Shared, inbox: &Receiver<Message>, builds: &Sender<Order>) {
    let mut settling: BTreeMap<PathBuf, Instant> = BTreeMap::new();
    loop {
        let wait = settling
            .values()
            .min()
            .map_or(Duration::from_secs(3_600), |due| due.saturating_duration_since(instant()));
        let first = match inbox.recv_timeout(wait) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let mut seen = Seen::default();
        for message in first.into_iter().chain(inbox.try_iter().take(BATCH)) {
            match message {
                Message::Event(event) => seen.note(&shared.files.root, event, &mut settling),
                Message::Trigger(cause) => drop(builds.send(Order::Asked(cause))),
                Message::Stop => return,
            }
        }
        let now = instant();
        settling.retain(|path, due| {
            let waits = *due > now && !seen.due.contains(path);
            if !waits {
                seen.due.insert(path.clone());
            }
            waits
        });
        let changed = seen.everything || seen.rules || !seen.due.is_empty();
        if seen.everything {
            shared.look_everywhere();
        } else if !seen.due.is_empty() {
            shared.look(seen.due);
        }
        if changed {
            drop(builds.send(Order::Changed { rules: seen.rules || seen.everything }));
        }
    }
}

/// What a batch of events touched.
#[derive(Debug, Default)]
struct Seen {
    due: BTreeSet<PathBuf>,
    rules: bool,
    everything: bool,
}

impl Seen {
    fn note(
        &mut self,
        root: &Path,
        event: notify::Result<notify::Event>,
        settling: &mut BTreeMap<PathBuf, Instant>,
    ) {
        let event = match event {
            Ok(event) if !event.need_rescan() => event,
            Ok(_) | Err(_) => {
                self.everything = true;
                return;
            }
        };
        let closed = matches!(event.kind, EventKind::Access(AccessKind::Close(AccessMode::Write)));
        if event.kind.is_access() && !closed {
            return;
        }
        let unfinished = matches!(
            event.kind,
            EventKind::Create(CreateKind::File) | EventKind::Modify(ModifyKind::Data(_))
        );
        for path in &event.paths {
            let Ok(relative) = path.strip_prefix(root) else {
                self.everything = true;
                continue;
            };
            match first(relative) {
                // A mounted volume is swapped through `..data`, which every file is a link into.
                Some(name) if name.starts_with("..") => self.everything = true,
                Some("rules") => self.rules = true,
                Some(_) if is_passed_over(relative) => {}
                Some(_) if unfinished => {
                    settling.entry(relative.to_owned()).or_insert_with(|| instant() + SETTLE);
                }
                Some(_) => drop(self.due.insert(relative.to_owned())),
                None => self.everything = true,
            }
        }
    }
}

fn first(relative: &Path) -> Option<&str> {
    relative.components().next().and_then(|part: Component<'_>| part.as_os_str().to_str())
}

/// Remains of editors, which come and go beside the file that is edited.
fn is_passed_over(relative: &Path) -> bool {
    relative
        .file_name()
        .and_then(|name| name.to_str())
        .is_none_or(|name| name.starts_with('.') || name.ends_with('~') || name.starts_with('#'))
}

/// The time that waits are measured with.
#[expect(clippy::disallowed_methods, reason = "waits on files cannot be moved by a test's clock")]
pub(super) fn instant() -> Instant {
    Instant::now()
}
