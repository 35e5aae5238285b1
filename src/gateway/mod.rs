//! The life of one request.
//!
//! Read [`handle`] first: it is the whole path, one line a step. Each step lives in the file that
//! carries its name and takes what the step before it proved, so no step can be left out.

pub mod listen;

pub mod identify;

pub mod route;

pub mod decide;

pub mod limit;

pub mod fetch;

pub mod answer;

pub mod record;

pub mod refusal;

pub mod catalog;

mod cors;

// What the path reads and counts with, made ready beside the View.
pub mod metrics;
pub mod prepare;
pub mod request;
pub mod worker;

pub use self::answer::Body;
pub use self::decide::{Ask, Asker, Decision, Memo, Permit, Refused, STANDING, decide, judge};
pub use self::fetch::Via;
pub use self::limit::{Limiters, RateKey};
pub use self::metrics::{Ending, Metrics};
pub use self::prepare::{PrepareError, Prepared, PreparedView, Tools};
pub use self::record::{Folds, Hidden, Recorder, Trail};
pub use self::refusal::{Blame, Described, Refusal, meanings, table};
pub use self::request::Inbound;
pub use self::route::{Target, Use, normalize, route};
pub use self::worker::{Held, Node, Side, Worker};

use std::rc::Rc;

use http::Response;

use self::listen::Fields;

/// Answers a request and leaves a record of it on every way out, a hang-up included.
pub async fn handle(worker: Rc<Worker>, request: Box<Inbound>) -> Response<Body> {
    let mut trail = Trail::open(&worker.side.recorder, &request);
    match pass(&worker, request, &mut trail).await {
        Ok(ready) => ready.send(trail),
        // Boxed where it is rare: the future of a call is copied when it is begun.
        Err(refusal) => Box::pin(trail.refuse(refusal, &worker)).await,
    }
}

/// The whole path: `identify → route → decide → limit → cache or fetch → shape → answer`.
async fn pass(
    worker: &Worker,
    request: Box<Inbound>,
    trail: &mut Trail,
) -> Result<answer::Ready, Refusal> {
    // One View for the whole request: what is swapped meanwhile counts from the next request on.
    let view = worker.side.view();
    let fields = Fields::read(&request.head);
    request::check(&fields, request.conn.bounds())?;
    if cors::is_preflight(worker, &request) {
        worker.limit_look(&view, None, trail)?;
        return Box::pin(trail.preflight(worker)).await;
    }
    let path = normalize(request.head.uri.path())?;

    let identity = worker.identify(&view, &request.conn, &fields, trail).await?;
    let asker = Asker::of(&identity);
    if let Some(listing) = catalog::answer(worker, &view, &asker, &request, &path, trail)? {
        return Box::pin(trail.listed(listing, &request.head.method, worker)).await;
    }
    let mut target = route(&view, &fields, &path)?;
    trail.target(&view, &target);
    let declared = request::declared(&view, &fields)?;
    trail.declared(&view, &asker, &target, &declared);
    let origin = worker.origin(&asker, trail);
    let asking = fetch::Asking::new(&fields, &target, &origin);
    let body = match fields.content_type.first {
        Some(_) => Box::pin(request::body(&mut target, request, trail)).await?,
        None => request::Forwarded::None,
    };

    let permit = worker.decide(&view, &asker, &target, &declared, trail)?;
    trail.permitted(&permit, &target);
    body.check_against(&permit)?;
    let slot = worker.limit(&view, &asker, &permit, &target, trail)?;
    trail.allowed(&permit, slot)?;

    let held = Held {
        identity: &identity,
        permit: &permit,
        entry: &target.entry,
        uses: &target.uses,
        matter: declared.matter.as_ref(),
    };
    // What changes something at the department is on record, and still allowed, before it is sent.
    if !target.method.is_safe() {
        trail.durable().await?;
        worker.still(&held)?;
    }
    let unshaped = fetch::cache_or_fetch(worker, asking, &target, body, trail).await?;
    let ready = answer::shape(worker, &held, &target, unshaped, trail).await?;
    trail.durable().await?;
    worker.still(&held)?;
    Ok(ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size<F: Future>(_: impl FnOnce(Rc<Worker>, Box<Inbound>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_future_of_a_call_is_small() {
        assert!(size(handle) <= 3_200, "{} bytes", size(handle));
    }
}
