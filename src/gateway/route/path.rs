//! Paths that can be read in one way only.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::gateway::Refusal;

/// Longest path and longest query, in bytes.
const LONGEST: usize = 4 * 1024;

/// Most segments a path may have.
const SEGMENTS: usize = 32;

/// What is encoded in a segment: all but the unreserved characters (RFC 3986 §2.3).
pub(super) const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path taken apart: decoded segments, none of them empty or a dot segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    entry: String,
    rest: Vec<String>,
    trailing: bool,
}

impl Path {
    /// The first two segments, `organization/entry`; fewer if there are not two.
    pub fn entry(&self) -> &str {
        &self.entry
    }

    /// The decoded segments after the entry.
    pub fn rest(&self) -> &[String] {
        &self.rest
    }

    /// Whether a slash stands after the last of them.
    pub fn is_trailing(&self) -> bool {
        self.trailing && !self.rest.is_empty()
    }
}

/// Takes a path apart, refusing whatever two programs could read differently.
///
/// Encoded dots, slashes and backslashes, control characters, empty segments, dot segments,
/// matrix parameters and broken encodings are refused, not repaired.
pub fn normalize(path: &str) -> Result<Path, Refusal> {
    if path.len() > LONGEST {
        return Err(Refusal::TargetTooLong);
    }
    let inner = path.strip_prefix('/').ok_or(Refusal::PathAmbiguous)?;
    let (inner, trailing) = match inner.strip_suffix('/') {
        Some(inner) if !inner.is_empty() => (inner, true),
        Some(_) | None => (inner, false),
    };
    let mut entry = String::with_capacity(inner.len());
    let mut rest = Vec::new();
    for (place, raw) in inner.split('/').filter(|_| !inner.is_empty()).enumerate() {
        if place == SEGMENTS {
            return Err(Refusal::TargetTooLong);
        }
        let read = segment(raw)?;
        match place {
            0 => entry.push_str(&read),
            1 => {
                entry.push('/');
                entry.push_str(&read);
            }
            _ => rest.push(read.into_owned()),
        }
    }
    Ok(Path { entry, rest, trailing })
}

/// Decodes one segment, or refuses it.
fn segment(raw: &str) -> Result<Cow<'_, str>, Refusal> {
    // Most are of characters that mean nothing but themselves.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !raw.is_empty() && raw.bytes().all(is_plain) {
        return Ok(raw.into());
    }
    check_encoding(raw)?;
    let decoded = percent_decode_str(raw).decode_utf8().map_err(|_| Refusal::PathAmbiguous)?;
    let ambiguous = decoded.is_empty()
        || decoded == "."
        || decoded == ".."
        || decoded.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | ';' | '%'));
    if ambiguous { Err(Refusal::PathAmbiguous) } else { Ok(decoded) }
}

/// Refuses broken escapes and escapes of dots, slashes, backslashes and percent signs.
fn check_encoding(raw: &str) -> Result<(), Refusal> {
    for part in raw.split('%').skip(1) {
        let code = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let plain = part.bytes().take(2).all(|b| b.is_ascii_hexdigit());
        match code {
            Some(b'.' | b'/' | b'\\' | b'%' | b';' | 0..=31 | 127) | None => {
                return Err(Refusal::PathAmbiguous);
            }
            Some(_) if !plain => return Err(Refusal::PathAmbiguous),
            Some(_) => {}
        }
    }
    Ok(())
}

/// Writes the segments after the entry as they are forwarded: encoded anew.
pub(super) fn write_rest(path: &Path, out: &mut String) {
    for segment in &path.rest {
        out.push('/');
        out.extend(utf8_percent_encode(segment, ENCODED));
    }
    if out.is_empty() || path.is_trailing() {
        out.push('/');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_is_an_entry_and_a_rest() {
        let path = normalize("/police/population/by-id/%E5%BC%A0").unwrap();

        assert_eq!(path.entry(), "police/population");
        assert_eq!(path.rest(), ["by-id", "张"]);
        let mut out = String::from("/base");
        write_rest(&path, &mut out);
        assert_eq!(out, "/base/by-id/%E5%BC%A0");
    }

    #[test]
    fn whatever_could_be_read_in_two_ways_is_refused() {
        for bad in [
            "",
            "a/b",
            "//a/b",
            "/a//b",
            "/a/b//",
            "/a/../b",
            "/a/./b",
            "/a/%2e%2e/b",
            "/a/%2E/b",
            "/a/b%2fc",
            "/a/b%5Cc",
            "/a/b\\c",
            "/a/b%00",
            "/a/b%0a",
            "/a/b%",
            "/a/b%2",
            "/a/b%zz",
            "/a/b%+1",
            "/a/b;v=1",
            "/a/b%3bv",
            "/a/b%25%32%65",
            "/a/%ff",
            "/a/%c0%ae",
        ] {
            assert!(normalize(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_has_bounds() {
        assert!(matches!(normalize(&"/a".repeat(3000)), Err(Refusal::TargetTooLong)));
        assert!(matches!(normalize(&"/a".repeat(40)), Err(Refusal::TargetTooLong)));
    }
}
