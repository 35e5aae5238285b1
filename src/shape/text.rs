//! Strings of JSON: where they end, what they say, how they are written; and UTF-8 across parts.

use super::error::Fault;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// The high bit of the first byte that is a quote, a backslash or a control character is the lowest
/// bit set; zero if there is none. Bits above it may be wrong, which nobody asks.
#[inline]
fn special(word: u64) -> u64 {
    // A quote and a space change places, so that a quote is below 0x21 too, and what is neither is not.
    let low = (word ^ (ONES * 2)).wrapping_sub(ONES * 0x21);
    let slash = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
    (low | slash) & !word & HIGH
}

/// Where within a string the scanner stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Plain,
    /// After a backslash.
    Escape,
    /// This many hexadecimal digits are to come.
    Hex(u8),
}

/// A string being read, cut at any byte.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quoted {
    inside: Inside,
    /// Whether it holds an escape.
    pub(super) escaped: bool,
}

impl Quoted {
    /// Reads on from `at`: the place behind the closing quote, or none if the part ends first. On a
    /// fault, the place of it.
    #[inline]
    pub(super) fn end(
        &mut self,
        input: &[u8],
        mut at: usize,
    ) -> Result<Option<usize>, (usize, Fault)> {
        if self.inside == Inside::Plain {
            at = plain(input, at);
            // Nearly every string is whole and holds no escape.
            if input.get(at) == Some(&b'"') {
                return Ok(Some(at + 1));
            }
        }
        self.rest(input, at)
    }

    #[inline(never)]
    fn rest(&mut self, input: &[u8], mut at: usize) -> Result<Option<usize>, (usize, Fault)> {
        loop {
            if self.inside == Inside::Plain {
                at = plain(input, at);
            }
            let Some(&byte) = input.get(at) else { return Ok(None) };
            self.inside = match (self.inside, byte) {
                (Inside::Plain, b'"') => return Ok(Some(at + 1)),
                (Inside::Plain, b'\\') => {
                    self.escaped = true;
                    Inside::Escape
                }
                (Inside::Plain, _) => return Err((at, Fault::Control)),
                (Inside::Escape, b'u') => Inside::Hex(4),
                (Inside::Escape, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                    Inside::Plain
                }
                (Inside::Hex(1), _) if byte.is_ascii_hexdigit() => Inside::Plain,
                (Inside::Hex(left), _) if byte.is_ascii_hexdigit() => Inside::Hex(left - 1),
                (Inside::Escape | Inside::Hex(_), _) => return Err((at, Fault::Escape)),
            };
            at += 1;
        }
    }
}

/// Skips what needs no look.
#[inline]
pub(super) fn plain(input: &[u8], mut at: usize) -> usize {
    while let Some(word) = input.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while input.get(at).is_some_and(|&byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        at += 1;
    }
    at
}

/// What the inside of a checked string says; none if it holds half of a surrogate pair.
pub(super) fn unescape(raw: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = raw;
    while let Some(slash) = memchr::memchr(b'\\', rest) {
        let (before, escape) = rest.split_at_checked(slash)?;
        out.extend_from_slice(before);
        let (&letter, after) = escape.get(1..)?.split_first()?;
        rest = after;
        out.push(match letter {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (letter, after) = unicode(after)?;
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                rest = after;
                continue;
            }
            other => other,
        });
    }
    out.extend_from_slice(rest);
    Some(())
}

/// The character of a `\u` escape, or of the two that write one beyond the first plane.
fn unicode(digits: &[u8]) -> Option<(char, &[u8])> {
    let (high, rest) = hex(digits)?;
    if !(0xd800..0xdc00).contains(&high) {
        return Some((char::from_u32(high)?, rest));
    }
    let (low, rest) = hex(rest.strip_prefix(b"\\u")?)?;
    let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + low)?, rest))
}

fn hex(digits: &[u8]) -> Option<(u32, &[u8])> {
    let (four, rest) = digits.split_at_checked(4)?;
    let number = std::str::from_utf8(four).ok().and_then(|four| u32::from_str_radix(four, 16).ok());
    Some((number?, rest))
}

/// Writes a string of JSON; what needs no escape is copied at once.
pub(super) fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        let (plain, behind) = rest.split_at(at);
        out.extend_from_slice(plain);
        match behind.split_first() {
            Some((byte @ (b'"' | b'\\'), _)) => out.extend_from_slice(&[b'\\', *byte]),
            Some((byte, _)) => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            None => {}
        }
        rest = behind.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// UTF-8 whose characters may be cut by parts: passes on whole characters only.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    /// The bytes of a character cut by the end of the last part.
    cut: Vec<u8>,
}

impl Utf8 {
    /// Bytes of a character that is not whole yet.
    pub(super) fn pending(&self) -> usize {
        self.cut.len()
    }

    /// Completes a character that was cut, taking what it needs from the part; none if it is still
    /// not whole, or none was cut.
    pub(super) fn complete(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        while let Some((byte, rest)) = input.split_first().filter(|_| !self.cut.is_empty()) {
            *input = rest;
            self.cut.push(*byte);
            match std::str::from_utf8(&self.cut) {
                Ok(_) => return Ok(Some(std::mem::take(&mut self.cut))),
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(Fault::Encoding),
            }
        }
        Ok(None)
    }

    /// The whole characters of a part, and whether what follows them is none. The beginning of a
    /// character at the end of the part is kept for the next.
    pub(super) fn whole<'a>(&mut self, input: &'a [u8]) -> (&'a [u8], Result<(), Fault>) {
        let Err(error) = simdutf8::compat::from_utf8(input) else { return (input, Ok(())) };
        let (good, rest) = input.split_at_checked(error.valid_up_to()).unwrap_or_default();
        if error.error_len().is_some() {
            return (good, Err(Fault::Encoding));
        }
        self.cut.extend_from_slice(rest);
        (good, Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_that_ends_plain_text_is_found_wherever_it_stands() {
        for byte in 0..=255_u8 {
            for at in 0..20 {
                let mut text = vec![b'x'; 20];
                text[at] = byte;
                let special = byte < 0x20 || byte == b'"' || byte == b'\\';
                assert_eq!(plain(&text, 0), if special { at } else { 20 }, "{byte} at {at}");
            }
        }
    }

    #[test]
    fn escapes_say_what_they_stand_for() {
        let said = |raw: &str| {
            let mut out = Vec::new();
            unescape(raw.as_bytes(), &mut out).map(|()| String::from_utf8(out).unwrap())
        };

        assert_eq!(said(r#"id\u005fno\n\/\"\\"#).unwrap(), "id_no\n/\"\\");
        assert_eq!(said(r"\ud83d\ude00\u59d3").unwrap(), "😀姓");
        for half in [r"\ud83d", r"\ude00", r"\ud83dx", r"\ud83d\u0041"] {
            assert_eq!(said(half), None, "{half}");
        }
    }

    #[test]
    fn a_written_string_reads_back() {
        let text = "a\"b\\c\u{1}\n姓";
        let mut out = Vec::new();
        quote(text, &mut out);

        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }

    /// What passes of a text in these parts.
    fn passed(parts: &[&[u8]]) -> Result<Vec<u8>, Fault> {
        let (mut utf8, mut out) = (Utf8::default(), Vec::new());
        for part in parts {
            let mut rest = *part;
            out.extend(utf8.complete(&mut rest)?.unwrap_or_default());
            let (good, after) = utf8.whole(rest);
            assert!(std::str::from_utf8(good).is_ok());
            out.extend_from_slice(good);
            after?;
        }
        if utf8.pending() == 0 { Ok(out) } else { Err(Fault::Encoding) }
    }

    #[test]
    fn characters_cut_by_parts_are_whole_again_and_broken_ones_are_found() {
        let text = "aé姓😀b".as_bytes();
        for cut in 0..=text.len() {
            let (one, other) = text.split_at(cut);
            assert_eq!(passed(&[one, other]).unwrap(), text);
        }
        assert_eq!(passed(&text.chunks(1).collect::<Vec<_>>()).unwrap(), text);
        for bad in [
            &b"a\xff"[..],
            b"\xc0\xaf",
            b"\xed\xa0\x80",
            b"\xf5\x80\x80\x80",
            b"\xe5a",
            b"\xe5\xa7",
        ] {
            assert!(passed(&[bad]).is_err());
            assert!(passed(&bad.chunks(1).collect::<Vec<_>>()).is_err(), "{bad:?}");
        }
    }
}
