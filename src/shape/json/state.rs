//! Where the scanner stands: what may come next, what is open, and what becomes of it.

use crate::shape::tree::{NodeId, ROOT};

/// Longest row held back, in bytes.
pub(super) const ROW: usize = 256 * 1024;

/// Longest name as written: the longest path step with every character escaped, and its quotes.
pub(super) const NAME: usize = 6 * 512 + 2;

/// Longest value that is read, in bytes as written.
pub(super) const VALUE: usize = 64 * 1024;

/// A place that is not in this part.
pub(super) const ELSEWHERE: usize = usize::MAX;

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A text.
    Start,
    /// A value.
    Value,
    /// A value, or the end of an empty array.
    FirstValue,
    /// A name, or the end of an empty object.
    FirstName,
    /// A name.
    Name,
    /// The rest of a name.
    InName,
    /// A colon.
    Colon,
    /// The rest of a string.
    InString,
    /// The rest of a number.
    InNumber,
    /// The rest of `true`, `false` or `null`.
    InLiteral,
    /// A comma or the end of what is open.
    Next,
    /// Nothing more.
    Done,
}

/// What is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Nothing yet.
    Root,
    Object,
    Array,
}

/// What the plan says of a value, or of what is within an open one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// It does not leave.
    Skip,
    /// It leaves with what it is in.
    Raw,
    /// See this node.
    Node(NodeId),
}

/// Something open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) shape: Shape,
    /// Of an object, where its members are looked up; of an array, what its elements are.
    pub(super) inner: Slot,
    /// Whether its brackets leave.
    pub(super) live: bool,
    /// Whether it is a row.
    pub(super) row: bool,
    /// Whether something within it left.
    pub(super) wrote: bool,
}

pub(super) const OUTSIDE: Frame =
    Frame { shape: Shape::Root, inner: Slot::Node(ROOT), live: false, row: false, wrote: false };

/// What becomes of a plain value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    Skip,
    /// It is written as it comes.
    Keep,
    /// It is read whole first.
    Held,
}
