//! Only granted items and rows leave, masked where told: push scanners over JSON, NDJSON and CSV.
//!
//! A [`Plan`] is compiled once for what a grant lets out; a [`Shaper`] carries it out on one answer,
//! part by part as it arrives. Whatever the plan does not name is dropped, and what cannot be read is
//! an error after which nothing more leaves. No I/O, and memory is bounded by nesting depth, or by
//! one bounded row where rows are filtered.

mod csv;
mod error;
mod json;
mod mask;
mod moment;
mod path;
mod personal;
mod plan;
mod rows;
mod shaper;
mod text;
mod tree;

pub mod decode;

pub use self::error::{Fault, PlanError, ShapeError};
pub use self::mask::{MaskKey, Outcome, Value, apply};
pub use self::personal::Watch;
pub use self::plan::{Action, Plan, PlanSpec};
pub use self::rows::Report;
pub use self::shaper::Shaper;
