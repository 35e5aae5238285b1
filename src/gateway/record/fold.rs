//! Like refusals beyond a bound in one second are folded into a count, so that a flood of them
//! cannot use up the journal. Nothing is lost: the fold's opening is durable before any of them is
//! answered, and its count is written when the second is over. A fold whose opening failed is counted
//! like everything that the journal could not take.

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use tokio::sync::watch;
use uuid::Uuid;

use super::Recorder;
use crate::domain::ApplicationId;
use crate::gateway::limit::prefix_of;
use crate::journal::{Decided, Event, FoldPhase, Folded, Ticket};

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
    /// As it will be closed.
    event: Folded,
    opening: Arc<Ticket>,
    settled: watch::Receiver<bool>,
}

impl Folds {
    /// Counts a refusal. Within the bound it has its own pair. Beyond it the fold answers for it from
    /// here on, even if its caller hangs up; what comes back waits until the opening is settled.
    pub(super) fn count(
        &self,
        recorder: &Recorder,
        decided: &Decided,
        address: IpAddr,
    ) -> Option<impl Future<Output = ()> + use<>> {
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
        let mut settled = open.settled.clone();
        Some(async move {
            // An error says that nobody will tell any more: the node stops.
            let _told = settled.wait_for(|settled| *settled).await;
        })
    }

    /// Refusals that are on record only as part of a fold's count.
    pub fn counted(&self) -> u64 {
        self.counted.load(Ordering::Relaxed)
    }

    /// Writes the counts of seconds that are over and whose opening is settled; at the very end, which
    /// is `i64::MAX`, waits for those that are not.
    pub fn close_before(&self, recorder: &Recorder, second: i64) {
        let is_end = second == i64::MAX;
        let mut over = Vec::new();
        self.lock().retain(|key, fold| {
            let is_settled = fold.open.as_ref().is_none_or(|open| open.opening.outcome().is_some());
            if key.second >= second || !(is_settled || is_end) {
                return true;
            }
            over.extend(fold.open.take());
            false
        });
        for open in over {
            self.close(recorder, open);
        }
    }

    fn close(&self, recorder: &Recorder, open: Open) {
        let Folded { zone, count, .. } = open.event;
        if open.opening.wait().is_err() {
            recorder.journal.uncounted(zone, open.event.code, count);
            return;
        }
        let time = recorder.journal.clamp(recorder.clock.now());
        let event = Folded { time, phase: FoldPhase::Closed, ..open.event };
        recorder.journal.keep_within(zone, &Event::Folded(event));
        self.counted.fetch_add(count, Ordering::Relaxed);
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
    // The call that opens it is the one it is sure to hold.
    let first = Folded { count: 1, ..event.clone() };
    let opening = Arc::new(recorder.journal.note_within(event.zone, &Event::Folded(first)));
    let (tell, settled) = watch::channel(false);
    let ticket = Arc::clone(&opening);
    tokio::spawn(async move {
        let _outcome = ticket.durable().await;
        // Nobody may be waiting any more.
        tell.send_replace(true);
    });
    Open { event, opening, settled }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::config::keys::Keys;
    use crate::domain::Budget;
    use crate::domain::Zone;
    use crate::gateway::metrics::Metrics;
    use crate::journal::tree::{Signer, TreeOptions};
    use crate::journal::{Clock, Journal, JournalOptions, Keep, Reader};

    fn recorder(folder: &Path, budget: Budget) -> Recorder {
        let clock = Clock::system();
        let (journal, _) = Journal::open(&JournalOptions {
            folder: folder.to_owned(),
            segment_bytes: 1 << 16,
            sync_ms: 0,
            free_bytes: 0,
            budgets: BTreeMap::from([(Zone::Opening, budget)]),
            node: "north".to_owned(),
            clock: clock.clone(),
            tree: TreeOptions::signed_by(Signer::new("north", &[7; 32])),
            keep: Keep::default(),
        })
        .unwrap();
        let metrics = Arc::new(Metrics::register(&prometheus::Registry::new()).unwrap());
        Recorder {
            zone: Zone::Opening,
            journal,
            clock,
            keys: Arc::new(Keys::ephemeral()),
            folds: Folds::default(),
            zone_metrics: metrics.zone(Zone::Opening),
            metrics,
        }
    }

    /// So many like refusals at once; what those wait for that are only counted.
    fn refuse(recorder: &Recorder, number: usize) -> Vec<impl Future<Output = ()> + use<>> {
        let mut decided = Decided::new(recorder.clock.now(), Uuid::now_v7(), Zone::Opening);
        decided.outcome = "no-such-entry".into();
        let address = IpAddr::from([192, 0, 2, 7]);
        let count = |_| recorder.folds.count(recorder, &decided, address);
        (0..number).filter_map(count).collect()
    }

    fn folds(folder: &Path) -> Vec<(FoldPhase, u64)> {
        let records = Reader::open(folder).unwrap();
        let event = |event| if let Event::Folded(fold) = event { Some(fold) } else { None };
        let folds = records.filter_map(|record| event(record.unwrap().event().unwrap()));
        folds.map(|fold| (fold.phase, fold.count)).collect()
    }

    #[tokio::test]
    async fn a_fold_opens_with_one_and_closes_with_all_callers_that_left_included() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = recorder(folder.path(), Budget::default());
        let mut waiting = refuse(&recorder, 25);
        assert_eq!(waiting.len(), 5);
        drop(waiting.pop());
        for answer in waiting {
            answer.await;
        }
        assert_eq!(folds(folder.path()), [(FoldPhase::Opened, 1)], "durable before an answer");

        recorder.folds.close_before(&recorder, i64::MAX);
        recorder.journal.close();
        assert_eq!((recorder.folds.counted(), recorder.journal.stats().uncounted), (5, 0));
        assert_eq!(folds(folder.path()), [(FoldPhase::Opened, 1), (FoldPhase::Closed, 5)]);
        assert_eq!(recorder.journal.stats().pending, 0, "its room came back");
    }

    #[tokio::test]
    async fn a_fold_that_cannot_open_is_counted_once_and_not_closed() {
        let folder = tempfile::tempdir().unwrap();
        let none = Budget { pending_bytes: 10, bytes_per_second: 1 << 20 };
        let recorder = recorder(folder.path(), none);
        for answer in refuse(&recorder, 25) {
            answer.await;
        }

        recorder.folds.close_before(&recorder, i64::MAX);
        recorder.journal.close();
        assert_eq!((recorder.folds.counted(), recorder.journal.stats().uncounted), (0, 5));
        assert_eq!(folds(folder.path()), []);
    }
}
