//! An answer that is kept.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use super::freshness::Freshness;
use super::moment::read_date;
use super::shaped::Shaped;
use super::vary::Selection;
use crate::domain::Timestamp;

/// What an answer costs besides its bytes: counters, pointers and the places in tables.
const OVERHEAD: usize = 512;

/// What a header line costs besides its bytes.
const PER_LINE: usize = 80;

/// Most bytes that what an answer was shaped to may take beside it.
const BESIDE: usize = 64 * 1024;

/// An answer as the department gave it, unshaped, with how long it holds and for which requests.
pub struct Stored {
    status: StatusCode,
    headers: HeaderMap,
    modified: Option<Timestamp>,
    body: Bytes,
    /// What it was shaped to, the newest first.
    shaped: Mutex<Vec<Arc<Shaped>>>,
    freshness: Freshness,
    selection: Selection,
}

impl Stored {
    pub(super) fn new(
        (status, headers, body): (StatusCode, HeaderMap, Bytes),
        freshness: Freshness,
        selection: Selection,
    ) -> Self {
        let modified = headers.get(header::LAST_MODIFIED).and_then(read_date);
        Self { status, headers, modified, body, shaped: Mutex::default(), freshness, selection }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its headers, without those of the connection and without `Age`.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// When the department last changed it, if it says so.
    pub fn modified(&self) -> Option<Timestamp> {
        self.modified
    }

    /// Its body, unshaped; sharing it copies nothing.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// What it was shaped to under the reduction of this name, if that is kept.
    pub fn shaped(&self, version: &str) -> Option<Arc<Shaped>> {
        let shaped = self.shaped.lock().unwrap_or_else(PoisonError::into_inner);
        shaped.iter().find(|shaped| &*shaped.version == version).map(Arc::clone)
    }

    /// Whether what it was shaped to is kept, if it takes so many bytes.
    pub fn has_room(&self, bytes: usize) -> bool {
        bytes <= self.beside()
    }

    /// Keeps what it was shaped to. Older ones go that there is no room for.
    pub fn keep_shaped(&self, new: Shaped) {
        let mut shaped = self.shaped.lock().unwrap_or_else(PoisonError::into_inner);
        shaped.retain(|old| old.version != new.version);
        shaped.insert(0, Arc::new(new));
        let mut bytes = 0_usize;
        shaped.retain(|shaped| {
            bytes = bytes.saturating_add(shaped.size());
            bytes <= OVERHEAD.saturating_add(self.beside())
        });
    }

    fn beside(&self) -> usize {
        self.body.len().min(BESIDE)
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
        let bytes = self.body.len() + self.selection.size() + lines.sum::<usize>();
        // What it is shaped to may take as much again, and counts from the beginning.
        OVERHEAD + bytes + OVERHEAD + self.beside()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::tests::stored;
    use crate::shape::Report;

    fn shaped(version: &str, bytes: &str) -> Shaped {
        Shaped {
            version: version.into(),
            bytes: Bytes::copy_from_slice(bytes.as_bytes()),
            report: Report { rows_out: 7, ..Report::default() },
            personal: None,
            tag: None,
        }
    }

    #[test]
    fn what_it_was_shaped_to_is_found_by_exactly_its_reduction() {
        let stored = stored(&[], "{\"a\":1,\"b\":2}");
        stored.keep_shaped(shaped("grant one", "{\"a\":1}"));
        stored.keep_shaped(shaped("grant two", "{\"b\":2}"));

        let found = stored.shaped("grant one").unwrap();
        assert_eq!((&found.bytes[..], found.report.rows_out), (&b"{\"a\":1}"[..], 7));
        assert_eq!(stored.shaped("grant two").unwrap().bytes, "{\"b\":2}");
        assert!(stored.shaped("grant").is_none());
        assert!(!format!("{stored:?} {found:?}").contains("\"a\""));
    }

    #[test]
    fn older_ones_make_room_within_what_was_counted_from_the_beginning() {
        let stored = stored(&[], "x".repeat(1_000).leak());
        assert!(stored.has_room(1_000) && !stored.has_room(1_001));
        let size = stored.size();
        for version in ["1", "2", "3", "4", "4"] {
            stored.keep_shaped(shaped(version, &"y".repeat(500)));
        }

        let kept = ["1", "2", "3", "4"].map(|version| stored.shaped(version).is_some());
        assert_eq!(kept, [false, false, true, true]);
        let shaped = stored.shaped.lock().unwrap();
        let bytes: usize = shaped.iter().map(|shaped| shaped.size()).sum();
        assert!(OVERHEAD + 1_000 + bytes <= size, "{bytes} of {size}");
    }
}
