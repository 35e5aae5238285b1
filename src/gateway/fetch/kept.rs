//! Answers that are kept, and fetches that many callers wait for.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::Unshaped;
use super::failure::Failure;
use super::forward::Asking;
use super::shared::{Brought, Fetch, bring};
use crate::cache::{Ask, CacheStatus, Forward, Join, Key, Landed, Lead, Lookup, Stored};
use crate::domain::{self, Timestamp};
use crate::gateway::Refusal;
use crate::gateway::record::Trail;
use crate::gateway::route::Target;
use crate::gateway::worker::Worker;

/// What the cache came to for a caller.
#[derive(Debug)]
pub(super) enum Found {
    /// An answer.
    Answer(Unshaped),
    /// Nothing, and nobody to wait for: the caller fetches alone, for this reason.
    Alone(Forward),
}

/// How a shared fetch ended for the caller who led it.
type Led = Result<Unshaped, Refusal>;

/// The answer from the cache, or from a fetch that is shared.
pub(super) async fn find(
    worker: &Worker,
    policy: &domain::Cache,
    asking: &Asking<'_>,
    target: &Target,
    trail: &mut Trail,
) -> Result<Found, Refusal> {
    let Some((key, upstream)) = key(target, asking).zip(target.entry.upstream.as_ref()) else {
        return Ok(Found::Alone(Forward::Bypass));
    };
    let (headers, wishes) = (&asking.head.headers, asking.wishes);
    let ask = Ask { key: &key, headers, wishes, now: trail.now() };
    let why = match look_up(worker, &ask, trail) {
        Ok(found) => return Ok(Found::Answer(found)),
        Err(why) => why,
    };
    if asking.wishes.only_if_cached {
        return Err(Refusal::NotKept);
    }
    // Boxed: what is kept is found without it.
    Box::pin(share(worker, policy, asking, target, (&ask, why, upstream.patience()))).await
}

/// The answer of a fetch that is shared.
///
/// A failure is not retried by everybody: those who waited join again once, so that one more call
/// is made for all of them, and then are told what it came to.
async fn share(
    worker: &Worker,
    policy: &domain::Cache,
    asking: &Asking<'_>,
    target: &Target,
    (ask, why, patience): (&Ask<'_>, Forward, Duration),
) -> Result<Found, Refusal> {
    let cache = &worker.side.cache;
    let due = Instant::now() + patience;
    let (mut failed, mut validated) = (false, false);
    loop {
        let waiter = match cache.join(ask, policy) {
            Join::Ready(stored) => return Ok(Found::Answer(collapsed(&stored, why, ask.now))),
            Join::Alone => return Ok(Found::Alone(why)),
            Join::Lead(lead) => {
                let led = lead_fetch(worker, policy, asking, target, (lead, why)).await?;
                return Ok(Found::Answer(led));
            }
            Join::Wait(waiter) => waiter,
        };
        match timeout_at(due, waiter.wait(&asking.head.headers)).await {
            Ok(Landed::Shared(stored)) => {
                return Ok(Found::Answer(collapsed(&stored, why, ask.now)));
            }
            // This fetch began after the caller came, so the department has vouched for it since.
            Ok(Landed::Stale(stored)) if validated => {
                return Ok(Found::Answer(collapsed(&stored, why, ask.now)));
            }
            Ok(Landed::Stale(_)) => validated = true,
            Ok(Landed::Unshared) => return Ok(Found::Alone(why)),
            Ok(Landed::Failed(reason)) if failed => {
                return Err(told(reason.as_ref(), target).refusal());
            }
            Ok(Landed::Failed(_)) => failed = true,
            Err(_) => return Err(Failure::Busy.refusal()),
        }
    }
}

/// What is kept and fresh, or why it will not do.
fn look_up(worker: &Worker, ask: &Ask<'_>, trail: &mut Trail) -> Result<Unshaped, Forward> {
    let metrics = &worker.side.recorder.zone_metrics;
    let why = match worker.side.cache.lookup(ask) {
        Lookup::Fresh(stored) => {
            metrics.hits.inc();
            trail.cache("hit");
            let status = CacheStatus::Hit { ttl: stored.ttl(ask.now) };
            return Ok(Unshaped::kept(&stored, status, ask.now));
        }
        Lookup::Stale(_, why) | Lookup::Miss(why) => why,
    };
    metrics.misses.inc();
    trail.cache(if why == Forward::Stale { "stale" } else { "miss" });
    Err(why)
}

/// What the answer to this target is kept under; none if nothing is mounted.
///
/// Described headers select the answer as much as the query does, so they stand in the key.
pub(super) fn key(target: &Target, asking: &Asking<'_>) -> Option<Key> {
    let upstream = target.entry.upstream.as_ref()?;
    let mut place = [upstream.origin(), &target.forward].concat();
    for (name, value) in &asking.described {
        // A line feed stands in no target and in no value.
        place.push('\n');
        place.push_str(name.as_str());
        place.push(':');
        place.push_str(value.to_str().ok()?);
    }
    Some(Key::new(target.entry.source.entry.id.clone(), upstream.id().clone(), &place))
}

/// An answer that another caller fetched.
fn collapsed(stored: &Arc<Stored>, why: Forward, now: Timestamp) -> Unshaped {
    let status = CacheStatus::Forwarded { why, status: None, stored: false, collapsed: true };
    Unshaped::kept(stored, status, now)
}

/// Why another caller's fetch failed; a leader that is gone said nothing. An answer of trouble that is
/// described went to who led, and there was none for this caller.
fn told(reason: Option<&Arc<dyn Error + Send + Sync>>, target: &Target) -> Failure {
    let failure = reason.and_then(|reason| reason.downcast_ref::<Failure>());
    match failure {
        Some(Failure::Answered(status)) if describes(target, *status) => Failure::Busy,
        Some(failure) => failure.clone(),
        None => Failure::Busy,
    }
}

fn describes(target: &Target, status: http::StatusCode) -> bool {
    target.operation().is_some_and(|operation| operation.describes(status))
}

/// Fetches for everybody in a task of its own, so that a caller who hangs up ends nobody's wait.
async fn lead_fetch(
    worker: &Worker,
    policy: &domain::Cache,
    asking: &Asking<'_>,
    target: &Target,
    (lead, why): (Lead, Forward),
) -> Led {
    let (tell, answer) = oneshot::channel();
    let (worker, policy, selecting) = (worker.clone(), policy.clone(), asking.head.headers.clone());
    let head = asking.clone().sent(target)?;
    let entry = Arc::clone(&target.entry);
    tokio::task::spawn_local(async move {
        let fetch = Fetch { worker: &worker, policy: &policy, entry: &entry };
        let brought = bring(&fetch, head, &selecting, lead.stale()).await;
        // The caller who started it may be gone.
        drop(tell.send(land(&worker, lead, brought, why)));
    });
    answer.await.unwrap_or(Err(Refusal::Internal { what: "a shared fetch ended without a word" }))
}

/// Tells all who wait what the fetch came to, and returns what its leader gets of it.
fn land(worker: &Worker, lead: Lead, brought: Result<Brought, Failure>, why: Forward) -> Led {
    let now = worker.node.clock.now();
    match brought {
        Ok(Brought::Whole { stored, validated }) => {
            let (stored, kept) = lead.share(stored);
            let status = validated.then_some(http::StatusCode::NOT_MODIFIED);
            let status = CacheStatus::Forwarded { why, status, stored: kept, collapsed: false };
            Ok(Unshaped::kept(&stored, status, now))
        }
        Ok(Brought::Open { head, body, unkept }) => {
            match unkept {
                // Asking an interface in trouble once more for each who waits would not help it.
                _ if is_trouble(head.status) => lead.fail(Arc::new(Failure::Answered(head.status))),
                Some(unkept) => lead.decline(unkept, now),
                None => lead.fail(Arc::new(Failure::Busy)),
            }
            let status =
                CacheStatus::Forwarded { why, status: None, stored: false, collapsed: false };
            Ok(Unshaped::live(*head, body, status))
        }
        Err(failure) => {
            lead.fail(Arc::new(failure.clone()));
            Err(failure.refusal())
        }
    }
}

fn is_trouble(status: http::StatusCode) -> bool {
    status.is_server_error() || status == http::StatusCode::TOO_MANY_REQUESTS
}
