//! The chunked coding of an answer (RFC 9112 §7.1).

use bytes::{Buf, BytesMut};
use http::HeaderName;
use memchr::memchr;

use super::error::Http1Error;

/// The longest line of a size with its extensions, and of a trailer.
const LINE: usize = 8 * 1024;
/// What extensions and trailers, which nobody reads, may come to over a whole body.
const EXTRAS: usize = 16 * 1024;

/// Where in the coding we are.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    state: State,
    extras: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Before a size.
    #[default]
    Size,
    /// Within a chunk, with so many bytes to come.
    Data(u64),
    /// Behind the data of a chunk.
    DataEnd,
    /// Behind the last chunk.
    Trailers,
    Over,
}

impl Chunked {
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Bytes left of the chunk at hand.
    pub(super) fn left(&self) -> u64 {
        if let State::Data(left) = self.state { left } else { 0 }
    }

    pub(super) fn took(&mut self, length: u64) {
        let left = self.left().saturating_sub(length);
        self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
    }

    /// Moves past all that is not data. What is wrong is left where it is.
    pub(super) fn skip(&mut self, buffer: &mut BytesMut) -> Result<(), Http1Error> {
        loop {
            let next = match self.state {
                State::Data(_) | State::Over => return Ok(()),
                State::Size => self.size(buffer)?,
                State::DataEnd => data_end(buffer)?,
                State::Trailers => self.trailer(buffer)?,
            };
            let Some((length, state)) = next else { return Ok(()) };
            buffer.advance(length);
            self.state = state;
        }
    }

    fn size(&mut self, buffer: &[u8]) -> Result<Option<(usize, State)>, Http1Error> {
        let Some((line, length)) = line(buffer)? else { return Ok(None) };
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (size, extension) = line.split_at(digits);
        let size = hex(size).ok_or(Http1Error::Rule("a chunk has no size (RFC 9112 §7.1)"))?;
        // Space alone is no extension, but old servers pad sizes with it.
        if !matches!(extension.trim_ascii_start(), [] | [b';', ..]) {
            return Err(Http1Error::Rule("the size of a chunk is no number (RFC 9112 §7.1)"));
        }
        self.spend(extension)?;
        let state = if size == 0 { State::Trailers } else { State::Data(size) };
        Ok(Some((length, state)))
    }

    /// Trailers are dropped: nothing may depend on them (RFC 9110 §6.5.1).
    fn trailer(&mut self, buffer: &[u8]) -> Result<Option<(usize, State)>, Http1Error> {
        let Some((line, length)) = line(buffer)? else { return Ok(None) };
        if line.is_empty() {
            return Ok(Some((length, State::Over)));
        }
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        if name.len() == line.len() || HeaderName::from_bytes(name).is_err() {
            return Err(Http1Error::Rule("a trailer is no field (RFC 9112 §7.1.2)"));
        }
        self.spend(line)?;
        Ok(Some((length, State::Trailers)))
    }

    fn spend(&mut self, extra: &[u8]) -> Result<(), Http1Error> {
        let extras = self.extras + extra.len();
        if extras > EXTRAS {
            let reason = "its chunks have extensions or trailers without end (RFC 9112 §7.1.1)";
            return Err(Http1Error::Rule(reason));
        }
        self.extras = extras;
        Ok(())
    }
}

fn data_end(buffer: &[u8]) -> Result<Option<(usize, State)>, Http1Error> {
    match buffer {
        [b'\r', b'\n', ..] => Ok(Some((2, State::Size))),
        [] | [b'\r'] => Ok(None),
        _ => Err(Http1Error::Rule("a chunk is longer than its size (RFC 9112 §7.1)")),
    }
}

/// The next line and how far it reaches. It ends in CRLF only: what takes CR or LF alone for an end
/// sees other chunks than who does not.
fn line(buffer: &[u8]) -> Result<Option<(&[u8], usize)>, Http1Error> {
    let Some(end) = memchr(b'\n', buffer) else {
        return if buffer.len() > LINE { Err(too_long()) } else { Ok(None) };
    };
    let line = buffer.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let line =
        line.filter(|line| line.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control()));
    let line =
        line.ok_or(Http1Error::Rule("a line of chunks has stray controls (RFC 9112 §7.1)"))?;
    if line.len() > LINE { Err(too_long()) } else { Ok(Some((line, end + 1))) }
}

fn too_long() -> Http1Error {
    Http1Error::Rule("a line between chunks is too long (RFC 9112 §7.1.1)")
}

fn hex(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    u64::from_str_radix(text, 16).ok()
}
