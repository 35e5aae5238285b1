//! One fetch whose answer many may share: judged by the rules of the cache, collected within its
//! bounds. What turns out not to be shareable stays open, for the one caller who led.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::response::Parts;
use http::{HeaderMap, StatusCode, request};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use super::failure::Failure;
use super::send;
use crate::cache::{self, Admitted, Exchange, Stored, Unkept};
use crate::domain;
use crate::gateway::prepare::Prepared;
use crate::gateway::worker::Worker;
use crate::upstream::{Answer, AnswerBody, RequestBody, UpstreamError};

/// What a shared fetch needs besides the request.
pub(super) struct Fetch<'a> {
    pub(super) worker: &'a Worker,
    pub(super) policy: &'a domain::Cache,
    pub(super) entry: &'a Arc<Prepared>,
}

/// What a shared fetch brought.
#[derive(Debug)]
pub(super) enum Brought {
    /// An answer that may be kept.
    Whole {
        stored: Stored,
        /// The department said that the kept one still holds.
        validated: bool,
    },
    /// One that cannot be shared, as far as it came and with the rest on its way.
    Open {
        head: Box<Parts>,
        body: (Bytes, Box<AnswerBody>),
        /// Why; none if it only came too slowly for those who wait.
        unkept: Option<Unkept>,
    },
}

/// Asks the department, with the validators of what is kept if there is something. `selecting` are the
/// headers that may select the answer.
///
/// The whole has a deadline: nobody waits longer for a shared fetch.
pub(super) async fn bring(
    fetch: &Fetch<'_>,
    head: Box<request::Parts>,
    selecting: &HeaderMap,
    stale: Option<&Arc<Stored>>,
) -> Result<Brought, Failure> {
    let Some(upstream) = &fetch.entry.upstream else { return Err(Failure::NotMounted) };
    let due = Instant::now() + upstream.patience();
    let clock = &fetch.worker.node.clock;
    if let Some(stale) = stale {
        let mut conditional = head.clone();
        cache::conditions(stale, &mut conditional.headers);
        let sent = clock.now();
        let answer = ask(fetch, conditional, due).await?;
        let policy = fetch.policy;
        let exchange = Exchange { policy, request: selecting, sent, received: clock.now() };
        if answer.head.status != StatusCode::NOT_MODIFIED {
            return admit(answer, &exchange, due).await;
        }
        if let Ok(stored) = cache::freshen(stale, &answer.head.headers, &exchange) {
            return Ok(Brought::Whole { stored, validated: true });
        }
        // The 304 speaks of another answer than ours: ask for the whole (RFC 9111 §4.3.4).
    }
    let sent = clock.now();
    let answer = ask(fetch, head, due).await?;
    let (policy, request) = (fetch.policy, selecting);
    let exchange = Exchange { policy, request, sent, received: clock.now() };
    admit(answer, &exchange, due).await
}

async fn ask(
    fetch: &Fetch<'_>,
    head: Box<request::Parts>,
    due: Instant,
) -> Result<Answer, Failure> {
    let sent = send(fetch.worker, fetch.entry, head, RequestBody::empty());
    let sent = timeout_at(due, sent).await;
    sent.unwrap_or(Err(Failure::Busy))
}

async fn admit(answer: Answer, exchange: &Exchange<'_>, due: Instant) -> Result<Brought, Failure> {
    match cache::admit(exchange, answer.head.status, &answer.head.headers) {
        Ok(admitted) => collect(admitted, answer, due).await,
        Err(why) => Ok(Brought::Open {
            head: Box::new(answer.head),
            body: (Bytes::new(), Box::new(answer.body)),
            unkept: Some(why),
        }),
    }
}

/// Reads the body up to the bounds. What breaks off is nobody's answer.
async fn collect(admitted: Admitted, answer: Answer, due: Instant) -> Result<Brought, Failure> {
    let Answer { head, mut body, .. } = answer;
    let mut bytes = BytesMut::new();
    loop {
        let unkept = match timeout_at(due, body.frame()).await {
            Ok(None) => break,
            Ok(Some(frame)) => {
                let frame = frame.map_err(Failure::of)?;
                let Ok(data) = frame.into_data() else { continue };
                bytes.extend_from_slice(&data);
                if u64::try_from(bytes.len()).unwrap_or(u64::MAX) <= admitted.room() {
                    continue;
                }
                Some(Unkept::TooLarge)
            }
            Err(_) => None,
        };
        let body = (bytes.freeze(), Box::new(body));
        return Ok(Brought::Open { head: Box::new(head), body, unkept });
    }
    let stored = admitted.keep(bytes.freeze()).map_err(|_| {
        let reason = "its answer is not as long as it says";
        Failure::of(UpstreamError::Protocol { reason, cause: None })
    })?;
    Ok(Brought::Whole { stored, validated: false })
}
