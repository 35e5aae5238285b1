//! Notices when a connection waits for its caller for too long.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::pulse::Wait;
use crate::config::Bounds;

/// How long a connection that is to end may take over its farewell.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);

/// Idle time is measured in so many looks, so that a busy connection never touches a timer.
const LOOKS: u32 = 4;

/// What a caller took too long for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alarm {
    /// To send a request's head.
    HeadSlow,
    /// To read what was written.
    Unread,
    /// To ask for anything again.
    Idle,
    /// To hang up.
    Overdue,
}

/// The one timer of a connection.
#[derive(Debug)]
pub(super) struct Watch {
    bounds: Bounds,
    timer: Pin<Box<Sleep>>,
    /// What it was armed for, and whether the connection was already told to end.
    armed: Option<(Wait, bool)>,
    looks: u32,
}

impl Watch {
    pub(super) fn new(bounds: &Bounds) -> Self {
        let timer = Box::pin(tokio::time::sleep(LAST_WORDS));
        Self { bounds: *bounds, timer, armed: None, looks: 0 }
    }

    /// Is ready when the connection has waited so for too long.
    pub(super) fn poll(&mut self, wait: Wait, closing: bool, cx: &mut Context<'_>) -> Poll<Alarm> {
        let Some((alarm, limit)) = self.limit(wait, closing) else { return Poll::Pending };
        let looks = if alarm == Alarm::Idle && !closing { LOOKS } else { 1 };
        let now_for = Some((wait, closing));
        loop {
            if self.armed.is_none() || (looks == 1 && self.armed != now_for) {
                self.armed = now_for;
                self.looks = 0;
                self.arm(limit.checked_div(looks).unwrap_or(limit));
            }
            ready!(self.timer.as_mut().poll(cx));
            self.looks = self.looks.saturating_add(1);
            if self.armed != now_for {
                self.armed = None;
            } else if self.looks >= looks {
                self.armed = None;
                return Poll::Ready(alarm);
            } else {
                self.arm(limit.checked_div(looks).unwrap_or(limit));
            }
        }
    }

    fn limit(&self, wait: Wait, closing: bool) -> Option<(Alarm, Duration)> {
        let (alarm, millis) = match wait {
            Wait::Us => return None,
            Wait::HangUp => return Some((Alarm::Overdue, LAST_WORDS)),
            Wait::Reader(_) => (Alarm::Unread, self.bounds.write_ms),
            Wait::Head(_) => (Alarm::HeadSlow, self.bounds.header_ms),
            Wait::Request(_) => (Alarm::Idle, self.bounds.idle_ms),
        };
        let limit = Duration::from_millis(u64::from(millis));
        let unasked = closing && alarm != Alarm::Unread;
        Some((alarm, if unasked { limit.min(LAST_WORDS) } else { limit }))
    }

    fn arm(&mut self, after: Duration) {
        let now = Instant::now();
        self.timer.as_mut().reset(now.checked_add(after).unwrap_or(now));
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// How long it takes to sound, in milliseconds, if nothing changes.
    async fn sounds_after(watch: &mut Watch, wait: Wait, closing: bool) -> (Alarm, u128) {
        let start = Instant::now();
        let alarm = poll_fn(|cx| watch.poll(wait, closing, cx)).await;
        (alarm, start.elapsed().as_millis())
    }

    fn watch() -> Watch {
        let bounds = Bounds { header_ms: 3000, write_ms: 5000, idle_ms: 8000, ..Bounds::default() };
        Watch::new(&bounds)
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_own_limit() {
        for (wait, closing, expected) in [
            (Wait::Head(0), false, (Alarm::HeadSlow, 3000)),
            (Wait::Reader(7), false, (Alarm::Unread, 5000)),
            (Wait::Request(1), false, (Alarm::Idle, 8000)),
            (Wait::Request(1), true, (Alarm::Idle, 1000)),
            (Wait::HangUp, false, (Alarm::Overdue, 1000)),
            (Wait::Reader(7), true, (Alarm::Unread, 5000)),
        ] {
            assert_eq!(sounds_after(&mut watch(), wait, closing).await, expected, "{wait:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn progress_starts_a_wait_anew_and_work_of_ours_stops_it() {
        let mut watch = watch();
        let mut steps = [Wait::Head(0), Wait::Us, Wait::Reader(1), Wait::Reader(2)].into_iter();
        let start = Instant::now();
        for wait in steps.by_ref() {
            let step = sounds_after(&mut watch, wait, false);
            assert!(tokio::time::timeout(Duration::from_millis(2900), step).await.is_err());
        }

        assert_eq!(start.elapsed().as_millis(), 4 * 2900);
        assert_eq!(sounds_after(&mut watch, Wait::Reader(2), false).await.1, 2100);
    }
}
