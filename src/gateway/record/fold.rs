//! Like refusals beyond a bound in one second are folded into a count, so that a flood of them
//! cannot use up the journal. Nothing is lost: the fold's opening is durable before any of them is
//! answered, and its count is written when the second is over.

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use tokio::sync::watch;
use uuid::Uuid;

use super::Recorder;
use crate::domain::ApplicationId;
use crate::gateway::limit::prefix_of;
use crate::journal::{Decided, Event, FoldPhase, Folded};

/// Like refusals a second that have a pair of their own.
const BOUND: u64 = 20;

/// Folds that may be open at once; beyond them like refusals share one fold per code.
const MOST: usize = 10_000;

/// Refusals of the second under way.
#[derive(Debug, Default)]
pub struct Folds {
    open: Mutex<HashMap<Key, Fold, RandomState>>,
    counted: AtomicU64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    who: Who,
    code: String,
    second: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    Application(ApplicationId),
    Address(IpAddr),
    /// All others, when there are too many to tell apart.
    Others,
}

#[derive(Debug)]
struct Fold {
    seen: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    event: Folded,
    opened: watch::Receiver<Option<bool>>,
}

impl Folds {
    /// Counts a refusal. Within the bound it has its own pair; beyond it what comes back waits until
    /// the fold's opening is durable and says whether it is.
    pub(super) fn count(
        &self,
        recorder: &Recorder,
        decided: &Decided,
        address: IpAddr,
    ) -> Option<impl Future<Output = bool> + use<>> {
        let who = decided
            .application
            .clone()
            .map_or_else(|| Who::Address(prefix_of(address)), Who::Application);
        let mut folds = self.lock();
        let second = decided.time.millis().div_euclid(1000);
        let mut key = Key { who, code: decided.outcome.clone().into_owned(), second };
        if folds.len() >= MOST && !folds.contains_key(&key) {
            key.who = Who::Others;
        }
        let fold = folds.entry(key).or_insert(Fold { seen: 0, open: None });
        fold.seen = fold.seen.saturating_add(1);
        if fold.seen <= BOUND {
            return None;
        }
        let open = fold.open.get_or_insert_with(|| open(recorder, decided));
        open.event.count = open.event.count.saturating_add(1);
        self.counted.fetch_add(1, Ordering::Relaxed);
        let mut opened = open.opened.clone();
        Some(async move {
            opened.wait_for(Option::is_some).await.is_ok_and(|outcome| outcome.unwrap_or(false))
        })
    }

    /// Refusals that are on record only as part of a count.
    pub fn counted(&self) -> u64 {
        self.counted.load(Ordering::Relaxed)
    }

    /// Writes the counts of seconds that are over.
    pub fn close_before(&self, recorder: &Recorder, second: i64) {
        let mut over = Vec::new();
        self.lock().retain(|key, fold| {
            if key.second >= second {
                return true;
            }
            over.extend(fold.open.take());
            false
        });
        for open in over {
            let event = Folded {
                time: recorder.journal.clamp(recorder.clock.now()),
                phase: FoldPhase::Closed,
                ..open.event
            };
            recorder.journal.keep(&Event::Folded(event));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Fold, RandomState>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a fold and lets a task of its own say when the opening is durable.
fn open(recorder: &Recorder, decided: &Decided) -> Open {
    let event = Folded {
        time: decided.time,
        fold: Uuid::now_v7(),
        zone: decided.zone,
        phase: FoldPhase::Opened,
        code: decided.outcome.clone().into_owned(),
        organization: decided.organization.clone(),
        application: decided.application.clone(),
        address: decided.address.clone().filter(|_| decided.application.is_none()),
        count: 0,
    };
    let ticket = recorder.journal.note(&Event::Folded(event.clone()));
    let (tell, opened) = watch::channel(None);
    tokio::spawn(async move {
        let durable = ticket.durable().await.is_ok();
        // Nobody may be waiting any more.
        tell.send_replace(Some(durable));
    });
    Open { event, opened }
}
