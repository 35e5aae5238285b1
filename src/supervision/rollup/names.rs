//! Numbers for names, and for choices of seven of them: cells are many, names are few.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// The number of no name: nobody proved, no entry, no grant.
pub(in crate::supervision) const NONE: i64 = 0;

/// What cells are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    /// The side of the gate.
    Zone,
    /// The organization that provides the entry.
    Provider,
    /// The catalog entry, as `organization/name`.
    Entry,
    /// The organization that calls; none for the public.
    Consumer,
    /// The application that calls, as `organization/name`; none for the public.
    Application,
    /// The grant that allowed it or was looked at last; none where no written grant was.
    Grant,
    /// `answered`, the code of a refusal, how it broke off, or `unfinished`.
    Outcome,
}

impl Dimension {
    /// Every dimension, in the order of `Series`.
    pub const ALL: [Self; 7] = [
        Self::Zone,
        Self::Provider,
        Self::Entry,
        Self::Consumer,
        Self::Application,
        Self::Grant,
        Self::Outcome,
    ];

    /// How the store names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zone => "zone",
            Self::Provider => "provider",
            Self::Entry => "entry",
            Self::Consumer => "consumer",
            Self::Application => "application",
            Self::Grant => "granted",
            Self::Outcome => "outcome",
        }
    }

    /// Its place in a [`Series`].
    pub(in crate::supervision) fn place(self) -> usize {
        match self {
            Self::Zone => 0,
            Self::Provider => 1,
            Self::Entry => 2,
            Self::Consumer => 3,
            Self::Application => 4,
            Self::Grant => 5,
            Self::Outcome => 6,
        }
    }
}

/// One name in each dimension, by number.
pub(in crate::supervision) type Series = [i64; Dimension::ALL.len()];

/// Every name and series there is, and those the store does not have yet. Numbers are given in the order
/// of the records, so that the same records give the same numbers.
#[derive(Debug, Default)]
pub(in crate::supervision) struct Names {
    names: HashMap<Box<str>, i64, RandomState>,
    series: HashMap<Series, i64, RandomState>,
    new: New,
}

/// What the store does not have yet.
#[derive(Debug, Default)]
pub(in crate::supervision) struct New {
    pub(in crate::supervision) names: Vec<(i64, Box<str>)>,
    pub(in crate::supervision) series: Vec<(i64, Series)>,
}

impl Names {
    /// With what the store has.
    pub(in crate::supervision) fn known(
        names: impl IntoIterator<Item = (Box<str>, i64)>,
        series: impl IntoIterator<Item = (Series, i64)>,
    ) -> Self {
        let (names, series) = (names.into_iter().collect(), series.into_iter().collect());
        Self { names, series, new: New::default() }
    }

    /// The number of a name; a new one if it has none.
    pub(super) fn name(&mut self, name: &str) -> i64 {
        if name.is_empty() {
            return NONE;
        }
        if let Some(number) = self.names.get(name) {
            return *number;
        }
        let number = next(self.names.len());
        self.names.insert(name.into(), number);
        self.new.names.push((number, name.into()));
        number
    }

    /// The number of a series; a new one if it has none.
    pub(super) fn series(&mut self, series: Series) -> i64 {
        if let Some(number) = self.series.get(&series) {
            return *number;
        }
        let number = next(self.series.len());
        self.series.insert(series, number);
        self.new.series.push((number, series));
        number
    }

    /// Takes out what the store does not have yet.
    pub(super) fn take_new(&mut self) -> New {
        std::mem::take(&mut self.new)
    }
}

/// Numbers are given without gaps, from 1.
fn next(given: usize) -> i64 {
    i64::try_from(given).unwrap_or(i64::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_is_new_once() {
        let mut names = Names::known([("answered".into(), 1)], [([1, 0, 0, 0, 0, 0, 1], 1)]);

        assert_eq!((names.name(""), names.name("answered"), names.name("no-grant")), (NONE, 1, 2));
        assert_eq!(names.name("no-grant"), 2);
        assert_eq!(names.series([1, 0, 0, 0, 0, 0, 1]), 1);
        assert_eq!(names.series([1, 0, 0, 0, 0, 0, 2]), 2);

        let new = names.take_new();
        assert_eq!(new.names, [(2, "no-grant".into())]);
        assert_eq!(new.series, [(2, [1, 0, 0, 0, 0, 0, 2])]);
        assert!(names.take_new().names.is_empty());
    }

    #[test]
    fn every_dimension_has_a_place_of_its_own() {
        let places: Vec<usize> = Dimension::ALL.into_iter().map(Dimension::place).collect();
        assert_eq!(places, (0..Dimension::ALL.len()).collect::<Vec<_>>());
    }
}
