//! An answer that is kept.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::freshness::Freshness;
use super::vary::Selection;
use crate::domain::Timestamp;

/// What an answer costs besides its bytes: counters, pointers and the places in tables.
const OVERHEAD: usize = 512;

/// What a header line costs besides its bytes.
const PER_LINE: usize = 80;

/// An answer as the department gave it, unshaped, with how long it holds and for which requests.
pub struct Stored {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    freshness: Freshness,
    selection: Selection,
}

impl Stored {
    pub(super) fn new(
        (status, headers, body): (StatusCode, HeaderMap, Bytes),
        freshness: Freshness,
        selection: Selection,
    ) -> Self {
        Self { status, headers, body, freshness, selection }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its headers, without those of the connection and without `Age`.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Its body, unshaped; sharing it copies nothing.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The `Age` to answer with, in seconds (RFC 9111 §5.1).
    pub fn age(&self, now: Timestamp) -> u64 {
        u64::try_from(self.freshness.age(now).div_euclid(1_000)).unwrap_or(0)
    }

    /// Seconds it stays fresh; negative once it is stale.
    pub fn ttl(&self, now: Timestamp) -> i64 {
        self.freshness.left(now).div_euclid(1_000)
    }

    /// Whether it may be served without asking the department (RFC 9111 §4.2).
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.freshness.left(now) > 0
    }

    /// When the department last vouched for it.
    pub fn vouched(&self) -> Timestamp {
        self.freshness.received()
    }

    /// Whether a request with these headers, as forwarded, selects it (RFC 9111 §4.1).
    pub fn answers(&self, request: &HeaderMap) -> bool {
        self.selection.matches(request)
    }

    pub(super) fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Bytes it takes, roughly.
    pub(super) fn size(&self) -> usize {
        let lines = self.headers.iter();
        let lines = lines.map(|(name, value)| name.as_str().len() + value.len() + PER_LINE);
        OVERHEAD + self.body.len() + self.selection.size() + lines.sum::<usize>()
    }
}

impl fmt::Debug for Stored {
    /// Without headers and body: unshaped data goes into no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .field("freshness", &self.freshness)
            .field("selection", &self.selection)
            .finish_non_exhaustive()
    }
}
