//! The record of one call: opened first, filed on every way out.
//!
//! `decided` is written before anything is answered and synced while the department works;
//! `finished` follows with what happened. A refusal has its pair too, but where it is folded into a
//! count or the journal itself cannot take it.

mod describe;

mod fold;

mod recorder;

mod transaction;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header};
use uuid::Uuid;

use crate::domain::{Timestamp, Zone};
use crate::gateway::answer::{Body, Ready, common};
use crate::gateway::catalog::Listing;
use crate::gateway::decide::Permit;
use crate::gateway::limit::Slot;
use crate::gateway::listen::{Conn, Cut};
use crate::gateway::metrics::Ending;
use crate::gateway::prepare::Prepared;
use crate::gateway::refusal::{Blame, Refusal};
use crate::gateway::request::Inbound;
use crate::gateway::worker::Worker;
use crate::journal::{Decided, Finished, OpenCall, Spent, Ticket, Undo};

pub use self::fold::Folds;
pub use self::recorder::{Hidden, Recorder};

use self::transaction::transaction;

/// Room taken in the journal for the two events of a call: both are bounded by ids of 63 bytes,
/// at most a few dozen items and as many parameter names.
const ROOM: u64 = 4096;

/// Collects what is known of a call and files it, at the latest when dropped.
///
/// Hyper drops a request's future when the caller hangs up, so code after an `.await` may never
/// run. The drop does.
#[derive(Debug)]
pub struct Trail {
    recorder: Arc<Recorder>,
    conn: Arc<Conn>,
    address: IpAddr,
    began: Instant,
    decided: Decided,
    finished: Finished,
    open: Option<OpenCall>,
    ticket: Option<Ticket>,
    /// Whether `decided` is known to be on disk.
    is_durable: bool,
    slot: Option<Slot>,
    entry: Option<Arc<Prepared>>,
    origin: Option<HeaderValue>,
    /// The version of HTTP that it came by.
    version: Version,
    /// Whether what it leaves in the journal is settled.
    closed: bool,
    /// Whether the counters know of it.
    counted: bool,
    /// Who has to act, if it was refused or broke off.
    blame: Option<Blame>,
}

impl Trail {
    /// Starts the record of a call; it says `aborted-by-caller` until something better is known.
    ///
    /// Boxed, for it goes with the answer down to its last byte.
    pub fn open(recorder: &Arc<Recorder>, request: &Inbound) -> Box<Self> {
        let now = recorder.journal.clamp(request.received);
        let mut decided = Decided::new(now, transaction(now), recorder.zone);
        let address = request.conn.consumer(&request.head.headers);
        decided.method = describe::method(&request.head.method);
        decided.address = Some(crate::journal::network_of(address));
        let finished = Finished::new(&decided, now, ABORTED);
        recorder.zone_metrics.in_flight.inc();
        Box::new(Self {
            recorder: Arc::clone(recorder),
            conn: Arc::clone(&request.conn),
            address,
            began: request.began,
            decided,
            finished,
            open: None,
            ticket: None,
            is_durable: false,
            slot: None,
            entry: None,
            origin: match recorder.zone {
                Zone::Opening => request.head.headers.get(header::ORIGIN).cloned(),
                Zone::Sharing | Zone::Peering => None,
            },
            version: request.head.version,
            closed: false,
            counted: false,
            blame: None,
        })
    }

    /// The moment the call is judged by; never behind the last durable record.
    pub fn now(&self) -> Timestamp {
        self.decided.time
    }

    /// A body took its time: the call is judged by the moment it was whole.
    pub fn waited(&mut self) {
        self.decided.time = self.recorder.journal.clamp(self.recorder.clock.now());
    }

    /// The call's id, sent in `Helan-Transaction`.
    pub fn transaction(&self) -> Uuid {
        self.decided.transaction
    }

    /// The consumer's address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The connection it came on.
    pub fn conn(&self) -> &Conn {
        &self.conn
    }

    /// The page that a browser calls from.
    pub fn origin(&self) -> Option<&HeaderValue> {
        self.origin.as_ref()
    }

    /// Records and answers a look at the catalog.
    pub async fn listed(
        &mut self,
        listing: Listing,
        method: &Method,
        worker: &Worker,
    ) -> Result<Ready, Refusal> {
        self.decided.path = Some(listing.template.into());
        self.decide(None)?;
        self.durable().await?;
        let mut headers = HeaderMap::new();
        common(&mut headers, self, worker);
        Ok(listing.ready(method, headers))
    }

    /// Records and answers a browser that asks ahead.
    pub async fn preflight(&mut self, worker: &Worker) -> Result<Ready, Refusal> {
        self.decide(None)?;
        self.durable().await?;
        let mut headers = HeaderMap::new();
        common(&mut headers, self, worker);
        crate::gateway::cors::preflight(&mut headers);
        Ok(Ready::whole(StatusCode::NO_CONTENT, headers, bytes::Bytes::new()))
    }

    /// What is left under the limits of this call.
    pub fn left(&self) -> &[crate::gateway::limit::Left] {
        self.slot.as_ref().map_or(&[], Slot::left)
    }

    /// Writes `decided` with a yes, noted before by [`Self::permitted`]. From here on the call has its
    /// record or is refused.
    pub fn allowed(&mut self, permit: &Permit, slot: Slot) -> Result<(), Refusal> {
        self.decided.quota = describe::quota(&slot);
        match self.decide(Some(permit)) {
            Ok(()) => {
                self.slot = Some(slot);
                Ok(())
            }
            Err(refusal) => {
                slot.undo();
                self.decided.quota.clear();
                Err(refusal)
            }
        }
    }

    /// Hands `decided` to the journal, with room for `finished`.
    fn decide(&mut self, permit: Option<&Permit>) -> Result<(), Refusal> {
        let reserved = self.recorder.journal.reserve(self.recorder.zone, ROOM);
        let reservation = reserved.map_err(|spent| match spent {
            Spent::Failed | Spent::Disk => Refusal::RecordFailed,
            Spent::Budget => Refusal::RecordBudgetSpent,
        })?;
        let common = permit.map(|permit| permit.common(&self.decided));
        let (ticket, open) = reservation.decided_as(&self.decided, common);
        self.ticket = Some(ticket);
        self.open = Some(open);
        Ok(())
    }

    /// Waits until `decided` is durable. No byte of data leaves before.
    pub async fn durable(&mut self) -> Result<(), Refusal> {
        let Some(ticket) = &self.ticket else { return Err(Refusal::RecordFailed) };
        let waits = ticket.outcome().is_none();
        if ticket.durable().await.is_ok() {
            self.is_durable = true;
            if waits && self.version == Version::HTTP_2 {
                // One sync serves others on this connection: once all are awake, what they are answered
                // leaves in one write.
                tokio::task::yield_now().await;
            }
            return Ok(());
        }
        // What is not on record did not happen: it counts toward no quota and is never finished.
        if let Some(slot) = self.slot.take() {
            slot.undo();
        }
        self.ticket = None;
        self.open = None;
        Err(Refusal::RecordFailed)
    }

    /// Answers with a refusal, after its record is durable.
    pub async fn refuse(mut self: Box<Self>, refusal: Refusal, worker: &Worker) -> Response<Body> {
        let described = refusal.described();
        refusal.log(&self);
        let code = described.code;
        self.finished.status = Some(described.status.as_u16());
        self.finished.outcome = Cow::Borrowed(code);
        self.blame = Some(described.blame);
        self.recorder.metrics.refused(self.recorder.zone, code);
        if self.ticket.is_some() {
            if self.durable().await.is_err() {
                self.uncounted(Refusal::RecordFailed.described().code);
            }
        } else if self.is_our_failure(&refusal) {
            self.uncounted(code);
        } else {
            self.file_refusal(code, &refusal).await;
        }
        let response = refusal.to_response(&self, worker);
        self.close(Ending::Refused);
        response
    }

    /// Files the pair of a refusal that came before the decision, or counts it in a fold.
    async fn file_refusal(&mut self, code: &'static str, refusal: &Refusal) {
        describe::refused(&mut self.decided, code, refusal);
        if let Some(opened) = self.recorder.folds.count(&self.recorder, &self.decided, self.address)
        {
            // The fold answers for it now, even if the caller hangs up meanwhile.
            self.closed = true;
            opened.await;
            return;
        }
        if self.decide(None).is_err() || self.durable().await.is_err() {
            self.uncounted(code);
        }
    }

    fn is_our_failure(&self, refusal: &Refusal) -> bool {
        #[expect(clippy::wildcard_enum_match_arm, reason = "two refusals are the journal's own")]
        match refusal {
            Refusal::RecordFailed | Refusal::RecordBudgetSpent => self.open.is_none(),
            _ => false,
        }
    }

    /// Counts an answer that the journal cannot take now.
    fn uncounted(&mut self, code: &'static str) {
        self.recorder.journal.uncounted(self.recorder.zone, code, 1);
        self.closed = true;
    }

    /// Notes the body's progress.
    pub fn sent(&mut self, bytes: usize) {
        self.finished.bytes =
            self.finished.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// The call ended with its answer whole.
    pub fn answered(mut self: Box<Self>) {
        self.finished.outcome = Cow::Borrowed(crate::journal::ANSWERED);
        self.close(Ending::Answered);
    }

    /// The call broke off after its answer had begun.
    pub fn broke(mut self: Box<Self>, how: &'static str, blame: Blame) {
        self.finished.outcome = Cow::Borrowed(how);
        self.blame = Some(blame);
        self.close(Ending::Broken);
    }

    fn close(&mut self, ending: Ending) {
        let took = self.began.elapsed();
        if !self.closed {
            self.closed = true;
            self.finish(took);
        }
        self.count(ending, took);
    }

    fn finish(&mut self, took: Duration) {
        self.finished.time = self.decided.time.plus_millis(millis(took));
        self.finished.duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let Some(open) = self.open.take() else { return };
        if self.is_durable {
            open.finish(&self.finished);
        } else {
            // The caller left before it was known: a place in a quota is used by durable calls only.
            let undo = self.slot.take().map(|slot| Undo::new(move || slot.undo()));
            open.finish_or(&self.finished, undo);
        }
    }

    /// Files a call that nobody brought to its end: its caller hung up, or the gateway cut it.
    fn abort(&mut self, took: Duration) {
        if let Some(cut) = self.conn.cut()
            && self.finished.outcome == ABORTED
        {
            self.finished.outcome = Cow::Borrowed(cut.as_str());
            self.blame = Some(match cut {
                Cut::Stalled => Blame::Caller,
                Cut::Drain => Blame::Us,
            });
        }
        if self.ticket.is_none() {
            self.decided.outcome = self.finished.outcome.clone();
            if self.decide(None).is_err() {
                let outcome = self.finished.outcome.clone();
                self.recorder.journal.uncounted(self.recorder.zone, outcome, 1);
            }
        }
        self.finish(took);
    }

    fn count(&mut self, ending: Ending, took: Duration) {
        if self.counted {
            return;
        }
        self.counted = true;
        let zone = &self.recorder.zone_metrics;
        zone.ended(ending);
        match ending {
            Ending::Answered => {}
            // Who hung up has only itself to blame.
            Ending::Refused | Ending::Broken => zone.blamed(self.blame.unwrap_or(Blame::Caller)),
        }
        zone.answered.inc();
        zone.duration.observe(took.as_secs_f64());
        zone.in_flight.dec();
        if let Some(entry) = self.entry.as_ref().map(|entry| &entry.metrics) {
            entry.bytes.inc_by(self.finished.bytes);
            entry.drift.inc_by(self.finished.drift);
            entry.mask_failures.inc_by(self.finished.mask_failures);
            match ending {
                Ending::Answered => entry.answered.inc(),
                Ending::Refused => entry.refused.inc(),
                Ending::Broken => entry.broken.inc(),
            }
        }
    }
}

/// How a call ends whose caller hung up.
pub const ABORTED: &str = "aborted-by-caller";

impl Drop for Trail {
    fn drop(&mut self) {
        if self.closed && self.counted {
            return;
        }
        let took = self.began.elapsed();
        if !self.closed {
            self.closed = true;
            self.abort(took);
        }
        self.count(Ending::Broken, took);
    }
}

fn millis(took: Duration) -> i64 {
    i64::try_from(took.as_millis()).unwrap_or(i64::MAX)
}
