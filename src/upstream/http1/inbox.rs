//! What was read and not yet understood.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at once, and what an idle connection keeps.
const STEP: usize = 8 * 1024;
/// The same within a long body.
const LONG_STEP: usize = 64 * 1024;

/// The read buffer of a connection. Heads and parts of bodies are split off it, not copied; once they
/// are gone, their room is used again.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) bytes: BytesMut,
    /// Grown for a long body.
    grown: bool,
    /// The last read filled what room there was.
    filled: bool,
}

impl Inbox {
    /// Reads what there is, in long steps if more than a short one is `expected` or turns out to
    /// come; says how much it was.
    pub(super) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        expected: u64,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let long = self.filled && expected > 0;
        let step = usize::try_from(expected).unwrap_or(LONG_STEP).min(LONG_STEP);
        let step = if long { LONG_STEP } else { step.max(STEP) };
        let room = self.bytes.capacity() - self.bytes.len();
        if room < step / 2 {
            self.bytes.reserve(step);
            self.grown |= step > STEP || self.bytes.len() > STEP;
        }
        let room = self.bytes.capacity() - self.bytes.len();
        let count = ready!(pin!(stream.read_buf(&mut self.bytes)).poll(cx))?;
        self.filled = count == room;
        Poll::Ready(Ok(count))
    }

    /// Gives back what a long body took.
    pub(super) fn shrink(&mut self) {
        if self.grown {
            *self = Self::default();
        }
    }
}
