//! Where HTTP/1 requests begin and end on a connection (RFC 9112 §6, §7.1), so that every head is
//! looked at, however requests and reads lie over each other.
//!
//! This decides nothing about a body: hyper reads it. What is not sound framing hyper refuses, too;
//! here it only means that nothing more is known of the connection.

use std::collections::VecDeque;

use memchr::memchr;

use super::raw_head::{Length, RawHead, Writing};

/// Follows the requests of one connection through the reads that bring them.
#[derive(Debug, Default)]
pub(super) struct Framing {
    head: RawHead,
    within: Within,
    /// Heads that were seen whole and whose calls have not begun.
    seen: VecDeque<Writing>,
}

/// What the next byte belongs to.
#[derive(Debug, Default)]
enum Within {
    #[default]
    Head,
    /// A body of which so many bytes are to come.
    Body(u64),
    Chunks(Chunk),
    /// Nobody knows.
    Lost,
}

/// What of a chunked body the next byte belongs to.
#[derive(Clone, Copy, Debug)]
enum Chunk {
    /// The line that says how long the chunk is; whether its number has ended.
    Size { size: u64, ended: bool },
    /// The chunk, of which so many bytes are to come.
    Data(u64),
    /// The end of the line behind it.
    After,
    /// A line of the trailer section, which an empty one ends.
    Trailer { empty: bool },
}

impl Framing {
    /// Looks at the next bytes of the connection.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = match &mut self.within {
                Within::Head => match self.head.read(bytes) {
                    Some(rest) => {
                        self.end_head();
                        rest
                    }
                    None => return,
                },
                Within::Body(left) => {
                    let (rest, still) = skip(bytes, *left);
                    self.within = if still == 0 { Within::Head } else { Within::Body(still) };
                    rest
                }
                Within::Chunks(chunk) => {
                    let (rest, next) = chunk.read(bytes);
                    self.within = next;
                    rest
                }
                Within::Lost => return,
            };
        }
    }

    /// A call begins: how its head was written.
    pub(super) fn take(&mut self) -> Writing {
        self.seen.pop_front().unwrap_or(Writing::Unseen)
    }

    /// Whether a part of a head was read that no call has taken yet.
    pub(super) fn in_head(&self) -> bool {
        !self.seen.is_empty() || (matches!(self.within, Within::Head) && self.head.has_begun())
    }

    fn end_head(&mut self) {
        let (writing, length) = std::mem::take(&mut self.head).verdict();
        self.seen.push_back(writing);
        self.within = match length {
            Length::None | Length::Bytes(0) => Within::Head,
            Length::Bytes(bytes) => Within::Body(bytes),
            Length::Chunks => Within::Chunks(Chunk::Size { size: 0, ended: false }),
            Length::Unclear => Within::Lost,
        };
    }
}

/// Passes over as many bytes as there are; those behind them, and how many are still to come.
fn skip(bytes: &[u8], count: u64) -> (&[u8], u64) {
    let most = usize::try_from(count).unwrap_or(usize::MAX).min(bytes.len());
    let rest = bytes.get(most..).unwrap_or_default();
    (rest, count.saturating_sub(u64::try_from(most).unwrap_or(u64::MAX)))
}

impl Chunk {
    /// The bytes behind what was read, and what they belong to.
    fn read(self, bytes: &[u8]) -> (&[u8], Within) {
        match self {
            Self::Size { size, ended } => Self::size(bytes, size, ended),
            Self::Data(left) => {
                let (rest, still) = skip(bytes, left);
                let next = if still == 0 { Self::After } else { Self::Data(still) };
                (rest, Within::Chunks(next))
            }
            Self::After => match behind_line(bytes) {
                Some(rest) => (rest, Within::Chunks(Self::Size { size: 0, ended: false })),
                None => (&[], Within::Chunks(Self::After)),
            },
            Self::Trailer { empty } => match memchr(b'\n', bytes) {
                Some(at) => {
                    let line = bytes.get(..at).unwrap_or_default();
                    let rest = bytes.get(at.saturating_add(1)..).unwrap_or_default();
                    let last = empty && matches!(line, [] | b"\r");
                    let next = Within::Chunks(Self::Trailer { empty: true });
                    (rest, if last { Within::Head } else { next })
                }
                None => {
                    let empty = empty && matches!(bytes, [] | b"\r");
                    (&[], Within::Chunks(Self::Trailer { empty }))
                }
            },
        }
    }

    fn size(bytes: &[u8], mut size: u64, mut ended: bool) -> (&[u8], Within) {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => {
                    let next = match size {
                        0 => Self::Trailer { empty: true },
                        size => Self::Data(size),
                    };
                    let rest = bytes.get(at.saturating_add(1)..).unwrap_or_default();
                    return (rest, Within::Chunks(next));
                }
                byte if !ended && byte.is_ascii_hexdigit() => {
                    let digit = char::from(*byte).to_digit(16).unwrap_or_default();
                    match size.checked_mul(16).and_then(|size| size.checked_add(digit.into())) {
                        Some(longer) => size = longer,
                        None => return (&[], Within::Lost),
                    }
                }
                // An extension, or the end of the line.
                _ => ended = true,
            }
        }
        (&[], Within::Chunks(Self::Size { size, ended }))
    }
}

fn behind_line(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(memchr(b'\n', bytes)?.saturating_add(1)..)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdicts on all heads of a connection, read in parts of this size.
    fn verdicts(connection: &str, part: usize) -> Vec<Writing> {
        let mut framing = Framing::default();
        connection.as_bytes().chunks(part).for_each(|part| framing.read(part));
        assert!(!matches!(framing.within, Within::Lost), "{connection:?}");
        framing.seen.into()
    }

    #[test]
    fn every_head_is_seen_whatever_lies_before_it_and_however_it_is_cut() {
        let smuggled = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n\
                        0\r\n\r\n";
        for before in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\n{\"a\":\r\n\r\n 1}",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
             4;x=\"y\"\r\n\r\n\r\n\r\n0A\r\n0\r\n\r\nabcde\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: v\r\nU: w\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n000\r\n\r\n\r\n",
        ] {
            let connection = [before, smuggled, before].concat();
            let expected = [Writing::Plain, Writing::TwoLengths, Writing::Plain];
            for part in [1, 2, 3, 5, 7, 11, 1000] {
                assert_eq!(verdicts(&connection, part), expected, "{before:?} by {part}");
            }
        }
    }

    #[test]
    fn what_cannot_be_followed_is_unseen_from_there_on() {
        for broken in [
            "POST / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        ] {
            let mut framing = Framing::default();
            framing.read(broken.as_bytes());
            framing.read(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            framing.take();
            assert_eq!(framing.take(), Writing::Unseen, "{broken:?}");
        }
    }
}
