//! Figures of calls, from the roll-ups, in the shape that pages need.

use super::chart::{Column, Rank, columns, ranks};
