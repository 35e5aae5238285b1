//! Numbers, times and terms as people read them.

use crate::domain::{Term, Timestamp};

/// A number with its thousands apart.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len().saturating_add(digits.len() / 3));
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes in the greatest unit that leaves a digit before the point.
pub(super) fn bytes(number: u64) -> String {
    let mut unit = "B";
    let (mut whole, mut tenths) = (number, 0);
    for greater in ["KiB", "MiB", "GiB", "TiB"] {
        if whole < 1_024 {
            break;
        }
        tenths = (whole % 1_024).saturating_mul(10) / 1_024;
        whole /= 1_024;
        unit = greater;
    }
    if unit == "B" { format!("{whole} B") } else { format!("{whole}.{tenths} {unit}") }
}

/// A part of a whole, in percent; 0 of nothing.
pub(super) fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0).min(100)
}

/// A moment to the second, in Asia/Shanghai.
pub(super) fn time(moment: Timestamp) -> String {
    moment.local().strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A moment to the millisecond.
pub(super) fn exactly(moment: Timestamp) -> String {
    format!("{}.{:03}", time(moment), moment.millis().rem_euclid(1_000))
}

/// What a `datetime-local` field says, in Asia/Shanghai.
pub(super) fn read_field(text: &str) -> Option<Timestamp> {
    let zone = if text.len() > "2026-02-01T08:00".len() { "+08:00" } else { ":00+08:00" };
    Timestamp::parse(&format!("{text}{zone}")).ok()
}

/// The last day of a term.
pub(super) fn last_day(term: &Term) -> String {
    term.until.plus_millis(-1).day().to_string()
}

/// A term from day to day.
pub(super) fn term(term: &Term) -> String {
    format!("{} – {}", term.from.day(), last_day(term))
}

/// Microseconds as milliseconds with one digit behind the point.
pub(super) fn millis(microseconds: u64) -> String {
    format!("{}.{}", microseconds / 1_000, microseconds % 1_000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        let counts = [0, 7, 999, 1_000, 1_234_567].map(count);
        assert_eq!(counts, ["0", "7", "999", "1,000", "1,234,567"]);
        let sizes = [0, 1_023, 1_024, 1_536, 64 << 20, u64::MAX].map(bytes);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "64.0 MiB", "16777215.9 TiB"]);
        assert_eq!([percent(1, 3), percent(3, 3), percent(0, 0)], [33, 100, 0]);
        assert_eq!(millis(12_345), "12.3");
    }

    #[test]
    fn times_are_those_of_the_city() {
        let moment = Timestamp::parse("2026-11-27T16:00:00.123Z").unwrap();
        assert_eq!(time(moment), "2026-11-28 00:00:00");
        assert_eq!(exactly(moment), "2026-11-28 00:00:00.123");
        let whole = Timestamp::parse("2026-11-27T16:00:00Z").unwrap();
        assert_eq!(read_field("2026-11-28T00:00:00"), Some(whole));
        assert_eq!(read_field("2026-11-28T00:00"), Some(whole));
        assert_eq!(read_field("yesterday"), None);
    }

    #[test]
    fn a_term_shows_its_last_day() {
        let written: Term =
            serde_json::from_str(r#"{"from":"2026-02-01","until":"2026-02-28"}"#).unwrap();
        assert_eq!(term(&written), "2026-02-01 – 2026-02-28");
    }
}
