//! Where answers are kept: in memory, bounded by bytes, and forgotten at once when told.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use moka::ops::compute::Op;

use super::flight::{Flights, Route};
use super::key::{Ask, Key};
use super::slot::{Lookup, Slot};
use super::status::Forward;
use crate::domain::EntryId;

/// The cache of one zone. Clones share it.
#[derive(Clone)]
pub struct Cache {
    inner: Arc<Inner>,
}

struct Inner {
    slots: moka::sync::Cache<Key, Arc<Slot>, RandomState>,
    /// How often each entry was purged; what was fetched in an earlier epoch no longer counts.
    epochs: ArcSwap<HashMap<EntryId, u64>>,
    flights: Flights,
}

/// How full a cache is; a moment behind, as eviction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Keys that have answers.
    pub keys: u64,
    /// Bytes they take.
    pub bytes: u64,
}

impl Cache {
    /// A cache that holds this many bytes at most. Fetches under way may hold as many again.
    pub fn new(bytes: u64) -> Self {
        let slots = moka::sync::Cache::builder()
            .max_capacity(bytes)
            .weigher(|key: &Key, slot: &Arc<Slot>| slot.weight(key))
            .build_with_hasher(RandomState::default());
        let (epochs, flights) = (ArcSwap::default(), Flights::new(bytes));
        Self { inner: Arc::new(Inner { slots, epochs, flights }) }
    }

    /// What is kept for a call.
    pub fn lookup(&self, ask: &Ask<'_>) -> Lookup {
        self.slot(ask.key).map_or(Lookup::Miss(Forward::UriMiss), |slot| slot.lookup(ask))
    }

    /// Forgets all answers of an entry, those under way included; how many there were. From when
    /// this returns, no call is answered with what was fetched before.
    pub fn purge_entry(&self, entry: &EntryId) -> usize {
        self.inner.epochs.rcu(|epochs| {
            let mut epochs = HashMap::clone(epochs);
            let epoch: &mut u64 = epochs.entry(entry.clone()).or_default();
            *epoch = epoch.saturating_add(1);
            epochs
        });
        self.inner.flights.strike_entry(entry);
        // Nothing old is found any more; what follows gives the memory back.
        let epoch = self.epoch(entry);
        let mut count = 0;
        for (key, slot) in &self.inner.slots {
            if key.entry() == entry && slot.epoch < epoch {
                count += slot.len();
                self.inner.slots.invalidate(&*key);
            }
        }
        self.inner.slots.run_pending_tasks();
        count
    }

    /// Forgets the answers of one key, after a method that may have changed what it stands for
    /// (RFC 9111 §4.4, [`invalidates`](super::invalidates)).
    pub fn invalidate(&self, key: &Key) {
        self.inner.flights.strike_key(key);
        // Not `invalidate`: this waits for an update that has looked at the list already.
        self.inner.slots.entry_by_ref(key).and_compute_with(|_| Op::Remove);
    }

    /// How full it is.
    pub fn held(&self) -> Held {
        let slots = &self.inner.slots;
        Held { keys: slots.entry_count(), bytes: slots.weighted_size() }
    }

    pub(super) fn flights(&self) -> &Flights {
        &self.inner.flights
    }

    /// How often an entry was purged.
    pub(super) fn epoch(&self, entry: &EntryId) -> u64 {
        self.inner.epochs.load().get(entry).copied().unwrap_or(0)
    }

    /// What is kept for a key and was not purged.
    pub(super) fn slot(&self, key: &Key) -> Option<Arc<Slot>> {
        let slot = self.inner.slots.get(key)?;
        (slot.epoch >= self.epoch(key.entry())).then_some(slot)
    }

    /// Changes what is kept for a key, for a flight of this id and epoch that is still on the list;
    /// whether it was.
    pub(super) fn update(
        &self,
        route: &Route,
        (id, epoch): (u64, u64),
        change: impl FnOnce(Slot) -> Slot,
    ) -> bool {
        let (key, mut listed) = (&route.0, false);
        // Looked at under the key's own lock, which an invalidation takes after it struck the list.
        self.inner.slots.entry_by_ref(key).and_compute_with(|kept| {
            if epoch < self.epoch(key.entry()) || !self.inner.flights.lists(route, id) {
                return Op::Nop;
            }
            listed = true;
            let kept =
                kept.map(|kept| Slot::clone(kept.value())).filter(|slot| slot.epoch >= epoch);
            Op::Put(Arc::new(change(kept.unwrap_or_else(|| Slot::new(epoch)))))
        });
        listed
    }
}

impl fmt::Debug for Cache {
    /// Without what it holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("held", &self.held()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::cache::tests::{NOON, POLICY, ask, entry, headers, key, stored, stored_for};
    use crate::cache::{Join, Stored, Wishes};
    use crate::domain::UpstreamId;

    fn keep(cache: &Cache, ask: &Ask<'_>, stored: Stored) {
        let Join::Lead(lead) = cache.join(ask, &POLICY) else { panic!("should lead") };
        lead.share(stored);
    }

    fn body(lookup: &Lookup) -> &[u8] {
        match lookup {
            Lookup::Fresh(stored) | Lookup::Stale(stored, _) => stored.body(),
            Lookup::Miss(_) => b"",
        }
    }

    #[test]
    fn an_answer_is_found_fresh_then_stale_and_renewed_in_its_place() {
        let (cache, request, key) = (Cache::new(1 << 20), HeaderMap::new(), key("/a"));
        let at = |millis| ask(&key, &request, NOON.plus_millis(millis));
        assert!(matches!(cache.lookup(&at(0)), Lookup::Miss(Forward::UriMiss)));

        keep(&cache, &at(0), stored(&[], "one"));
        assert!(matches!(cache.lookup(&at(59_999)), Lookup::Fresh(_)));
        assert!(matches!(cache.lookup(&at(60_000)), Lookup::Stale(_, Forward::Stale)));
        assert!(matches!(cache.join(&at(59_999), &POLICY), Join::Ready(_)));

        let Join::Lead(lead) = cache.join(&at(60_000), &POLICY) else { panic!("should lead") };
        assert_eq!(lead.stale().unwrap().body(), "one");
        lead.share(stored(&[("cache-control", "max-age=100")], "two"));
        let lookup = cache.lookup(&at(60_000));
        assert!(matches!(lookup, Lookup::Fresh(_)));
        assert_eq!(body(&lookup), b"two");
    }

    /// RFC 9111 §5.2.1.4, held back as `Wishes` says.
    #[test]
    fn a_consumer_has_an_answer_validated_once_a_second_at_most() {
        let (cache, request, key) = (Cache::new(1 << 20), HeaderMap::new(), key("/a"));
        keep(&cache, &ask(&key, &request, NOON), stored(&[], "one"));
        let wishes = Wishes { no_cache: true, only_if_cached: false };
        let at =
            |millis| cache.lookup(&Ask { wishes, ..ask(&key, &request, NOON.plus_millis(millis)) });

        assert!(matches!(at(999), Lookup::Fresh(_)));
        assert!(matches!(at(1_000), Lookup::Stale(_, Forward::Request)));
    }

    #[test]
    fn answers_that_vary_are_kept_side_by_side_up_to_eight() {
        let (cache, key) = (Cache::new(1 << 20), key("/a"));
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        for name in names {
            let request = headers(&[("accept", name)]);
            keep(
                &cache,
                &ask(&key, &request, NOON),
                stored_for(&request, &[("vary", "accept")], name),
            );
        }

        for name in &names[1..] {
            let request = headers(&[("accept", name)]);
            let lookup = cache.lookup(&ask(&key, &request, NOON));
            assert!(matches!(lookup, Lookup::Fresh(_)), "{name}");
            assert_eq!(body(&lookup), name.as_bytes());
        }
        let request = headers(&[("accept", names[0])]);
        let lookup = cache.lookup(&ask(&key, &request, NOON));
        assert!(matches!(lookup, Lookup::Miss(Forward::VaryMiss)));
    }

    #[test]
    fn a_refusal_to_one_way_of_asking_leaves_the_other_answers_alone() {
        let (cache, key) = (Cache::new(1 << 20), key("/a"));
        let (json, odd) = (headers(&[("accept", "json")]), headers(&[("accept", "odd")]));
        let json_ask = ask(&key, &json, NOON);
        keep(&cache, &json_ask, stored_for(&json, &[("vary", "accept")], "json"));

        let Join::Lead(lead) = cache.join(&ask(&key, &odd, NOON), &POLICY) else {
            panic!("should lead")
        };
        lead.decline(crate::cache::Unkept::NoStore, NOON);

        assert!(matches!(cache.lookup(&json_ask), Lookup::Fresh(_)));
        let later = ask(&key, &json, NOON.plus_millis(60_000));
        assert!(matches!(cache.join(&later, &POLICY), Join::Lead(_)), "still one for all");
    }

    #[test]
    fn a_purge_forgets_one_entry_at_once_and_counts_its_answers() {
        let (cache, request) = (Cache::new(1 << 20), HeaderMap::new());
        let upstream = UpstreamId::parse("main").unwrap();
        let other = Key::new(EntryId::parse("tax/payers").unwrap(), upstream, "/a");
        let keys = [key("/a"), key("/b"), other];
        for key in &keys {
            keep(&cache, &ask(key, &request, NOON), stored(&[], "x"));
        }

        assert_eq!(cache.purge_entry(&entry()), 2);
        assert_eq!(cache.held().keys, 1);

        let found = keys
            .each_ref()
            .map(|key| matches!(cache.lookup(&ask(key, &request, NOON)), Lookup::Fresh(_)));
        assert_eq!(found, [false, false, true]);
        assert_eq!(cache.purge_entry(&entry()), 0);
        keep(&cache, &ask(&keys[0], &request, NOON), stored(&[], "new"));
        assert_eq!(body(&cache.lookup(&ask(&keys[0], &request, NOON))), b"new");
    }

    #[test]
    fn an_invalidation_forgets_one_key() {
        let (cache, request) = (Cache::new(1 << 20), HeaderMap::new());
        let keys = [key("/a"), key("/b")];
        for key in &keys {
            keep(&cache, &ask(key, &request, NOON), stored(&[], "x"));
        }

        cache.invalidate(&keys[0]);

        let fresh = |key| matches!(cache.lookup(&ask(key, &request, NOON)), Lookup::Fresh(_));
        assert!(!fresh(&keys[0]) && fresh(&keys[1]));
    }

    #[test]
    fn it_never_holds_more_bytes_than_it_may() {
        let (cache, request) = (Cache::new(20_000), HeaderMap::new());
        for number in 0..200 {
            let key = key(&format!("/{number}"));
            keep(&cache, &ask(&key, &request, NOON), stored(&[], "0123456789"));
        }
        cache.inner.slots.run_pending_tasks();

        let held = cache.held();
        assert!(held.bytes <= 20_000 && held.keys > 10, "{held:?}");
    }
}
