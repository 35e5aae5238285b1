//! A measure's value and what it was computed from, in whole numbers: the same everywhere.

use serde::Serialize;

/// Cases below which a measure has no value.
pub const CASES: u64 = 5;

/// The whole, in ten-thousandths.
pub(super) const WHOLE: u64 = 10_000;

/// A part of a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ratio {
    /// The part.
    pub numerator: u64,
    /// The whole.
    pub denominator: u64,
    /// How many cases it rests on; as many as the whole, unless cases weigh differently.
    pub cases: u64,
    /// What else is worth knowing, by its name in Chinese and English.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<(&'static str, &'static str, u64)>,
}

impl Ratio {
    pub(super) fn new(numerator: u64, denominator: u64) -> Self {
        Self { numerator, denominator, cases: denominator, more: Vec::new() }
    }

    /// How many of these fit.
    pub(super) fn of<T>(all: impl Iterator<Item = T>, fits: impl Fn(&T) -> bool) -> Self {
        all.fold(Self::default(), |ratio, one| {
            let numerator = ratio.numerator.saturating_add(u64::from(fits(&one)));
            Self::new(numerator, ratio.denominator.saturating_add(1))
        })
    }

    pub(super) fn with(mut self, chinese: &'static str, english: &'static str, count: u64) -> Self {
        self.more.push((chinese, english, count));
        self
    }

    /// In ten-thousandths, rounded half up; nothing below five cases.
    pub fn value(&self) -> Option<u64> {
        if self.cases < CASES {
            return None;
        }
        let whole = u128::from(self.denominator);
        let part = u128::from(self.numerator).saturating_mul(WHOLE.into());
        let half = whole.checked_div(2)?;
        part.saturating_add(half).checked_div(whole).and_then(|value| u64::try_from(value).ok())
    }
}

/// How many.
pub(super) fn count(all: impl Iterator) -> u64 {
    u64::try_from(all.count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_rounded_and_needs_five_cases() {
        assert_eq!(Ratio::new(2, 3).value(), None);
        assert_eq!(Ratio::new(4, 4).value(), None);
        assert_eq!(Ratio::new(4, 6).value(), Some(6667));
        assert_eq!(Ratio::new(1, 6).value(), Some(1667));
        assert_eq!(Ratio::new(0, 5).value(), Some(0));
        assert_eq!(Ratio::new(u64::MAX, u64::MAX).value(), Some(10_000));
        assert_eq!(Ratio { cases: 5, ..Ratio::default() }.value(), None);
    }
}
