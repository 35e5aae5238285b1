//! What an answer is kept under, and what is asked of the cache.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;

use super::directives::{Directives, Word};
use crate::domain::{EntryId, Timestamp, UpstreamId};

/// The request that an answer belongs to (RFC 9111 §2), always a GET. The zone is implied: each has
/// its own cache.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key {
    entry: EntryId,
    upstream: UpstreamId,
    target: Arc<str>,
}

impl Key {
    /// For a target as it is forwarded: normalized path and query, after `scheme://authority` so
    /// that an upstream that moved is not answered for from its old place. A HEAD may be answered
    /// from it too.
    pub fn new(entry: EntryId, upstream: UpstreamId, target: &str) -> Self {
        Self { entry, upstream, target: target.into() }
    }

    /// The entry it belongs to.
    pub fn entry(&self) -> &EntryId {
        &self.entry
    }

    /// Bytes it takes.
    pub(super) fn size(&self) -> usize {
        self.target.len()
    }
}

impl fmt::Debug for Key {
    /// Without the target: its parameters may identify people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("entry", &self.entry)
            .field("upstream", &self.upstream)
            .finish_non_exhaustive()
    }
}

/// What a caller asks for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// What it is kept under.
    pub key: &'a Key,
    /// Request headers as they are forwarded; `Vary` selects by them.
    pub headers: &'a HeaderMap,
    /// What the consumer's own `Cache-Control` wishes.
    pub wishes: Wishes,
    /// The moment of the call.
    pub now: Timestamp,
}

/// What is heeded of a consumer's `Cache-Control`.
///
/// Request directives are advisory (RFC 9111 §5.2.1), and the cache stands here to protect the
/// department, so nobody may ask around it: `no-cache` has the answer validated, at most once a
/// second for each key; `max-age`, `min-fresh`, `max-stale` and `no-store` change nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The answer is to be validated with the department.
    pub no_cache: bool,
    /// The department is not to be asked: unless the look-up is fresh, answer 504 (§5.2.1.7).
    pub only_if_cached: bool,
}

impl Wishes {
    /// Reads them from the consumer's head.
    pub fn read(headers: &HeaderMap) -> Self {
        let directives = Directives::read(headers);
        Self {
            no_cache: directives.says(Word::NoCache),
            only_if_cached: directives.says(Word::OnlyIfCached),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::CACHE_CONTROL;

    use super::*;

    #[test]
    fn of_a_consumers_directives_only_two_are_heeded() {
        for (line, no_cache, only_if_cached) in [
            ("No-Cache", true, false),
            ("max-age=0, ONLY-IF-CACHED", false, true),
            ("no-store, max-age=0, min-fresh=9999", false, false),
        ] {
            let headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static(line))]);
            assert_eq!(Wishes::read(&headers), Wishes { no_cache, only_if_cached }, "{line}");
        }
    }

    #[test]
    fn a_key_in_a_log_does_not_show_its_parameters() {
        let key = Key::new(
            EntryId::parse("police/residents").unwrap(),
            UpstreamId::parse("main").unwrap(),
            "http://10.0.0.1/residents?id_no=640102199001011234",
        );

        assert!(!format!("{key:?}").contains("6401"));
    }
}
