//! Pages in a browser may read what is open (CORS, Fetch standard). The opening zone has no
//! cookies and no ambient credentials, so an allowed origin learns nothing a stranger could not.

use http::{HeaderMap, HeaderValue, Method, header};

use crate::domain::Zone;
use crate::gateway::record::Trail;
use crate::gateway::request::Inbound;
use crate::gateway::worker::Worker;

const SHOWN: &str =
    "Age, Helan-Transaction, Cache-Status, RateLimit, RateLimit-Policy, Retry-After, ETag";

/// Says which origin may read the answer.
pub(super) fn allow(head: &mut HeaderMap, trail: &Trail, worker: &Worker) {
    let origins = &worker.side.origins;
    if worker.side.zone != Zone::Opening || origins.is_empty() {
        return;
    }
    let value = if origins.iter().any(|known| known == "*") {
        // Said to everybody, so that a kept answer serves a page too that asks for it later.
        HeaderValue::from_static("*")
    } else {
        head.append(header::VARY, HeaderValue::from_static("Origin"));
        let named = trail
            .origin()
            .filter(|origin| origins.iter().any(|known| known.as_bytes() == origin.as_bytes()));
        match named {
            Some(origin) => origin.clone(),
            None => return,
        }
    };
    head.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
    head.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(SHOWN));
}

/// Whether this is a browser asking ahead; such a request asks for no data.
pub(super) fn is_preflight(worker: &Worker, request: &Inbound) -> bool {
    worker.side.zone == Zone::Opening
        && !worker.side.origins.is_empty()
        && request.head.method == Method::OPTIONS
        && request.head.headers.contains_key(header::ORIGIN)
        && request.head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The headers that answer a browser asking ahead.
pub(super) fn preflight(head: &mut HeaderMap) {
    head.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST"));
    head.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Content-Type, Helan-Purpose, Helan-Matter, If-None-Match"),
    );
    head.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
}
