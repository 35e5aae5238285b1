//! Building beside calls, in steps: a thread that reads a province's hundred thousand files shares its core
//! with one that serves, and the kernel lets whoever runs go on to the end of its slice, some milliseconds,
//! before a call that wakes has its turn.

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

/// How long a step may take: calls that come meanwhile wait for so much.
const STEP: Duration = Duration::from_micros(100);

/// How long a build stands back. Where calls leave it no time at all, it takes its share after that, or
/// new policies would never come into force.
const PATIENCE: Duration = Duration::from_secs(10);

thread_local! {
    /// When what this thread does began, and its step; none where nobody is to go first.
    static TURN: Cell<Option<(Instant, Instant)>> = const { Cell::new(None) };
}

/// From here on this thread does something that gives way to calls.
pub(super) fn begin() {
    let now = instant();
    TURN.set(Some((now, now)));
}

/// Lets others go first if the step was long enough. Called for each thing in any long loop.
pub(crate) fn give_way() {
    let Some((began, step)) = TURN.get() else { return };
    let now = instant();
    if now.saturating_duration_since(step) < STEP {
        return;
    }
    if now.saturating_duration_since(began) < PATIENCE {
        std::thread::yield_now();
    }
    TURN.set(Some((began, instant())));
}

/// Drops things one by one, where dropping them at once would take long.
pub(crate) fn drop_in_steps<T>(things: impl IntoIterator<Item = T>) {
    for thing in things {
        drop(thing);
        give_way();
    }
}

/// Writes JSON in steps.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut steps = Steps(Vec::new());
    serde_json::to_writer(&mut steps, value)?;
    Ok(steps.0)
}

struct Steps(Vec<u8>);

impl io::Write for Steps {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        give_way();
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The time that waits are measured with.
#[expect(clippy::disallowed_methods, reason = "waits on files cannot be moved by a test's clock")]
pub(super) fn instant() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn json_in_steps_is_json() {
        let files: BTreeMap<_, _> =
            (0..1_000).map(|number| (format!("grants/\"{number}\".yaml"), number)).collect();
        for gives_way in [false, true] {
            if gives_way {
                begin();
            }
            assert_eq!(to_json(&files).unwrap(), serde_json::to_vec(&files).unwrap());
        }
    }

    #[test]
    fn things_that_are_dropped_in_steps_are_dropped() {
        let thing = std::sync::Arc::new(());
        drop_in_steps(vec![std::sync::Arc::clone(&thing); 1_000]);
        assert_eq!(std::sync::Arc::strong_count(&thing), 1);
    }
}
