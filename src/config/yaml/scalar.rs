//! What a plain scalar means in the core schema of YAML 1.2 (§10.3.2).

use serde_json::Number;

use super::Kind;

/// Reads a plain scalar. An error says why a number cannot be kept exactly.
pub(super) fn plain(text: &str) -> Result<Kind, &'static str> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Kind::Null),
        "true" | "True" | "TRUE" => return Ok(Kind::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Kind::Bool(false)),
        _ => {}
    }
    if let Some(number) = whole(text) {
        return number.map(Kind::Number);
    }
    if is_float(text) {
        return text
            .parse::<f64>()
            .ok()
            .and_then(Number::from_f64)
            .map(Kind::Number)
            .ok_or("this number is too large");
    }
    let bare = text.trim_start_matches(['+', '-']);
    if matches!(bare, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return Err("only finite numbers are understood");
    }
    Ok(Kind::Text(text.to_owned()))
}

/// A whole number: decimal, octal (`0o`) or hexadecimal (`0x`).
fn whole(text: &str) -> Option<Result<Number, &'static str>> {
    const TOO_LARGE: &str = "this whole number has more than 64 bits";
    let radix = [("0o", 8), ("0x", 16)]
        .into_iter()
        .find_map(|(prefix, radix)| text.strip_prefix(prefix).map(|digits| (digits, radix)));
    if let Some((digits, radix)) = radix {
        let fits = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        return fits
            .then(|| u64::from_str_radix(digits, radix).map(Number::from).map_err(|_| TOO_LARGE));
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = match text.parse::<u64>() {
        Ok(number) => Ok(Number::from(number)),
        Err(_) => text.parse::<i64>().map(Number::from).map_err(|_| TOO_LARGE),
    };
    Some(number)
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) =
        text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    exponent_fits && digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        match plain(text) {
            Ok(Kind::Null) => "null".to_owned(),
            Ok(Kind::Bool(value)) => value.to_string(),
            Ok(Kind::Number(number)) => number.to_string(),
            Ok(Kind::Text(text)) => format!("{text:?}"),
            Ok(Kind::List(_) | Kind::Map(_)) => unreachable!("a scalar is neither"),
            Err(error) => error.to_owned(),
        }
    }

    #[test]
    fn plain_scalars_mean_what_the_core_schema_says() {
        for (written, meant) in [
            ("~", "null"),
            ("NULL", "null"),
            ("nUll", "\"nUll\""),
            ("true", "true"),
            ("yes", "\"yes\""),
            ("on", "\"on\""),
            ("0o17", "15"),
            ("017", "17"),
            ("0xFf", "255"),
            ("0x", "\"0x\""),
            ("-12", "-12"),
            ("+12", "12"),
            ("18446744073709551615", "18446744073709551615"),
            ("1e3", "1000.0"),
            (".5", "0.5"),
            ("1.", "1.0"),
            ("1.2.3", "\"1.2.3\""),
            ("2026-02-01", "\"2026-02-01\""),
            ("-", "\"-\""),
            (".", "\".\""),
            ("e5", "\"e5\""),
        ] {
            assert_eq!(json(written), meant, "{written}");
        }
        for refused in ["18446744073709551616", "1e999", ".nan", "-.inf"] {
            assert!(plain(refused).is_err(), "{refused}");
        }
    }
}
