//! `Cache-Control`, read the careful way (RFC 9111 §5.2): names without regard to case, all lines
//! together, arguments as token or quoted string, and whatever is broken counts against keeping.

use http::HeaderMap;
use http::header::CACHE_CONTROL;

/// The largest number of seconds; a larger one counts as this (§1.2.2).
const LONGEST: u32 = 1 << 31;

/// A directive that is only there or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    MustUnderstand,
    NoCache,
    NoStore,
    OnlyIfCached,
    Private,
    Public,
    /// Quotes that do not pair: what stands behind them cannot be told.
    Broken,
}

/// What `Cache-Control` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directives {
    words: Vec<Word>,
    /// `max-age` in seconds.
    pub(super) max_age: Option<u32>,
    /// `s-maxage` in seconds.
    pub(super) s_maxage: Option<u32>,
}

impl Directives {
    /// Reads every line of a head.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let mut directives = Self::default();
        for line in headers.get_all(CACHE_CONTROL) {
            for member in members(line.as_bytes()) {
                directives.add(member);
            }
        }
        directives
    }

    /// Whether a word is there.
    pub(super) fn says(&self, word: Word) -> bool {
        self.words.contains(&word)
    }

    fn add(&mut self, member: &[u8]) {
        let (name, argument) = match member.iter().position(|&byte| byte == b'=') {
            Some(at) => {
                let (name, rest) = member.split_at(at);
                (name.trim_ascii(), rest.get(1..))
            }
            None => (member.trim_ascii(), None),
        };
        if !quotes_pair(member, argument) {
            self.words.push(Word::Broken);
        }
        if name.eq_ignore_ascii_case(b"max-age") {
            self.max_age = Some(shorter(self.max_age, argument));
        } else if name.eq_ignore_ascii_case(b"s-maxage") {
            self.s_maxage = Some(shorter(self.s_maxage, argument));
        } else {
            self.words.extend(word(name));
        }
    }
}

/// The word of this name. `private` and `no-cache` count for the whole answer even if an argument
/// limits them to header fields, which §5.2.2.4 and §5.2.2.7 allow.
fn word(name: &[u8]) -> Option<Word> {
    const WORDS: [(&[u8], Word); 6] = [
        (b"must-understand", Word::MustUnderstand),
        (b"no-cache", Word::NoCache),
        (b"no-store", Word::NoStore),
        (b"only-if-cached", Word::OnlyIfCached),
        (b"private", Word::Private),
        (b"public", Word::Public),
    ];
    WORDS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|&(_, word)| word)
}

/// Cuts a line at the commas that stand outside quotes.
fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    line.split(move |&byte| {
        if escaped {
            escaped = false;
            return false;
        }
        match byte {
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        byte == b',' && !quoted
    })
}

/// Whether a member has no quotes, or its argument is one whole quoted string.
fn quotes_pair(member: &[u8], argument: Option<&[u8]>) -> bool {
    if !member.contains(&b'"') {
        return true;
    }
    let Some(inner) = argument.and_then(unquote) else { return false };
    let mut escaped = false;
    for &byte in inner {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return false,
            _ => {}
        }
    }
    !escaped
}

fn unquote(argument: &[u8]) -> Option<&[u8]> {
    argument.trim_ascii_end().strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// The seconds of an argument, none if it is no number, and never more than was said before:
/// conflicting and invalid freshness is read as the shorter (§4.2.1).
fn shorter(before: Option<u32>, argument: Option<&[u8]>) -> u32 {
    let said = argument.and_then(|text| seconds(unquote(text).unwrap_or(text))).unwrap_or(0);
    before.map_or(said, |before| before.min(said))
}

/// Reads delta-seconds (§1.2.2).
pub(super) fn seconds(text: &[u8]) -> Option<u32> {
    let text = text.trim_ascii_end();
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = text
        .iter()
        .fold(0_u32, |sum, &digit| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
    Some(value.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(lines: &[&str]) -> Directives {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CACHE_CONTROL, HeaderValue::from_str(line).unwrap());
        }
        Directives::read(&headers)
    }

    proptest! {
        #[test]
        fn nothing_hides_a_no_store(junk in "[ -~\\t]{0,60}", like in "[nN][oO]-[sS][tT][oO][rR][eE]") {
            let own_line = read(&[&junk, &like]);
            prop_assert!(own_line.says(Word::NoStore));
            let behind = read(&[&format!("{junk}, {like}")]);
            prop_assert!(behind.says(Word::NoStore) || behind.says(Word::Broken));
        }
    }

    #[test]
    fn names_are_read_without_regard_to_case_and_over_all_lines() {
        for lines in [
            &["PRIVATE, max-age=60"][..],
            &["Max-Age=60", "Private"],
            &["max-age=60,,  ,pRiVaTe"],
            &["MAX-AGE=60, private=\"set-cookie, x\""],
            &["max-age=\"60\" ,\tprivate"],
        ] {
            let directives = read(lines);
            assert!(directives.says(Word::Private), "{lines:?}");
            assert_eq!(directives.max_age, Some(60), "{lines:?}");
            assert!(!directives.says(Word::Broken), "{lines:?}");
        }
    }

    #[test]
    fn a_directive_inside_a_quoted_argument_is_not_one() {
        let directives = read(&[r#"x="no-store, private \", no-cache", max-age=5"#]);

        assert_eq!(directives, Directives { max_age: Some(5), ..Directives::default() });
    }

    #[test]
    fn quotes_that_do_not_pair_are_noticed_since_they_may_hide_anything() {
        for line in [
            r#"max-age=60, x="no-store"#,
            r#"max-age=60, x=a"b, no-store"#,
            r#"max-age=60, x="a"b"#,
            r#"max-age=60, x="\"#,
            r#"max-age=60, "no-store""#,
        ] {
            assert!(read(&[line]).says(Word::Broken), "{line}");
        }
    }

    /// §4.2.1: invalid or conflicting freshness information is stale, or the shorter.
    #[test]
    fn numbers_that_are_none_mean_no_time_at_all() {
        for (line, expected) in [
            ("max-age=0", 0),
            ("max-age", 0),
            ("max-age=", 0),
            ("max-age=-1", 0),
            ("max-age=+60", 0),
            ("max-age=1.5", 0),
            ("max-age= 60", 0),
            ("max-age=60s", 0),
            ("max-age=60, max-age=30", 30),
            ("max-age=60, max-age=x", 0),
            ("max-age=060", 60),
            ("max-age=99999999999999999999", LONGEST),
        ] {
            assert_eq!(read(&[line]).max_age, Some(expected), "{line}");
        }
    }
}
