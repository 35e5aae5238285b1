//! What the records say: the metrics page; detectors and what they found; measures of the yearly
//! evaluation.

pub mod detect;

pub mod measures;

mod page;

pub use self::page::{JournalMetrics, difference, page};
