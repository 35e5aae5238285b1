//! Says on a terminal how far a long reading has come.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::domain::Timestamp;

/// How long a reading may take without a word, and how often there is one then.
const EVERY: Duration = Duration::from_millis(500);

/// Records between two looks at the clock.
const STRIDE: u64 = 1024;

/// One reading.
#[derive(Debug)]
pub(super) struct Progress {
    /// None where nobody watches.
    next: Option<Instant>,
    records: u64,
    has_spoken: bool,
}

impl Progress {
    #[expect(clippy::disallowed_methods, reason = "a span that is measured, never recorded time")]
    pub(super) fn start() -> Self {
        let next = io::stderr().is_terminal().then(|| Instant::now() + EVERY);
        Self { next, records: 0, has_spoken: false }
    }

    /// One more record was read, which happened then.
    #[expect(clippy::disallowed_methods, reason = "a span that is measured, never recorded time")]
    pub(super) fn at(&mut self, time: impl FnOnce() -> Option<Timestamp>) {
        self.records = self.records.saturating_add(1);
        let is_due = self.records.is_multiple_of(STRIDE)
            && self.next.is_some_and(|next| Instant::now() >= next);
        if is_due && let Some(time) = time() {
            self.come_to(self.records, time);
        }
    }

    /// So many records were read, the last of which happened then.
    #[expect(clippy::disallowed_methods, reason = "a span that is measured, never recorded time")]
    pub(super) fn come_to(&mut self, records: u64, time: Timestamp) {
        let now = Instant::now();
        if self.next.is_none_or(|next| now < next) {
            return;
        }
        self.next = Some(now + EVERY);
        self.has_spoken = true;
        // Nothing depends on its being seen.
        drop(write!(io::stderr(), "\r{records} records read, at {time} "));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.has_spoken {
            drop(writeln!(io::stderr()));
        }
    }
}
