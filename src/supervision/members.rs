//! The members of a JSON object, one after the other, without reading what nobody asks for: records are
//! read by the thousand a second, and a few members of each are enough.

use std::borrow::Cow;

/// The members of one object; it ends early, with [`Members::is_whole`] false, where the text is no JSON
/// object. Values are told by their brackets and quotes only: a reader of a value judges it.
#[derive(Debug)]
pub(super) struct Members<'l> {
    rest: &'l [u8],
    is_whole: bool,
}

/// A value as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Raw<'l>(&'l [u8]);

impl<'l> Members<'l> {
    pub(super) fn of(json: &'l [u8]) -> Self {
        Self { rest: json.strip_prefix(b"{").unwrap_or_default(), is_whole: false }
    }

    /// Whether the end of the object was reached.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    fn step(&mut self) -> Option<(&'l [u8], Raw<'l>)> {
        let name = string(self.rest)?;
        let (quoted, rest) = self.rest.split_at_checked(name)?;
        let rest = rest.strip_prefix(b":")?;
        let (value, rest) = rest.split_at_checked(value(rest)?)?;
        self.rest = match rest.split_first()? {
            (b',', rest) => rest,
            (b'}', []) => {
                self.is_whole = true;
                &[]
            }
            _ => return None,
        };
        let name = quoted.get(1..quoted.len().saturating_sub(1))?;
        Some((name, Raw(value)))
    }
}

impl<'l> Iterator for Members<'l> {
    type Item = (&'l [u8], Raw<'l>);

    fn next(&mut self) -> Option<Self::Item> {
        let member = self.step();
        if member.is_none() {
            self.rest = &[];
        }
        member
    }
}

impl<'l> Raw<'l> {
    /// A value that was found before.
    pub(super) fn written(bytes: &'l [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes it is written in.
    pub(super) fn bytes(self) -> &'l [u8] {
        self.0
    }

    /// What stands between the quotes of a string.
    pub(super) fn quoted(self) -> Option<&'l [u8]> {
        self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")
    }

    /// A string.
    pub(super) fn text(self) -> Option<Cow<'l, str>> {
        let (Self(written), inner) = (self, self.quoted()?);
        if inner.contains(&b'\\') {
            return serde_json::from_slice(written).ok().map(Cow::Owned);
        }
        std::str::from_utf8(inner).ok().map(Cow::Borrowed)
    }

    /// A whole number that is not negative.
    pub(super) fn number(self) -> Option<u64> {
        std::str::from_utf8(self.0).ok()?.parse().ok()
    }

    /// The elements of an array, until something else comes.
    pub(super) fn elements(self) -> impl Iterator<Item = Raw<'l>> {
        let mut rest = self.0.strip_prefix(b"[").unwrap_or_default();
        std::iter::from_fn(move || {
            let (element, behind) = rest.split_at_checked(value(rest)?)?;
            rest = behind.strip_prefix(b",").unwrap_or_default();
            Some(Raw(element))
        })
    }

    /// The members of an object.
    pub(super) fn members(self) -> Members<'l> {
        Members::of(self.0)
    }
}

/// How long the string is that the text begins with, its quotes counted.
fn string(text: &[u8]) -> Option<usize> {
    let mut at = text.starts_with(b"\"").then_some(1_usize)?;
    loop {
        let found = at.checked_add(quote(text.get(at..)?)?)?;
        at = found.checked_add(1)?;
        // A quote is escaped by the last of an odd number of backslashes; the first quote ends them.
        let (before, _) = text.split_at_checked(found)?;
        let escapes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
        if escapes.is_multiple_of(2) {
            return Some(at);
        }
    }
}

/// Where the first quote stands. Eight bytes at once: the strings of records are too short for a search that
/// has to be called and set up.
fn quote(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);
    const QUOTES: u64 = u64::from_le_bytes([b'"'; 8]);
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let others = u64::from_le_bytes(*word) ^ QUOTES;
        // The highest bit of the first byte that is zero, and perhaps of some behind it.
        let found = others.wrapping_sub(ONES) & !others & HIGHS;
        if found != 0 {
            let byte = usize::try_from(found.trailing_zeros() / 8).ok()?;
            return index.checked_mul(8)?.checked_add(byte);
        }
    }
    let found = rest.iter().position(|byte| *byte == b'"')?;
    text.len().checked_sub(rest.len())?.checked_add(found)
}

/// How long the value is that the text begins with; none without any.
fn value(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b'"' => string(text),
        b'{' | b'[' => nested(text),
        _ => {
            let end = text.iter().position(|byte| matches!(byte, b',' | b'}' | b']'));
            end.filter(|length| *length > 0)
        }
    }
}

fn nested(text: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0_usize, 0_u32);
    loop {
        let length = match text.get(at)? {
            b'"' => string(text.get(at..)?)?,
            b'{' | b'[' => {
                depth = depth.checked_add(1)?;
                1
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                1
            }
            _ => 1,
        };
        at = at.checked_add(length)?;
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f32>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\"\\\\,:{}\\[\\]]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z\"\\\\]{0,4}", inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn members_are_those_that_serde_reads(
            object in prop::collection::btree_map("[a-z\"\\\\]{0,4}", values(), 1..6)
        ) {
            let json = serde_json::to_vec(&object).unwrap();
            let mut members = Members::of(&json);
            let read: Vec<(String, Value)> = members
                .by_ref()
                .map(|(name, raw)| {
                    let name = [&b"\""[..], name, b"\""].concat();
                    let value: Value = serde_json::from_slice(raw.bytes()).unwrap();
                    if let Value::String(said) = &value {
                        assert_eq!(raw.text().as_deref(), Some(said.as_str()));
                    }
                    if let Value::Array(all) = &value {
                        let elements: Vec<Value> = raw
                            .elements()
                            .map(|element| serde_json::from_slice(element.bytes()).unwrap())
                            .collect();
                        assert_eq!(&elements, all);
                    }
                    assert_eq!(raw.number(), value.as_u64());
                    (serde_json::from_slice(&name).unwrap(), value)
                })
                .collect();
            prop_assert!(members.is_whole());
            prop_assert_eq!(read, object.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn what_is_cut_or_is_no_object_is_not_whole(
            object in prop::collection::btree_map("[a-z]{1,4}", values(), 1..4),
            at in any::<prop::sample::Index>()
        ) {
            let json = serde_json::to_vec(&object).unwrap();
            let mut members = Members::of(&json[..at.index(json.len())]);
            members.by_ref().for_each(drop);
            prop_assert!(!members.is_whole());
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let text = [&b"{\""[..], &bytes].concat();
            Members::of(&text).for_each(|(_, raw)| {
                raw.elements().for_each(drop);
                raw.members().for_each(drop);
                drop((raw.text(), raw.number()));
            });
        }
    }
}
