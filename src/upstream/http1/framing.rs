//! How long the body of an answer is (RFC 9112 §6.3).

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::response::Parts;
use http::{HeaderMap, Method, StatusCode, Version};

use super::body::Body;
use super::chunked::Chunked;
use super::error::Http1Error;

/// What follows the head of an answer to `method`.
///
/// Whatever two readers could take differently is refused, also where no body follows.
pub(super) fn framing(method: &Method, head: &Parts) -> Result<Body, Http1Error> {
    let chunked = is_chunked(head)?;
    let length = content_length(&head.headers)?;
    if chunked && length.is_some() {
        let reason = "it gave both Transfer-Encoding and Content-Length (RFC 9112 §6.3)";
        return Err(Http1Error::Rule(reason));
    }
    Ok(match length {
        _ if has_no_body(method, head.status) => Body::Over,
        Some(0) => Body::Over,
        Some(length) => Body::Length(length),
        None if chunked => Body::Chunked(Chunked::default()),
        None => Body::UntilClose,
    })
}

fn has_no_body(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD
        || status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

/// We offer no other coding (RFC 9110 §10.1.4), and an HTTP/1.0 answer may have none (RFC 9112 §6.1).
fn is_chunked(head: &Parts) -> Result<bool, Http1Error> {
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(false) };
    if head.version == Version::HTTP_10 {
        return Err(Http1Error::Rule("HTTP/1.0 has no Transfer-Encoding (RFC 9112 §6.1)"));
    }
    if codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        let reason = "its Transfer-Encoding is not chunked alone (RFC 9112 §6.1, RFC 9110 §10.1.4)";
        return Err(Http1Error::Rule(reason));
    }
    Ok(true)
}

/// Several lines must say the same, and a list is refused (RFC 9110 §8.6).
fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Http1Error> {
    let mut length = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let next = digits(value.as_bytes())
            .ok_or(Http1Error::Rule("its Content-Length is no number (RFC 9110 §8.6)"))?;
        if length.is_some_and(|length| length != next) {
            return Err(Http1Error::Rule("it gave two Content-Lengths (RFC 9112 §6.3)"));
        }
        length = Some(next);
    }
    Ok(length)
}

/// Digits and nothing else: `parse` alone would take a sign.
fn digits(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
