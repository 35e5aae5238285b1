//! Dates in heads (RFC 9110 §5.6.7) as moments, and back.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderValue;

use crate::domain::Timestamp;

/// Reads a date in any of the three forms. Letters may have any case, the zone must be GMT (RFC 9111
/// §4.2).
pub fn read_date(value: &HeaderValue) -> Option<Timestamp> {
    let text = value.to_str().ok()?;
    let moment = httpdate::parse_http_date(text)
        .or_else(|_| httpdate::parse_http_date(&in_usual_case(text)))
        .ok()?;
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).ok().map(Timestamp::from_millis)
}

/// Writes a date as heads have it.
pub(super) fn write_date(moment: Timestamp) -> Option<HeaderValue> {
    let since = Duration::from_millis(u64::try_from(moment.millis()).ok()?);
    let text = httpdate::fmt_http_date(UNIX_EPOCH.checked_add(since)?);
    HeaderValue::try_from(text).ok()
}

fn in_usual_case(text: &str) -> String {
    let mut within = false;
    let mut usual: String = text
        .chars()
        .map(|letter| {
            let first = !within;
            within = letter.is_ascii_alphabetic();
            if first { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
        })
        .collect();
    if let Some(start) = usual.strip_suffix("Gmt") {
        usual = format!("{start}GMT");
    }
    usual
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_name_the_same_moment_in_any_case() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "sun, 06 nov 1994 08:49:37 gmt",
            "SUNDAY, 06-NOV-94 08:49:37 GMT",
        ] {
            let value = HeaderValue::from_static(text);
            assert_eq!(read_date(&value), Some(Timestamp::from_millis(784_111_777_000)), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_or_has_another_zone_is_none() {
        for text in ["0", "", "-1", "Sun, 06 Nov 1994 08:49:37 CST", "Sun, 06 Nov 1994 08:49:37"] {
            assert_eq!(read_date(&HeaderValue::from_static(text)), None, "{text}");
        }
    }

    #[test]
    fn a_date_that_is_written_reads_as_itself() {
        let moment = Timestamp::from_millis(784_111_777_000);
        let written = write_date(moment).unwrap();

        assert_eq!(written, "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(read_date(&written), Some(moment));
    }
}
