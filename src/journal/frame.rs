//! The form of a line: `<crc32> <json>\n`, or `<crc32>+<json>\n` for the first of a batch.
//!
//! The checksum is CRC-32 (IEEE) over the JSON, in eight hexadecimal digits. A batch is synced
//! before the next one is written, so a `+` proves that all before it was confirmed: a broken line
//! with a `+` behind it is damage, and without one it is a torn tail. The JSON between is the leaf
//! that proofs are made over.

use serde::Serialize;

/// Bytes before the JSON.
pub(super) const LEAD: usize = 9;

/// What every line of this node starts with, after its number.
#[derive(Debug)]
pub(super) struct Framer {
    /// `,"node":"…",`
    node: Vec<u8>,
}

/// One good line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// Whether all before it was confirmed.
    pub(super) starts_batch: bool,
    /// Its number.
    pub(super) seq: u64,
    /// The leaf.
    pub(super) json: &'a [u8],
}

impl Framer {
    pub(super) fn new(node: &str) -> Self {
        let node = serde_json::Value::from(node);
        Self { node: format!(",\"node\":{node},").into_bytes() }
    }

    /// How many bytes a line has more than its body, at most.
    pub(super) fn overhead(&self) -> u64 {
        let digits = 20;
        u64::try_from(LEAD + "{\"seq\":".len() + digits + self.node.len()).unwrap_or(u64::MAX)
    }

    /// Appends a line. `body` is a JSON object with at least one member.
    pub(super) fn line(&self, out: &mut Vec<u8>, seq: u64, starts_batch: bool, body: &[u8]) {
        let start = out.len();
        out.extend_from_slice(if starts_batch { b"00000000+" } else { b"00000000 " });
        out.extend_from_slice(b"{\"seq\":");
        out.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes());
        out.extend_from_slice(&self.node);
        out.extend_from_slice(body.get(1..).unwrap_or_default());
        let crc = crc32fast::hash(out.get(start + LEAD..).unwrap_or_default());
        for (at, digit) in out.iter_mut().skip(start).zip(hexadecimal(crc)) {
            *at = digit;
        }
        out.push(b'\n');
    }
}

fn hexadecimal(crc: u32) -> [u8; 8] {
    let mut digits = [0; 8];
    for (index, digit) in digits.iter_mut().rev().enumerate() {
        let nibble = (crc.checked_shr(u32::try_from(index * 4).unwrap_or(0)).unwrap_or(0)) & 0xf;
        *digit = u8::try_from(char::from_digit(nibble, 16).unwrap_or('0')).unwrap_or(b'0');
    }
    digits
}

/// Reads a line without its newline; nothing if it is not whole.
pub(super) fn parse(line: &[u8]) -> Option<Frame<'_>> {
    let (lead, json) = line.split_at_checked(LEAD)?;
    let (crc, mark) = lead.split_at_checked(8)?;
    let starts_batch = match mark {
        b"+" => true,
        b" " => false,
        _ => return None,
    };
    if crc != hexadecimal(crc32fast::hash(json)) {
        return None;
    }
    let rest = json.strip_prefix(b"{\"seq\":")?;
    let digits = rest.split(|byte| *byte == b',').next()?;
    let seq = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(Frame { starts_batch, seq, json })
}

/// Writes an event as JSON.
pub(super) fn encode(event: &impl Serialize, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    out.clear();
    serde_json::to_writer(out, event)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Vec<u8> {
        let mut out = Vec::new();
        Framer::new("n\"1").line(&mut out, 42, true, br#"{"event":"stopped"}"#);
        out.pop();
        out
    }

    #[test]
    fn a_line_reads_as_it_was_written() {
        let line = line();
        let frame = parse(&line).unwrap();

        assert_eq!((frame.seq, frame.starts_batch), (42, true));
        assert_eq!(frame.json, br#"{"seq":42,"node":"n\"1","event":"stopped"}"#);
        assert_eq!(&line[..9], format!("{:08x}+", crc32fast::hash(frame.json)).as_bytes());
    }

    #[test]
    fn any_flipped_bit_is_seen() {
        let line = line();
        for bit in 0..line.len() * 8 {
            let mut flipped = line.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&flipped), None, "bit {bit}");
        }
    }

    #[test]
    fn a_part_of_a_line_is_none() {
        let line = line();
        for length in 0..line.len() {
            assert_eq!(parse(&line[..length]), None, "{length}");
        }
    }
}
