//! What hyper does not tell of a request's head: how it was written.
//!
//! Hyper settles `Content-Length` beside `Transfer-Encoding`, repeated lengths and bare line feeds
//! silently. Each is lawful to settle, and each is how two programs come to disagree where a request
//! ends; so the bytes of a head are looked at as they pass.

use memchr::memchr;

const LENGTH: &[u8] = b"content-length:";
const CODING: &[u8] = b"transfer-encoding:";

/// Enough for `Transfer-Encoding:`, and for `Content-Length:` with a number and spaces around it.
const START: usize = 64;

/// Follows the head of one HTTP/1 request through the reads that bring it.
#[derive(Debug)]
pub(super) struct RawHead {
    /// How the line that is being read begins.
    start: [u8; START],
    /// Bytes of this line so far.
    length: usize,
    /// The last byte read.
    last: u8,
    lines: usize,
    bare_line_feed: bool,
    lengths: u8,
    codings: u8,
    /// What `Content-Length` says; none if that is no number.
    stated: Option<u64>,
}

/// How long the body behind a head is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// There is none.
    None,
    /// So many bytes.
    Bytes(u64),
    /// As long as its chunks say.
    Chunks,
    /// Nobody can tell.
    Unclear,
}

impl Default for RawHead {
    fn default() -> Self {
        Self {
            start: [0; START],
            length: 0,
            last: 0,
            lines: 0,
            bare_line_feed: false,
            lengths: 0,
            codings: 0,
            stated: None,
        }
    }
}

/// What is known of how a head was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// Nothing to object to.
    Plain,
    /// A line ends without a carriage return.
    BareLineFeed,
    /// More than one statement of how long the body is.
    TwoLengths,
    /// The framing before it could not be followed.
    Unseen,
}

impl RawHead {
    /// Looks at the next bytes; those behind the head, once it is whole.
    pub(super) fn read<'a>(&mut self, mut bytes: &'a [u8]) -> Option<&'a [u8]> {
        loop {
            let Some((line, rest)) =
                memchr(b'\n', bytes).and_then(|at| bytes.split_at_checked(at.saturating_add(1)))
            else {
                self.extend(bytes);
                return None;
            };
            let (text, _) = line.split_at_checked(line.len().saturating_sub(1)).unwrap_or_default();
            self.extend(text);
            if self.end_line() {
                return Some(rest);
            }
            bytes = rest;
        }
    }

    /// Whether any of it was read.
    pub(super) fn has_begun(&self) -> bool {
        self.lines > 0 || self.length > 0
    }

    /// How the whole head was written, and how long it says that the body is.
    pub(super) fn verdict(self) -> (Writing, Length) {
        let writing = if self.bare_line_feed {
            Writing::BareLineFeed
        } else if self.lengths.saturating_add(self.codings) > 1 {
            Writing::TwoLengths
        } else {
            Writing::Plain
        };
        let length = match (self.codings, self.lengths) {
            (0, 0) => Length::None,
            (0, _) => self.stated.map_or(Length::Unclear, Length::Bytes),
            // Chunks go before a length (RFC 9112 §6.3).
            (_, _) => Length::Chunks,
        };
        (writing, length)
    }

    fn extend(&mut self, text: &[u8]) {
        if let Some(free) = self.start.get_mut(self.length..) {
            free.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
        }
        self.length = self.length.saturating_add(text.len());
        self.last = text.last().copied().unwrap_or(self.last);
    }

    /// A line has ended; whether the head has, too.
    fn end_line(&mut self) -> bool {
        let with_return = self.length > 0 && self.last == b'\r';
        let empty = self.length == usize::from(with_return);
        self.bare_line_feed |= !with_return;
        let mut complete = false;
        if empty {
            // RFC 9112 section 2.2: empty lines before the request line are no part of it.
            complete = self.lines > 0;
        } else {
            self.lines = self.lines.saturating_add(1);
            if self.begins(LENGTH) {
                self.lengths = self.lengths.saturating_add(1);
                self.stated = self.number();
            }
            self.codings = self.codings.saturating_add(u8::from(self.begins(CODING)));
        }
        self.length = 0;
        self.last = 0;
        complete
    }

    /// The number that `Content-Length` states on this line.
    fn number(&self) -> Option<u64> {
        let line = self.start.get(LENGTH.len()..self.length)?;
        std::str::from_utf8(line.trim_ascii()).ok()?.parse().ok()
    }

    fn begins(&self, name: &[u8]) -> bool {
        self.length >= name.len()
            && self.start.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(head: &str, part: usize) -> Option<(Writing, Length)> {
        let mut raw = RawHead::default();
        let mut parts = head.as_bytes().chunks(part);
        let whole = parts.any(|part| raw.read(part).is_some());
        whole.then(|| raw.verdict())
    }

    #[test]
    fn a_head_is_judged_alike_however_it_is_cut() {
        let cases = [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", (Writing::Plain, Length::None)),
            (
                "\r\nPOST / HTTP/1.1\r\nContent-Length:  2 \r\n\r\n{}",
                (Writing::Plain, Length::Bytes(2)),
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                (Writing::Plain, Length::Chunks),
            ),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", (Writing::BareLineFeed, Length::None)),
            ("GET / HTTP/1.1\r\nHost: a\r\n\n", (Writing::BareLineFeed, Length::None)),
            (
                "POST / HTTP/1.1\r\ncontent-length: 2\r\nTRANSFER-ENCODING: chunked\r\n\r\n",
                (Writing::TwoLengths, Length::Chunks),
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n",
                (Writing::TwoLengths, Length::Bytes(2)),
            ),
            (
                "POST / HTTP/1.1\r\nX: content-length: 9\r\nContent-Length: 2\r\n\r\n",
                (Writing::Plain, Length::Bytes(2)),
            ),
            ("POST / HTTP/1.1\r\nContent-Length: +2\r\n\r\n", (Writing::Plain, Length::Bytes(2))),
            ("POST / HTTP/1.1\r\nContent-Length: 2, 2\r\n\r\n", (Writing::Plain, Length::Unclear)),
        ];
        for (head, expected) in cases {
            for part in [1, 2, 3, 7, 1000] {
                assert_eq!(verdict(head, part), Some(expected), "{head:?} by {part}");
            }
        }
        assert_eq!(verdict("POST / HTTP/1.1\r\nContent-Length: 2\r\n", 3), None);
    }
}
