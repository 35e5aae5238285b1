//! What the records say: the metrics page; roll-ups that detectors, reports and pages read; detectors and
//! what they found; measures of the yearly evaluation.

pub mod detect;

pub mod measures;

mod page;
mod query;
mod rebuild;
mod rollup;
mod store;

pub use self::page::{JournalMetrics, difference, page};
pub use self::query::{
    Cell, Filter, FreshDay, Freshness, GrantUse, Group, ItemUse, MatterUse, OperatorDay, Period,
    Point, Rollups,
};
pub use self::rebuild::{RebuildError, Rebuilt, rebuild};
pub use self::rollup::{
    Dimension, Figures, Latency, Place, Step, Subjects, UNFINISHED, UPSTREAM_FAILURES,
};
pub use self::store::StoreError;
