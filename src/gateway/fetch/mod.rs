//! Gets the department's answer: from the cache, from a fetch that many wait for, or alone.

mod forward;

mod kept;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};

use crate::cache::{CacheStatus, Forward, Stored};
use crate::domain::Timestamp;
use crate::gateway::Refusal;
use crate::gateway::prepare::Prepared;
use crate::gateway::record::Trail;
use crate::gateway::request::Forwarded;
use crate::gateway::route::Target;
use crate::gateway::worker::Worker;
use crate::upstream::{Answer, AnswerBody, Fault, RequestBody, UpstreamError};

pub use self::forward::{Asking, Origin};

/// The department's answer as it came. Only `answer::shape` opens it.
#[derive(Debug)]
pub struct Unshaped {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Source,
    pub(super) cache: CacheStatus,
    pub(super) ttl: Option<i64>,
}

/// Where the bytes are.
#[derive(Debug)]
pub(super) enum Source {
    /// In memory, whole.
    Kept(Bytes),
    /// On their way.
    Live(Box<AnswerBody>),
}

/// Gets the answer, by the shortest way that is allowed.
pub async fn cache_or_fetch(
    worker: &Worker,
    asking: Asking,
    target: &Target,
    body: Forwarded,
    trail: &mut Trail,
) -> Result<Unshaped, Refusal> {
    let policy = target.entry.source.entry.cache.as_ref();
    let found = match (policy, &body) {
        (Some(policy), Forwarded::None) if target.method == Method::GET => {
            kept::find(worker, policy, &asking, target, trail).await?
        }
        _ => None,
    };
    let unshaped = match found {
        Some(found) => found,
        None => alone(worker, asking, target, body, trail).await?,
    };
    let modified = unshaped.headers.get(http::header::LAST_MODIFIED);
    let modified = modified.and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok());
    trail.upstream(unshaped.status.as_u16(), modified.and_then(timestamp));
    check_status(target, unshaped.status)?;
    Ok(unshaped)
}

/// Asks the department for this caller only.
async fn alone(
    worker: &Worker,
    asking: Asking,
    target: &Target,
    body: Forwarded,
    trail: &mut Trail,
) -> Result<Unshaped, Refusal> {
    let safe = target.method == Method::GET || target.method == Method::HEAD;
    // What changes something at the department must be on record before it is sent.
    if !safe {
        trail.durable().await?;
    }
    let body = match body {
        Forwarded::None => RequestBody::empty(),
        Forwarded::Checked(bytes) => RequestBody::full(bytes),
        Forwarded::Stream(body) => RequestBody::stream(body),
    };
    let cached = target.entry.source.entry.cache.is_some();
    let why = match (cached, target.method == Method::GET) {
        (false, _) => Forward::Bypass,
        (true, false) => Forward::Method,
        (true, true) => Forward::UriMiss,
    };
    let request = asking.request(body);
    let answer = send(worker, &target.entry, request).await?;
    if crate::cache::invalidates(&target.method, answer.head.status)
        && let Some(key) = kept::key(target)
    {
        worker.side.cache.invalidate(&key);
    }
    Ok(Unshaped::live(
        answer,
        CacheStatus::Forwarded { why, status: None, stored: false, collapsed: false },
    ))
}

/// Sends a request to the entry's upstream, within the entry's rate.
async fn send(
    worker: &Worker,
    entry: &Arc<Prepared>,
    request: Request<RequestBody>,
) -> Result<Answer, Refusal> {
    let catalog = &entry.source.entry;
    if let Some(rate) = catalog.rate {
        worker.node.limiters.take_entry(&catalog.id, rate)?;
    }
    let Some(upstream) = &entry.upstream else { return Err(Refusal::NotMounted) };
    let timer = entry.metrics.upstream.start_timer();
    let slot = upstream.slot().map_err(refusal)?;
    let sent = worker.upstreams.send(slot, request).await;
    match sent {
        Ok(answer) => {
            timer.observe_duration();
            Ok(answer)
        }
        Err(error) => {
            timer.stop_and_discard();
            Err(refusal(error))
        }
    }
}

fn refusal(error: UpstreamError) -> Refusal {
    match error.fault() {
        Fault::Busy | Fault::Queue => Refusal::UpstreamBusy { wait: Duration::from_secs(1) },
        Fault::RequestBroke => Refusal::BodyNotValid,
        Fault::Open
        | Fault::Connect
        | Fault::Tls
        | Fault::ConnectTimeout
        | Fault::AnswerTimeout
        | Fault::BodyTimeout
        | Fault::Closed
        | Fault::Protocol
        | Fault::BodyBroke => Refusal::UpstreamFailed { cause: error },
    }
}

impl Unshaped {
    fn live(answer: Answer, cache: CacheStatus) -> Self {
        let http::response::Parts { status, headers, .. } = answer.head;
        let body = Source::Live(Box::new(answer.body));
        Self { status, headers, body, cache, ttl: None }
    }

    fn kept(stored: &Stored, cache: CacheStatus, now: Timestamp) -> Self {
        Self {
            status: stored.status(),
            headers: stored.headers().clone(),
            body: Source::Kept(stored.body().clone()),
            cache,
            ttl: Some(stored.ttl(now)),
        }
    }
}

/// An answer must be one that the description names; a redirect leads away from the gate and never is.
fn check_status(target: &Target, status: StatusCode) -> Result<(), Refusal> {
    let described = target.operation().is_some_and(|operation| operation.describes(status));
    if described && !status.is_redirection() && !status.is_informational() {
        Ok(())
    } else {
        Err(Refusal::AnswerNotDescribed { status: status.as_u16() })
    }
}

fn timestamp(time: std::time::SystemTime) -> Option<Timestamp> {
    let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(i64::try_from(since.as_millis()).ok()?))
}
