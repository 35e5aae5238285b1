//! Turns the department's answer into what this caller may have, and sends it.
//!
//! Up to 64 KiB of shaped output is held before the head leaves, so that early trouble is a clean
//! refusal. Later trouble resets the stream: a body that looks whole is whole.

mod body;

mod headers;

mod limits;

mod out;

mod shaping;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, header};

use crate::domain::Format;
use crate::gateway::Refusal;
use crate::gateway::fetch::Unshaped;
use crate::gateway::record::Trail;
use crate::gateway::route::Target;
use crate::gateway::worker::{Held as Allowed, Worker};

pub use self::body::Body;
pub(super) use self::headers::common;
pub(super) use self::limits::limits;

use self::body::Watch;
use self::shaping::{Held, Shaping};

/// Bytes of shaped output held before the head leaves.
const HELD: usize = 64 * 1024;

/// An answer whose head may leave once its record is durable.
#[derive(Debug)]
pub struct Ready {
    status: StatusCode,
    headers: HeaderMap,
    held: Held,
    watch: Option<Box<Watch>>,
}

impl Ready {
    /// An answer that is whole.
    pub(super) fn whole(status: StatusCode, headers: HeaderMap, bytes: Bytes) -> Self {
        Self { status, headers, held: Held::Whole(bytes), watch: None }
    }

    /// Sends it; from here on the trail ends with the body.
    pub fn send(self, mut trail: Box<Trail>) -> Response<Body> {
        trail.status(self.status);
        let mut response = match self.held {
            Held::Whole(bytes) if bytes.is_empty() => {
                trail.answered();
                Response::new(Body::empty())
            }
            Held::Whole(bytes) => Response::new(Body::whole(bytes, trail)),
            Held::Streaming(shaping) => Response::new(Body::streaming(shaping, self.watch, trail)),
        };
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// Reduces the department's answer to what the permit names.
pub async fn shape(
    worker: &Worker,
    allowed: &Allowed<'_>,
    target: &Target,
    unshaped: Unshaped,
    trail: &mut Trail,
) -> Result<Ready, Refusal> {
    let permit = allowed.permit;
    let status = unshaped.status;
    let mut head = headers::passed(target, &unshaped);
    common(&mut head, trail, worker);
    let may_be_kept = headers::caching(&mut head, worker.side.zone, permit, target, &unshaped);
    headers::received(&mut head, unshaped.received);
    head.insert(headers::CACHE_STATUS, unshaped.cache.header());
    limits(&mut head, trail, None);
    // What nobody may keep nobody will ask about again.
    let validator = unshaped.source.headers().get(header::ETAG).cloned();
    let tag = |body: Option<&Bytes>| {
        may_be_kept.then(|| headers::entity_tag(worker, permit, validator.as_ref(), body)).flatten()
    };

    if status == StatusCode::NO_CONTENT {
        headers::tag(&mut head, tag(None));
        return Ok(Ready::whole(status, head, Bytes::new()));
    }
    let format = headers::check_type(target, &unshaped)?;
    head.insert(header::CONTENT_TYPE, headers::content_type(format, &unshaped));
    let mut shaping = Shaping::open(worker, permit, target, unshaped)?;
    let body = shaping.hold(HELD).await?;
    let tag = match shaping.before() {
        Some(before) => before.tag.clone(),
        None => tag(body.as_ref()),
    };
    if let Some(bytes) = &body {
        shaping.keep(permit, bytes, tag.as_ref());
    }
    let known = tag.as_ref().is_some_and(|tag| headers::is_known(target, tag));
    headers::tag(&mut head, tag);
    if known && status == StatusCode::OK && target.method.is_safe() {
        shaping.note(trail);
        trail.kept_back();
        head.remove(header::CONTENT_TYPE);
        return Ok(Ready::whole(StatusCode::NOT_MODIFIED, head, Bytes::new()));
    }
    if let Some(bytes) = &body {
        head.insert(header::CONTENT_LENGTH, bytes.len().into());
    }
    if target.method == Method::HEAD {
        return Ok(Ready::whole(status, head, Bytes::new()));
    }
    // Only what is sent counts as having left: not what a 304 or a HEAD keeps back.
    let body = match body {
        Some(bytes) => {
            shaping.note(trail);
            Held::Whole(bytes)
        }
        None => Held::Streaming(Box::new(shaping)),
    };
    let watch = matches!(&body, Held::Streaming(_)).then(|| Box::new(Watch::new(worker, allowed)));
    Ok(Ready { status, headers: head, held: body, watch })
}

/// The format an answer is to have.
pub(super) fn format_of(target: &Target) -> Format {
    target.entry.source.entry.interface.as_ref().map_or(Format::Json, |interface| interface.format)
}
