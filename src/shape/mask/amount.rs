//! Masks that generalize: a date to its year, a number to fewer decimals or to a band.

use std::fmt::Write as _;

use jiff::civil::Date;

/// What follows a year whose month and day are hidden.
const HIDDEN_DAY: &str = "-**-**";

/// Keeps the year of a date or date with time.
pub(super) fn year(text: &str, out: &mut String) -> Option<()> {
    let (year, rest) = text.split_at_checked(4)?;
    let number: i16 =
        year.bytes().all(|byte| byte.is_ascii_digit()).then(|| year.parse().ok())??;
    if rest != HIDDEN_DAY {
        let separated = rest.starts_with(['-', '/', '.']);
        let (month, rest) = rest.split_at_checked(if separated { 3 } else { 2 })?;
        let (day, rest) = rest.split_at_checked(if separated { 3 } else { 2 })?;
        if month.starts_with(['-', '/', '.']) && month.get(..1) != day.get(..1) {
            return None;
        }
        let part = |part: &str| {
            let part = part.trim_start_matches(['-', '/', '.']);
            let two = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            two.then(|| part.parse::<i8>().ok()).flatten()
        };
        Date::new(number, part(month)?, part(day)?).ok()?;
        if !rest.is_empty() && !rest.starts_with(['T', ' ']) {
            return None;
        }
    }
    out.push_str(year);
    out.push_str(HIDDEN_DAY);
    Some(())
}

/// A number in parts: sign, digits before the point, digits after it. No exponent: what
/// `1.2e7` was meant to show is not certain.
fn parts(text: &str) -> Option<(bool, &str, &str)> {
    let bare = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = bare.split_once('.').unwrap_or((bare, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let plain = whole == "0" || !whole.starts_with('0');
    (digits(whole) && digits(fraction) && plain).then_some((
        bare.len() < text.len(),
        whole,
        fraction,
    ))
}

/// Cuts a number to this many decimals.
pub(super) fn round(text: &str, decimals: u8, out: &mut String) -> Option<()> {
    let (negative, whole, fraction) = parts(text)?;
    let fraction = fraction.get(..usize::from(decimals)).unwrap_or(fraction);
    let written = text.contains('.') && decimals > 0;
    let zero = whole == "0" && (!written || fraction.bytes().all(|digit| digit == b'0'));
    if negative && !zero {
        out.push('-');
    }
    out.push_str(whole);
    if written {
        out.push('.');
        out.push_str(fraction);
    }
    Some(())
}

/// The band a number falls in, as `low-high`; its own low end belongs to it.
pub(super) fn band(text: &str, width: u64, out: &mut String) -> Option<()> {
    let width = i128::from(width);
    if width == 0 {
        return None;
    }
    let low = match parts(text) {
        Some((negative, whole, fraction)) => {
            let whole: i128 = whole.parse().ok()?;
            let exact = fraction.bytes().all(|digit| digit == b'0');
            let floor = match (negative, exact) {
                (false, _) => whole,
                (true, true) => -whole,
                (true, false) => (-whole).checked_sub(1)?,
            };
            floor.div_euclid(width).checked_mul(width)?
        }
        None => banded(text, width)?,
    };
    write!(out, "{low}-{}", low.checked_add(width)?).ok()
}

/// The low end of a text that is a band already.
fn banded(text: &str, width: i128) -> Option<i128> {
    let dash = 1 + text.get(1..)?.find('-')?;
    let low: i128 = text.get(..dash)?.parse().ok()?;
    let high = low.checked_add(width)?;
    (low.rem_euclid(width) == 0 && text == format!("{low}-{high}")).then_some(low)
}

#[cfg(test)]
mod tests {
    use super::super::tests::masked;
    use crate::domain::Mask;

    fn check(mask: &Mask, table: &[(&str, &str)]) {
        for (text, expected) in table {
            assert_eq!(&masked(mask, text), expected, "{mask:?} over {text}");
        }
    }

    #[test]
    fn of_a_date_the_year_stays() {
        check(
            &Mask::Year,
            &[
                ("1990-03-07", "1990-**-**"),
                ("1990/03/07", "1990-**-**"),
                ("19900307", "1990-**-**"),
                ("1990-03-07T08:00:00+08:00", "1990-**-**"),
                ("1990-03-07 08:00:00", "1990-**-**"),
                ("1990-**-**", "1990-**-**"),
                ("1990-13-07", "!"),
                ("1990-02-30", "!"),
                ("1990-03/07", "!"),
                ("1990-03-07x", "!"),
                ("1990", "!"),
                ("640104199003070018", "!"),
                ("一九九〇年三月", "!"),
                ("", "!"),
            ],
        );
    }

    #[test]
    fn decimals_are_cut_away_and_never_rounded_up() {
        check(
            &Mask::Round { decimals: 2 },
            &[
                ("38.48999", "38.48"),
                ("-106.2399", "-106.23"),
                ("38.4", "38.4"),
                ("38", "38"),
                ("-0.001", "0.00"),
                ("1.5e3", "!"),
                ("+1", "!"),
                ("01.5", "!"),
                ("1.", "!"),
                ("", "!"),
                ("x", "!"),
            ],
        );
        check(&Mask::Round { decimals: 0 }, &[("38.9", "38"), ("-0.9", "0"), ("-1.9", "-1")]);
    }

    #[test]
    fn a_number_becomes_its_band() {
        check(
            &Mask::Band { width: 5000 },
            &[
                ("7300", "5000-10000"),
                ("7300.55", "5000-10000"),
                ("5000", "5000-10000"),
                ("0", "0-5000"),
                ("-1", "-5000-0"),
                ("-0.5", "-5000-0"),
                ("-5000", "-5000-0"),
                ("5000-10000", "5000-10000"),
                ("-5000-0", "-5000-0"),
                ("5001-10001", "!"),
                ("5000-9000", "!"),
                ("1e4", "!"),
                ("999999999999999999999999999999999999999999", "!"),
                ("", "!"),
            ],
        );
        check(&Mask::Band { width: 0 }, &[("1", "!")]);
        check(&Mask::Band { width: u64::MAX }, &[("1", "0-18446744073709551615")]);
    }
}
