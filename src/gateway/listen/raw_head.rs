//! What hyper does not tell of a request's head: how it was written.
//!
//! Hyper settles `Content-Length` beside `Transfer-Encoding`, repeated lengths and bare line feeds
//! silently. Each is lawful to settle, and each is how two programs come to disagree where a request
//! ends; so the bytes of a head are looked at as they pass.

use memchr::memchr;

/// The longest name looked for is `transfer-encoding:`.
const NAME: usize = 18;

/// Follows the head of one HTTP/1 request through the reads that bring it.
#[derive(Debug, Default)]
pub(super) struct RawHead {
    /// How the line that is being read begins.
    start: [u8; NAME],
    /// Bytes of this line so far.
    length: usize,
    /// The last byte read.
    last: u8,
    lines: usize,
    complete: bool,
    bare_line_feed: bool,
    lengths: u8,
    codings: u8,
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
    /// The head came behind another request and was not seen by itself.
    Unseen,
}

impl RawHead {
    /// Looks at the next bytes of the connection; those behind the head are passed over.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while !self.complete {
            let Some((line, rest)) =
                memchr(b'\n', bytes).and_then(|at| bytes.split_at_checked(at.saturating_add(1)))
            else {
                self.extend(bytes);
                return;
            };
            let (text, _) = line.split_at_checked(line.len().saturating_sub(1)).unwrap_or_default();
            self.extend(text);
            self.end_line();
            bytes = rest;
        }
    }

    /// The verdict on the head that was read, and a fresh start for the next.
    pub(super) fn take(&mut self) -> Writing {
        let head = std::mem::take(self);
        if !head.complete {
            Writing::Unseen
        } else if head.bare_line_feed {
            Writing::BareLineFeed
        } else if head.lengths.saturating_add(head.codings) > 1 {
            Writing::TwoLengths
        } else {
            Writing::Plain
        }
    }

    fn extend(&mut self, text: &[u8]) {
        if let Some(free) = self.start.get_mut(self.length..) {
            free.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
        }
        self.length = self.length.saturating_add(text.len());
        self.last = text.last().copied().unwrap_or(self.last);
    }

    fn end_line(&mut self) {
        let with_return = self.length > 0 && self.last == b'\r';
        let empty = self.length == usize::from(with_return);
        self.bare_line_feed |= !with_return;
        if empty {
            // RFC 9112 section 2.2: empty lines before the request line are no part of it.
            self.complete = self.lines > 0;
        } else {
            self.lines = self.lines.saturating_add(1);
            self.lengths = self.lengths.saturating_add(u8::from(self.begins(b"content-length:")));
            self.codings =
                self.codings.saturating_add(u8::from(self.begins(b"transfer-encoding:")));
        }
        self.length = 0;
        self.last = 0;
    }

    fn begins(&self, name: &[u8]) -> bool {
        self.length >= name.len()
            && self.start.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(head: &str, chunk: usize) -> Writing {
        let mut raw = RawHead::default();
        head.as_bytes().chunks(chunk).for_each(|part| raw.read(part));
        raw.take()
    }

    #[test]
    fn a_head_is_judged_alike_however_it_is_cut() {
        let cases = [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Writing::Plain),
            ("\r\nPOST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", Writing::Plain),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Writing::Plain),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", Writing::BareLineFeed),
            ("GET / HTTP/1.1\r\nHost: a\r\n\n", Writing::BareLineFeed),
            (
                "POST / HTTP/1.1\r\ncontent-length: 2\r\nTRANSFER-ENCODING: chunked\r\n\r\n",
                Writing::TwoLengths,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n",
                Writing::TwoLengths,
            ),
            (
                "POST / HTTP/1.1\r\nX: content-length: 2\r\nContent-Length: 2\r\n\r\n",
                Writing::Plain,
            ),
            ("POST / HTTP/1.1\r\nContent-Length: 2\r\n", Writing::Unseen),
            ("", Writing::Unseen),
        ];
        for (head, expected) in cases {
            for chunk in [1, 2, 3, 7, 1000] {
                assert_eq!(verdict(head, chunk), expected, "{head:?} by {chunk}");
            }
        }
    }

    #[test]
    fn what_follows_a_head_is_not_held_against_it() {
        let body = "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nContent-Length: 3\n\n";

        assert_eq!(verdict(body, 5), Writing::Plain);
    }
}
