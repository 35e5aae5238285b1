//! Moments and terms. Days and months are those of Asia/Shanghai (UTC+8, no daylight saving since 1991).

use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// China Standard Time: a fixed offset, so no time zone database is needed.
const SHANGHAI: Offset = Offset::constant(8);

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

/// Why a text is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no time: write a day such as 2026-02-01 or a moment such as 2026-02-01T08:00:00+08:00"
)]
pub struct TimeError(String);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Reads an RFC 3339 moment.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        if let Some(moment) = as_displayed(text) {
            return Ok(moment);
        }
        text.parse::<jiff::Timestamp>()
            .map(|moment| Self(moment.as_millisecond()))
            .map_err(|_| TimeError(text.to_owned()))
    }

    /// The start of a day in Asia/Shanghai.
    pub fn start_of(day: Date) -> Self {
        let start = SHANGHAI.to_timestamp(day.at(0, 0, 0, 0));
        start.map_or(Self(i64::MAX), |start| Self(start.as_millisecond()))
    }

    /// The calendar day in Asia/Shanghai.
    pub fn day(self) -> Date {
        self.local().date()
    }

    /// Day and clock in Asia/Shanghai.
    pub fn local(self) -> DateTime {
        let moment =
            jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        SHANGHAI.to_datetime(moment)
    }

    /// This much later, in milliseconds.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// Reads what a [`Timestamp`] is displayed as; none if it is written otherwise. Supervision reads some four
/// of every call.
fn as_displayed(text: &str) -> Option<Timestamp> {
    let (day, clock) = text.as_bytes().split_at_checked(11)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T'] = *day else { return None };
    let [h1, h2, b':', n1, n2, b':', s1, s2, b'.', f1, f2, f3, b'Z'] = *clock else {
        return None;
    };
    let small = |digits| i8::try_from(number(digits)?).ok();
    let nanos = i32::from(number([f1, f2, f3])?).checked_mul(1_000_000)?;
    let date = Date::new(number([y1, y2, y3, y4])?, small([m1, m2])?, small([d1, d2])?).ok()?;
    let time = Time::new(small([h1, h2])?, small([n1, n2])?, small([s1, s2])?, nanos).ok()?;
    let moment = Offset::UTC.to_timestamp(date.to_datetime(time)).ok()?;
    Some(Timestamp(moment.as_millisecond()))
}

/// The number that these digits write.
fn number<const N: usize>(digits: [u8; N]) -> Option<i16> {
    digits.into_iter().try_fold(0_i16, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment =
            jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        write!(f, "{moment:.3}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// From its first moment to the one before its end.
///
/// Written with days (`until` is the last day, counted whole, in Asia/Shanghai) or with RFC 3339
/// moments (`until` is the first moment no longer in it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// The first moment in it.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

impl Term {
    /// Whether this moment is in it.
    pub fn contains(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }

    /// Whether all of `other` is in it.
    pub fn covers(&self, other: &Self) -> bool {
        self.from <= other.from && other.until <= self.until
    }
}

/// A term as it is written.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenTerm {
    /// First day, or first moment (RFC 3339).
    from: String,
    /// Last day, or first moment no longer included (RFC 3339).
    until: String,
}

impl WrittenTerm {
    fn read(&self) -> Result<Term, String> {
        let from = read_edge(&self.from, 0)?;
        let until = read_edge(&self.until, 1)?;
        if from < until {
            Ok(Term { from, until })
        } else {
            Err(format!(
                "a term must end after it begins, and {} is not after {}",
                self.until, self.from
            ))
        }
    }
}

/// A moment as written, or the start of the day `days` after the one written.
fn read_edge(text: &str, days: i64) -> Result<Timestamp, String> {
    if let Ok(day) = text
        .parse::<Date>()
        .map_err(|_| ())
        .and_then(|day| if text.len() == 10 { Ok(day) } else { Err(()) })
    {
        let day = day
            .checked_add(jiff::Span::new().days(days))
            .map_err(|_| TimeError(text.to_owned()).to_string())?;
        return Ok(Timestamp::start_of(day));
    }
    Timestamp::parse(text).map_err(|error| error.to_string())
}

impl<'de> Deserialize<'de> for Term {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        WrittenTerm::deserialize(deserializer)?.read().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Term {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WrittenTerm { from: self.from.to_string(), until: self.until.to_string() }
            .serialize(serializer)
    }
}

impl JsonSchema for Term {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Term".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        WrittenTerm::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_moment_reads_as_it_is_displayed(
            millis in -62_135_596_800_000..=253_402_214_400_000_i64
        ) {
            let moment = Timestamp::from_millis(millis);
            let text = moment.to_string();
            prop_assert_eq!(as_displayed(&text), Some(moment));
            prop_assert_eq!(as_displayed(&text).map(Timestamp::millis), jiff_reads(&text));
        }

        #[test]
        fn what_differs_in_a_byte_reads_as_ever(at in 0..24_usize, other in "[0-9TZ:.+ -]") {
            let mut text = "2026-02-28T23:59:59.250Z".to_owned();
            text.replace_range(at..=at, &other);
            prop_assert_eq!(Timestamp::parse(&text).ok().map(Timestamp::millis), jiff_reads(&text));
        }
    }

    fn jiff_reads(text: &str) -> Option<i64> {
        text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
    }

    fn term(text: &str) -> Result<Term, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn a_term_of_days_counts_its_last_day_whole_in_shanghai() {
        let term = term(r#"{"from":"2026-02-01","until":"2026-02-28"}"#).unwrap();

        assert!(!term.contains(Timestamp::parse("2026-01-31T15:59:59.999Z").unwrap()));
        assert!(term.contains(Timestamp::parse("2026-01-31T16:00:00Z").unwrap()));
        assert!(term.contains(Timestamp::parse("2026-02-28T15:59:59.999Z").unwrap()));
        assert!(!term.contains(Timestamp::parse("2026-02-28T16:00:00Z").unwrap()));
    }

    #[test]
    fn a_term_of_moments_ends_at_the_moment_written() {
        let term =
            term(r#"{"from":"2026-02-01T00:00:00Z","until":"2026-02-01T00:00:01Z"}"#).unwrap();

        assert!(term.contains(Timestamp::parse("2026-02-01T00:00:00.999Z").unwrap()));
        assert!(!term.contains(Timestamp::parse("2026-02-01T00:00:01Z").unwrap()));
    }

    #[test]
    fn a_term_that_ends_before_it_begins_is_refused() {
        assert!(term(r#"{"from":"2026-02-01","until":"2026-01-31"}"#).is_err());
        assert!(term(r#"{"from":"2026-02-30","until":"2026-03-31"}"#).is_err());
    }

    #[test]
    fn the_day_turns_at_midnight_in_shanghai() {
        let before = Timestamp::parse("2026-11-22T15:59:59.999Z").unwrap();

        assert_eq!(before.day().to_string(), "2026-11-22");
        assert_eq!(before.plus_millis(1).day().to_string(), "2026-11-23");
    }
}
