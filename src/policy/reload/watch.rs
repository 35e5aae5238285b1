//! Turns the system's file events into paths to look at.
//!
//! A file is looked at when its writer closes it, or shortly after a write: one that is just being
//! written must not seem to have lost what has not been written yet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use notify::EventKind;
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind};

use super::build::Order;
use super::root::RootWatch;
use super::{Cause, Shared};
use crate::policy::folder::Stamps;
use crate::policy::pace::instant;

/// How long a writer that does not close its file is waited for.
const SETTLE: Duration = Duration::from_millis(20);

/// Events looked at together.
const BATCH: usize = 10_000;

/// What the watch is told.
#[derive(Debug)]
pub(super) enum Message {
    /// By the system.
    Event(notify::Result<notify::Event>),
    /// That a round has ended.
    Round {
        /// Whether it found files that the last reading did not.
        changed: bool,
    },
    /// To read the folder again.
    Trigger(Cause),
    /// To end.
    Stop,
}

/// The thread that looks at what changed.
pub(super) struct Watch {
    shared: Arc<Shared>,
    root: RootWatch,
    builds: Sender<Order>,
    settling: BTreeMap<PathBuf, Instant>,
    /// The rules as they were found last.
    rules: Stamps,
}

impl Watch {
    pub(super) fn new(shared: Arc<Shared>, root: RootWatch, builds: Sender<Order>) -> Self {
        let rules = shared.files.rule_stamps();
        Self { shared, root, builds, settling: BTreeMap::new(), rules }
    }

    /// Watches until it is told to stop.
    pub(super) fn run(mut self, inbox: &Receiver<Message>) {
        loop {
            let first = match self.settling.values().min() {
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => inbox.recv_timeout(due.saturating_duration_since(instant())),
            };
            let first = match first {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut seen = Seen::default();
            for message in first.into_iter().chain(inbox.try_iter().take(BATCH)) {
                match message {
                    Message::Event(event) => {
                        seen.note(self.root.path(), event, &mut self.settling);
                    }
                    Message::Round { changed } => self.end_round(changed, &mut seen),
                    Message::Trigger(cause) => seen.asked.push(cause),
                    Message::Stop => return,
                }
            }
            self.settle(&mut seen);
            self.act(seen);
        }
    }

    /// Takes what was written long enough ago among what is looked at.
    fn settle(&mut self, seen: &mut Seen) {
        let now = instant();
        self.settling.retain(|path, due| {
            let waits = *due > now && !seen.due.contains(path);
            if !waits {
                seen.due.insert(path.clone());
            }
            waits
        });
    }

    /// Looks for what no event told of: another folder in the root's place, somewhere above it too, or
    /// a file system that does not tell.
    fn end_round(&mut self, changed: bool, seen: &mut Seen) {
        seen.everything |= self.root.renew(false) || changed;
        seen.rules |= self.shared.files.rule_stamps() != self.rules;
    }

    fn act(&mut self, seen: Seen) {
        let asked = !seen.asked.is_empty();
        if seen.root || asked {
            self.root.renew(true);
        }
        let everything = seen.everything || seen.root;
        let changed = everything || seen.rules || !seen.due.is_empty();
        if everything || asked {
            self.shared.look_everywhere();
        } else if !seen.due.is_empty() {
            self.shared.look(seen.due);
        }
        for cause in seen.asked {
            drop(self.builds.send(Order::Asked(cause)));
        }
        if changed {
            let now = self.shared.files.rule_stamps();
            let rules = seen.rules || now != self.rules;
            self.rules = now;
            drop(self.builds.send(Order::Changed { rules }));
        }
    }
}

/// What a batch of events touched.
#[derive(Debug, Default)]
struct Seen {
    due: BTreeSet<PathBuf>,
    rules: bool,
    everything: bool,
    /// The root itself: it may be another folder by now.
    root: bool,
    asked: Vec<Cause>,
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
                // Of the folder around it only the root is of interest.
                self.root |= path.file_name() == root.file_name();
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
                None => self.root = true,
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
