//! What the outcome of a call means for supervision.

use crate::supervision::line::Finished;

/// The outcome of a call that was allowed and whose end nobody recorded: the node was killed.
pub const UNFINISHED: &str = "unfinished";

/// Outcomes that are failures of the department's interface. An interface that is busy, or an answer longer
/// than the entry allows, is none.
pub const UPSTREAM_FAILURES: [&str; 6] = [
    "answer-not-described",
    "answer-not-shaped",
    "upstream-broke",
    "upstream-failed",
    "upstream-resting",
    "upstream-timeout",
];

/// The status of the department for what it does not have.
const NOT_FOUND: u16 = 404;

impl Finished<'_> {
    /// Whether the cache answered.
    pub(super) fn is_hit(&self) -> bool {
        matches!(&*self.cache, "hit" | "stale")
    }

    /// Whether the department's interface failed it.
    pub(super) fn is_upstream_failure(&self) -> bool {
        !self.is_hit()
            && (UPSTREAM_FAILURES.contains(&&*self.outcome)
                || self.upstream_status.is_some_and(|status| status >= 500))
    }

    /// Whether the department's interface answered or was to answer.
    pub(super) fn is_fetched(&self) -> bool {
        !self.is_hit() && (self.upstream_status.is_some() || self.is_upstream_failure())
    }

    /// Whether it was answered with nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.outcome == crate::journal::ANSWERED
            && (self.rows == Some(0) || self.upstream_status == Some(NOT_FOUND))
    }
}
