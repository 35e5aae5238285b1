//! Which calls are meant.

use std::collections::BTreeMap;

use crate::supervision::rollup::Dimension;

/// A choice of calls: in each dimension that is named, one of the names; all calls without any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// An empty name stands for none.
    pub(super) wanted: BTreeMap<Dimension, Vec<String>>,
}

impl Filter {
    /// All calls.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only those with this name; said again for the same dimension, with either.
    #[must_use]
    pub fn with(mut self, dimension: Dimension, name: impl Into<String>) -> Self {
        self.wanted.entry(dimension).or_default().push(name.into());
        self
    }

    /// Only those without a name, such as calls of the public or under a standing grant.
    #[must_use]
    pub fn without(self, dimension: Dimension) -> Self {
        self.with(dimension, "")
    }

    /// Whether these names, in the order of dimensions, are meant.
    pub(super) fn takes<'n>(&self, name: impl Fn(Dimension) -> &'n str) -> bool {
        self.wanted.iter().all(|(dimension, names)| names.iter().any(|n| n == name(*dimension)))
    }
}
