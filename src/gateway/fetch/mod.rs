//! Gets the department's answer: from the cache, from a fetch that many wait for, or alone.

mod failure;

mod forward;

mod kept;

mod shared;

use std::sync::Arc;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Method, StatusCode, header, request};

use self::failure::Failure;
use self::kept::Found;
use crate::cache::{CacheStatus, Forward, Shaped, Stored, read_date};
use crate::domain::{Format, Timestamp};
use crate::gateway::Refusal;
use crate::gateway::prepare::Prepared;
use crate::gateway::record::Trail;
use crate::gateway::request::Forwarded;
use crate::gateway::route::Target;
use crate::gateway::worker::Worker;
use crate::upstream::{Answer, AnswerBody, RequestBody};

pub use self::forward::{Asking, Origin, Via};

/// The department's answer as it came. Only `answer::shape` opens it.
#[derive(Debug)]
pub struct Unshaped {
    pub(super) status: StatusCode,
    pub(super) source: Source,
    pub(super) cache: CacheStatus,
    /// The status the department answered this call with; none if it was not asked.
    pub(super) received: Option<StatusCode>,
    /// How old it is and how long it stays fresh, in seconds, if that is known.
    pub(super) kept: Option<Kept>,
}

/// The times of an answer that is kept, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) age: u64,
    pub(super) ttl: i64,
}

/// Where headers and bytes are.
#[derive(Debug)]
pub(super) enum Source {
    /// In memory, whole.
    Kept {
        /// The answer.
        stored: Arc<Stored>,
        /// What of its body was not read yet.
        left: Bytes,
    },
    /// On their way.
    Live {
        /// The department's.
        headers: HeaderMap,
        /// What came already.
        begun: Bytes,
        /// The rest.
        rest: Box<AnswerBody>,
    },
}

impl Source {
    /// The department's headers.
    pub(super) fn headers(&self) -> &HeaderMap {
        match self {
            Self::Kept { stored, .. } => stored.headers(),
            Self::Live { headers, .. } => headers,
        }
    }

    /// When the department last changed the answer, if it says so.
    fn modified(&self) -> Option<Timestamp> {
        match self {
            Self::Kept { stored, .. } => stored.modified(),
            Self::Live { headers, .. } => headers.get(header::LAST_MODIFIED).and_then(read_date),
        }
    }

    /// What it was shaped to before, under the reduction of this name.
    pub(super) fn shaped(&self, version: &str) -> Option<Arc<Shaped>> {
        match self {
            Self::Kept { stored, .. } => stored.shaped(version),
            Self::Live { .. } => None,
        }
    }
}

/// Gets the answer, by the shortest way that is allowed.
pub async fn cache_or_fetch(
    worker: &Worker,
    asking: Asking<'_>,
    target: &Target,
    body: Forwarded,
    trail: &mut Trail,
) -> Result<Unshaped, Refusal> {
    if asking.conditional {
        return Err(Refusal::ConditionNotOffered);
    }
    let policy = target.entry.source.entry.cache.as_ref();
    let found = match (policy, &body) {
        (Some(_), _) if asking.head.method != Method::GET => Found::Alone(Forward::Method),
        (Some(policy), Forwarded::None) => {
            kept::find(worker, policy, &asking, target, trail).await?
        }
        (Some(_) | None, _) => Found::Alone(Forward::Bypass),
    };
    let unshaped = match found {
        Found::Answer(found) => found,
        Found::Alone(_) if asking.wishes.only_if_cached => return Err(Refusal::NotKept),
        Found::Alone(why) => alone(worker, (asking, why), target, body).await?,
    };
    trail.upstream(unshaped.status.as_u16(), unshaped.source.modified());
    check_status(target, unshaped.status)?;
    Ok(unshaped)
}

/// Asks the department for this caller only.
async fn alone(
    worker: &Worker,
    (asking, why): (Asking<'_>, Forward),
    target: &Target,
    body: Forwarded,
) -> Result<Unshaped, Refusal> {
    let body = match body {
        Forwarded::None => RequestBody::empty(),
        Forwarded::Checked(bytes) => RequestBody::full(bytes),
        Forwarded::Stream(body) => RequestBody::stream(body),
    };
    let key = (!target.method.is_safe()).then(|| kept::key(target, &asking)).flatten();
    let answer =
        send(worker, &target.entry, asking.sent(target)?, body).await.map_err(Failure::refusal)?;
    if crate::cache::invalidates(&target.method, answer.head.status) {
        forget(worker, target, key.as_ref());
    }
    let status = CacheStatus::Forwarded { why, status: None, stored: false, collapsed: false };
    let body = (Bytes::new(), Box::new(answer.body));
    Ok(Unshaped::live(answer.head, body, status))
}

/// Forgets what is kept of a target that was changed. Where headers select answers, one target has
/// many keys, and all of its entry goes.
fn forget(worker: &Worker, target: &Target, key: Option<&crate::cache::Key>) {
    let by_headers = target.entry.operations.iter().any(|operation| {
        operation.rules.iter().any(|rule| rule.place == crate::policy::Place::Header)
    });
    match key {
        Some(key) if !by_headers => worker.side.cache.invalidate(key),
        Some(_) | None => _ = worker.side.cache.purge_entry(&target.entry.source.entry.id),
    }
}

/// Sends a request to the entry's upstream, within the entry's rate.
async fn send(
    worker: &Worker,
    entry: &Arc<Prepared>,
    head: Box<request::Parts>,
    body: RequestBody,
) -> Result<Answer, Failure> {
    let Some(upstream) = &entry.upstream else { return Err(Failure::NotMounted) };
    let slot = upstream.slot().map_err(Failure::of)?;
    // After the slot: what is not fetched takes nothing of the rate.
    let catalog = &entry.source.entry;
    if let Some(rate) = catalog.rate {
        worker.node.limiters.take_entry(&catalog.id, rate).map_err(Failure::Limited)?;
    }
    let timer = entry.metrics.upstream.start_timer();
    match worker.upstreams.send(slot, head, body).await {
        Ok(answer) => {
            timer.observe_duration();
            Ok(answer)
        }
        Err(error) => {
            timer.stop_and_discard();
            Err(Failure::of(error))
        }
    }
}

impl Unshaped {
    /// What came already of the body, and where the rest comes from.
    fn live(head: Parts, (begun, rest): (Bytes, Box<AnswerBody>), cache: CacheStatus) -> Self {
        let Parts { status, headers, .. } = head;
        let source = Source::Live { headers, begun, rest };
        Self { status, source, cache, received: Some(status), kept: None }
    }

    fn kept(stored: &Arc<Stored>, cache: CacheStatus, now: Timestamp) -> Self {
        let received = match cache {
            CacheStatus::Hit { .. } => None,
            CacheStatus::Forwarded { status, .. } => Some(status.unwrap_or(stored.status())),
        };
        Self {
            status: stored.status(),
            source: Source::Kept { stored: Arc::clone(stored), left: stored.body().clone() },
            cache,
            received,
            kept: Some(Kept { age: stored.age(now), ttl: stored.ttl(now) }),
        }
    }
}

/// An answer must be one that the description names; a redirect leads away from the gate and never
/// is, a part was not asked for, and a file is what was asked for or nothing.
fn check_status(target: &Target, status: StatusCode) -> Result<(), Refusal> {
    let described = target.operation().is_some_and(|operation| operation.describes(status));
    let interface = target.entry.source.entry.interface.as_ref();
    let file = interface.is_some_and(|interface| interface.format == Format::File);
    let never = status.is_redirection()
        || status.is_informational()
        || status == StatusCode::PARTIAL_CONTENT
        || (file && !status.is_success());
    if described && !never {
        Ok(())
    } else {
        Err(Refusal::AnswerNotDescribed { status: status.as_u16() })
    }
}
