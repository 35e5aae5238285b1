//! Moments as departments write them.

use jiff::civil::{Date, DateTime};
use jiff::tz::{TimeZone, offset};

use crate::domain::Timestamp;

/// Reads an RFC 3339 moment, a day or a local time (both of Asia/Shanghai), or seconds or
/// milliseconds since 1970 (10 or 13 digits).
pub(super) fn read(text: &str) -> Option<Timestamp> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: i64 = text.parse().ok()?;
        return match text.len() {
            10 => Some(Timestamp::from_millis(number * 1000)),
            13 => Some(Timestamp::from_millis(number)),
            _ => None,
        };
    }
    if text.len() == 10 {
        return text.parse::<Date>().ok().map(Timestamp::start_of);
    }
    if let Ok(moment) = Timestamp::parse(text) {
        return Some(moment);
    }
    let local: DateTime = text.parse().ok()?;
    let zoned = local.to_zoned(TimeZone::fixed(offset(8))).ok()?;
    Some(Timestamp::from_millis(zoned.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_the_ways_departments_write_them() {
        for (text, moment) in [
            ("2026-02-01T08:00:00+08:00", "2026-02-01T00:00:00Z"),
            ("2026-02-01T00:00:00.5Z", "2026-02-01T00:00:00.5Z"),
            ("2026-02-01", "2026-01-31T16:00:00Z"),
            ("2026-02-01 08:00:00", "2026-02-01T00:00:00Z"),
            ("1769904000", "2026-02-01T00:00:00Z"),
            ("1769904000000", "2026-02-01T00:00:00Z"),
        ] {
            assert_eq!(read(text), Timestamp::parse(moment).ok(), "{text}");
        }
        for bad in ["", "x", "20260201", "2026-02-30", "99999999999999999999", "8:00"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
