//! The body on its way to the caller. The call's record ends with its last byte.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Interval};

use super::shaping::Shaping;
use crate::config::Bounds;
use crate::domain::MatterCode;
use crate::gateway::decide::Permit;
use crate::gateway::identify::Identity;
use crate::gateway::prepare::Prepared;
use crate::gateway::record::Trail;
use crate::gateway::refusal::{Blame, Refusal};
use crate::gateway::route::Use;
use crate::gateway::worker::{Held, Worker};

/// How often a body under way is checked against what was withdrawn meanwhile.
const CHECK: Duration = Duration::from_secs(1);

/// The body of every answer.
#[derive(Debug)]
pub struct Body {
    kind: Kind,
    trail: Option<Box<Trail>>,
}

#[derive(Debug)]
enum Kind {
    Empty,
    Whole(Option<Bytes>),
    Streaming(Box<Streaming>),
}

#[derive(Debug)]
struct Streaming {
    shaping: Shaping,
    watch: Option<Box<Watch>>,
    pace: Pace,
}

/// The body could not be brought to its end; the stream is reset.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off: {0}")]
pub struct BodyBroke(&'static str);

impl Body {
    /// No bytes at all.
    pub fn empty() -> Self {
        Self { kind: Kind::Empty, trail: None }
    }

    /// Bytes of an answer without a trail of its own, such as a refusal's.
    pub fn plain(bytes: Bytes) -> Self {
        Self { kind: Kind::Whole(Some(bytes)), trail: None }
    }

    pub(super) fn whole(bytes: Bytes, trail: Box<Trail>) -> Self {
        Self { kind: Kind::Whole(Some(bytes)), trail: Some(trail) }
    }

    pub(super) fn streaming(
        shaping: Box<Shaping>,
        watch: Option<Box<Watch>>,
        trail: Box<Trail>,
    ) -> Self {
        let pace = Pace::new(trail.conn().bounds());
        let streaming = Streaming { shaping: *shaping, watch, pace };
        Self { kind: Kind::Streaming(Box::new(streaming)), trail: Some(trail) }
    }

    fn broke(
        &mut self,
        how: &'static str,
        blame: Blame,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyBroke>>> {
        self.note();
        self.kind = Kind::Empty;
        if let Some(trail) = self.trail.take() {
            trail.broke(how, blame);
        }
        Poll::Ready(Some(Err(BodyBroke(how))))
    }

    /// Notes what shaping has let through.
    fn note(&mut self) {
        if let (Kind::Streaming(streaming), Some(trail)) = (&mut self.kind, &mut self.trail) {
            streaming.shaping.note(trail);
        }
    }

    fn ended(&mut self) {
        if let Some(trail) = self.trail.take() {
            trail.answered();
        }
    }

    fn pass(&mut self, bytes: Bytes) -> Poll<Option<Result<Frame<Bytes>, BodyBroke>>> {
        if let Some(trail) = &mut self.trail {
            trail.sent(bytes.len());
        }
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyBroke;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyBroke>>> {
        let this = &mut *self;
        let part = match &mut this.kind {
            Kind::Empty => return Poll::Ready(None),
            Kind::Whole(bytes) => match bytes.take() {
                Some(bytes) => {
                    let passed = this.pass(bytes);
                    this.ended();
                    return passed;
                }
                None => return Poll::Ready(None),
            },
            Kind::Streaming(streaming) => {
                let Streaming { shaping, watch, pace } = &mut **streaming;
                if watch.as_mut().is_some_and(|watch| watch.poll_lapsed(context)) {
                    return this.broke("permit-lapsed", Blame::Caller);
                }
                if pace.is_too_slow() {
                    return this.broke("caller-too-slow", Blame::Caller);
                }
                match shaping.poll_part(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(part) => {
                        pace.handed(part.as_ref().ok().and_then(Option::as_ref));
                        part
                    }
                }
            }
        };
        match part {
            Ok(Some(bytes)) => this.pass(bytes),
            Ok(None) => {
                this.note();
                this.kind = Kind::Empty;
                this.ended();
                Poll::Ready(None)
            }
            Err(refusal) => {
                let described = refusal.described();
                tracing::warn!(code = described.code, "an answer broke off");
                this.broke(how_it_broke(&refusal), described.blame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.kind, Kind::Empty | Kind::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty | Kind::Whole(None) => SizeHint::with_exact(0),
            Kind::Whole(Some(bytes)) => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            Kind::Streaming(..) => SizeHint::default(),
        }
    }
}

/// The caller hung up, or the gateway cut it: what had left by then is on record all the same.
impl Drop for Body {
    fn drop(&mut self) {
        self.note();
    }
}

fn how_it_broke(refusal: &Refusal) -> &'static str {
    if matches!(refusal, Refusal::UpstreamFailed { .. }) {
        "upstream-broke"
    } else {
        refusal.described().code
    }
}

/// How slowly a caller reads: the time it let us wait, against the bytes it took. One that always reads
/// a little would otherwise keep a place at the department for as long as it likes.
#[derive(Debug)]
struct Pace {
    /// Bytes a second it has to take, once it has used up `grace`.
    least: u32,
    grace: Duration,
    waited: Duration,
    bytes: u64,
    handed: Option<Instant>,
}

impl Pace {
    fn new(bounds: &Bounds) -> Self {
        Self {
            least: bounds.read_bytes_per_second.max(1),
            grace: Duration::from_millis(u64::from(bounds.write_ms)),
            waited: Duration::ZERO,
            bytes: 0,
            handed: None,
        }
    }

    /// A part was handed over; until the next is asked for, the caller is waited for.
    fn handed(&mut self, part: Option<&Bytes>) {
        let length = part.map_or(0, Bytes::len);
        self.bytes = self.bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        self.handed = Some(Instant::now());
    }

    /// The next part is asked for: whether the caller has taken too long over those before.
    fn is_too_slow(&mut self) -> bool {
        if let Some(handed) = self.handed.take() {
            self.waited = self.waited.saturating_add(handed.elapsed());
        }
        let earned =
            Duration::from_secs(self.bytes.checked_div(u64::from(self.least)).unwrap_or(0));
        self.waited > self.grace.saturating_add(earned)
    }
}

/// Resets a body whose permit lapses or is withdrawn while it is under way.
pub(super) struct Watch {
    worker: Worker,
    identity: Identity,
    permit: Permit,
    entry: Arc<Prepared>,
    uses: Vec<Use>,
    matter: Option<MatterCode>,
    every: Interval,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl Watch {
    pub(super) fn new(worker: &Worker, held: &Held<'_>) -> Self {
        let mut every = tokio::time::interval_at(Instant::now() + CHECK, CHECK);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        Self {
            worker: worker.clone(),
            identity: held.identity.clone(),
            permit: held.permit.clone(),
            entry: Arc::clone(held.entry),
            uses: held.uses.to_vec(),
            matter: held.matter.cloned(),
            every,
        }
    }

    /// Whether the permit holds no more. Wakes the body when it is time to look again.
    fn poll_lapsed(&mut self, context: &mut Context<'_>) -> bool {
        while self.every.poll_tick(context).is_ready() {
            let held = Held {
                identity: &self.identity,
                permit: &self.permit,
                entry: &self.entry,
                uses: &self.uses,
                matter: self.matter.as_ref(),
            };
            if self.worker.still(&held).is_err() {
                return true;
            }
        }
        false
    }
}
