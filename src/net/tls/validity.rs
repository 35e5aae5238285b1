//! Until when a certificate holds: the one thing that `webpki` checks but does not tell.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The last moment of a certificate (`notAfter`, RFC 5280 section 4.1.2.5), in milliseconds since the
/// epoch; nothing if the bytes are no certificate.
pub fn ends_at(certificate: &[u8]) -> Option<i64> {
    let (whole, _) = element(certificate, SEQUENCE)?;
    let (signed, _) = element(whole, SEQUENCE)?;
    let rest = element(signed, VERSION).map_or(signed, |(_, rest)| rest);
    let (_, rest) = element(rest, INTEGER)?;
    let (_, rest) = element(rest, SEQUENCE)?;
    let (_, rest) = element(rest, SEQUENCE)?;
    let (validity, _) = element(rest, SEQUENCE)?;
    let (_, not_after) = any(validity)?.split();
    let last = any(not_after)?;
    moment(last.tag, last.content)
}

/// One element of DER.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Element<'a> {
    fn split(self) -> (&'a [u8], &'a [u8]) {
        (self.content, self.rest)
    }
}

/// The first element, if it has this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    any(der).filter(|found| found.tag == tag).map(Element::split)
}

fn any(der: &[u8]) -> Option<Element<'_>> {
    let (&tag, der) = der.split_first()?;
    let (&first, mut der) = der.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let bytes = usize::from(first & 0x7f);
        if bytes == 0 || bytes > 3 {
            return None;
        }
        let (digits, after) = der.split_at_checked(bytes)?;
        length = digits.iter().fold(0, |sum, digit| (sum << 8) | usize::from(*digit));
        der = after;
    }
    let (content, rest) = der.split_at_checked(length)?;
    Some(Element { tag, content, rest })
}

/// Reads `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn moment(tag: u8, text: &[u8]) -> Option<i64> {
    let digits = text.strip_suffix(b"Z")?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year = number(year)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (number(year)?, rest)
        }
        _ => return None,
    };
    let mut parts = rest.chunks(2).map(|pair| number(pair).and_then(|n| i8::try_from(n).ok()));
    let mut next = || parts.next().flatten();
    let (month, day, hour, minute, second) = (next()?, next()?, next()?, next()?, next()?);
    let time = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

fn number(digits: &[u8]) -> Option<i16> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(year: i32) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 3, 4);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_end_of_a_certificate_is_read_in_both_forms_of_time() {
        for (year, expected) in [(2031, "2031-03-04T00:00:00Z"), (2051, "2051-03-04T00:00:00Z")] {
            let expected: jiff::Timestamp = expected.parse().unwrap();
            assert_eq!(ends_at(&certificate(year)), Some(expected.as_millisecond()), "{year}");
        }
    }

    #[test]
    fn bytes_that_are_no_certificate_have_no_end_and_do_no_harm() {
        let whole = certificate(2031);
        for length in 0..whole.len().min(200) {
            assert_eq!(ends_at(&whole[..length]), None, "{length} bytes");
        }
        let mut broken = whole.clone();
        for at in 0..broken.len() {
            broken[at] ^= 0xff;
            let _end = ends_at(&broken);
            broken[at] ^= 0xff;
        }
    }
}
