//! The one caller that fetches for all, and how its fetch ends.

use std::error::Error;
use std::sync::Arc;

use tokio::sync::watch;

use super::flight::{Landed, Outcome, Route, Waiter};
use super::key::Ask;
use super::slot::Lookup;
use super::status::Forward;
use super::store::Cache;
use super::stored::Stored;
use super::unkept::Unkept;
use crate::domain;
use crate::domain::Timestamp;

/// How long callers fetch alone after an answer that could not be shared, in milliseconds.
const ALONE: i64 = 5_000;

/// What a caller does whose look-up was not fresh.
#[derive(Debug)]
pub enum Join {
    /// Answer with this: another caller's fetch came in meanwhile.
    Ready(Arc<Stored>),
    /// Fetch for everybody, in a task of its own that no caller's end can end.
    Lead(Lead),
    /// Wait for the one who fetches.
    Wait(Waiter),
    /// Fetch alone and keep nothing: answers to this key cannot be shared, or too many fetches are
    /// under way.
    Alone,
}

/// The right to fetch for everybody who waits, and to keep what comes. Dropped without an outcome,
/// it tells them that the fetch failed.
#[derive(Debug)]
pub struct Lead {
    cache: Cache,
    route: Route,
    id: u64,
    epoch: u64,
    largest: u32,
    found: Lookup,
    outcome: watch::Sender<Outcome>,
    landed: bool,
}

impl Cache {
    /// Waits for a fetch that is under way, or leads one.
    pub fn join(&self, ask: &Ask<'_>, policy: &domain::Cache) -> Join {
        if !policy.shared {
            return Join::Alone;
        }
        let slot = self.slot(ask.key);
        let selection = slot.map(|slot| slot.selection(ask.headers)).unwrap_or_default();
        let route = (ask.key.clone(), selection);

        let mut air = self.flights().air();
        if let Some(waiter) = air.waiter(&route) {
            return Join::Wait(waiter);
        }
        // What lands is kept before it leaves the list, so that who finds no flight under this lock
        // finds its answer here, and nobody fetches a second time. The epoch comes first: a purge
        // in between then counts.
        let epoch = self.epoch(ask.key.entry());
        let slot = self.slot(ask.key);
        if slot.as_ref().is_some_and(|slot| slot.alone(ask.now)) {
            return Join::Alone;
        }
        let found = slot.map_or(Lookup::Miss(Forward::UriMiss), |slot| slot.lookup(ask));
        if let Lookup::Fresh(stored) = found {
            return Join::Ready(stored);
        }
        if !self.flights().has_room(&air, policy.largest) {
            return Join::Alone;
        }
        let largest = policy.largest;
        let (id, outcome) = air.start(route.clone(), largest);
        drop(air);
        let cache = self.clone();
        Join::Lead(Lead { cache, route, id, epoch, largest, found, outcome, landed: false })
    }
}

impl Lead {
    /// The answer to validate, if there is one.
    pub fn stale(&self) -> Option<&Arc<Stored>> {
        match &self.found {
            Lookup::Stale(stored, _) | Lookup::Fresh(stored) => Some(stored),
            Lookup::Miss(_) => None,
        }
    }

    /// Keeps an answer and gives it to all who wait; says whether it is kept. One that was fetched
    /// before a purge serves them, who asked before it, and is not kept.
    pub fn share(mut self, stored: Stored) -> (Arc<Stored>, bool) {
        let stored = Arc::new(stored);
        let kept = self
            .cache
            .update(&self.route, (self.id, self.epoch), |slot| slot.with(&stored, self.stale()));
        // `no-cache` and `max-age=0` forbid to serve a second request without validation
        // (RFC 9111 §5.2.2.4), waiting or not.
        let landed = if stored.is_fresh(stored.vouched()) { Landed::Shared } else { Landed::Stale };
        self.tell(landed(Arc::clone(&stored)));
        (stored, kept)
    }

    /// Tells all who wait to fetch alone, since the answer cannot be kept.
    pub fn decline(mut self, why: Unkept, now: Timestamp) {
        if why.lasts() {
            self.cache.update(&self.route, (self.id, self.epoch), |slot| {
                slot.without(self.stale(), now.plus_millis(ALONE))
            });
        }
        self.tell(Landed::Unshared);
    }

    /// Tells all who wait that the fetch failed, and why.
    pub fn fail(mut self, why: Arc<dyn Error + Send + Sync>) {
        self.tell(Landed::Failed(Some(why)));
    }

    /// Leaves the list first: who is told to join again must not find this flight once more.
    fn tell(&mut self, landed: Landed) {
        self.land();
        self.outcome.send_replace(Some(landed));
    }

    fn land(&mut self) {
        if !std::mem::replace(&mut self.landed, true) {
            self.cache.flights().land(&self.route, self.id, self.largest);
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.land();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Barrier, Mutex};
    use std::thread;
    use std::time::Duration;

    use bytes::Bytes;
    use http::HeaderMap;
    use tokio::runtime::Builder;
    use tokio::task::LocalSet;

    use super::*;
    use crate::cache::Key;
    use crate::cache::tests::{NOON, POLICY, ask, headers, key, stored, stored_for};

    /// Calls as the gateway does: whoever leads fetches in a task of its own.
    async fn call(cache: Cache, fetches: Arc<AtomicUsize>) -> Option<Arc<Stored>> {
        let (key, request) = (key("/a"), HeaderMap::new());
        let ask = ask(&key, &request, NOON);
        match cache.join(&ask, &POLICY) {
            Join::Ready(stored) => Some(stored),
            Join::Lead(lead) => {
                let fetch = tokio::task::spawn_local(async move {
                    fetches.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    lead.share(stored(&[], "body")).0
                });
                fetch.await.ok()
            }
            Join::Wait(waiter) => match waiter.wait(&request).await {
                Landed::Shared(stored) => Some(stored),
                Landed::Stale(_) | Landed::Unshared | Landed::Failed(_) => None,
            },
            Join::Alone => None,
        }
    }

    #[test]
    fn a_hundred_callers_on_two_runtimes_make_one_fetch() {
        let (cache, fetches) = (Cache::new(1 << 20), Arc::new(AtomicUsize::new(0)));
        let (start, bodies) = (Barrier::new(2), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
                    start.wait();
                    LocalSet::new().block_on(&runtime, async {
                        let calls: Vec<_> = (0..50)
                            .map(|_| {
                                tokio::task::spawn_local(call(cache.clone(), Arc::clone(&fetches)))
                            })
                            .collect();
                        for call in calls {
                            let body = call.await.unwrap().map(|stored| stored.body().clone());
                            bodies.lock().unwrap().push(body);
                        }
                    });
                });
            }
        });

        assert_eq!(fetches.load(Ordering::SeqCst), 1);
        let bodies = bodies.into_inner().unwrap();
        assert_eq!(bodies, vec![Some(Bytes::from_static(b"body")); 100]);
    }

    /// A leader, and one who waits for it.
    fn pair(cache: &Cache, request: &HeaderMap) -> (Lead, Waiter) {
        let key = key("/a");
        let ask = ask(&key, request, NOON);
        let Join::Lead(lead) = cache.join(&ask, &POLICY) else { panic!("should lead") };
        let Join::Wait(waiter) = cache.join(&ask, &POLICY) else { panic!("should wait") };
        (lead, waiter)
    }

    #[tokio::test]
    async fn who_waits_for_a_leader_that_is_gone_is_told_and_the_next_one_leads() {
        let (cache, request) = (Cache::new(1 << 20), HeaderMap::new());
        let (lead, waiter) = pair(&cache, &request);

        drop(lead);

        assert!(matches!(waiter.wait(&request).await, Landed::Failed(None)));
        drop(pair(&cache, &request));
    }

    #[tokio::test]
    async fn who_waits_for_a_fetch_that_fails_learns_why_and_the_next_one_leads() {
        let (cache, request) = (Cache::new(1 << 20), HeaderMap::new());
        let (lead, waiter) = pair(&cache, &request);

        lead.fail(Arc::new(Unkept::Length));

        let Landed::Failed(Some(why)) = waiter.wait(&request).await else { panic!("it failed") };
        assert_eq!(why.to_string(), Unkept::Length.to_string());
        drop(pair(&cache, &request));
    }

    #[test]
    fn who_is_told_to_join_again_does_not_find_the_same_fetch_once_more() {
        let (request, key) = (HeaderMap::new(), key("/a"));
        let no_cache = [("cache-control", "no-cache"), ("etag", "\"1\"")];
        for round in 0..400 {
            let cache = Cache::new(1 << 20);
            let (lead, mut waiter) = pair(&cache, &request);
            thread::scope(|scope| {
                scope.spawn(|| {
                    if round % 2 == 0 {
                        lead.fail(Arc::new(Unkept::Length));
                    } else {
                        lead.share(stored(&no_cache, "a"));
                    }
                });
                while !waiter.has_landed() {
                    thread::yield_now();
                }
                let again = cache.join(&ask(&key, &request, NOON), &POLICY);
                assert!(matches!(again, Join::Lead(_)), "round {round}: {again:?}");
            });
        }
    }

    #[tokio::test]
    async fn an_answer_that_cannot_be_kept_sends_all_alone_for_a_while() {
        let (cache, request, key) = (Cache::new(1 << 20), HeaderMap::new(), key("/a"));
        let (lead, waiter) = pair(&cache, &request);

        lead.decline(Unkept::TooLarge, NOON);

        assert!(matches!(waiter.wait(&request).await, Landed::Unshared));
        let later = |millis| cache.join(&ask(&key, &request, NOON.plus_millis(millis)), &POLICY);
        assert!(matches!(later(ALONE - 1), Join::Alone));
        assert!(matches!(later(ALONE), Join::Lead(_)));
    }

    #[tokio::test]
    async fn one_bad_status_does_not_send_the_next_callers_alone() {
        let (cache, request) = (Cache::new(1 << 20), HeaderMap::new());
        let (lead, waiter) = pair(&cache, &request);

        lead.decline(Unkept::Status, NOON);

        assert!(matches!(waiter.wait(&request).await, Landed::Unshared));
        drop(pair(&cache, &request));
    }

    #[tokio::test]
    async fn who_waits_never_gets_what_was_chosen_for_another_request() {
        let cache = Cache::new(1 << 20);
        let (json, csv) = (headers(&[("accept", "json")]), headers(&[("accept", "csv")]));
        let (lead, _waiter) = pair(&cache, &json);
        let key = key("/a");
        let Join::Wait(waiter) = cache.join(&ask(&key, &csv, NOON), &POLICY) else {
            panic!("how it varies is not known yet");
        };

        lead.share(stored_for(&json, &[("vary", "accept")], "json"));

        assert!(matches!(waiter.wait(&csv).await, Landed::Unshared));
        // Now it is known, and each way to negotiate has its own flight.
        let (gzip, br) = (headers(&[("accept", "x")]), headers(&[("accept", "y")]));
        let _first = pair(&cache, &gzip);
        let _second = pair(&cache, &br);
    }

    /// RFC 9111 §5.2.2.4.
    #[tokio::test]
    async fn an_answer_to_be_validated_each_time_serves_nobody_who_waits() {
        let (cache, request) = (Cache::new(1 << 20), HeaderMap::new());
        let (lead, waiter) = pair(&cache, &request);

        lead.share(stored(&[("cache-control", "no-cache"), ("etag", "\"1\"")], "a"));

        assert!(matches!(waiter.wait(&request).await, Landed::Stale(_)));
    }

    #[tokio::test]
    async fn what_was_fetched_before_a_purge_or_change_is_not_kept() {
        let (request, key) = (HeaderMap::new(), key("/a"));
        for forget in [
            (|cache, key| _ = Cache::purge_entry(cache, key.entry())) as fn(&Cache, &Key),
            |cache, key| cache.invalidate(key),
        ] {
            let cache = Cache::new(1 << 20);
            let (before, waiter) = pair(&cache, &request);

            forget(&cache, &key);
            let (after, _) = pair(&cache, &request);
            before.share(stored(&[], "before"));

            let Landed::Shared(old) = waiter.wait(&request).await else { panic!("it came") };
            assert_eq!(old.body(), "before");
            let ask = ask(&key, &request, NOON);
            assert!(matches!(cache.lookup(&ask), Lookup::Miss(_)));
            after.share(stored(&[], "after"));
            let Lookup::Fresh(new) = cache.lookup(&ask) else { panic!("it was fetched after") };
            assert_eq!(new.body(), "after");
        }
    }

    #[test]
    fn a_fetch_that_lands_in_the_middle_of_a_purge_or_change_is_not_kept_either() {
        let (request, key) = (HeaderMap::new(), key("/a"));
        let cache = Cache::new(1 << 20);
        for round in 0..400 {
            let (lead, _) = pair(&cache, &request);
            let start = Barrier::new(2);
            thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    lead.share(stored(&[], "before"))
                });
                start.wait();
                if round % 2 == 0 {
                    cache.invalidate(&key);
                } else {
                    cache.purge_entry(key.entry());
                }
            });

            let found = cache.lookup(&ask(&key, &request, NOON));
            assert!(matches!(found, Lookup::Miss(_)), "round {round}");
        }
    }

    #[test]
    fn fetches_under_way_are_bounded_by_the_bytes_they_may_hold() {
        let request = HeaderMap::new();
        let largest = u64::from(POLICY.largest);
        let cache = Cache::new(largest * 2);
        let join = |path| cache.join(&ask(&key(path), &request, NOON), &POLICY);

        let (first, second) = (join("/1"), join("/2"));
        assert!(matches!((&first, &second), (Join::Lead(_), Join::Lead(_))));
        assert!(matches!(join("/3"), Join::Alone));
        // Off the list, it may hold its bytes still.
        cache.invalidate(&key("/1"));
        assert!(matches!(join("/3"), Join::Alone));
        drop(first);
        assert!(matches!(join("/3"), Join::Lead(_)));
    }

    #[test]
    fn an_entry_that_declares_nothing_is_fetched_alone() {
        let (cache, request, key) = (Cache::new(1 << 20), HeaderMap::new(), key("/a"));
        let policy = domain::Cache { shared: false, ..POLICY };

        assert!(matches!(cache.join(&ask(&key, &request, NOON), &policy), Join::Alone));
    }
}
