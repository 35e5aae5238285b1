//! Which persons at consumers are told apart: so many an application and day, so that whoever makes up
//! operators cannot grow the store.

use std::collections::{BTreeMap, HashSet};

use super::step::Step;
use crate::domain::Timestamp;

/// Operators of one application that are told apart on one day.
const MOST: usize = 1_000;

/// All others together.
pub(in crate::supervision) const OTHERS: &str = "*";

/// Operators of today and yesterday, by day and application.
#[derive(Debug, Default)]
pub(in crate::supervision) struct Operators {
    known: BTreeMap<(i64, i64), HashSet<Box<str>>>,
}

impl Operators {
    /// With those that the store has.
    pub(in crate::supervision) fn known(
        rows: impl IntoIterator<Item = (i64, i64, Box<str>)>,
    ) -> Self {
        let mut operators = Self::default();
        for (day, application, operator) in rows {
            operators.known.entry((day, application)).or_default().insert(operator);
        }
        operators
    }

    /// Notes one that was admitted before and whose call has not ended.
    pub(super) fn note(&mut self, day: i64, application: i64, operator: &str) {
        self.known.entry((day, application)).or_default().insert(operator.into());
    }

    /// The first day that still counts when records have come to `now`.
    pub(in crate::supervision) fn since(now: Timestamp) -> i64 {
        Step::Day.bucket(now).saturating_sub(Step::Day.seconds())
    }

    /// Under which name an operator counts; none if the day is over.
    pub(super) fn admit(
        &mut self,
        (day, now): (i64, Timestamp),
        application: i64,
        operator: &str,
    ) -> Option<Box<str>> {
        let since = Self::since(now);
        while self.known.first_key_value().is_some_and(|((first, _), _)| *first < since) {
            self.known.pop_first();
        }
        if day < since {
            return None;
        }
        let known = self.known.entry((day, application)).or_default();
        if known.contains(operator) {
            return Some(operator.into());
        }
        // One place is left for all others.
        let operator: Box<str> =
            if known.len() < MOST - 1 { operator.into() } else { OTHERS.into() };
        known.insert(operator.clone());
        Some(operator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_beyond_the_bound_count_as_others_also_after_a_restart() {
        let now = Timestamp::from_millis(1_795_400_000_000);
        let day = Step::Day.bucket(now);
        let mut operators = Operators::default();
        for number in 0..MOST + 50 {
            let name = operators.admit((day, now), 1, &format!("k:{number}")).unwrap();
            assert_eq!(&*name == OTHERS, number >= MOST - 1, "{number}");
        }
        let rows = operators.known.iter();
        let rows: Vec<_> =
            rows.flat_map(|((d, a), names)| names.iter().map(|n| (*d, *a, n.clone()))).collect();
        assert_eq!(rows.len(), MOST);

        let mut again = Operators::known(rows);

        assert_eq!(again.admit((day, now), 1, "k:7").as_deref(), Some("k:7"));
        assert_eq!(again.admit((day, now), 1, "k:new").as_deref(), Some(OTHERS));
        assert_eq!(again.admit((day, now), 2, "k:new").as_deref(), Some("k:new"));
    }

    #[test]
    fn a_day_that_is_over_counts_no_more_and_is_forgotten() {
        let now = Timestamp::from_millis(1_795_400_000_000);
        let later = now.plus_millis(2 * 86_400_000);
        let mut operators = Operators::default();
        assert!(operators.admit((Step::Day.bucket(now), now), 1, "k:1").is_some());

        assert_eq!(operators.admit((Step::Day.bucket(now), later), 1, "k:1"), None);
        assert!(operators.known.is_empty());
    }
}
