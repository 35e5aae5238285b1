//! Deadlines of one call.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::request::Upload;

/// A timer that is set again and again: moving one that is registered costs less than a new one.
#[derive(Debug, Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    set: bool,
}

impl Timer {
    fn set(&mut self, at: Instant) {
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.sleep = Some(Box::pin(sleep_until(at))),
        }
        self.set = true;
    }

    pub(super) fn clear(&mut self) {
        self.set = false;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) if self.set => sleep.as_mut().poll(cx),
            Some(_) | None => Poll::Pending,
        }
    }

    /// Whether `limit` has passed since this was first asked after the last [`Timer::clear`].
    pub(super) fn poll_pause(&mut self, cx: &mut Context<'_>, limit: Duration) -> Poll<()> {
        if !self.set {
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
