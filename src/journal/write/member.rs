//! The members of an event and their values.

use std::borrow::Cow;

use crate::journal::call::{KeyedHash, QuotaUse};

/// A comma, a name and its colon.
macro_rules! name {
    ($name:literal) => {
        concat!(",\"", $name, "\":")
    };
}
pub(super) use name;

pub(super) fn put(out: &mut Vec<u8>, piece: &str) {
    out.extend_from_slice(piece.as_bytes());
}

/// A string of JSON.
pub(super) fn text(out: &mut Vec<u8>, said: &str) {
    // Nearly nothing that is recorded does.
    if needs_escape(said.as_bytes()) {
        // Writing a string to memory cannot fail.
        drop(serde_json::to_writer(out, said));
        return;
    }
    bare(out, said);
}

/// Whether a string has a control character, a quote or a backslash: eight bytes at once, which takes a
/// third of the instructions that one by one takes.
fn needs_escape(said: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    let found = |bytes: &[u8; 8]| {
        let word = u64::from_le_bytes(*bytes);
        // A quote and a space change places, so that a quote is below 0x21 too.
        let low = (word ^ (ONES * 2)).wrapping_sub(ONES * 0x21);
        let slash = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
        (low | slash) & !word & (ONES << 7)
    };
    match said.last_chunk() {
        // The last eight overlap those before.
        Some(last) => {
            let words = said.as_chunks().0.iter();
            words.fold(found(last), |all, word| all | found(word)) != 0
        }
        None => said.iter().any(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\'),
    }
}

/// A string of JSON that by what it is holds nothing to escape, such as an id.
#[inline]
pub(super) fn bare(out: &mut Vec<u8>, said: &str) {
    out.push(b'"');
    put(out, said);
    out.push(b'"');
}

#[inline]
pub(super) fn known(out: &mut Vec<u8>, name: &str, said: Option<&str>) {
    if let Some(said) = said {
        put(out, name);
        bare(out, said);
    }
}

#[inline]
pub(super) fn plain(out: &mut Vec<u8>, name: &str, said: &str) {
    put(out, name);
    text(out, said);
}

/// A word of the program's own, which holds nothing to escape, or one that was read.
#[inline]
#[expect(clippy::ptr_arg, reason = "whether it is borrowed tells whose word it is")]
pub(super) fn word(out: &mut Vec<u8>, said: &Cow<'static, str>) {
    match said {
        Cow::Borrowed(said) => {
            debug_assert!(!needs_escape(said.as_bytes()), "to be escaped: {said}");
            bare(out, said);
        }
        Cow::Owned(said) => text(out, said),
    }
}

#[inline]
pub(super) fn some(out: &mut Vec<u8>, name: &str, said: Option<&str>) {
    if let Some(said) = said {
        plain(out, name, said);
    }
}

#[inline]
pub(super) fn count(out: &mut Vec<u8>, name: &str, number: Option<u64>) {
    if let Some(number) = number {
        put(out, name);
        put(out, itoa::Buffer::new().format(number));
    }
}

pub(super) fn list<T>(out: &mut Vec<u8>, name: &str, all: &[T], one: impl Fn(&mut Vec<u8>, &T)) {
    if all.is_empty() {
        return;
    }
    put(out, name);
    let mut mark = b'[';
    for element in all {
        out.push(mark);
        one(out, element);
        mark = b',';
    }
    out.push(b']');
}

pub(super) fn hash(out: &mut Vec<u8>, name: &str, hash: Option<&KeyedHash>) {
    if let Some(hash) = hash {
        put(out, name);
        keyed(out, hash);
    }
}

pub(super) fn keyed(out: &mut Vec<u8>, hash: &KeyedHash) {
    put(out, "{\"key\":");
    text(out, &hash.key);
    plain(out, name!("hash"), &hash.hash);
    out.push(b'}');
}

pub(super) fn quota(out: &mut Vec<u8>, used: &QuotaUse) {
    put(out, "{\"key\":");
    text(out, &used.key);
    count(out, name!("number"), Some(used.number));
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_byte_that_needs_an_escape_is_found_wherever_it_stands() {
        for length in 1..40 {
            for at in 0..length {
                for byte in 0..128_u8 {
                    let mut said = vec![b'a'; length];
                    *said.get_mut(at).unwrap() = byte;
                    let needs = byte < 0x20 || byte == b'"' || byte == b'\\';
                    assert_eq!(needs_escape(&said), needs, "{byte} at {at} of {length}");
                }
            }
        }
        assert!(!needs_escape("银川市不动产登记 0x7f\u{7f}".as_bytes()));
    }
}
