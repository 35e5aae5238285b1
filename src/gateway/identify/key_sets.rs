//! The key sets of all issuers, as they are now: from files with the View, from addresses in the
//! background.
//!
//! Each address has one task on the control runtime, which fetches it at start, on a schedule and
//! when a token names an unknown key, the latter never twice within [`SPACING`]: strangers cannot make
//! us flood an issuer. What was fetched last stays in force until something sound replaces it, or for
//! [`BELIEVED`].

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use crate::domain::IssuerId;
use crate::net;
use crate::net::jwks::{Jwks, LARGEST};
use crate::policy::{Issuer, KeySet};

/// How often an address is fetched.
const REFRESH: Duration = Duration::from_mins(5);
/// The least time between two fetches that calls wished for, and the pause after one that failed.
const SPACING: Duration = Duration::from_secs(30);
/// How long a fetch may take.
const FETCH: Duration = Duration::from_secs(2);
/// How long a call waits for one: a little longer than it may take.
const WAIT: Duration = Duration::from_millis(2_500);
/// How long keys are believed that cannot be fetched again. An issuer that takes a stolen key back
/// must not be overruled for ever by a fault on the way to it.
const BELIEVED: Duration = Duration::from_hours(1);

pub(super) type Sets = HashMap<IssuerId, Kept, RandomState>;

/// The keys of every issuer.
#[derive(Debug)]
pub struct KeySets {
    sets: ArcSwap<Sets>,
    generations: AtomicU64,
}

/// The keys of one issuer.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) keys: Option<Arc<Jwks>>,
    /// Changes with the keys, over all issuers never the same twice.
    pub(super) generation: u64,
    location: KeySet,
    text: Vec<u8>,
    /// What is left of it, if the file lost keys since.
    left: Option<Vec<u8>>,
    keeper: Option<Keeper>,
}

/// How to reach the task that fetches.
#[derive(Clone, Debug)]
struct Keeper {
    wishes: mpsc::Sender<()>,
    answered: watch::Receiver<()>,
}

/// Key files that cannot be used, all at once.
#[derive(Debug, thiserror::Error)]
#[error("{}", .problems.join("\n"))]
pub struct KeySetsError {
    /// One line each.
    pub problems: Vec<String>,
}

/// Key files as they were read.
#[derive(Debug)]
pub struct KeyFiles(HashMap<IssuerId, (Vec<u8>, Arc<Jwks>)>);

impl KeyFiles {
    /// Reads the key files of these issuers; none if one cannot be used.
    pub fn read(issuers: &BTreeMap<IssuerId, Issuer>, folder: &Path) -> Result<Self, KeySetsError> {
        let mut files = HashMap::new();
        let mut problems = Vec::new();
        for (id, issuer) in issuers {
            if let KeySet::File(path) = &issuer.keys {
                match read(&folder.join(path)) {
                    Ok(read) => {
                        files.insert(id.clone(), read);
                    }
                    Err(problem) => problems
                        .push(format!("issuer `{id}`: {}: {problem}", folder.join(path).display())),
                }
            }
        }
        if problems.is_empty() { Ok(Self(files)) } else { Err(KeySetsError { problems }) }
    }
}

impl Default for KeySets {
    fn default() -> Self {
        Self { sets: ArcSwap::from_pointee(Sets::default()), generations: AtomicU64::new(1) }
    }
}

impl KeySets {
    /// Makes these the issuers: reads files now and has addresses fetched on `control`. To be called
    /// before the View that trusts them is published. An error changes nothing.
    pub fn configure(
        self: &Arc<Self>,
        issuers: &BTreeMap<IssuerId, Issuer>,
        folder: &Path,
        control: &Handle,
    ) -> Result<(), KeySetsError> {
        self.adopt(issuers, KeyFiles::read(issuers, folder)?, control);
        Ok(())
    }

    /// The same with files that were read before.
    pub fn adopt(
        self: &Arc<Self>,
        issuers: &BTreeMap<IssuerId, Issuer>,
        KeyFiles(mut files): KeyFiles,
        control: &Handle,
    ) {
        let mut keepers: Vec<(IssuerId, String, Inbox)> = Vec::new();
        let before = self.sets.load_full();
        let mut sets = Sets::default();
        for (id, issuer) in issuers {
            let same = before.get(id).filter(|kept| kept.location == issuer.keys);
            let kept = match (&issuer.keys, files.remove(id)) {
                (KeySet::Url(url), _) => same.cloned().unwrap_or_else(|| {
                    let (keeper, inbox) = Keeper::new();
                    keepers.push((id.clone(), url.clone(), inbox));
                    self.kept(&issuer.keys, None, Vec::new(), Some(keeper))
                }),
                (KeySet::File(_), Some((text, keys))) => match same {
                    Some(same) if same.text == text && same.left.is_none() => same.clone(),
                    Some(_) | None => self.kept(&issuer.keys, Some(keys), text, None),
                },
                (KeySet::File(_), None) => continue,
            };
            sets.insert(id.clone(), kept);
        }
        self.swap(&sets);
        for (id, url, inbox) in keepers {
            control.spawn(keep(Arc::downgrade(self), id, url, inbox));
        }
    }

    /// Takes away at once what files under `folder` no longer hold. What they hold in addition comes
    /// with the next View; a file that cannot be read takes nothing away, one that is gone all.
    pub fn narrow(&self, folder: &Path) {
        for (id, kept) in self.sets.load_full().iter() {
            let KeySet::File(path) = &kept.location else { continue };
            let text = match std::fs::read(folder.join(path)) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    br#"{"keys":[]}"#.to_vec()
                }
                Err(_) => continue,
            };
            let left = if text == kept.text { Ok(None) } else { left(&kept.text, &text) };
            let Ok(left) = left else { continue };
            if left == kept.left {
                continue;
            }
            let keys = Jwks::parse(left.as_ref().unwrap_or(&kept.text)).ok().map(Arc::new);
            let generation = self.generations.fetch_add(1, Ordering::Relaxed);
            self.sets.rcu(|sets| {
                let mut sets = Sets::clone(sets);
                if let Some(now) = sets.get_mut(id).filter(|now| now.generation == kept.generation)
                {
                    *now =
                        Kept { keys: keys.clone(), generation, left: left.clone(), ..kept.clone() };
                }
                sets
            });
        }
    }

    /// The keys as they are now.
    pub(super) fn current(&self) -> Guard<Arc<Sets>> {
        self.sets.load()
    }

    /// Wishes for an issuer's keys to be fetched and waits until that was done, or declined because
    /// it was done a moment ago. Whether it is worth looking again.
    pub async fn ask(&self, issuer: &IssuerId) -> bool {
        let keeper = self.sets.load().get(issuer).and_then(|kept| kept.keeper.clone());
        let Some(mut keeper) = keeper else { return false };
        keeper.answered.mark_unchanged();
        // A full inbox holds a wish that was not looked at yet: it will be answered for us, too.
        match keeper.wishes.try_send(()) {
            Ok(()) | Err(mpsc::error::TrySendError::Full(())) => {
                timeout(WAIT, keeper.answered.changed()).await.is_ok_and(|answer| answer.is_ok())
            }
            Err(mpsc::error::TrySendError::Closed(())) => false,
        }
    }

    fn kept(
        &self,
        location: &KeySet,
        keys: Option<Arc<Jwks>>,
        text: Vec<u8>,
        keeper: Option<Keeper>,
    ) -> Kept {
        let generation = self.generations.fetch_add(1, Ordering::Relaxed);
        Kept { keys, generation, location: location.clone(), text, left: None, keeper }
    }

    /// Takes what was fetched, unless the issuer is gone or its keys are elsewhere by now.
    fn take(&self, issuer: &IssuerId, url: &str, keys: &Arc<Jwks>, text: &[u8]) {
        let generation = self.generations.fetch_add(1, Ordering::Relaxed);
        self.sets.rcu(|sets| {
            let mut sets = Sets::clone(sets);
            if let Some(kept) = sets.get_mut(issuer)
                && matches!(&kept.location, KeySet::Url(now) if now == url)
                && kept.text != text
            {
                kept.keys = Some(Arc::clone(keys));
                text.clone_into(&mut kept.text);
                kept.generation = generation;
            }
            sets
        });
    }

    /// Believes the keys of an issuer no longer.
    fn forget(&self, issuer: &IssuerId, url: &str) {
        let generation = self.generations.fetch_add(1, Ordering::Relaxed);
        self.sets.rcu(|sets| {
            let mut sets = Sets::clone(sets);
            if let Some(kept) = sets.get_mut(issuer)
                && matches!(&kept.location, KeySet::Url(now) if now == url)
            {
                kept.keys = None;
                kept.text.clear();
                kept.generation = generation;
            }
            sets
        });
    }

    /// Swaps all sets, keeping what a keeper took in the meantime.
    fn swap(&self, sets: &Sets) {
        self.sets.rcu(|now| {
            let mut sets = Sets::clone(sets);
            for (id, kept) in &mut sets {
                let newer = now.get(id).filter(|newer| {
                    newer.location == kept.location && newer.generation > kept.generation
                });
                if let Some(newer) = newer {
                    *kept = newer.clone();
                }
            }
            sets
        });
    }
}

/// The keeper's side of a [`Keeper`].
struct Inbox {
    wishes: mpsc::Receiver<()>,
    answered: watch::Sender<()>,
}

impl Keeper {
    fn new() -> (Self, Inbox) {
        let (wish, wishes) = mpsc::channel(1);
        let (answered, answers) = watch::channel(());
        (Self { wishes: wish, answered: answers }, Inbox { wishes, answered })
    }
}

/// Keeps the keys at an address fresh until nobody wants them any more.
async fn keep(sets: Weak<KeySets>, issuer: IssuerId, url: String, mut inbox: Inbox) {
    let mut wished_at: Option<Instant> = None;
    let mut good_at = Instant::now();
    loop {
        let fetched = fetch(&url).await;
        let Some(sets) = sets.upgrade() else { return };
        let pause = match fetched {
            Ok((text, keys)) => {
                sets.take(&issuer, &url, &keys, &text);
                good_at = Instant::now();
                REFRESH
            }
            Err(error) => {
                tracing::warn!(
                    issuer = %issuer,
                    url,
                    error,
                    "the keys of an issuer cannot be fetched; the last good ones stay in force for \
                     an hour"
                );
                if good_at.elapsed() > BELIEVED {
                    sets.forget(&issuer, &url);
                }
                SPACING
            }
        };
        drop(sets);
        inbox.answered.send_replace(());
        let next = Instant::now() + pause;
        loop {
            tokio::select! {
                () = sleep_until(next) => break,
                wish = inbox.wishes.recv() => match wish {
                    None => return,
                    Some(()) if wished_at.is_none_or(|at| at.elapsed() >= SPACING) => {
                        wished_at = Some(Instant::now());
                        break;
                    }
                    Some(()) => inbox.answered.send_replace(()),
                },
            }
        }
    }
}

async fn fetch(url: &str) -> Result<(Vec<u8>, Arc<Jwks>), String> {
    let text = net::get(url, FETCH, LARGEST).await.map_err(|error| explain(&error))?;
    let keys = Jwks::parse(&text).map_err(|error| explain(&error))?;
    Ok((text, Arc::new(keys)))
}

fn read(path: &Path) -> Result<(Vec<u8>, Arc<Jwks>), String> {
    let most = u64::try_from(LARGEST).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut text))
        .map_err(|error| error.to_string())?;
    let keys = Jwks::parse(&text).map_err(|error| explain(&error))?;
    Ok((text, Arc::new(keys)))
}

/// The keys of one set that another still holds, as a set; none if it holds all. An error if either
/// cannot be read.
fn left(before: &[u8], now: &[u8]) -> Result<Option<Vec<u8>>, serde_json::Error> {
    #[derive(Deserialize, Serialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let (mut set, now): (Set, Set) =
        (serde_json::from_slice(before)?, serde_json::from_slice(now)?);
    let all = set.keys.len();
    set.keys.retain(|key| now.keys.contains(key));
    if set.keys.len() == all { Ok(None) } else { serde_json::to_vec(&set).map(Some) }
}

/// An error with its causes, on one line.
fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn keys_that_a_file_lost_are_taken_out_and_those_it_gained_are_not_put_in() {
        let before = br#"{"keys":[{"kid":"a"},{"kid":"b"}]}"#;
        let left = |now: &str| {
            let left = super::left(before, now.as_bytes()).ok()?;
            Some(left.map(|left| String::from_utf8(left).unwrap()))
        };

        assert_eq!(left(r#"{"keys":[{"kid":"b"},{"kid":"a"},{"kid":"c"}]}"#), Some(None));
        let fewer = left(r#"{"keys":[{"kid":"b"},{"kid":"c"}]}"#);
        assert_eq!(fewer, Some(Some(r#"{"keys":[{"kid":"b"}]}"#.to_owned())));
        assert_eq!(left("half a fi"), None);
    }
}
