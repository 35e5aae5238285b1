//! Fetches under way, so that many callers wait for one.
//!
//! A flight counts as long as it is listed here: an invalidation takes it off the list, and what it
//! brings is then not kept. The lock is held for look-ups only, never over an await.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use tokio::sync::watch;

use super::key::Key;
use super::stored::Stored;
use super::vary::Selection;
use crate::domain::EntryId;

/// Most flights at once.
const MOST: usize = 1_024;

/// What waiting for another caller's fetch came to.
#[derive(Clone, Debug)]
pub enum Landed {
    /// Its answer serves this caller too.
    Shared(Arc<Stored>),
    /// Its answer has to be validated for every call: join again, and serve what was asked for after
    /// this caller came.
    Stale(Arc<Stored>),
    /// Its answer cannot be shared, or was chosen for other requests: fetch alone.
    Unshared,
    /// The fetch failed, for this reason unless the leader is gone: join again, but not for ever.
    /// Nobody fetches alone for it: that would send all who wait to a department in trouble at once.
    Failed(Option<Arc<dyn Error + Send + Sync>>),
}

/// What a flight is for: a key, and how its answers are negotiated as far as that is known.
pub(super) type Route = (Key, Selection);

/// Where a flight's outcome is awaited; none until it landed.
pub(super) type Outcome = Option<Landed>;

/// Waits for another caller's fetch.
#[derive(Debug)]
pub struct Waiter {
    outcome: watch::Receiver<Outcome>,
}

impl Waiter {
    /// What the fetch came to for a request with these headers, as forwarded. The caller bounds how
    /// long it waits.
    pub async fn wait(mut self, request: &HeaderMap) -> Landed {
        let Ok(landed) = self.outcome.wait_for(Option::is_some).await else {
            return Landed::Failed(None);
        };
        match &*landed {
            Some(Landed::Shared(stored) | Landed::Stale(stored)) if !stored.answers(request) => {
                Landed::Unshared
            }
            Some(landed) => landed.clone(),
            None => Landed::Failed(None),
        }
    }
}

#[cfg(test)]
impl Waiter {
    pub(super) fn has_landed(&mut self) -> bool {
        self.outcome.borrow_and_update().is_some()
    }
}

/// The flights of one cache.
#[derive(Debug)]
pub(super) struct Flights {
    most_bytes: u64,
    air: Mutex<Air>,
}

#[derive(Debug, Default)]
pub(super) struct Air {
    listed: HashMap<Route, Listed>,
    last: u64,
    /// Flights under way, listed or not.
    aloft: usize,
    /// Bytes that they may come to hold.
    bytes: u64,
}

#[derive(Debug)]
struct Listed {
    id: u64,
    outcome: watch::Receiver<Outcome>,
}

impl Flights {
    /// Whose flights may come to hold this much together.
    pub(super) fn new(most_bytes: u64) -> Self {
        Self { most_bytes, air: Mutex::default() }
    }

    /// Locks the list, to look and start in one step.
    pub(super) fn air(&self) -> MutexGuard<'_, Air> {
        // Nothing in a critical section leaves the list half changed.
        self.air.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether another flight with a body this large fits in. One always does, so that an entry whose
    /// largest answer exceeds the whole cache has its small ones kept.
    pub(super) fn has_room(&self, air: &Air, largest: u32) -> bool {
        let bytes = air.bytes.saturating_add(u64::from(largest));
        air.aloft < MOST && (air.aloft == 0 || bytes <= self.most_bytes)
    }

    /// Whether this flight is still the one on the list.
    pub(super) fn lists(&self, route: &Route, id: u64) -> bool {
        self.air().listed.get(route).is_some_and(|listed| listed.id == id)
    }

    /// Ends a flight.
    pub(super) fn land(&self, route: &Route, id: u64, largest: u32) {
        let mut air = self.air();
        air.aloft = air.aloft.saturating_sub(1);
        air.bytes = air.bytes.saturating_sub(u64::from(largest));
        if air.listed.get(route).is_some_and(|listed| listed.id == id) {
            air.listed.remove(route);
        }
    }

    /// Takes the flights of a key off the list.
    pub(super) fn strike_key(&self, key: &Key) {
        self.air().listed.retain(|(listed, _), _| listed != key);
    }

    /// Takes the flights of an entry off the list.
    pub(super) fn strike_entry(&self, entry: &EntryId) {
        self.air().listed.retain(|(listed, _), _| listed.entry() != entry);
    }
}

impl Air {
    /// Waits for the flight on this route, if there is one.
    pub(super) fn waiter(&self, route: &Route) -> Option<Waiter> {
        self.listed.get(route).map(|listed| Waiter { outcome: listed.outcome.clone() })
    }

    /// Starts a flight.
    pub(super) fn start(&mut self, route: Route, largest: u32) -> (u64, watch::Sender<Outcome>) {
        let (sender, outcome) = watch::channel(None);
        self.last = self.last.wrapping_add(1);
        self.aloft = self.aloft.saturating_add(1);
        self.bytes = self.bytes.saturating_add(u64::from(largest));
        self.listed.insert(route, Listed { id: self.last, outcome });
        (self.last, sender)
    }
}
