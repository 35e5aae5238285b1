//! Folds records into figures, one after the other: the same records give the same figures, however they
//! are cut into batches and whenever the program was killed in between.

mod batch;
mod figures;
mod fold;
mod latency;
mod lists;
mod names;
mod operators;
mod outcome;
mod step;
mod subjects;

pub use self::batch::Place;
pub use self::figures::Figures;
pub use self::latency::Latency;
pub use self::names::Dimension;
pub use self::outcome::{UNFINISHED, UPSTREAM_FAILURES};
pub use self::step::Step;
pub use self::subjects::Subjects;

pub(super) use self::batch::{Batch, Pending, Seen};
pub(super) use self::figures::SUMS;
pub(super) use self::fold::Fold;
pub(super) use self::names::{NONE, Names, Series};
pub(super) use self::operators::{OTHERS, Operators};
