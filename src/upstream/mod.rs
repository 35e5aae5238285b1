//! Connections to the departments' own interfaces.
//!
//! Each worker has its own [`Upstreams`]; what all of them must agree on is in [`Shared`]. A call
//! takes a [`Slot`] of an [`UpstreamConfig`] and is sent with [`Upstreams::send`].

mod compile;

mod credentials;

mod shared;

mod breaker;

mod budget;

mod pool;

mod link;

mod http1;

mod http2;

mod clock;

mod request;

mod answer;

mod error;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use foldhash::fast::RandomState;
use http::Method;
use http::request::Parts;

use self::compile::Identity;
use self::link::Failed;
use self::pool::Pool;
use self::request::is_idempotent;

pub use self::answer::{Answer, AnswerBody};
pub use self::compile::{UpstreamConfig, UpstreamProblem};
pub use self::error::{CodecError, Fault, Stage, UpstreamError};
pub use self::http1::Http1Error;
pub use self::request::{BoxError, RequestBody};
pub use self::shared::{Figures, Shared, Slot};

/// The connections of one worker.
#[derive(Debug, Default)]
pub struct Upstreams {
    pools: Mutex<HashMap<Arc<Identity>, Arc<Pool>, RandomState>>,
}

impl Upstreams {
    /// Sends a request and waits for the head of the answer.
    ///
    /// Only path and query of the URI in its head are used. `Host` and the department's credentials are set
    /// here; everything that must not go further has to be gone already. A request is sent again,
    /// once and within a budget, if it provably was not looked at, or if it is idempotent, has no
    /// body and the reused connection closed before the first byte of an answer.
    pub async fn send(
        &self,
        slot: Slot,
        mut head: Box<Parts>,
        body: RequestBody,
    ) -> Result<Answer, UpstreamError> {
        let to = Arc::clone(slot.upstream());
        let outcome = match to.state.pass() {
            Ok(passage) => {
                to.show_credentials(&mut head.headers);
                let outcome = self.attempt(slot, &mut head, body).await;
                passage.tell(outcome.as_ref().map(|answer| answer.head.status));
                outcome
            }
            Err(open) => Err(open),
        };
        if let Err(error) = &outcome {
            to.state.failed(error);
        }
        outcome
    }

    async fn attempt(
        &self,
        slot: Slot,
        // It stays with the caller, so that a second attempt needs no copy of it.
        head: &mut Parts,
        mut body: RequestBody,
    ) -> Result<Answer, UpstreamError> {
        let to = slot.upstream();
        let pool = self.pool(to);
        if pool.is_busy() {
            // Calls that came together leave together: each that leaves by itself wakes the other
            // side anew, which costs more than looking for what else came.
            tokio::task::yield_now().await;
        }
        let mut again = false;
        loop {
            let (mut link, reused) = match pool.lease(to, again).await {
                Ok(leased) => leased,
                Err(error) if !again && is_worth_another_try(&error) && to.state.may_retry() => {
                    again = true;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let spare = if again { None } else { body.whole() };
            match link.exchange(to, head, body).await {
                Ok(head) => {
                    let body = AnswerBody::new(link, slot);
                    return Ok(Answer { head, body, reused });
                }
                Err(failed) => {
                    drop(link);
                    let (error, next) = second_attempt(failed, &head.method, spare, reused);
                    let Some(next) = next.filter(|_| !again && to.state.may_retry()) else {
                        return Err(error);
                    };
                    (body, again) = (next, true);
                }
            }
        }
    }

    fn pool(&self, to: &UpstreamConfig) -> Arc<Pool> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(&to.identity) {
            return Arc::clone(pool);
        }
        // A new one is rare: a moment to forget those of interfaces that changed or are gone.
        pools.retain(|_, pool| Arc::strong_count(pool) > 1 || !pool.is_empty());
        let pool = Pool::new(to);
        pools.insert(Arc::clone(&to.identity), Arc::clone(&pool));
        pool
    }
}

fn is_worth_another_try(error: &UpstreamError) -> bool {
    matches!(error, UpstreamError::Connect(error) if error.is_worth_another_try())
}

/// What went wrong, and the body to send again if that is safe.
fn second_attempt(
    failed: Failed,
    method: &Method,
    spare: Option<Bytes>,
    reused: bool,
) -> (UpstreamError, Option<RequestBody>) {
    let Failed { error, returned, refused, unheard, gone: _ } = failed;
    let stale = |spare: &Bytes| reused && unheard && is_idempotent(method) && spare.is_empty();
    let next = match returned {
        Some(body) => Some(body),
        None => spare.filter(|spare| refused || stale(spare)).map(RequestBody::full),
    };
    (error, next)
}
