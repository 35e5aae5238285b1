//! Notices when a connection waits for its caller for too long.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::pulse::Wait;
use crate::config::Bounds;

/// How long a connection that is to end may take over its farewell.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long nothing must have been asked before a connection may be parked.
pub(super) const QUIET: Duration = Duration::from_millis(500);

/// Idle time is measured in at least so many looks, so that a busy connection never touches a timer.
const LOOKS: u32 = 4;

/// What a caller took too long for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alarm {
    /// To send a request's head.
    HeadSlow,
    /// To read what was written.
    Unread,
    /// To ask again at once; the connection may be parked.
    Quiet,
    /// To ask for anything again.
    Idle,
    /// To hang up.
    Overdue,
}

/// The one timer of a connection.
#[derive(Debug)]
pub(super) struct Watch {
    bounds: Bounds,
    /// How often an idle connection is looked at.
    look: Duration,
    /// Whether it says that a connection is quiet.
    parks: bool,
    timer: Pin<Box<Sleep>>,
    /// What it was armed for, and whether the connection was already told to end.
    armed: Option<(Wait, bool)>,
    /// When it was armed for that.
    since: Instant,
}

impl Watch {
    /// A watch that never says that a connection is quiet.
    pub(super) fn new(bounds: &Bounds) -> Self {
        let look = idle(bounds).checked_div(LOOKS).unwrap_or_default();
        let timer = Box::pin(tokio::time::sleep(LAST_WORDS));
        let since = Instant::now();
        Self { bounds: *bounds, look, parks: false, timer, armed: None, since }
    }

    /// A watch for a connection that can be parked.
    pub(super) fn parking(bounds: &Bounds) -> Self {
        let watch = Self::new(bounds);
        Self { look: watch.look.min(QUIET), parks: true, ..watch }
    }

    /// Is ready when the connection has waited so for too long.
    pub(super) fn poll(&mut self, wait: Wait, closing: bool, cx: &mut Context<'_>) -> Poll<Alarm> {
        let Some((alarm, limit)) = self.limit(wait, closing) else { return Poll::Pending };
        let idle = alarm == Alarm::Idle && !closing;
        let first = if idle { self.look.min(limit) } else { limit };
        let now_for = Some((wait, closing));
        // Whether there were calls since the last look is asked when the next is due.
        if self.armed != now_for && !(idle && self.looks()) {
            self.arm(now_for, first);
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if self.armed != now_for {
                self.arm(now_for, first);
            } else if !idle || self.since.elapsed() >= limit {
                self.armed = None;
                return Poll::Ready(alarm);
            } else {
                self.look_again();
                if self.parks {
                    return Poll::Ready(Alarm::Quiet);
                }
            }
        }
    }

    /// Is ready when a connection that was found quiet, and is parked since, has been idle for too
    /// long.
    pub(super) fn poll_parked(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let end = self.end();
        if self.timer.deadline() != end {
            self.timer.as_mut().reset(end);
        }
        self.timer.as_mut().poll(cx)
    }

    /// Looks at an idle connection some time from now. One that says nothing goes on being idle.
    pub(super) fn look_again(&mut self) {
        let now = Instant::now();
        let next = now.checked_add(self.look).unwrap_or(now);
        let end = self.end();
        self.timer.as_mut().reset(next.min(end));
    }

    /// When it has been idle for too long.
    fn end(&self) -> Instant {
        self.since.checked_add(idle(&self.bounds)).unwrap_or(self.since)
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

    fn looks(&self) -> bool {
        matches!(self.armed, Some((Wait::Request(_), false)))
    }

    fn arm(&mut self, what: Option<(Wait, bool)>, after: Duration) {
        let now = Instant::now();
        self.armed = what;
        self.since = now;
        self.timer.as_mut().reset(now.checked_add(after).unwrap_or(now));
    }
}

fn idle(bounds: &Bounds) -> Duration {
    Duration::from_millis(u64::from(bounds.idle_ms))
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

    fn bounds() -> Bounds {
        Bounds { header_ms: 3000, write_ms: 5000, idle_ms: 8000, ..Bounds::default() }
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
            let mut watch = Watch::new(&bounds());
            assert_eq!(sounds_after(&mut watch, wait, closing).await, expected, "{wait:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn progress_starts_a_wait_anew_and_work_of_ours_stops_it() {
        let mut watch = Watch::new(&bounds());
        let mut steps = [Wait::Head(0), Wait::Us, Wait::Reader(1), Wait::Reader(2)].into_iter();
        let start = Instant::now();
        for wait in steps.by_ref() {
            let step = sounds_after(&mut watch, wait, false);
            assert!(tokio::time::timeout(Duration::from_millis(2900), step).await.is_err());
        }

        assert_eq!(start.elapsed().as_millis(), 4 * 2900);
        assert_eq!(sounds_after(&mut watch, Wait::Reader(2), false).await.1, 2100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_connection_is_idle_from_its_last_call_however_often_it_is_parked() {
        let mut watch = Watch::parking(&bounds());
        let start = Instant::now();
        // Calls in between: the look finds another wait than the one before.
        for call in 1..4 {
            let step = sounds_after(&mut watch, Wait::Request(call), false);
            assert!(tokio::time::timeout(Duration::from_millis(400), step).await.is_err());
        }

        let quiet = (Alarm::Quiet, 300);
        assert_eq!(sounds_after(&mut watch, Wait::Request(3), false).await, quiet);
        let parked = poll_fn(|cx| watch.poll_parked(cx));
        assert!(tokio::time::timeout(Duration::from_millis(2500), parked).await.is_err());
        // Bytes came that make no request.
        watch.look_again();
        let again = (Alarm::Quiet, 500);
        assert_eq!(sounds_after(&mut watch, Wait::Request(3), false).await, again);
        poll_fn(|cx| watch.poll_parked(cx)).await;
        assert_eq!(start.elapsed().as_millis(), 1000 + 8000);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_idle_time_does_not_wait_for_the_limit_of_a_head() {
        let mut watch = Watch::parking(&bounds());
        let head = sounds_after(&mut watch, Wait::Head(0), false);
        assert!(tokio::time::timeout(Duration::from_millis(100), head).await.is_err());

        let quiet = (Alarm::Quiet, 500);
        assert_eq!(sounds_after(&mut watch, Wait::Request(1), false).await, quiet);
    }
}
