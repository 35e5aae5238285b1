//! The head of a request, as bytes.

use std::io::Write as _;

use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};
use http_body::Body as _;

use crate::upstream::RequestBody;

/// How the body of a request is told (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// It has none.
    Nothing,
    /// By its length.
    Length(u64),
    /// By chunks, since nobody knows its length yet.
    Chunked,
}

impl Framing {
    /// The body knows best; else a `Content-Length` that came along counts.
    pub(super) fn of(head: &Parts, body: &RequestBody) -> Self {
        if body.is_end_stream() {
            return Self::Nothing;
        }
        let told = || head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
        body.size_hint().exact().or_else(told).map_or(Self::Chunked, Self::Length)
    }
}

/// Writes a request's head (RFC 9112 §3 and §5).
///
/// None of its parts can hold CR or LF: their types refuse them, so it cannot be split.
pub(super) fn write(head: &Parts, host: &HeaderValue, framing: Framing, out: &mut Vec<u8>) {
    out.extend_from_slice(head.method.as_str().as_bytes());
    out.push(b' ');
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    if !path.starts_with('/') && path != "*" {
        out.push(b'/');
    }
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    // First, as RFC 9110 §7.2 would have it.
    field(out, &HOST, host);
    for (name, value) in &head.headers {
        if !is_ours(name) {
            field(out, name, value);
        }
    }
    match framing {
        Framing::Nothing if means_content(&head.method) => {
            out.extend_from_slice(b"content-length: 0\r\n");
        }
        Framing::Nothing => {}
        Framing::Length(length) => {
            out.extend_from_slice(b"content-length: ");
            out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    out.extend_from_slice(b"\r\n");
}

/// The size line of a chunk (RFC 9112 §7.1).
pub(super) fn chunk(out: &mut Vec<u8>, length: u64) {
    // Writing to memory cannot fail.
    drop(write!(out, "{length:x}"));
    out.extend_from_slice(b"\r\n");
}

fn field(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Fields that are said here, or never: we do not wait for leave to send a body.
fn is_ours(name: &HeaderName) -> bool {
    *name == HOST || *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING || *name == EXPECT
}

/// Methods of which a server expects a body and is told that there is none (RFC 9110 §8.6).
fn means_content(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}
