//! What the records say: the metrics page; detectors and what they found; measures of the yearly
//! evaluation and the report that prints them.

pub mod detect;

mod gauges;

pub mod measures;

mod page;

pub mod report;

mod watch;

pub use self::gauges::SupervisionGauges;
pub use self::page::{JournalMetrics, page};
pub use self::watch::Watch;
