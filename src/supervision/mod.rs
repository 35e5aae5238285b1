//! What the records say. Today the metrics page; roll-ups, detectors and reports read the same
//! journal.

mod page;

pub use self::page::{JournalMetrics, difference, page};
