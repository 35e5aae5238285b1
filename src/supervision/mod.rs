//! What the records say: the metrics page, and roll-ups that detectors, reports and pages read.

mod follow;
mod page;
mod query;
mod rebuild;
mod rollup;
mod store;

pub use self::follow::{Followed, Follower, Lag};
pub use self::page::{JournalMetrics, LagMetrics, page};
pub use self::query::{
    Cell, Filter, FreshDay, Freshness, GrantUse, Group, ItemUse, MatterUse, OperatorDay, Period,
    Point, Rollups,
};
pub use self::rebuild::{RebuildError, Rebuilt, rebuild};
pub use self::rollup::{
    Dimension, Figures, Latency, Place, Step, Subjects, UNFINISHED, UPSTREAM_FAILURES,
};
pub use self::store::StoreError;
