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
        let Some(next) = self.next else { return };
        if !self.records.is_multiple_of(STRIDE) || Instant::now() < next {
            return;
        }
        self.next = Some(Instant::now() + EVERY);
        if let Some(time) = time() {
            self.has_spoken = true;
            // Nothing depends on its being seen.
            drop(write!(io::stderr(), "\r{} records read, at {time} ", self.records));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.has_spoken {
            drop(writeln!(io::stderr()));
        }
    }
}
