//! What was read and not yet understood.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::body::PART;

/// How much is read at once, and what an idle connection keeps.
const STEP: usize = 8 * 1024;
/// The same within a long body: what is passed on at once, so that nothing is left over.
const LONG_STEP: usize = PART;

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
    /// Whether the last read filled what room there was: then more may wait.
    pub(super) fn is_filled(&self) -> bool {
        self.filled
    }

    /// Reads what there is, with room for `wanted` bytes within bounds; says how much it was.
    pub(super) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        wanted: u64,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let step = usize::try_from(wanted).unwrap_or(LONG_STEP).clamp(STEP, LONG_STEP);
        if self.room() < step / 2 {
            self.bytes.reserve(step);
            self.grown |= step > STEP || self.bytes.len() > STEP;
        }
        // There may be more room than was asked for.
        let room = self.room().min(LONG_STEP);
        let mut to = (&mut self.bytes).limit(room);
        let count = ready!(pin!(stream.read_buf(&mut to)).poll(cx))?;
        self.filled = count == room;
        Poll::Ready(Ok(count))
    }

    fn room(&self) -> usize {
        self.bytes.capacity() - self.bytes.len()
    }

    /// Gives back what a long body took.
    pub(super) fn shrink(&mut self) {
        if self.grown {
            *self = Self::default();
        }
    }
}
