//! The months that are evaluated: a year, or a month, in Asia/Shanghai.

use std::fmt;

use jiff::civil::Date;
use serde::{Serialize, Serializer};

use crate::domain::{Term, Timestamp};

/// A calendar year or month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    year: i16,
    month: Option<i8>,
}

/// Why a text is no period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no period: write a year such as 2026 or a month such as 2026-11")]
pub struct PeriodError(String);

impl Period {
    /// A year.
    pub const fn year(year: i16) -> Self {
        Self { year, month: None }
    }

    /// Reads `2026` or `2026-11`.
    pub fn parse(text: &str) -> Result<Self, PeriodError> {
        let error = || PeriodError(text.to_owned());
        let (year, month) = match text.split_once('-') {
            Some((year, month)) => (year, Some(month.parse::<i8>().map_err(|_| error())?)),
            None => (text, None),
        };
        let year: i16 = year.parse().map_err(|_| error())?;
        let first = Date::new(year, month.unwrap_or(1), 1).map_err(|_| error())?;
        let period = Self { year, month };
        (first.year() >= 2000 && period.to_string() == text).then_some(period).ok_or_else(error)
    }

    /// The year that a moment is in.
    pub fn year_of(time: Timestamp) -> Self {
        Self::year(time.day().year())
    }

    /// Whether a month, written `2026-11`, is in it.
    pub(super) fn has_month(self, month: &str) -> bool {
        let own = self.to_string();
        month == own
            || (self.month.is_none()
                && month.strip_prefix(&own).is_some_and(|rest| rest.starts_with('-')))
    }

    /// Whether a day is in it.
    pub(super) fn has_day(self, day: Date) -> bool {
        day.year() == self.year && self.month.is_none_or(|month| day.month() == month)
    }

    /// Whether a moment is in it.
    pub(super) fn has(self, time: Timestamp) -> bool {
        self.has_day(time.day())
    }

    /// Whether a term touches it.
    pub(super) fn meets(self, term: &Term) -> bool {
        self.overlaps(term.from, term.until.plus_millis(-1))
    }

    /// Its last moment.
    pub fn end(self) -> Timestamp {
        let last = Date::new(self.year, self.month.unwrap_or(12), 1).map(Date::last_of_month);
        let after = last.and_then(Date::tomorrow);
        after.map_or(Timestamp::from_millis(i64::MAX), |day| {
            Timestamp::start_of(day).plus_millis(-1)
        })
    }

    /// Whether it has a moment from the first to the last.
    pub fn overlaps(self, first: Timestamp, last: Timestamp) -> bool {
        let (first, last) = (first.day(), last.day());
        let begin = Date::new(self.year, self.month.unwrap_or(1), 1);
        let end = Date::new(self.year, self.month.unwrap_or(12), 1).map(Date::last_of_month);
        match (begin, end) {
            (Ok(begin), Ok(end)) => first <= end && begin <= last,
            (_, _) => false,
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.month {
            Some(month) => write!(f, "{:04}-{month:02}", self.year),
            None => write!(f, "{:04}", self.year),
        }
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_a_year_or_a_month() {
        for text in ["2026", "2026-01", "2026-12"] {
            assert_eq!(Period::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "26", "2026-", "2026-13", "2026-1", "2026-11-27", "1800", "+2026"] {
            assert!(Period::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_term_meets_the_months_it_has_a_day_in() {
        let term: Term =
            serde_json::from_str(r#"{"from":"2025-03-10","until":"2026-01-01"}"#).unwrap();
        for (period, meets) in [
            ("2024", false),
            ("2025", true),
            ("2026", true),
            ("2027", false),
            ("2025-02", false),
            ("2025-03", true),
            ("2026-01", true),
            ("2026-02", false),
        ] {
            assert_eq!(Period::parse(period).unwrap().meets(&term), meets, "{period}");
        }
        assert!(Period::year(2026).has_month("2026-11"));
        assert!(!Period::year(2026).has_month("2025-11"));
    }
}
