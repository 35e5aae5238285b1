//! Answers that are kept, and fetches that many callers wait for.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use http_body_util::BodyExt as _;
use tokio::sync::oneshot;

use super::forward::Asking;
use super::{Unshaped, send};
use crate::cache::{
    self, Admitted, Ask, CacheStatus, Exchange, Forward, Join, Key, Landed, Lead, Lookup, Stored,
    Unkept,
};
use crate::domain::{self, Timestamp};
use crate::gateway::Refusal;
use crate::gateway::prepare::Prepared;
use crate::gateway::record::Trail;
use crate::gateway::route::Target;
use crate::gateway::worker::Worker;
use crate::journal::Clock;
use crate::upstream::{Answer, RequestBody};

/// How long a caller waits for another caller's fetch before it fetches alone.
const PATIENCE: Duration = Duration::from_secs(15);

/// How a shared fetch ended for the caller who led it.
type Led = Result<Landed, Refusal>;

/// The answer from the cache, or from a fetch that is shared; none if this caller is to fetch alone.
pub(super) async fn find(
    worker: &Worker,
    policy: &domain::Cache,
    asking: &Asking,
    target: &Target,
    trail: &mut Trail,
) -> Result<Option<Unshaped>, Refusal> {
    let Some(key) = key(target) else { return Ok(None) };
    let ask = Ask { key: &key, headers: &asking.headers, wishes: asking.wishes, now: trail.now() };
    let cache = &worker.side.cache;
    let metrics = &worker.side.recorder.zone_metrics;
    let why = match cache.lookup(&ask) {
        Lookup::Fresh(stored) => {
            metrics.hits.inc();
            trail.cache("hit");
            let status = CacheStatus::Hit { ttl: stored.ttl(ask.now) };
            return Ok(Some(Unshaped::kept(&stored, status, ask.now)));
        }
        Lookup::Stale(_, why) | Lookup::Miss(why) => why,
    };
    if asking.wishes.only_if_cached {
        return Err(Refusal::NotKept);
    }
    metrics.misses.inc();
    trail.cache(if why == Forward::Stale { "stale" } else { "miss" });
    match cache.join(&ask, policy) {
        Join::Ready(stored) => Ok(Some(shared(&stored, why, true, ask.now))),
        Join::Alone => Ok(None),
        Join::Wait(waiter) => {
            let landed = tokio::time::timeout(PATIENCE, waiter.wait(&asking.headers)).await;
            Ok(landed.ok().and_then(|landed| use_landed(landed, why, true, ask.now)))
        }
        Join::Lead(lead) => {
            let landed = lead_fetch(worker, policy, asking, &target.entry, lead).await?;
            Ok(use_landed(landed, why, false, trail.now()))
        }
    }
}

/// What the answer to this target is kept under; none if nothing is mounted.
pub(super) fn key(target: &Target) -> Option<Key> {
    let upstream = target.entry.upstream.as_ref()?;
    let place = [upstream.origin(), &target.forward].concat();
    Some(Key::new(target.entry.source.entry.id.clone(), upstream.id().clone(), &place))
}

fn shared(stored: &Stored, why: Forward, collapsed: bool, now: Timestamp) -> Unshaped {
    let status = CacheStatus::Forwarded { why, status: None, stored: true, collapsed };
    Unshaped::kept(stored, status, now)
}

fn use_landed(landed: Landed, why: Forward, collapsed: bool, now: Timestamp) -> Option<Unshaped> {
    match landed {
        Landed::Shared(stored) => Some(shared(&stored, why, collapsed, now)),
        // The leader's own answer is as fresh as one can be had.
        Landed::Stale(stored) if !collapsed => Some(shared(&stored, why, collapsed, now)),
        Landed::Stale(_) | Landed::Unshared | Landed::Failed => None,
    }
}

/// Fetches for everybody in a task of its own, so that a caller who hangs up ends nobody's wait.
async fn lead_fetch(
    worker: &Worker,
    policy: &domain::Cache,
    asking: &Asking,
    entry: &Arc<Prepared>,
    lead: Lead,
) -> Led {
    let (tell, told) = oneshot::channel();
    let (worker, policy, asking, entry) =
        (worker.clone(), policy.clone(), asking.clone(), Arc::clone(entry));
    tokio::task::spawn_local(async move {
        let led = fetch(&worker, &policy, asking, &entry, lead).await;
        // The caller who started it may be gone.
        drop(tell.send(led));
    });
    told.await.unwrap_or(Err(Refusal::Internal { what: "a shared fetch ended without a word" }))
}

async fn fetch(
    worker: &Worker,
    policy: &domain::Cache,
    asking: Asking,
    entry: &Arc<Prepared>,
    lead: Lead,
) -> Led {
    let clock = &worker.node.clock;
    let plain = asking.headers.clone();
    if let Some(stale) = lead.stale() {
        let mut conditional = asking.clone();
        cache::conditions(stale, &mut conditional.headers);
        let sent = clock.now();
        let answer = send(worker, entry, conditional.request(RequestBody::empty())).await?;
        let exchange = Exchange { policy, request: &plain, sent, received: clock.now() };
        if answer.head.status != http::StatusCode::NOT_MODIFIED {
            return keep(clock, lead, answer, &exchange).await;
        }
        if let Ok(renewed) = cache::freshen(stale, &answer.head.headers, &exchange) {
            return Ok(landed(lead, Ok(renewed), exchange.received));
        }
        // The 304 speaks of another answer than ours: ask for the whole (RFC 9111 §4.3.4).
    }
    let sent = clock.now();
    let answer = send(worker, entry, asking.request(RequestBody::empty())).await?;
    let exchange = Exchange { policy, request: &plain, sent, received: clock.now() };
    keep(clock, lead, answer, &exchange).await
}

/// Keeps an answer, if it may be kept.
async fn keep(clock: &Clock, lead: Lead, answer: Answer, exchange: &Exchange<'_>) -> Led {
    let kept = match cache::admit(exchange, answer.head.status, &answer.head.headers) {
        Ok(admitted) => collect(admitted, answer.body).await?,
        Err(why) => Err(why),
    };
    Ok(landed(lead, kept, clock.now()))
}

fn landed(lead: Lead, kept: Result<Stored, Unkept>, now: Timestamp) -> Landed {
    match kept {
        Ok(stored) => {
            let stored = lead.share(stored);
            if stored.is_fresh(now) { Landed::Shared(stored) } else { Landed::Stale(stored) }
        }
        Err(why) => {
            lead.decline(why, now);
            Landed::Unshared
        }
    }
}

/// Reads the body up to the bound. What breaks off is nobody's answer.
async fn collect(
    admitted: Admitted,
    mut body: crate::upstream::AnswerBody,
) -> Result<Result<Stored, Unkept>, Refusal> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|cause| Refusal::UpstreamFailed { cause })?;
        let Ok(data) = frame.into_data() else { continue };
        bytes.extend_from_slice(&data);
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > admitted.room() {
            return Ok(Err(Unkept::TooLarge));
        }
    }
    Ok(admitted.keep(bytes.freeze()))
}
