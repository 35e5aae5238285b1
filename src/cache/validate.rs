//! Asking whether a stale answer still holds, and renewing it (RFC 9111 §4.3).

use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::moment::read_date;
use super::rules::{Exchange, admit, drop_unkept};
use super::stored::Stored;
use super::unkept::Unkept;

/// Fields that a 304 does not change: they describe the bytes that are kept, and shaping reads those
/// bytes by them (§3.2).
const OF_THE_BYTES: [HeaderName; 4] =
    [CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE];

/// Makes a request ask for the answer only if it is another than the stored one (§4.3.1). A
/// consumer's own conditions are taken out: they are the gateway's to answer.
pub fn conditions(stored: &Stored, request: &mut HeaderMap) {
    for name in
        ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"]
    {
        request.remove(name);
    }
    if let Some(etag) = entity_tag(stored.headers()) {
        request.insert(IF_NONE_MATCH, etag.clone());
    }
    if let Some(date) = last_modified(stored.headers()) {
        request.insert(IF_MODIFIED_SINCE, date.clone());
    }
}

/// The stored answer as a 304 renews it (§4.3.4). If the 304 speaks of another answer, or forbids to
/// keep this one, ask again without conditions.
pub fn freshen(
    stored: &Stored,
    not_modified: &HeaderMap,
    exchange: &Exchange<'_>,
) -> Result<Stored, Unkept> {
    if !is_about(not_modified, stored.headers()) {
        return Err(Unkept::OtherAnswer);
    }
    let mut renewal = not_modified.clone();
    let age = renewal.remove(http::header::AGE);
    drop_unkept(&mut renewal);
    for name in &OF_THE_BYTES {
        renewal.remove(name);
    }

    let mut headers = stored.headers().clone();
    // Without one of its own, the 304 counts from when it came (RFC 9110 §6.6.1).
    headers.remove(DATE);
    for name in renewal.keys() {
        headers.remove(name);
    }
    for (name, value) in &renewal {
        headers.append(name, value.clone());
    }
    headers.extend(age.map(|age| (http::header::AGE, age)));
    admit(exchange, stored.status(), &headers)?.keep(stored.body().clone())
}

/// Whether an answer can be validated.
pub(super) fn has_validator(headers: &HeaderMap) -> bool {
    entity_tag(headers).is_some() || last_modified(headers).is_some()
}

/// Whether a 304 speaks of the answer that these headers belong to. One without any validator can
/// only mean the answer that the request named.
fn is_about(not_modified: &HeaderMap, stored: &HeaderMap) -> bool {
    if let Some(new) = not_modified.get(ETAG) {
        let weak = new.as_bytes().starts_with(b"W/");
        return entity_tag(stored).is_some_and(|old| {
            if weak { opaque(new) == opaque(old) } else { new.as_bytes() == old.as_bytes() }
        });
    }
    match not_modified.get(LAST_MODIFIED) {
        Some(new) => last_modified(stored).is_some_and(|old| read_date(old) == read_date(new)),
        None => true,
    }
}

fn opaque(etag: &HeaderValue) -> &[u8] {
    etag.as_bytes().strip_prefix(b"W/").unwrap_or(etag.as_bytes())
}

/// The entity tag, if it is one and the only one (RFC 9110 §8.8.3).
fn entity_tag(headers: &HeaderMap) -> Option<&HeaderValue> {
    let etag = only(headers, &ETAG)?;
    let inner = opaque(etag).strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let well_formed = inner.iter().all(|&byte| byte > b' ' && byte != b'"' && byte != 0x7f);
    well_formed.then_some(etag)
}

fn last_modified(headers: &HeaderMap) -> Option<&HeaderValue> {
    only(headers, &LAST_MODIFIED).filter(|date| read_date(date).is_some())
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    lines.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::cache::tests::{Lines, NOON, POLICY, headers, stored};
    use crate::domain::Timestamp;

    const MORNING: &str = "Sun, 06 Nov 1994 06:00:00 GMT";

    fn exchange(request: &HeaderMap, received: Timestamp) -> Exchange<'_> {
        Exchange { policy: &POLICY, request, sent: received, received }
    }

    fn renewed(old: &Stored, lines: Lines<'_>) -> Result<Stored, Unkept> {
        let request = HeaderMap::new();
        freshen(old, &headers(lines), &exchange(&request, NOON.plus_millis(90_000)))
    }

    /// §4.3.1.
    #[test]
    fn a_request_is_made_conditional_by_the_stored_validators_alone() {
        let consumers = [("if-none-match", "\"9\""), ("if-range", "\"9\""), ("accept", "a")];
        for (lines, expected) in [
            (&[("etag", "W/\"1\"")][..], &[("accept", "a"), ("if-none-match", "W/\"1\"")][..]),
            (
                &[("etag", "\"1\""), ("last-modified", MORNING)],
                &[("accept", "a"), ("if-none-match", "\"1\""), ("if-modified-since", MORNING)],
            ),
            (&[("etag", "1"), ("last-modified", "today")], &[("accept", "a")]),
            (&[("etag", "\"1\""), ("etag", "\"2\"")], &[("accept", "a")]),
        ] {
            let mut request = headers(&consumers);
            conditions(&stored(lines, "{}"), &mut request);
            assert_eq!(request, headers(expected), "{lines:?}");
        }
    }

    /// §4.3.4.
    #[test]
    fn a_304_renews_only_the_answer_it_speaks_of() {
        for (old, new, same) in [
            (&[("etag", "\"1\"")][..], &[("etag", "\"1\"")][..], true),
            (&[("etag", "\"1\"")], &[("etag", "W/\"1\"")], true),
            (&[("etag", "W/\"1\"")], &[("etag", "W/\"1\"")], true),
            (&[("etag", "W/\"1\"")], &[("etag", "\"1\"")], false),
            (&[("etag", "\"1\"")], &[("etag", "\"2\"")], false),
            (&[("last-modified", MORNING)], &[("etag", "\"1\"")], false),
            (&[("last-modified", MORNING)], &[("last-modified", MORNING)], true),
            (
                &[("last-modified", MORNING)],
                &[("last-modified", "Sun, 06 Nov 1994 06:00:01 GMT")],
                false,
            ),
            (&[("etag", "\"1\"")], &[("last-modified", MORNING)], false),
            (&[("etag", "\"1\"")], &[], true),
        ] {
            let outcome = renewed(&stored(old, "{}"), new);
            assert_eq!(
                outcome.as_ref().err() != Some(&Unkept::OtherAnswer),
                same,
                "{old:?} {new:?}"
            );
        }
    }

    /// §3.2.
    #[test]
    fn a_304_replaces_headers_but_none_that_describe_the_bytes() {
        let old = stored(
            &[
                ("etag", "\"1\""),
                ("content-type", "application/json"),
                ("content-length", "2"),
                ("x-note", "a"),
                ("x-note", "b"),
                ("x-old", "stays"),
            ],
            "{}",
        );
        let new = renewed(
            &old,
            &[
                ("etag", "\"1\""),
                ("content-type", "text/html"),
                ("content-length", "0"),
                ("x-note", "c"),
                ("x-note", "d"),
                ("connection", "x-hop"),
                ("x-hop", "1"),
                ("cache-control", "max-age=10"),
                ("age", "4"),
            ],
        )
        .unwrap();

        let expected = headers(&[
            ("etag", "\"1\""),
            ("content-type", "application/json"),
            ("content-length", "2"),
            ("x-note", "c"),
            ("x-note", "d"),
            ("x-old", "stays"),
            ("cache-control", "max-age=10"),
            ("date", "Sun, 06 Nov 1994 08:51:07 GMT"),
        ]);
        assert_eq!(new.headers(), &expected);
        assert_eq!(new.body(), old.body());
        assert_eq!((new.status(), new.ttl(new.vouched())), (StatusCode::OK, 6));
    }

    #[test]
    fn a_304_that_forbids_to_keep_the_answer_is_obeyed() {
        let old = stored(&[("etag", "\"1\"")], "{}");

        for (line, expected) in [("no-store", Unkept::NoStore), ("PRIVATE", Unkept::Private)] {
            assert_eq!(renewed(&old, &[("cache-control", line)]).err(), Some(expected), "{line}");
        }
    }
}
