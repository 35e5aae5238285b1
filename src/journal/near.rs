//! Finds the place in a segment where a time begins, without reading what stands before it: lines stand
//! in the order of their times but for what a clock or a crowd shifts by moments.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use memchr::{memchr, memmem};

use super::frame::parse;
use crate::domain::Timestamp;

/// Bytes looked at in one place; what lies closer together than this is read through.
const WINDOW: usize = 64 << 10;

/// No line is longer.
const LONGEST: usize = 64 << 20;

/// The start of a line that is older than `time`, with at most a window of others behind it; 0 if the
/// segment begins later.
pub(super) fn begin(path: &Path, time: Timestamp) -> io::Result<u64> {
    let file = File::open(path)?;
    let window = u64::try_from(WINDOW).unwrap_or(u64::MAX);
    let (mut low, mut high) = (0, file.metadata()?.len());
    while high.saturating_sub(low) > window {
        let middle = low.saturating_add(high.saturating_sub(low) / 2);
        match line_behind(&file, middle)? {
            Some((start, found)) if found < time && start < high => low = start,
            // The line is later, reaches beyond what is known to be later, or only zeros follow.
            Some(_) | None => high = middle,
        }
    }
    Ok(low)
}

/// Where the first whole line behind a place starts, and its time; none where zeros begin before it.
fn line_behind(file: &File, place: u64) -> io::Result<Option<(u64, Timestamp)>> {
    let mut seen = Vec::new();
    let mut start = None;
    loop {
        let had = seen.len();
        if had > LONGEST {
            return Ok(None);
        }
        seen.resize(had.saturating_add(WINDOW), 0);
        let at = place.saturating_add(u64::try_from(had).unwrap_or(u64::MAX));
        let read = file.read_at(seen.get_mut(had..).unwrap_or_default(), at)?;
        seen.truncate(had.saturating_add(read));
        while let Some(line) = next_line(&seen, &mut start) {
            if let Some(time) = parse(line.0).and_then(|frame| time_of(frame.json)) {
                let offset = u64::try_from(line.1).unwrap_or(u64::MAX);
                return Ok(Some((place.saturating_add(offset), time)));
            }
        }
        let rest = seen.get(start.unwrap_or(0)..).unwrap_or_default();
        if read == 0 || memchr(0, rest).is_some() {
            return Ok(None);
        }
    }
}

/// The next line of what was seen, and where in it; what stands before the first newline is the end of
/// another.
fn next_line<'a>(seen: &'a [u8], start: &mut Option<usize>) -> Option<(&'a [u8], usize)> {
    if start.is_none() {
        *start = Some(memchr(b'\n', seen)?.saturating_add(1));
    }
    let from = (*start)?;
    let rest = seen.get(from..)?;
    let line = rest.get(..memchr(b'\n', rest)?)?;
    *start = Some(from.saturating_add(line.len()).saturating_add(1));
    Some((line, from))
}

/// The time of a record. Quotes inside texts are escaped, so the first match is the member itself.
pub(super) fn time_of(json: &[u8]) -> Option<Timestamp> {
    let mark = b",\"time\":\"";
    let at = memmem::find(json, mark)?.checked_add(mark.len())?;
    let rest = json.get(at..)?;
    let text = rest.get(..memchr(b'"', rest)?)?;
    Timestamp::parse(std::str::from_utf8(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::journal::frame::Framer;

    /// A segment of so many lines, one a second, before zeros.
    fn segment(lines: u64, zeros: usize) -> tempfile::NamedTempFile {
        let mut text = Vec::new();
        for number in 0..lines {
            let time = Timestamp::from_millis(i64::try_from(number * 1_000).unwrap());
            let body = format!("{{\"event\":\"stopped\",\"time\":\"{time}\",\"x\":\"{:90}\"}}", "");
            Framer::new("n").line(&mut text, number, false, body.as_bytes());
        }
        text.extend(std::iter::repeat_n(0, zeros));
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&text).unwrap();
        file
    }

    #[test]
    fn what_is_found_is_older_and_close_by() {
        for zeros in [0, 5 << 20] {
            let file = segment(20_000, zeros);
            let text = std::fs::read(file.path()).unwrap();
            for second in [0, 1, 399, 400, 10_000, 19_999, 30_000] {
                let time = Timestamp::from_millis(second * 1_000);

                let offset = begin(file.path(), time).unwrap();

                let rest = &text[usize::try_from(offset).unwrap()..];
                let line = parse(&rest[..memchr(b'\n', rest).unwrap()]).unwrap();
                let found = time_of(line.json).unwrap();
                assert!(offset == 0 || found < time, "{second}: {found}");
                let due = i64::try_from(line.seq).unwrap();
                assert!(second.min(19_999) - due < 1_000, "{second}: read from {due}");
            }
        }
    }

    #[test]
    fn a_broken_line_and_a_long_one_are_passed_over() {
        let mut text = Vec::new();
        let line = |text: &mut Vec<u8>, seq: u64, filling: usize| {
            let time = Timestamp::from_millis(i64::try_from(seq * 1_000).unwrap());
            let body = format!("{{\"event\":\"x\",\"time\":\"{time}\",\"x\":\"{:filling$}\"}}", "");
            Framer::new("n").line(text, seq, false, body.as_bytes());
        };
        (0..1_000).for_each(|seq| line(&mut text, seq, 100));
        line(&mut text, 1_000, 300_000);
        text.extend(b"rubbish\n".repeat(20));
        (1_001..3_000).for_each(|seq| line(&mut text, seq, 100));
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&text).unwrap();

        for second in [10, 999, 1_000, 1_001, 2_900] {
            let time = Timestamp::from_millis(second * 1_000);
            let offset = begin(file.path(), time).unwrap();
            let rest = &text[usize::try_from(offset).unwrap()..];
            let line = parse(&rest[..memchr(b'\n', rest).unwrap()]).unwrap();
            assert!(offset == 0 || time_of(line.json).unwrap() < time, "{second}");
        }
    }
}
