//! How long the body of an answer is (RFC 9112 §6.3).

use http::{Method, StatusCode, Version};

use super::body::Body;
use super::chunked::Chunked;
use super::error::Http1Error;

/// What the fields of a head say of where its body ends.
///
/// Whatever two readers could take differently is refused, also where no body follows.
#[derive(Debug, Default)]
pub(super) struct Extent {
    chunked: bool,
    length: Option<u64>,
}

impl Extent {
    /// A line of `Transfer-Encoding`. We offer no coding but this (RFC 9110 §10.1.4), and an HTTP/1.0
    /// answer may have none (RFC 9112 §6.1).
    pub(super) fn coding(&mut self, value: &[u8], version: Version) -> Result<(), Http1Error> {
        if version == Version::HTTP_10 {
            return Err(Http1Error::Rule("HTTP/1.0 has no Transfer-Encoding (RFC 9112 §6.1)"));
        }
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            let reason =
                "its Transfer-Encoding is not chunked alone (RFC 9112 §6.1, RFC 9110 §10.1.4)";
            return Err(Http1Error::Rule(reason));
        }
        self.chunked = true;
        Ok(())
    }

    /// A line of `Content-Length`. Several must say the same, and a list is refused (RFC 9110 §8.6).
    pub(super) fn length(&mut self, value: &[u8]) -> Result<(), Http1Error> {
        let next = digits(value)
            .ok_or(Http1Error::Rule("its Content-Length is no number (RFC 9110 §8.6)"))?;
        if self.length.is_some_and(|length| length != next) {
            return Err(Http1Error::Rule("it gave two Content-Lengths (RFC 9112 §6.3)"));
        }
        self.length = Some(next);
        Ok(())
    }

    /// What follows the head of an answer to `method`.
    pub(super) fn body(self, method: &Method, status: StatusCode) -> Result<Body, Http1Error> {
        let Self { chunked, length } = self;
        if chunked && length.is_some() {
            let reason = "it gave both Transfer-Encoding and Content-Length (RFC 9112 §6.3)";
            return Err(Http1Error::Rule(reason));
        }
        Ok(match length {
            _ if has_no_body(method, status) => Body::Over,
            Some(0) => Body::Over,
            Some(length) => Body::Length(length),
            None if chunked => Body::Chunked(Chunked::default()),
            None => Body::UntilClose,
        })
    }
}

fn has_no_body(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD
        || status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
}

/// Digits and nothing else: `parse` alone would take a sign.
fn digits(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
