//! Finds the place in a segment where a moment begins, by halves.

use std::io;

use super::lines::Lines;
use super::read::time_of;
use crate::domain::Timestamp;

/// Bytes that are read through rather than halved.
const NEAR: u64 = 256 << 10;

/// Bytes whose records are looked at to tell when a place was written. A single record may have waited
/// long before it was.
const SPAN: u64 = 64 << 10;

/// Goes to a line behind all that was written before `time`, or not far before that.
pub(super) fn seek(lines: &mut Lines, time: Timestamp) -> io::Result<()> {
    let (mut low, mut high) = (0, lines.length()?);
    while high.saturating_sub(low) > NEAR {
        let middle = low.midpoint(high);
        match written(lines, middle)? {
            Some((start, latest)) if latest < time && start < high => low = start,
            // Zeros and what cannot be read say nothing: what is before them is read through.
            Some(_) | None => high = middle,
        }
    }
    lines.seek(low)
}

/// The first line behind a place, and the latest moment in it and the lines that follow.
fn written(lines: &mut Lines, place: u64) -> io::Result<Option<(u64, Timestamp)>> {
    lines.seek(place)?;
    // The place is in the middle of a line.
    if !lines.advance()? {
        return Ok(None);
    }
    let start = lines.behind();
    let mut latest = None;
    while lines.behind().saturating_sub(start) < SPAN && lines.advance()? {
        latest = latest.max(lines.frame().and_then(|frame| time_of(frame.json)));
    }
    Ok(latest.map(|latest| (start, latest)))
}
