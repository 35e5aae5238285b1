//! Which requests an answer was chosen for (RFC 9111 §4.1).

use std::fmt;

use http::header::{ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, VARY};
use http::{HeaderMap, HeaderName};

/// `*`, and fields that the gateway writes anew for each call: what they select is for that call only.
const NEVER: [&str; 4] = ["*", "forwarded", "traceparent", "via"];

/// The header fields an answer was selected by, with what the request had in them.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Selection {
    fields: Vec<(HeaderName, Option<Vec<u8>>)>,
}

impl Selection {
    /// Reads `Vary` over all its lines; none if it is `*` or names what is no header field, which
    /// no request can ever match, or one that the gateway writes anew for each call.
    pub(super) fn read(answer: &HeaderMap, request: &HeaderMap) -> Option<Self> {
        let mut fields = Vec::new();
        for line in answer.get_all(VARY) {
            for member in line.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                if member.is_empty() {
                    continue;
                }
                // `*` is a token too, so the type would take it.
                let name = HeaderName::from_bytes(member).ok();
                let name = name.filter(|name| !NEVER.contains(&name.as_str()))?;
                let value = value_of(request, &name);
                fields.push((name, value));
            }
        }
        fields.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        fields.dedup();
        Some(Self { fields })
    }

    /// Whether another request selects the same answer.
    pub(super) fn matches(&self, request: &HeaderMap) -> bool {
        self.fields.iter().all(|(name, value)| value_of(request, name) == *value)
    }

    /// The same fields as another request has them.
    pub(super) fn of(&self, request: &HeaderMap) -> Self {
        let fields = self.fields.iter();
        Self { fields: fields.map(|(name, _)| (name.clone(), value_of(request, name))).collect() }
    }

    /// Bytes it takes.
    pub(super) fn size(&self) -> usize {
        let sizes = self.fields.iter().map(|(name, value)| {
            name.as_str().len() + value.as_ref().map_or(0, Vec::len) + size_of::<HeaderName>()
        });
        sizes.sum()
    }
}

impl fmt::Debug for Selection {
    /// Names only: a value may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields.iter().map(|(name, _)| name)).finish()
    }
}

/// All lines of a field as one value, without the white space and the case that mean nothing.
/// Absent matches absent only.
fn value_of(request: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    let any_case = [ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE].contains(name);
    let mut joined: Option<Vec<u8>> = None;
    for line in request.get_all(name) {
        let joined = match &mut joined {
            Some(joined) => {
                joined.push(b',');
                joined
            }
            None => joined.insert(Vec::with_capacity(line.len())),
        };
        push_normal(joined, line.as_bytes());
    }
    if any_case && let Some(joined) = &mut joined {
        joined.make_ascii_lowercase();
    }
    joined
}

/// Appends a line without white space around it and around its commas; quoted strings stay as
/// they are.
fn push_normal(to: &mut Vec<u8>, line: &[u8]) {
    let (mut quoted, mut escaped) = (false, false);
    let mut space = Vec::new();
    for &byte in line.trim_ascii() {
        let plain = !quoted;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        if plain && matches!(byte, b' ' | b'\t') {
            space.push(byte);
            continue;
        }
        let beside_comma = byte == b',' || to.last() == Some(&b',');
        if !(plain && beside_comma) {
            to.append(&mut space);
        }
        space.clear();
        to.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::tests::headers;

    #[test]
    fn a_request_matches_if_every_named_field_says_the_same() {
        let request =
            headers(&[("accept", "application/json, text/csv"), ("accept-language", "zh")]);
        let answer = headers(&[("vary", "Accept"), ("vary", "ACCEPT-LANGUAGE, accept")]);
        let selection = Selection::read(&answer, &request).unwrap();

        for (other, expected) in [
            (&[("accept", "application/json,text/csv"), ("accept-language", "ZH")][..], true),
            (
                &[
                    ("accept", "application/json"),
                    ("accept", " text/csv"),
                    ("accept-language", "zh"),
                ],
                true,
            ),
            (
                &[("accept", "application/json , text/csv"), ("accept-language", "zh"), ("x", "y")],
                true,
            ),
            (&[("accept", "application/json, text/csv")], false),
            (&[("accept", "application/json, text/csv"), ("accept-language", "")], false),
            (&[("accept", "application/json, TEXT/csv"), ("accept-language", "zh")], false),
            (&[("accept", "text/csv, application/json"), ("accept-language", "zh")], false),
        ] {
            assert_eq!(selection.matches(&headers(other)), expected, "{other:?}");
            assert_eq!(selection.of(&headers(other)) == selection, expected, "{other:?}");
        }
    }

    #[test]
    fn quoted_strings_keep_their_white_space() {
        let answer = headers(&[("vary", "accept")]);
        let selection =
            Selection::read(&answer, &headers(&[("accept", r#"a;p="x, y", b"#)])).unwrap();

        assert!(selection.matches(&headers(&[("accept", r#"a;p="x, y" ,b"#)])));
        assert!(!selection.matches(&headers(&[("accept", r#"a;p="x,y", b"#)])));
    }

    #[test]
    fn a_star_or_a_broken_name_on_any_line_matches_nothing() {
        for lines in
            [&[("vary", "*")][..], &[("vary", "accept"), ("vary", "accept, *")], &[("vary", "a b")]]
        {
            assert_eq!(Selection::read(&headers(lines), &HeaderMap::new()), None, "{lines:?}");
        }
    }

    #[test]
    fn an_answer_without_vary_matches_every_request() {
        let selection = Selection::read(&HeaderMap::new(), &headers(&[("accept", "a")])).unwrap();

        assert!(selection.matches(&headers(&[("accept", "b")])));
    }
}
