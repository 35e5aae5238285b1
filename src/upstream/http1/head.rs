//! The head of an answer: found, read once, and kept without copying its values.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version};
use httparse::{ParserConfig, Status};
use memchr::memchr_iter;

use super::body::Body;
use super::error::Http1Error;
use super::framing::Extent;

/// What a head may have.
const BYTES: usize = 64 * 1024;
const FIELDS: usize = 100;
/// Interim answers before the one that counts.
const INTERIM: u8 = 16;

/// What a head says.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) parts: Parts,
    pub(super) body: Body,
    /// Whether the connection goes on after the answer (RFC 9112 §9.3).
    pub(super) keep: bool,
}

/// Waits for the head of one answer.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    /// What was searched already, so that a head that trickles in costs no more than another.
    searched: usize,
    interim: u8,
}

impl HeadReader {
    /// Takes the head of the answer to `method` off the buffer, once it is all there.
    ///
    /// Interim answers tell us nothing, since we never ask to go on (RFC 9110 §15.2).
    pub(super) fn take(
        &mut self,
        buffer: &mut BytesMut,
        method: &Method,
    ) -> Result<Option<Head>, Http1Error> {
        while let Some(end) = self.end(buffer) {
            if end > BYTES {
                return Err(Http1Error::HeadTooLarge);
            }
            self.searched = 0;
            let head = parse(&buffer.split_to(end).freeze(), method)?;
            if !head.parts.status.is_informational() {
                return Ok(Some(head));
            }
            if head.parts.status == StatusCode::SWITCHING_PROTOCOLS {
                return Err(Http1Error::Rule("it switched protocols unasked (RFC 9110 §7.8)"));
            }
            self.interim = self.interim.saturating_add(1);
            if self.interim > INTERIM {
                return Err(Http1Error::Rule("it gave interim answers without end"));
            }
        }
        if buffer.len() > BYTES { Err(Http1Error::HeadTooLarge) } else { Ok(None) }
    }

    /// Where the head ends: behind its first empty line.
    ///
    /// A line may end in LF alone (RFC 9112 §2.2), as old interfaces have it.
    fn end(&mut self, buffer: &[u8]) -> Option<usize> {
        let unsearched = buffer.get(self.searched..).unwrap_or_default();
        for at in memchr_iter(b'\n', unsearched) {
            match unsearched.get(at + 1..).unwrap_or_default() {
                [b'\n', ..] => return Some(self.searched + at + 2),
                [b'\r', b'\n', ..] => return Some(self.searched + at + 3),
                [] | [b'\r'] => {
                    self.searched += at;
                    return None;
                }
                _ => {}
            }
        }
        self.searched = buffer.len();
        None
    }
}

fn parse(bytes: &Bytes, method: &Method) -> Result<Head, Http1Error> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
    let mut answer = httparse::Response::new(&mut []);
    // It refuses folded lines and spaces before a colon (RFC 9112 §5.1 and §5.2) unless told otherwise.
    let parsed =
        ParserConfig::default().parse_response_with_uninit_headers(&mut answer, bytes, &mut fields);
    match parsed {
        Ok(Status::Complete(length)) if length == bytes.len() => {}
        Ok(_) => return Err(Http1Error::Rule("its answer has no status line (RFC 9112 §4)")),
        Err(httparse::Error::TooManyHeaders) => return Err(Http1Error::HeadTooLarge),
        Err(error) => return Err(Http1Error::Head(error)),
    }
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = answer
        .code
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or(Http1Error::Rule("its status is none (RFC 9110 §15)"))?;
    parts.version = if answer.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let fields = Fields::read(bytes, answer.headers, parts.version)?;
    let body = fields.extent.body(method, parts.status)?;
    parts.headers = fields.headers;
    Ok(Head { parts, body, keep: fields.keep })
}

/// The fields of a head. Those of the connection end here (RFC 9110 §7.6.1): only what they say is left.
struct Fields {
    headers: HeaderMap,
    extent: Extent,
    /// RFC 9112 §9.3: `close` always counts, and HTTP/1.0 has to ask for more.
    keep: bool,
}

impl Fields {
    /// The values share the head's memory.
    fn read(
        bytes: &Bytes,
        fields: &[httparse::Header<'_>],
        version: Version,
    ) -> Result<Self, Http1Error> {
        let mut headers = HeaderMap::with_capacity(fields.len());
        let mut extent = Extent::default();
        let (mut close, mut keep_alive) = (false, version == Version::HTTP_11);
        let mut named = Vec::new();
        for field in fields {
            let name = HeaderName::from_bytes(field.name.as_bytes())
                .map_err(|_| Http1Error::Head(httparse::Error::HeaderName))?;
            match name.as_str() {
                "connection" => {
                    for option in field.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                        if option.eq_ignore_ascii_case(b"close") {
                            close = true;
                        } else if option.eq_ignore_ascii_case(b"keep-alive") {
                            keep_alive = true;
                        } else {
                            named.extend(HeaderName::from_bytes(option).ok());
                        }
                    }
                    continue;
                }
                "transfer-encoding" => {
                    extent.coding(field.value, version)?;
                    continue;
                }
                "content-length" => extent.length(field.value)?,
                "keep-alive" => continue,
                _ => {}
            }
            let value = HeaderValue::from_maybe_shared(bytes.slice_ref(field.value))
                .map_err(|_| Http1Error::Head(httparse::Error::HeaderValue))?;
            headers.append(name, value);
        }
        for name in named {
            headers.remove(name);
        }
        Ok(Self { headers, extent, keep: keep_alive && !close })
    }
}
