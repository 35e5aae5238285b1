//! Tells the thread to end, and until when.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Asked for, and until when the rest may be done.
#[derive(Debug, Default)]
pub(super) struct Stop {
    until: Mutex<Option<Instant>>,
    told: Condvar,
}

impl Stop {
    /// Asks the thread to end, within so much time.
    pub(super) fn ask(&self, within: Duration) {
        let until = now().checked_add(within);
        self.until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(until.unwrap_or_else(now));
        self.told.notify_all();
    }

    pub(super) fn is_asked(&self) -> bool {
        self.until.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whether the time to finish is over.
    pub(super) fn is_over(&self) -> bool {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| now() >= until)
    }

    /// Waits so long, or until the end is asked for.
    pub(super) fn wait(&self, pause: Duration) {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.is_none() {
            // Woken for nothing it only looks once more.
            drop(self.told.wait_timeout(until, pause));
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a span that is measured, never recorded time")]
pub(super) fn now() -> Instant {
    Instant::now()
}
