//! What the records say. Today the metrics page; roll-ups, detectors and reports read the same
//! journal.

mod page;
mod pressure;
mod terms;

pub use self::page::{JournalMetrics, page};
pub use self::terms::TermMetrics;
