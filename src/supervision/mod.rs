//! What the records say: the metrics page; roll-ups that pages read; detectors and what they found;
//! measures of the yearly evaluation and the report that prints them.

pub mod detect;

mod gauges;

pub mod measures;

mod follow;
mod line;
mod members;
mod page;
mod pressure;
mod query;
mod rebuild;

pub mod report;

mod rollup;
mod store;
mod terms;
mod watch;

pub use self::follow::{Followed, Follower, Lag};
pub use self::gauges::SupervisionGauges;
pub use self::page::{JournalMetrics, LagMetrics, difference, page};
pub use self::query::{
    Cell, Filter, FreshDay, Freshness, GrantUse, Group, ItemUse, MatterUse, OperatorDay, Period,
    Point, Rollups,
};
pub use self::rebuild::{RebuildError, Rebuilt, rebuild};
pub use self::rollup::{
    Dimension, Figures, Latency, Place, Step, Subjects, UNFINISHED, UPSTREAM_FAILURES,
};
pub use self::store::StoreError;
pub use self::terms::TermMetrics;
pub use self::watch::Watch;
