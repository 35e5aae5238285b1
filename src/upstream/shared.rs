//! What all workers know of an interface, and what outlives a View: how many calls are under way,
//! whether it is up, how many retries are left, and the counts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use tokio::time::Instant;

use super::breaker::{Admission, Breaker};
use super::budget::Budget;
use super::{Fault, UpstreamConfig, UpstreamError};
use crate::domain::{OrganizationId, UpstreamId, Zone};

/// What the opening zone may take of the places of an interface that another zone calls too: a
/// quarter, so that the public, however slowly it reads, never keeps departments waiting.
const OPENING_SHARE: u32 = 4;

/// Every interface, by its stable id. It keeps what it has seen, so that a reload refills nothing.
#[derive(Debug, Default)]
pub struct Shared {
    states: Mutex<HashMap<(OrganizationId, UpstreamId), Arc<State>>>,
}

impl Shared {
    /// The state of one interface, made when it is first named.
    pub(super) fn state(
        &self,
        organization: &OrganizationId,
        upstream: &UpstreamId,
        zone: Zone,
    ) -> Arc<State> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let state = states
            .entry((organization.clone(), upstream.clone()))
            .or_insert_with(|| Arc::new(State::default()));
        if zone != Zone::Opening {
            state.not_only_open.store(true, Ordering::Relaxed);
        }
        Arc::clone(state)
    }

    /// What was counted so far, for supervision.
    pub fn figures(&self) -> Vec<Figures> {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states
            .iter()
            .map(|((organization, upstream), state)| {
                state.figures(organization.clone(), upstream.clone())
            })
            .collect()
    }
}

/// What was counted of one interface.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Which.
    pub upstream: UpstreamId,
    /// Calls that were to be sent.
    pub calls: u64,
    /// Connections opened.
    pub connects: u64,
    /// Calls that found a connection open.
    pub reuses: u64,
    /// Calls sent again.
    pub retries: u64,
    /// Calls under way.
    pub in_flight: u32,
    /// Whether it is left alone because it failed repeatedly.
    pub open: bool,
    /// Failures, by sort.
    pub faults: Vec<(Fault, u64)>,
}

/// One interface, over all workers.
#[derive(Debug, Default)]
pub(super) struct State {
    breaker: Breaker,
    budget: Budget,
    in_flight: AtomicU32,
    /// Those of the opening zone among them.
    of_the_public: AtomicU32,
    /// Whether another zone than the opening one calls it too.
    not_only_open: AtomicBool,
    calls: AtomicU64,
    connects: AtomicU64,
    reuses: AtomicU64,
    retries: AtomicU64,
    faults: [AtomicU64; Fault::ALL.len()],
}

impl State {
    /// Lets a call through the breaker; the answer must be told to what is returned.
    pub(super) fn pass(&self) -> Result<Passage<'_>, UpstreamError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        match self.breaker.admit(Instant::now()) {
            Ok(admission) => Ok(Passage { state: self, admission, told: false }),
            Err(retry_after) => Err(UpstreamError::Open { retry_after }),
        }
    }

    /// Whether a call may be sent again; counts it if so.
    pub(super) fn may_retry(&self) -> bool {
        let may = self.budget.take(self.calls.load(Ordering::Relaxed), Instant::now());
        if may {
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
        may
    }

    pub(super) fn connected(&self) {
        self.connects.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reused(&self) {
        self.reuses.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, error: &UpstreamError) {
        let fault = error.fault();
        let counts = Fault::ALL.iter().zip(&self.faults);
        for (_, count) in counts.filter(|(counted, _)| **counted == fault) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes one of the places, of which the opening zone has a share.
    fn enter(&self, to: &UpstreamConfig) -> bool {
        let public = to.zone() == Zone::Opening;
        if public && !take(&self.of_the_public, self.share_of_the_public(to.concurrency)) {
            return false;
        }
        let entered = take(&self.in_flight, to.concurrency);
        if public && !entered {
            self.of_the_public.fetch_sub(1, Ordering::Relaxed);
        }
        entered
    }

    fn leave(&self, zone: Zone) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        if zone == Zone::Opening {
            self.of_the_public.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn share_of_the_public(&self, concurrency: u32) -> u32 {
        if self.not_only_open.load(Ordering::Relaxed) {
            concurrency.div_ceil(OPENING_SHARE)
        } else {
            concurrency
        }
    }

    fn figures(&self, organization: OrganizationId, upstream: UpstreamId) -> Figures {
        let counts = self.faults.iter().map(|count| count.load(Ordering::Relaxed));
        Figures {
            organization,
            upstream,
            calls: self.calls.load(Ordering::Relaxed),
            connects: self.connects.load(Ordering::Relaxed),
            reuses: self.reuses.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            open: self.breaker.is_open(),
            faults: Fault::ALL.into_iter().zip(counts).collect(),
        }
    }
}

/// A call that the breaker let through. Dropped untold (the caller hung up), it frees its place.
#[derive(Debug)]
pub(super) struct Passage<'a> {
    state: &'a State,
    admission: Admission,
    told: bool,
}

impl Passage<'_> {
    pub(super) fn tell(mut self, outcome: Result<StatusCode, &UpstreamError>) {
        let breaker = &self.state.breaker;
        let failed = match outcome {
            Ok(status) => matches!(status.as_u16(), 502..=504),
            Err(error) if error.is_failure_of_the_interface() => true,
            // Dropped untold: it says nothing about the interface.
            Err(_) => return,
        };
        if failed {
            breaker.failed(self.admission, Instant::now());
        } else {
            breaker.succeeded(self.admission);
        }
        self.told = true;
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        if !self.told {
            self.state.breaker.abandoned(self.admission);
        }
    }
}

/// A place among the calls that may be under way at once, over all workers; free again when dropped.
#[derive(Debug)]
pub struct Slot {
    to: Arc<UpstreamConfig>,
}

impl Slot {
    /// The interface it is for.
    pub fn upstream(&self) -> &Arc<UpstreamConfig> {
        &self.to
    }

    pub(super) fn take(to: &Arc<UpstreamConfig>) -> Result<Self, UpstreamError> {
        let refused = match to.state.breaker.rest(Instant::now) {
            // Here already, so that a call that will not be sent takes nothing of any rate.
            Some(retry_after) => UpstreamError::Open { retry_after },
            None if to.state.enter(to) => return Ok(Self { to: Arc::clone(to) }),
            None => UpstreamError::Busy,
        };
        to.state.failed(&refused);
        Err(refused)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.to.state.leave(self.to.zone());
    }
}

fn take(places: &AtomicU32, limit: u32) -> bool {
    let more = |taken: u32| (taken < limit).then(|| taken.saturating_add(1));
    places.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
}
