//! The answers kept for one key: one for each way to negotiate it, newest first.

use std::sync::Arc;

use http::HeaderMap;

use super::key::{Ask, Key};
use super::status::Forward;
use super::stored::Stored;
use super::vary::Selection;
use crate::domain::Timestamp;

/// Most answers for one key.
const MOST: usize = 8;

/// How long an answer is not validated again because a consumer wishes it, in milliseconds.
const RECHECK: i64 = 1_000;

/// What the cache has for a call.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// Answer with it.
    Fresh(Arc<Stored>),
    /// To be validated first.
    Stale(Arc<Stored>, Forward),
    /// Nothing.
    Miss(Forward),
}

/// What is kept for one key.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// How often the entry had been purged when this was fetched.
    pub(super) epoch: u64,
    answers: Vec<Arc<Stored>>,
    /// Until when callers are not made to wait for each other, because the last answer could not be
    /// shared.
    alone_until: Option<Timestamp>,
}

impl Slot {
    /// A slot without answers.
    pub(super) fn new(epoch: u64) -> Self {
        Self { epoch, answers: Vec::new(), alone_until: None }
    }

    /// What it has for a call.
    pub(super) fn lookup(&self, ask: &Ask<'_>) -> Lookup {
        if self.answers.is_empty() {
            return Lookup::Miss(Forward::UriMiss);
        }
        // The newest that fits, as RFC 9111 §4.1 has it.
        let Some(stored) = self.answers.iter().find(|stored| stored.answers(ask.headers)) else {
            return Lookup::Miss(Forward::VaryMiss);
        };
        let stored = Arc::clone(stored);
        let vouched_for = ask.now.millis().saturating_sub(stored.vouched().millis());
        if !stored.is_fresh(ask.now) {
            Lookup::Stale(stored, Forward::Stale)
        } else if ask.wishes.no_cache && vouched_for >= RECHECK {
            Lookup::Stale(stored, Forward::Request)
        } else {
            Lookup::Fresh(stored)
        }
    }

    /// How a request would negotiate what was last kept; requests that do it alike share a fetch.
    pub(super) fn selection(&self, request: &HeaderMap) -> Selection {
        let newest = self.answers.first();
        newest.map_or_else(Selection::default, |stored| stored.selection().of(request))
    }

    /// With another answer, in place of the one it renews and of those chosen alike.
    pub(super) fn with(mut self, new: &Arc<Stored>, renewed: Option<&Arc<Stored>>) -> Self {
        self.forget(renewed);
        self.answers.retain(|old| old.selection() != new.selection());
        self.answers.insert(0, Arc::clone(new));
        self.answers.truncate(MOST);
        self.alone_until = None;
        self
    }

    /// Without an answer that turned out not to be kept any longer. Callers stop waiting for each
    /// other only if nothing else is kept, so that an odd request cannot lift the protection.
    pub(super) fn without(mut self, old: Option<&Arc<Stored>>, until: Timestamp) -> Self {
        self.forget(old);
        self.alone_until = self.answers.is_empty().then_some(until);
        self
    }

    /// Whether callers fetch alone.
    pub(super) fn alone(&self, now: Timestamp) -> bool {
        self.alone_until.is_some_and(|until| now < until)
    }

    /// How many answers it has.
    pub(super) fn len(&self) -> usize {
        self.answers.len()
    }

    /// Bytes it takes under a key.
    pub(super) fn weight(&self, key: &Key) -> u32 {
        let answers: usize = self.answers.iter().map(|stored| stored.size()).sum();
        u32::try_from(answers + key.size() + size_of::<Self>()).unwrap_or(u32::MAX)
    }

    fn forget(&mut self, old: Option<&Arc<Stored>>) {
        if let Some(old) = old {
            self.answers.retain(|stored| !Arc::ptr_eq(stored, old));
        }
    }
}
