//! The body of an answer, taken off the read buffer without copying.

use bytes::{Bytes, BytesMut};
use http_body::SizeHint;

use super::chunked::Chunked;
use super::error::Http1Error;

/// The largest part that is passed on at once. With what frames a chunk (`fff0`, two line ends) it just
/// fills four TLS records; 64 KiB would leave 9 bytes for one more, and for a system call.
pub(super) const PART: usize = 64 * 1024 - 16;

/// What is still to come of a body.
#[derive(Debug)]
pub(super) enum Body {
    /// Nothing.
    Over,
    /// So many bytes, and never none.
    Length(u64),
    /// Chunks.
    Chunked(Chunked),
    /// Whatever comes before the connection ends.
    UntilClose,
}

impl Body {
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }

    /// Takes what is data off the buffer, at most [`PART`] bytes; none if more has to be read first,
    /// or if it is over.
    ///
    /// What follows the part is looked at, too, so that the end is known as soon as it is here.
    pub(super) fn take(&mut self, buffer: &mut BytesMut) -> Result<Option<Bytes>, Http1Error> {
        self.skip(buffer)?;
        let length = buffer.len().min(PART).min(usize::try_from(self.left()).unwrap_or(PART));
        if length == 0 {
            return Ok(None);
        }
        let part = buffer.split_to(length).freeze();
        self.took(length as u64);
        // What is broken stays in the buffer and is found again: after this part.
        drop(self.skip(buffer));
        Ok(Some(part))
    }

    /// The connection ended.
    pub(super) fn ended(&mut self) -> Result<(), Http1Error> {
        if !matches!(self, Self::Over | Self::UntilClose) {
            return Err(Http1Error::Cut);
        }
        *self = Self::Over;
        Ok(())
    }

    /// How much to make room for: all of it if its length is known; else much only once it `flows`.
    pub(super) fn wanted(&self, flows: bool) -> u64 {
        match self {
            Self::Chunked(_) | Self::UntilClose if flows => u64::MAX,
            Self::Over | Self::Length(_) | Self::Chunked(_) => self.left(),
            Self::UntilClose => 0,
        }
    }

    /// Bytes of data that come next.
    fn left(&self) -> u64 {
        match self {
            Self::Over => 0,
            Self::Length(left) => *left,
            Self::Chunked(chunked) => chunked.left(),
            Self::UntilClose => u64::MAX,
        }
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Over => SizeHint::with_exact(0),
            Self::Length(left) => SizeHint::with_exact(*left),
            Self::Chunked(_) | Self::UntilClose => SizeHint::default(),
        }
    }

    /// Moves past what is not data.
    fn skip(&mut self, buffer: &mut BytesMut) -> Result<(), Http1Error> {
        if let Self::Chunked(chunked) = self {
            chunked.skip(buffer)?;
            if chunked.is_over() {
                *self = Self::Over;
            }
        }
        Ok(())
    }

    fn took(&mut self, length: u64) {
        match self {
            Self::Length(left) if *left <= length => *self = Self::Over,
            Self::Length(left) => *left -= length,
            Self::Chunked(chunked) => chunked.took(length),
            Self::Over | Self::UntilClose => {}
        }
    }
}
