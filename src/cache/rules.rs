//! What a shared cache may keep (RFC 9111 §3).

use bytes::Bytes;
use http::header::{AGE, CONNECTION, CONTENT_LENGTH, DATE, EXPIRES, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::directives::{Directives, Word};
use super::freshness::{Freshness, by_default, lifetime};
use super::moment::write_date;
use super::stored::Stored;
use super::unkept::Unkept;
use super::validate::has_validator;
use super::vary::Selection;
use crate::domain;
use crate::domain::Timestamp;

/// Whether a header field belongs to one connection, besides those that `Connection` names (§3.1).
fn is_of_the_connection(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authentication-info"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// What is known of a call to the department besides the answer.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// What the entry declares.
    pub policy: &'a domain::Cache,
    /// Request headers as they were forwarded.
    pub request: &'a HeaderMap,
    /// When the request was sent.
    pub sent: Timestamp,
    /// When the head of the answer came.
    pub received: Timestamp,
}

/// A head whose answer may be kept once its body is whole. Only the rules make one.
#[derive(Debug)]
pub struct Admitted {
    status: StatusCode,
    headers: HeaderMap,
    freshness: Freshness,
    selection: Selection,
    length: Option<u64>,
    room: u64,
}

impl Admitted {
    /// Most bytes of body to collect; beyond it the answer is not kept.
    pub fn room(&self) -> u64 {
        self.room
    }

    /// The answer with its body, if that is whole.
    pub fn keep(self, body: Bytes) -> Result<Stored, Unkept> {
        let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        if length > self.room {
            return Err(Unkept::TooLarge);
        }
        if self.length.is_some_and(|said| said != length) {
            return Err(Unkept::Length);
        }
        Ok(Stored::new((self.status, self.headers, body), self.freshness, self.selection))
    }
}

/// Judges the head of an answer to a GET.
///
/// `Authorization` in the request does not matter (§3.5 means the user's): a consumer's credentials
/// end at the gateway, the department's own are the same for every call, and the entry declares
/// that the answer does not depend on who asks.
pub fn admit(
    exchange: &Exchange<'_>,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Admitted, Unkept> {
    if !exchange.policy.shared {
        return Err(Unkept::NotDeclared);
    }
    let directives = Directives::read(headers);
    status_allows(status, headers, &directives)?;
    directives_allow(&directives)?;
    if headers.contains_key(SET_COOKIE) {
        return Err(Unkept::SetCookie);
    }
    let selection = Selection::read(headers, exchange.request).ok_or(Unkept::VaryAny)?;

    let room = u64::from(exchange.policy.largest);
    let length = said_length(headers)?;
    if length.is_some_and(|length| length > room) {
        return Err(Unkept::TooLarge);
    }

    let Exchange { policy, sent, received, .. } = *exchange;
    let lifetime = lifetime((status, headers), &directives, received, policy.seconds);
    let freshness = Freshness::new(headers, lifetime, sent, received);
    if freshness.left(received) <= 0 && !has_validator(headers) {
        return Err(Unkept::NeverFresh);
    }
    let mut headers = apart(headers);
    drop_unkept(&mut headers);
    if !headers.contains_key(DATE)
        && let Some(date) = write_date(received)
    {
        headers.insert(DATE, date);
    }
    Ok(Admitted { status, headers, freshness, selection, length, room })
}

/// Headers with bytes of their own: those of an answer share the buffer that it was read into, which
/// would be kept whole for as long as they are.
fn apart(headers: &HeaderMap) -> HeaderMap {
    let own = |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes()).ok();
    headers.iter().filter_map(|(name, value)| Some((name.clone(), own(value)?))).collect()
}

/// Whether a method may have changed its target, so that what is kept of it is to be forgotten
/// (§4.4).
pub fn invalidates(method: &Method, status: StatusCode) -> bool {
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE].contains(method);
    !safe && (status.is_success() || status.is_redirection())
}

/// What a department says about keeping its answer, besides for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserve {
    /// Nothing.
    None,
    /// It is for one user only.
    Private,
    /// Nobody may keep it.
    NoStore,
}

/// Reads it, so that what leaves never says less.
pub fn reserve(headers: &HeaderMap) -> Reserve {
    match directives_allow(&Directives::read(headers)) {
        Ok(()) => Reserve::None,
        Err(Unkept::Private) => Reserve::Private,
        Err(_) => Reserve::NoStore,
    }
}

fn status_allows(
    status: StatusCode,
    headers: &HeaderMap,
    directives: &Directives,
) -> Result<(), Unkept> {
    if status == StatusCode::PARTIAL_CONTENT {
        return Err(Unkept::Partial);
    }
    let said = directives.says(Word::Public)
        || directives.s_maxage.or(directives.max_age).is_some()
        || headers.contains_key(EXPIRES);
    let final_answer = !status.is_informational() && status != StatusCode::NOT_MODIFIED;
    // §5.2.2.3: we conform to the statuses that are kept by default, and to no other.
    let understood = by_default(status) || !directives.says(Word::MustUnderstand);
    if final_answer && understood && (by_default(status) || said) {
        Ok(())
    } else {
        Err(Unkept::Status)
    }
}

fn directives_allow(directives: &Directives) -> Result<(), Unkept> {
    // Beside `must-understand`, `no-store` is for caches that do not know that directive.
    let no_store = directives.says(Word::NoStore) && !directives.says(Word::MustUnderstand);
    if no_store || directives.says(Word::Broken) {
        return Err(Unkept::NoStore);
    }
    if directives.says(Word::Private) {
        return Err(Unkept::Private);
    }
    Ok(())
}

/// What `Content-Length` says; lines that differ or are no number make the answer unfit.
fn said_length(headers: &HeaderMap) -> Result<Option<u64>, Unkept> {
    let mut said = None;
    for line in headers.get_all(CONTENT_LENGTH) {
        let digits = line.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let length = digits.and_then(|text| text.parse().ok()).ok_or(Unkept::Length)?;
        if said.is_some_and(|before| before != length) {
            return Err(Unkept::Length);
        }
        said = Some(length);
    }
    Ok(said)
}

/// Takes out what belongs to the connection, and `Age`, which is reckoned anew for every hit.
pub(super) fn drop_unkept(headers: &mut HeaderMap) {
    headers.remove(AGE);
    let mut gone: Vec<HeaderName> =
        headers.keys().filter(|name| is_of_the_connection(name)).cloned().collect();
    for line in headers.get_all(CONNECTION) {
        let options = line.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
        let named = options.filter(|option| !option.eq_ignore_ascii_case(b"keep-alive"));
        gone.extend(named.filter_map(|name| HeaderName::from_bytes(name).ok()));
    }
    for name in gone {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::tests::{Lines, NOON, headers};

    #[test]
    fn what_is_kept_does_not_hold_on_to_the_buffer_it_came_in() {
        let buffer = Bytes::from(vec![b'x'; 8192]);
        let mut headers = HeaderMap::new();
        let shared = HeaderValue::from_maybe_shared(buffer.slice(..4)).unwrap();
        headers.append("x-of-the-department", shared.clone());
        headers.append("x-of-the-department", shared);

        let own = apart(&headers);
        drop(headers);

        assert!(buffer.is_unique());
        assert_eq!(own.get_all("x-of-the-department").iter().count(), 2);
    }

    fn policy(seconds: Option<u32>) -> domain::Cache {
        domain::Cache { shared: true, seconds, largest: 100 }
    }

    fn judged(
        policy: &domain::Cache,
        status: u16,
        lines: Lines<'_>,
        body: &'static str,
    ) -> Result<Stored, Unkept> {
        let request = HeaderMap::new();
        let exchange = Exchange { policy, request: &request, sent: NOON, received: NOON };
        admit(&exchange, StatusCode::from_u16(status).unwrap(), &headers(lines))?
            .keep(Bytes::from_static(body.as_bytes()))
    }

    /// §3 and §5.2.2.
    #[test]
    fn directives_decide_whatever_their_case_or_line() {
        for (lines, expected) in [
            (&[("cache-control", "max-age=60")][..], None),
            (&[("cache-control", "PRIVATE, max-age=60")], Some(Unkept::Private)),
            (
                &[("cache-control", "max-age=60"), ("cache-control", "Private")],
                Some(Unkept::Private),
            ),
            (&[("cache-control", "max-age=60, private=\"x-user\"")], Some(Unkept::Private)),
            (&[("cache-control", "max-age=60, No-Store")], Some(Unkept::NoStore)),
            (&[("cache-control", "max-age=60, no-store=\"x\"")], Some(Unkept::NoStore)),
            (&[("cache-control", "max-age=60, x=\"no-store")], Some(Unkept::NoStore)),
            (&[("cache-control", "max-age=60, x=\"no-store\"")], None),
            (&[("cache-control", "no-store, must-understand, max-age=60")], None),
            (&[("cache-control", "max-age=60"), ("set-cookie", "a=b")], Some(Unkept::SetCookie)),
            (&[("cache-control", "max-age=60"), ("vary", "accept, *")], Some(Unkept::VaryAny)),
            (&[("cache-control", "max-age=60"), ("vary", "Forwarded")], Some(Unkept::VaryAny)),
            (&[("cache-control", "public, max-age=60"), ("vary", "accept")], None),
            (&[("cache-control", "max-age=0")], Some(Unkept::NeverFresh)),
            (&[("cache-control", "max-age=0"), ("etag", "\"1\"")], None),
            (&[("cache-control", "no-cache")], Some(Unkept::NeverFresh)),
            (&[("cache-control", "no-cache"), ("etag", "unquoted")], Some(Unkept::NeverFresh)),
            (
                &[
                    ("cache-control", "no-cache"),
                    ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
                ],
                None,
            ),
            (&[("cache-control", "max-age=60"), ("age", "60")], Some(Unkept::NeverFresh)),
            (&[], Some(Unkept::NeverFresh)),
        ] {
            let outcome = judged(&policy(None), 200, lines, "").err();
            assert_eq!(outcome, expected, "{lines:?}");
        }
    }

    /// §3, RFC 9110 §15.1.
    #[test]
    fn a_status_is_kept_by_default_or_because_the_department_says_so() {
        for (status, lines, expected) in [
            (404, &[][..], None),
            (302, &[], Some(Unkept::Status)),
            (302, &[("expires", "Sun, 06 Nov 1994 08:50:37 GMT")], None),
            (500, &[], Some(Unkept::Status)),
            (500, &[("cache-control", "max-age=5")], None),
            (500, &[("cache-control", "max-age=5, must-understand")], Some(Unkept::Status)),
            (200, &[("cache-control", "max-age=5, must-understand")], None),
            (206, &[("cache-control", "max-age=5")], Some(Unkept::Partial)),
            (304, &[("cache-control", "max-age=5")], Some(Unkept::Status)),
            (103, &[("cache-control", "max-age=5")], Some(Unkept::Status)),
        ] {
            let outcome = judged(&policy(Some(9)), status, lines, "").err();
            assert_eq!(outcome, expected, "{status} {lines:?}");
        }
    }

    #[test]
    fn a_body_is_kept_only_if_it_is_whole_and_not_too_large() {
        for (lines, body, expected) in [
            (&[("content-length", "3")][..], "abc", None),
            (&[("content-length", "3"), ("content-length", "3")], "abc", None),
            (&[], "abc", None),
            (&[("content-length", "4")], "abc", Some(Unkept::Length)),
            (&[("content-length", "2")], "abc", Some(Unkept::Length)),
            (&[("content-length", "3"), ("content-length", "4")], "abc", Some(Unkept::Length)),
            (&[("content-length", "+3")], "abc", Some(Unkept::Length)),
            (&[("content-length", "")], "", Some(Unkept::Length)),
            (&[("content-length", "101")], "abc", Some(Unkept::TooLarge)),
        ] {
            assert_eq!(judged(&policy(Some(9)), 200, lines, body).err(), expected, "{lines:?}");
        }
        let body = Bytes::from(vec![b'x'; 101]);
        let request = HeaderMap::new();
        let policy = policy(Some(9));
        let exchange = Exchange { policy: &policy, request: &request, sent: NOON, received: NOON };
        let admitted = admit(&exchange, StatusCode::OK, &HeaderMap::new()).unwrap();
        assert_eq!(admitted.keep(body).err(), Some(Unkept::TooLarge));
    }

    #[test]
    fn an_entry_that_declares_nothing_is_never_kept() {
        let policy = domain::Cache { shared: false, ..policy(Some(60)) };

        assert_eq!(judged(&policy, 200, &[], "").err(), Some(Unkept::NotDeclared));
    }

    /// §3.1, RFC 9110 §6.6.1.
    #[test]
    fn connection_headers_are_dropped_and_a_missing_date_is_added() {
        let lines = &[
            ("connection", "X-Hop, close"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("age", "3"),
            ("content-type", "application/json"),
        ];
        let stored = judged(&policy(Some(60)), 200, lines, "{}").unwrap();

        let mut names: Vec<_> = stored.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "date"]);
        assert_eq!(stored.headers()[DATE], "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(stored.age(NOON), 3);
        assert_eq!(stored.ttl(NOON), 57);
    }

    /// §4.4.
    #[test]
    fn only_an_unsafe_method_that_succeeded_makes_a_target_forgotten() {
        for (method, status, expected) in [
            (Method::POST, 201, true),
            (Method::DELETE, 303, true),
            (Method::PUT, 409, false),
            (Method::PATCH, 500, false),
            (Method::HEAD, 200, false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(invalidates(&method, status), expected, "{method} {status}");
        }
    }
}
