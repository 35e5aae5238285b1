//! Refuses requests that are not plainly one thing (RFC 9110, 9112, 9113).

use http::request::Parts;
use http::uri::Authority;
use http::{Method, StatusCode, Version};

use super::fields::Fields;
use crate::config::Bounds;

/// Why the head of a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadProblem {
    /// Two programs could disagree where this request ends.
    #[error(
        "the request says more than once how long its body is; send one Content-Length or chunks"
    )]
    AmbiguousLength,
    /// A line ends without a carriage return.
    #[error("a header line ends without a carriage return")]
    BareLineFeed,
    /// `Host` is missing, repeated or no authority.
    #[error("the request needs exactly one valid Host")]
    BadHost,
    /// `Host` and the target name different authorities.
    #[error("Host and the request target name different authorities")]
    TwoHosts,
    /// The target is no path.
    #[error("the request target must be a path that begins with a slash")]
    BadTarget,
    /// `CONNECT` or `TRACE`.
    #[error("the method is not offered")]
    MethodNotOffered,
    /// A transfer coding besides `chunked`.
    #[error("the only transfer coding understood is `chunked`")]
    UnknownTransferCoding,
    /// An expectation besides `100-continue`.
    #[error("the only expectation understood is `100-continue`")]
    UnknownExpectation,
    /// More header lines than the listener bears.
    #[error("the request has too many header lines")]
    TooManyHeaders,
    /// A body that says it is larger than the listener bears.
    #[error("the request body is too large")]
    BodyTooLarge,
}

impl HeadProblem {
    /// Every problem.
    pub const ALL: [Self; 10] = [
        Self::AmbiguousLength,
        Self::BareLineFeed,
        Self::BadHost,
        Self::TwoHosts,
        Self::BadTarget,
        Self::MethodNotOffered,
        Self::UnknownTransferCoding,
        Self::UnknownExpectation,
        Self::TooManyHeaders,
        Self::BodyTooLarge,
    ];

    /// The name it is known by. Never renamed, never reused.
    pub fn code(self) -> &'static str {
        match self {
            Self::AmbiguousLength => "ambiguous-length",
            Self::BareLineFeed => "bare-line-feed",
            Self::BadHost => "bad-host",
            Self::TwoHosts => "two-hosts",
            Self::BadTarget => "bad-target",
            Self::MethodNotOffered => "method-not-offered",
            Self::UnknownTransferCoding => "unknown-transfer-coding",
            Self::UnknownExpectation => "unknown-expectation",
            Self::TooManyHeaders => "too-many-headers",
            Self::BodyTooLarge => "body-too-large",
        }
    }

    /// The status it is answered with.
    pub fn status(self) -> StatusCode {
        match self {
            Self::AmbiguousLength
            | Self::BareLineFeed
            | Self::BadHost
            | Self::TwoHosts
            | Self::BadTarget => StatusCode::BAD_REQUEST,
            Self::MethodNotOffered | Self::UnknownTransferCoding => StatusCode::NOT_IMPLEMENTED,
            Self::UnknownExpectation => StatusCode::EXPECTATION_FAILED,
            Self::TooManyHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        }
    }
}

/// Checks what hyper leaves open. The gateway calls it first, and records what it refuses.
pub fn check_head(fields: &Fields<'_>, bounds: &Bounds) -> Result<(), HeadProblem> {
    let head = fields.head;
    // How the head was written was seen as its bytes passed, and is noted only if it is a problem.
    if let Some(problem) = head.extensions.get::<HeadProblem>() {
        return Err(*problem);
    }
    if matches!(head.method, Method::CONNECT | Method::TRACE) {
        return Err(HeadProblem::MethodNotOffered);
    }
    if head.headers.len() > usize::from(bounds.headers) {
        return Err(HeadProblem::TooManyHeaders);
    }
    check_target(head)?;
    check_host(fields)?;
    check_length(fields, bounds.body_bytes)?;
    match fields.expect.first {
        Some(what) if !what.as_bytes().eq_ignore_ascii_case(b"100-continue") => {
            Err(HeadProblem::UnknownExpectation)
        }
        Some(_) | None => Ok(()),
    }
}

fn check_target(head: &Parts) -> Result<(), HeadProblem> {
    let known_scheme = head.uri.scheme_str().is_none_or(|s| matches!(s, "http" | "https"));
    if known_scheme && head.uri.path().starts_with('/') {
        Ok(())
    } else {
        Err(HeadProblem::BadTarget)
    }
}

/// RFC 9112 section 3.2 and RFC 9113 section 8.3.1: one authority, however it is said.
fn check_host(fields: &Fields<'_>) -> Result<(), HeadProblem> {
    let head = fields.head;
    let target = head.uri.authority();
    if target.is_some_and(|authority| !plain(authority)) {
        return Err(HeadProblem::BadHost);
    }
    let Some(line) = fields.host.first else {
        let may_lack = match head.version {
            Version::HTTP_09 | Version::HTTP_10 => true,
            Version::HTTP_2 | Version::HTTP_3 => target.is_some(),
            _ => false,
        };
        return if may_lack { Ok(()) } else { Err(HeadProblem::BadHost) };
    };
    if fields.host.repeated {
        return Err(HeadProblem::BadHost);
    }
    // Most requests name one host in the simplest letters: that is seen without taking it apart.
    if target.is_none() && is_simple(line.as_bytes()) {
        return Ok(());
    }
    let host = Authority::try_from(line.as_bytes()).ok().filter(plain);
    let host = host.ok_or(HeadProblem::BadHost)?;
    match target {
        Some(target) if !same(target, &host, head.uri.scheme_str()) => Err(HeadProblem::TwoHosts),
        Some(_) | None => Ok(()),
    }
}

/// Whether it is a name or an IPv4 address, with or without a port.
fn is_simple(authority: &[u8]) -> bool {
    let end = authority.iter().position(|byte| *byte == b':').unwrap_or(authority.len());
    let (host, port) = authority.split_at(end);
    let fits = match port {
        [] => true,
        [_, digits @ ..] => is_port(digits),
    };
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    fits && !host.is_empty() && host.iter().all(is_host)
}

/// Whether it is a port, and written in digits only.
fn is_port(digits: &[u8]) -> bool {
    let number = std::str::from_utf8(digits).map(str::parse::<u16>);
    digits.iter().all(u8::is_ascii_digit) && matches!(number, Ok(Ok(_)))
}

/// Whether it is a host with or without a port, and nothing more.
fn plain(authority: &Authority) -> bool {
    !authority.host().is_empty()
        && !authority.as_str().contains('@')
        && (authority.port_u16().is_some() || authority.as_str() == authority.host())
}

fn same(one: &Authority, other: &Authority, scheme: Option<&str>) -> bool {
    let usual = if scheme == Some("https") { 443 } else { 80 };
    one.host().eq_ignore_ascii_case(other.host())
        && one.port_u16().unwrap_or(usual) == other.port_u16().unwrap_or(usual)
}

fn check_length(fields: &Fields<'_>, most: u64) -> Result<(), HeadProblem> {
    let (codings, lengths) = (fields.transfer_encoding, fields.content_length);
    let (coding, length) = (codings.first, lengths.first);
    if codings.repeated || lengths.repeated || (coding.is_some() && length.is_some()) {
        return Err(HeadProblem::AmbiguousLength);
    }
    if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Err(HeadProblem::UnknownTransferCoding);
    }
    let Some(length) = length else { return Ok(()) };
    let digits = length.as_bytes().iter().all(u8::is_ascii_digit);
    let length = length.to_str().ok().filter(|_| digits).and_then(|text| text.parse::<u64>().ok());
    match length {
        None => Err(HeadProblem::AmbiguousLength),
        Some(length) if length > most => Err(HeadProblem::BodyTooLarge),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Headers<'a> = &'a [(&'a str, &'a str)];

    fn check(version: Version, method: &str, target: &str, headers: Headers<'_>) -> &'static str {
        let mut request = http::Request::builder().version(version).method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let bounds = Bounds { headers: 5, body_bytes: 100, ..Bounds::default() };
        check_head(&Fields::read(&head), &bounds).map_or_else(HeadProblem::code, |()| "fine")
    }

    #[test]
    fn http_1_1_needs_exactly_one_valid_host() {
        let cases: [(Headers<'_>, &str); 15] = [
            (&[("host", "a.example")], "fine"),
            (&[("host", "a.example:65535")], "fine"),
            (&[("host", "a.example:65536")], "bad-host"),
            (&[("host", "a.example:9999999999")], "bad-host"),
            (&[("host", "a.example:008443")], "fine"),
            (&[("host", "a.example:8443")], "fine"),
            (&[("host", "[::1]:8443")], "fine"),
            (&[], "bad-host"),
            (&[("host", "")], "bad-host"),
            (&[("host", "a"), ("host", "a")], "bad-host"),
            (&[("host", "a/b")], "bad-host"),
            (&[("host", "u@a")], "bad-host"),
            (&[("host", "a b")], "bad-host"),
            (&[("host", "a:99999")], "bad-host"),
            (&[("host", "a:")], "bad-host"),
        ];
        for (headers, expected) in cases {
            assert_eq!(check(Version::HTTP_11, "GET", "/x", headers), expected, "{headers:?}");
        }
        assert_eq!(check(Version::HTTP_10, "GET", "/x", &[]), "fine");
    }

    #[test]
    fn the_target_and_the_host_must_name_one_authority() {
        for (version, target, host, expected) in [
            (Version::HTTP_11, "http://a.example/x", "A.example:80", "fine"),
            (Version::HTTP_11, "http://a.example/x", "b.example", "two-hosts"),
            (Version::HTTP_2, "https://a.example/x", "a.example:443", "fine"),
            (Version::HTTP_2, "https://a.example/x", "a.example:80", "two-hosts"),
            (Version::HTTP_2, "https://u@a.example/x", "a.example", "bad-host"),
        ] {
            assert_eq!(check(version, "GET", target, &[("host", host)]), expected, "{target}");
        }
        assert_eq!(check(Version::HTTP_2, "GET", "https://a.example/x", &[]), "fine");
        assert_eq!(check(Version::HTTP_2, "GET", "/x", &[]), "bad-host");
    }

    #[test]
    fn only_paths_are_targets_and_some_methods_are_not_offered() {
        let host: Headers<'_> = &[("host", "a")];
        for (method, target, expected) in [
            ("OPTIONS", "*", "bad-target"),
            ("GET", "a.example", "bad-target"),
            ("GET", "ftp://a/x", "bad-target"),
            ("CONNECT", "a:443", "method-not-offered"),
            ("TRACE", "/x", "method-not-offered"),
            ("PURGE", "/x", "fine"),
        ] {
            assert_eq!(
                check(Version::HTTP_11, method, target, host),
                expected,
                "{method} {target}"
            );
        }
    }

    #[test]
    fn lengths_codings_and_expectations_are_unambiguous() {
        let cases: [(Headers<'_>, &str); 9] = [
            (&[("host", "a"), ("content-length", "100")], "fine"),
            (&[("host", "a"), ("content-length", "101")], "body-too-large"),
            (&[("host", "a"), ("content-length", "+5")], "ambiguous-length"),
            (&[("host", "a"), ("content-length", "")], "ambiguous-length"),
            (
                &[("host", "a"), ("content-length", "5"), ("content-length", "6")],
                "ambiguous-length",
            ),
            (
                &[("host", "a"), ("content-length", "5"), ("transfer-encoding", "chunked")],
                "ambiguous-length",
            ),
            (&[("host", "a"), ("transfer-encoding", "Chunked")], "fine"),
            (&[("host", "a"), ("transfer-encoding", "gzip, chunked")], "unknown-transfer-coding"),
            (&[("host", "a"), ("expect", "miracles")], "unknown-expectation"),
        ];
        for (headers, expected) in cases {
            assert_eq!(check(Version::HTTP_11, "POST", "/x", headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn more_headers_than_the_bound_are_refused() {
        let many: Vec<_> = ["host", "a", "b", "c", "d", "e"].map(|name| (name, "x")).into();

        assert_eq!(check(Version::HTTP_2, "GET", "http://x/", &many[..5]), "fine");
        assert_eq!(check(Version::HTTP_2, "GET", "http://x/", &many), "too-many-headers");
    }

    #[test]
    fn every_problem_has_a_code_of_its_own() {
        let codes: std::collections::BTreeSet<_> =
            HeadProblem::ALL.into_iter().map(HeadProblem::code).collect();

        assert_eq!(codes.len(), HeadProblem::ALL.len());
    }
}
