//! Moments as records say them.

use std::cell::Cell;
use std::thread::LocalKey;

use super::member::put;
use crate::domain::Timestamp;

/// `"2026-11-25T12:00:00.` of the second that began at these milliseconds.
type Second = (i64, [u8; 21]);

thread_local! {
    /// Calls come many a second: the last second that they came in, as it is written.
    pub(super) static NOW: Cell<Second> = const { Cell::new((i64::MIN, [0; 21])) };
    /// And the last moment of a department's data, which stays the same for many calls.
    pub(super) static THEN: Cell<Second> = const { Cell::new((i64::MIN, [0; 21])) };
}

pub(super) fn time(out: &mut Vec<u8>, moment: Timestamp, kept: &'static LocalKey<Cell<Second>>) {
    let millis = moment.millis().rem_euclid(1000);
    let second = moment.millis().saturating_sub(millis);
    let (mut last, mut written) = kept.get();
    if last != second {
        let now = format!("\"{moment}");
        let Some((before, b"Z")) = now
            .as_bytes()
            .split_first_chunk()
            .map(|(second, rest)| (second, rest.get(3..).unwrap_or_default()))
        else {
            // Of a year that is not written with four digits.
            put(out, &now);
            out.push(b'"');
            return;
        };
        (last, written) = (second, *before);
        kept.set((last, written));
    }
    out.extend_from_slice(&written);
    // With a digit before them, so that there are always three.
    let digits = 1000_i64.saturating_add(millis);
    out.extend_from_slice(
        itoa::Buffer::new().format(digits).as_bytes().get(1..).unwrap_or_default(),
    );
    put(out, "Z\"");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_millisecond_of_two_seconds_is_written_as_it_is() {
        for millis in (1_795_608_000_000..1_795_608_002_000).chain([-1, 0, -62_135_596_800_000]) {
            let moment = Timestamp::from_millis(millis);
            let mut out = Vec::new();
            time(&mut out, moment, &NOW);
            assert_eq!(String::from_utf8(out).unwrap(), format!("\"{moment}\""));
        }
    }
}
