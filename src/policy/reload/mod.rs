//! Keeps what is in force in step with the policy folder.
//!
//! One thread watches: what a file takes away is denied at once, through the overlay, whatever the
//! rest of the folder looks like. Another builds: it waits until the folder is quiet, reads and checks
//! it whole, and hands it on only if it is good; otherwise what was good stays. A third goes over the
//! folder for what no event told of. The last two stand back behind the threads that serve.

mod build;
mod freeze;
mod overlay;
mod root;
mod rounds;
mod watch;
mod withdraw;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

pub use self::build::{Good, load};
pub use self::freeze::{Freeze, Freezes, Frozen};
pub use self::overlay::{Denied, Narrowed, Overlay};
use self::withdraw::withdrawn;
use super::folder::{Contents, FileReader, Reader};
use crate::config::problem::Problem;
use crate::domain::{ProfileId, Timestamp, Zone};

/// Who or what caused a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Files changed.
    Files,
    /// A signal (SIGHUP).
    Signal,
    /// Somebody asked for it, by the name admin calls give.
    Admin(String),
}

/// Puts good sources in force; what it cannot compile it refuses.
pub type Install = Box<dyn FnMut(&Good, &Cause) -> Result<Announce, Vec<Problem>> + Send>;

/// What is left to do once requests see new sources: to say so and to keep them. It may take its time,
/// since withdrawals are held against the new sources by then.
pub type Announce = Box<dyn FnOnce()>;

/// Takes away at once what the key sets of token issuers no longer hold.
pub type Narrow = Box<dyn Fn() + Send + Sync>;

/// Is told why the folder was refused.
pub type Refused = Box<dyn FnMut(&[Problem], &Cause) + Send>;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a reload needs from the one who starts it.
pub struct Hooks {
    /// The rules each zone follows.
    pub profiles: Vec<(Zone, ProfileId)>,
    /// Tells the time.
    pub clock: Clock,
    /// Puts good sources in force.
    pub install: Install,
    /// Is told why the folder was refused.
    pub refused: Refused,
    /// Takes keys of token issuers away at once.
    pub narrow: Narrow,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").field("profiles", &self.profiles).finish_non_exhaustive()
    }
}

/// The watch over a policy folder; it ends when this is dropped.
#[derive(Debug)]
pub struct Reload {
    shared: Arc<Shared>,
    freezes: Mutex<Freezes>,
    messages: Sender<watch::Message>,
}

/// Starts to watch a folder. `good` is what is in force; it was read from there, or is the last good
/// copy. What the folder has taken away since is denied when this returns.
pub fn start(
    reader: Reader,
    good: &Good,
    freezes: Freezes,
    hooks: Hooks,
) -> Result<Reload, notify::Error> {
    let Hooks { profiles, clock, install, refused, narrow } = hooks;
    let watched = Watched {
        contents: Arc::clone(&good.contents),
        pending: BTreeMap::new(),
        touched: BTreeSet::new(),
        frozen: freezes.all().to_vec(),
    };
    let shared = Arc::new(Shared {
        files: reader.files(),
        overlay: Arc::new(ArcSwap::from_pointee(watched.overlay())),
        watched: Mutex::new(watched),
        narrow,
    });
    let (messages, inbox) = mpsc::channel();
    let (builds, orders) = mpsc::channel();
    let root = root::RootWatch::start(reader.root(), messages.clone())?;
    // What the folder took away between the reading and the watch, or since the last good copy.
    shared.look_everywhere();
    drop(builds.send(build::Order::Changed { rules: false }));
    // What came from elsewhere is in force because the folder could not be.
    let is_refused = good.origins.root() != reader.root();
    let builder = build::Builder { reader, profiles, clock, install, refused, is_refused };
    let (of_watch, of_build) = (Arc::clone(&shared), Arc::clone(&shared));
    let (watching, ended) = mpsc::channel();
    let (files, rounds) = (shared.files.clone(), messages.clone());
    spawn("policy-rounds", move || rounds::go(&files, &rounds, &ended))?;
    let watch = watch::Watch::new(of_watch, root, builds);
    spawn("policy-watch", move || {
        watch.run(&inbox);
        drop(watching);
    })?;
    spawn("policy-build", move || builder.run(&of_build, &orders))?;
    Ok(Reload { shared, freezes: Mutex::new(freezes), messages })
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), notify::Error> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map(drop)
        .map_err(notify::Error::io)
}

impl Reload {
    /// What is denied now. Requests load it once each.
    pub fn overlay(&self) -> Arc<ArcSwap<Overlay>> {
        Arc::clone(&self.shared.overlay)
    }

    /// Reads the folder again, whether or not a file changed.
    pub fn trigger(&self, cause: Cause) {
        drop(self.messages.send(watch::Message::Trigger(cause)));
    }

    /// Freezes something: in force when this returns, durable if it returns no error. Says whether it
    /// was not so already.
    pub fn freeze(&self, freeze: Freeze) -> io::Result<bool> {
        {
            let mut watched = self.shared.lock();
            if !watched.frozen.iter().any(|known| known.what == freeze.what) {
                watched.frozen.push(freeze.clone());
            }
            self.shared.publish(&watched);
        }
        self.freezes.lock().unwrap_or_else(PoisonError::into_inner).freeze(freeze)
    }

    /// Thaws something, once that is durable. Says whether it was frozen.
    pub fn thaw(&self, what: &Frozen) -> io::Result<bool> {
        let mut freezes = self.freezes.lock().unwrap_or_else(PoisonError::into_inner);
        let was_durable = freezes.thaw(what)?;
        let mut watched = self.shared.lock();
        // It may be in force without being durable.
        let was = watched.frozen.iter().any(|known| known.what == *what);
        watched.frozen.retain(|known| known.what != *what);
        self.shared.publish(&watched);
        Ok(was || was_durable)
    }

    /// What is frozen.
    pub fn frozen(&self) -> Vec<Freeze> {
        self.shared.lock().frozen.clone()
    }
}

impl Drop for Reload {
    fn drop(&mut self) {
        drop(self.messages.send(watch::Message::Stop));
    }
}

/// What both threads know.
struct Shared {
    files: FileReader,
    overlay: Arc<ArcSwap<Overlay>>,
    watched: Mutex<Watched>,
    narrow: Narrow,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("watched", &self.watched).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, watched: &Watched) {
        let overlay = watched.overlay();
        if !(overlay.is_empty() && self.overlay.load().is_empty()) {
            self.overlay.store(Arc::new(overlay));
        }
    }

    /// Looks at files that changed, and denies at once what they take away.
    fn look(&self, paths: BTreeSet<PathBuf>) {
        let mut watched = self.lock();
        for path in &paths {
            watched.look(&self.files, path);
        }
        // Key sets are JSON.
        let keys = paths.iter().any(|path| path.extension().is_none_or(|kind| kind != "yaml"));
        watched.touched.extend(paths);
        self.publish(&watched);
        drop(watched);
        if keys {
            (self.narrow)();
        }
    }

    /// Looks at every file that was loaded: the system lost count of what changed.
    fn look_everywhere(&self) {
        let mut watched = self.lock();
        watched.look(&self.files, Path::new(""));
        watched.touched.insert(PathBuf::new());
        self.publish(&watched);
        drop(watched);
        (self.narrow)();
    }

    /// Other sources are in force: what is denied is seen from them.
    fn installed(&self, contents: &Arc<Contents>) {
        let mut watched = self.lock();
        watched.contents = Arc::clone(contents);
        let again: BTreeSet<PathBuf> =
            watched.pending.keys().chain(&watched.touched).cloned().collect();
        for path in again {
            watched.look(&self.files, &path);
        }
        let Watched { contents, pending, .. } = &mut *watched;
        pending.retain(|path, _| contents.contains_key(path));
        self.publish(&watched);
        drop(watched);
        // A key that went while they were built may have come back with them.
        (self.narrow)();
    }
}

/// What is in force, and what the folder took away since.
#[derive(Debug)]
struct Watched {
    contents: Arc<Contents>,
    pending: BTreeMap<PathBuf, Overlay>,
    /// What was looked at since the last reading began.
    touched: BTreeSet<PathBuf>,
    frozen: Vec<Freeze>,
}

impl Watched {
    /// Compares a file, or all files of a folder, with what is in force.
    fn look(&mut self, files: &FileReader, path: &Path) {
        let contents = Arc::clone(&self.contents);
        let under =
            contents.range(path.to_owned()..).take_while(|(name, _)| name.starts_with(path));
        for (name, before) in under {
            if path != name && before.stamp.is_some() && files.stamp(name) == before.stamp {
                self.pending.remove(name);
                continue;
            }
            match withdrawn(files, name, before) {
                Some(overlay) if overlay.is_empty() => drop(self.pending.remove(name)),
                Some(overlay) => drop(self.pending.insert(name.clone(), overlay)),
                // It cannot be read just now. What it took away before stays taken away.
                None => {}
            }
        }
    }

    fn overlay(&self) -> Overlay {
        let mut overlay = Overlay::default();
        for withdrawn in self.pending.values() {
            overlay.merge(withdrawn);
        }
        Freezes::lay(&self.frozen, &mut overlay);
        overlay
    }
}
