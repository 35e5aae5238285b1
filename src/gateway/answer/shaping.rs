//! Pulls the department's bytes through decoding and shaping.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderValue, header};
use http_body::Body as _;

use super::out::Out;
use crate::cache::Shaped;
use crate::domain::{Format, ItemName, Personal, Zone};
use crate::gateway::Refusal;
use crate::gateway::decide::Permit;
use crate::gateway::fetch::{Source, Unshaped};
use crate::gateway::record::Trail;
use crate::gateway::route::Target;
use crate::gateway::worker::Worker;
use crate::shape::decode::{Bounds, Gunzip};
use crate::shape::{Report, ShapeError, Shaper, Watch};

/// Bytes out for a byte in that a department's gzip may have.
const RATIO: u64 = 200;

/// Largest part of a kept body that is shaped at once; framed as a chunk, four TLS records.
const PART: usize = 64 * 1024 - 16;

/// An answer before its head leaves.
#[derive(Debug)]
pub(super) enum Held {
    /// All of it.
    Whole(Bytes),
    /// Its beginning, and where the rest comes from.
    Streaming(Box<Shaping>),
}

/// One answer on its way through shaping.
#[derive(Debug)]
pub(super) struct Shaping {
    source: Source,
    decoder: Option<Gunzip>,
    way: Way,
    out: Out,
    scratch: Vec<u8>,
    left: u64,
    limited: Option<ItemName>,
    /// What looks personal in what leaves; looked for on the way to the public only.
    personal: Option<Box<Watch>>,
    ended: Option<Report>,
}

/// What is done to it.
#[derive(Debug)]
enum Way {
    /// A file passes as it is: every item of it is granted, these.
    Pass(Arc<[ItemName]>),
    /// It is shaped.
    Shape(Shaper),
    /// It was shaped before, to this.
    Again(Arc<Shaped>),
}

impl Shaping {
    /// Opens an answer under a permit; nothing else opens one.
    pub(super) fn open(
        worker: &Worker,
        permit: &Permit,
        target: &Target,
        unshaped: Unshaped,
    ) -> Result<Self, Refusal> {
        let interface = target.entry.source.entry.interface.as_ref();
        let largest = interface.map_or(0, |interface| interface.largest);
        let raw = super::format_of(target) == Format::File;
        let encoding = unshaped.source.headers().get(header::CONTENT_ENCODING);
        let decoder = match encoding.map(|value| value.as_bytes().to_ascii_lowercase()) {
            None => None,
            Some(name) if name == b"identity" => None,
            // A file passes with its coding; what is shaped must be read.
            Some(_) if raw => None,
            Some(name) if name == b"gzip" || name == b"x-gzip" => {
                Some(Gunzip::new(Bounds { largest, ratio: RATIO }))
            }
            Some(_) => {
                return Err(Refusal::AnswerNotDescribed { status: unshaped.status.as_u16() });
            }
        };
        let mut out = Out::default();
        let mut ended = None;
        let way = match (unshaped.source.shaped(permit.version()), permit.plan()) {
            (Some(shaped), _) => {
                out.push(shaped.bytes.clone());
                ended = Some(shaped.report.clone());
                Way::Again(shaped)
            }
            (None, Some(plan)) => {
                Way::Shape(Shaper::new(Arc::clone(plan), worker.node.mask_key.clone()))
            }
            (None, None) if raw => Way::Pass(Arc::clone(permit.items())),
            (None, None) => return Err(Refusal::Internal { what: "an answer without a plan" }),
        };
        let watches = worker.side.zone == Zone::Opening && ended.is_none();
        Ok(Self {
            source: unshaped.source,
            decoder,
            way,
            out,
            scratch: Vec::new(),
            left: largest,
            limited: permit
                .grant()
                .and_then(|written| written.grant.scope.first())
                .map(|scope| scope.item.clone()),
            personal: watches.then(Box::default),
            ended,
        })
    }

    /// Notes what was let through so far.
    pub(super) fn note(&mut self, trail: &mut Trail) {
        if let Some(counts) = self.personal() {
            trail.personal(counts);
        }
        match (&mut self.ended, &self.way) {
            (_, Way::Pass(items)) => trail.passed(items),
            // Taken and not copied: nobody notes more of an answer than its end.
            (Some(report), Way::Shape(_) | Way::Again(_)) => trail.shaped(std::mem::take(report)),
            (None, Way::Shape(shaper)) => trail.shaped(shaper.so_far()),
            (None, Way::Again(_)) => {}
        }
    }

    /// What looks personal in what was let through so far, where that is looked for.
    fn personal(&self) -> Option<Personal> {
        match &self.way {
            Way::Again(shaped) => shaped.personal,
            Way::Pass(_) | Way::Shape(_) => self.personal.as_ref().map(|watch| watch.counts()),
        }
    }

    /// Shapes until the bound is held or the answer ends; then it is whole.
    pub(super) async fn hold(&mut self, bound: usize) -> Result<Option<Bytes>, Refusal> {
        while self.ended.is_none() && self.out.len() < bound {
            std::future::poll_fn(|context| self.poll_step(context)).await?;
        }
        let whole = self.ended.is_some();
        Ok(whole.then(|| self.out.all()))
    }

    /// What it was shaped to before.
    pub(super) fn before(&self) -> Option<&Shaped> {
        match &self.way {
            Way::Again(shaped) => Some(shaped),
            Way::Pass(_) | Way::Shape(_) => None,
        }
    }

    /// Keeps what it was shaped to, all of it, beside the answer that is kept.
    pub(super) fn keep(&self, permit: &Permit, all: &Bytes, tag: Option<&HeaderValue>) {
        if let (Source::Kept { stored, .. }, Way::Shape(_), Some(report)) =
            (&self.source, &self.way, &self.ended)
            && stored.has_room(all.len())
        {
            stored.keep_shaped(Shaped {
                version: Arc::clone(permit.version()),
                // It leaves in a buffer that has room for more.
                bytes: Bytes::copy_from_slice(all),
                report: report.clone(),
                personal: self.personal(),
                tag: tag.cloned(),
            });
        }
    }

    /// The next part of the shaped answer; none at its end.
    pub(super) fn poll_part(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, Refusal>> {
        while self.out.is_empty() && self.ended.is_none() {
            ready!(self.poll_step(context))?;
        }
        Poll::Ready(Ok(self.out.next()))
    }

    /// Takes one part from the source, or notes its end.
    fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        let part = match &mut self.source {
            Source::Kept { left, .. } => {
                let length = left.len().min(PART);
                (length > 0).then(|| left.split_to(length))
            }
            Source::Live { begun, .. } if !begun.is_empty() => {
                Some(begun.split_to(begun.len().min(PART)))
            }
            Source::Live { rest, .. } => loop {
                match ready!(Pin::new(&mut **rest).poll_frame(context)) {
                    None => break None,
                    Some(Err(cause)) => {
                        return Poll::Ready(Err(Refusal::UpstreamFailed { cause }));
                    }
                    Some(Ok(frame)) => {
                        // Trailers do not pass.
                        if let Ok(data) = frame.into_data() {
                            break Some(data);
                        }
                    }
                }
            },
        };
        Poll::Ready(match part {
            Some(part) => self.take(part),
            None => self.end(),
        })
    }

    fn take(&mut self, part: Bytes) -> Result<(), Refusal> {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(length).ok_or(Refusal::AnswerTooLong)?;
        let Way::Shape(shaper) = &mut self.way else {
            if let Some(personal) = &mut self.personal {
                personal.read(&part);
            }
            self.out.pass(part);
            return Ok(());
        };
        let limited = self.limited.clone();
        let failed = |cause| failed(cause, limited.as_ref());
        let input = match &mut self.decoder {
            None => &part[..],
            Some(decoder) => {
                self.scratch.clear();
                decoder.push(&part, &mut self.scratch).map_err(failed)?;
                &self.scratch
            }
        };
        let made = &mut self.out.made;
        let before = made.len();
        // Seldom more leaves than came: room for all of it at once.
        made.reserve(input.len());
        shaper.push(input, made).map_err(failed)?;
        self.look(before);
        Ok(())
    }

    /// Looks at what was made since.
    fn look(&mut self, before: usize) {
        if let Some(personal) = &mut self.personal {
            personal.read(self.out.made.get(before..).unwrap_or_default());
        }
    }

    fn end(&mut self) -> Result<(), Refusal> {
        let limited = self.limited.clone();
        let failed = |cause| failed(cause, limited.as_ref());
        if let Some(decoder) = &mut self.decoder {
            self.scratch.clear();
            decoder.finish(&mut self.scratch).map_err(failed)?;
        }
        let made = &mut self.out.made;
        let before = made.len();
        let report = match &mut self.way {
            Way::Shape(shaper) => {
                if self.decoder.is_some() {
                    shaper.push(&self.scratch, made).map_err(failed)?;
                }
                shaper.finish(made).map_err(failed)?
            }
            Way::Pass(_) | Way::Again(_) => Report::default(),
        };
        self.look(before);
        self.ended = Some(report);
        Ok(())
    }
}

/// An answer outside the grant's rows is the caller's to mend, anything else the department's.
fn failed(cause: ShapeError, limited: Option<&ItemName>) -> Refusal {
    match (&cause, limited) {
        (ShapeError::OutOfScope, Some(item)) => Refusal::OutOfScope { item: item.clone() },
        _ => Refusal::AnswerNotShaped { cause },
    }
}
