//! Deadlines of one call.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::request::Upload;

/// A timer that is set again and again, and hardly ever goes off.
///
/// What the runtime holds is moved only to an earlier moment: left where it is it goes off once before its
/// time, and is then moved, in place of being moved for each call.
#[derive(Debug, Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    due: Option<Instant>,
}

impl Timer {
    fn set(&mut self, at: Instant) {
        match &mut self.sleep {
            Some(sleep) if sleep.deadline() <= at && !sleep.is_elapsed() => {}
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.sleep = Some(Box::pin(sleep_until(at))),
        }
        self.due = Some(at);
    }

    pub(super) fn clear(&mut self) {
        self.due = None;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (Some(sleep), Some(due)) = (&mut self.sleep, self.due) else { return Poll::Pending };
        ready!(sleep.as_mut().poll(cx));
        if sleep.deadline() >= due {
            return Poll::Ready(());
        }
        sleep.as_mut().reset(due);
        sleep.as_mut().poll(cx)
    }

    /// Whether `limit` has passed since this was first asked after the last [`Timer::clear`].
    pub(super) fn poll_pause(&mut self, cx: &mut Context<'_>, limit: Duration) -> Poll<()> {
        if self.due.is_none() {
            self.set(Instant::now() + limit);
        }
        self.poll(cx)
    }
}

/// How long the head of an answer may take: from the request's last byte.
#[derive(Debug)]
pub(super) struct Patience {
    limit: Duration,
    upload: Option<Arc<Upload>>,
    since: Option<Instant>,
}

impl Patience {
    pub(super) fn new(limit: Duration, upload: Option<Arc<Upload>>) -> Self {
        Self { limit, upload, since: None }
    }

    /// Nothing more is sent, so nobody waits for the caller.
    pub(super) fn stop_sending(&mut self) {
        self.upload = None;
    }

    pub(super) fn poll_lost(&mut self, timer: &mut Timer, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.since.get_or_insert_with(|| {
            let now = Instant::now();
            timer.set(now + self.limit);
            now
        });
        while timer.poll(cx).is_ready() {
            let now = Instant::now();
            let stalled = self.upload.as_ref().and_then(|upload| upload.stalled_since(now));
            let due = stalled.unwrap_or(since) + self.limit;
            if due <= now {
                return Poll::Ready(());
            }
            timer.set(due);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_timer_goes_off_when_it_was_set_to_last_and_never_before() {
        let second = Duration::from_secs(1);
        let mut timer = Timer::default();
        let rings = async |timer: &mut Timer, at: Instant| {
            timer.set(at);
            poll_fn(|cx| timer.poll(cx)).await;
            Instant::now().duration_since(at)
        };
        let begin = Instant::now();
        timer.set(begin + second * 10);
        assert!(poll_fn(|cx| Poll::Ready(timer.poll(cx))).await.is_pending());
        timer.clear();

        // Later than what the runtime holds, then earlier, then after that went off.
        for after in [15, 5, 10] {
            let late = rings(&mut timer, Instant::now() + second * after).await;
            assert!(late <= Duration::from_millis(1), "{after} s: {late:?} late");
            timer.clear();
        }
        assert_eq!((Instant::now() - begin).as_secs(), 30);
    }
}
