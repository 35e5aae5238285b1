//! Response headers: an allow-list of the department's, and what the gateway says itself.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::config::keys::KeyPurpose;
use crate::domain::{Format, Zone};
use crate::gateway::Refusal;
use crate::gateway::decide::Permit;
use crate::gateway::fetch::Unshaped;
use crate::gateway::limit::Left;
use crate::gateway::record::Trail;
use crate::gateway::route::{Target, same_type};
use crate::gateway::worker::Worker;

/// The department's headers that pass. No cookie, no trailer, no redirect, nothing that tells of its
/// software.
const PASSED: [HeaderName; 3] =
    [header::CONTENT_LANGUAGE, header::CONTENT_DISPOSITION, header::LAST_MODIFIED];

/// Headers that never pass, even if an entry asks for them: they speak of one connection, of bytes
/// that shaping changed, or of sessions.
const NEVER: [HeaderName; 12] = [
    header::SET_COOKIE,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::TRAILER,
    header::UPGRADE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::ETAG,
    header::LOCATION,
    header::SERVER,
    header::WWW_AUTHENTICATE,
    header::CACHE_CONTROL,
];

/// The department's headers that this entry lets through.
pub(super) fn passed(target: &Target, unshaped: &Unshaped) -> HeaderMap {
    let mut head = HeaderMap::with_capacity(16);
    let extra = target.entry.source.entry.interface.iter().flat_map(|i| &i.headers);
    let extra = extra.filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok());
    for name in PASSED.into_iter().chain(extra).filter(|name| !NEVER.contains(name)) {
        if let Some(value) = unshaped.headers.get(&name) {
            head.insert(name, value.clone());
        }
    }
    if super::format_of(target) == Format::File
        && let Some(coding) = unshaped.headers.get(header::CONTENT_ENCODING)
    {
        head.insert(header::CONTENT_ENCODING, coding.clone());
    }
    head
}

/// What every answer says, refusals included.
pub(in crate::gateway) fn common(head: &mut HeaderMap, trail: &Trail, worker: &Worker) {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let id = trail.transaction();
    if let Ok(value) = HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)) {
        head.insert("helan-transaction", value);
    }
    head.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    crate::gateway::cors::allow(head, trail, worker);
}

/// Who may keep the answer. What the sharing zone sends is decided anew on every call, so no cache
/// outside may answer for it; what the public gets may be kept as long as ours keeps it.
pub(super) fn caching(head: &mut HeaderMap, zone: Zone, permit: &Permit, unshaped: &Unshaped) {
    let value = match (zone, permit.is_sensitive(), unshaped.ttl) {
        (_, true, _) => HeaderValue::from_static("no-store"),
        (Zone::Opening, false, Some(ttl)) if ttl > 0 => {
            HeaderValue::try_from(format!("public, max-age={ttl}"))
                .unwrap_or(HeaderValue::from_static("no-cache"))
        }
        (Zone::Opening, false, _) => HeaderValue::from_static("no-cache"),
        (Zone::Sharing | Zone::Peering, false, _) => HeaderValue::from_static("private, no-cache"),
    };
    head.insert(header::CACHE_CONTROL, value);
    received(head, unshaped.status);
}

/// `RateLimit-Policy` and `RateLimit` (IETF draft-ietf-httpapi-ratelimit-headers). A rate is named only
/// where it refuses: `t` counts whole seconds, and a caller that obeyed it would idle between calls that
/// may follow within one.
pub(in crate::gateway) fn limits(head: &mut HeaderMap, told: impl IntoIterator<Item = Left>) {
    for Left { policy, limit, remaining, window, reset } in told {
        let rule = HeaderValue::try_from(format!("\"{policy}\";q={limit};w={window}"));
        let left = HeaderValue::try_from(format!("\"{policy}\";r={remaining};t={reset}"));
        if let (Ok(rule), Ok(left)) = (rule, left) {
            head.append("ratelimit-policy", rule);
            head.append("ratelimit", left);
        }
    }
}

/// The entity tag of a shaped answer: a keyed hash over the department's validator and everything
/// that shaping depends on. Keyed, so that a tag tells nobody what was left out.
pub(super) fn entity_tag(
    worker: &Worker,
    permit: &Permit,
    unshaped: &Unshaped,
) -> Option<HeaderValue> {
    let validator = unshaped.headers.get(header::ETAG)?;
    let weak = validator.as_bytes().starts_with(b"W/");
    hashed(worker, permit, validator.as_bytes(), weak)
}

/// The same over the bytes, where the department sent no validator.
pub(super) fn tag_of_bytes(worker: &Worker, permit: &Permit, bytes: &[u8]) -> Option<HeaderValue> {
    hashed(worker, permit, bytes, false)
}

fn hashed(worker: &Worker, permit: &Permit, over: &[u8], weak: bool) -> Option<HeaderValue> {
    let mut text = Vec::with_capacity(over.len().saturating_add(64));
    text.extend_from_slice(permit.version().as_bytes());
    text.push(0);
    text.extend_from_slice(over);
    let (_, mac) = worker.node.keys.hmac(KeyPurpose::Etag, &text);
    let short = crate::net::hex(mac.get(..16)?);
    HeaderValue::try_from(format!("{}\"{short}\"", if weak { "W/" } else { "" })).ok()
}

pub(super) fn tag(head: &mut HeaderMap, tag: Option<HeaderValue>) {
    if let Some(tag) = tag {
        head.insert(header::ETAG, tag);
    }
}

/// Whether the caller holds this answer already (RFC 9110 §13.1.2, weak comparison).
pub(super) fn is_known(target: &Target, tag: &HeaderValue) -> bool {
    let opaque = |text: &str| text.trim().trim_start_matches("W/").to_owned();
    let Ok(tag) = tag.to_str() else { return false };
    let tag = opaque(tag);
    target
        .if_none_match
        .iter()
        .any(|list| list.split(',').any(|known| known.trim() == "*" || opaque(known) == tag))
}

/// Refuses a payload of another type than the entry declares.
pub(super) fn check_type(target: &Target, unshaped: &Unshaped) -> Result<Format, Refusal> {
    let format = super::format_of(target);
    let given = unshaped.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let given = given.unwrap_or("");
    let essence = given.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let fits = match format {
        Format::File => true,
        Format::Json => same_type("application/json", given) || essence.ends_with("+json"),
        Format::Ndjson => {
            ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/json"]
                .contains(&essence.as_str())
        }
        Format::Csv => ["text/csv", "text/plain", "application/csv"].contains(&essence.as_str()),
    };
    if fits {
        Ok(format)
    } else {
        Err(Refusal::AnswerNotDescribed { status: unshaped.status.as_u16() })
    }
}

/// The type that is sent: what shaping writes, or a file's own.
pub(super) fn content_type(format: Format, unshaped: &Unshaped) -> HeaderValue {
    match format {
        Format::Json => HeaderValue::from_static("application/json"),
        Format::Ndjson => HeaderValue::from_static("application/x-ndjson"),
        Format::Csv => HeaderValue::from_static("text/csv; charset=utf-8; header=present"),
        Format::File => unshaped
            .headers
            .get(header::CONTENT_TYPE)
            .cloned()
            .unwrap_or(HeaderValue::from_static("application/octet-stream")),
    }
}

/// `Proxy-Status` of an answer that came from a department (RFC 9209).
pub(super) fn received(head: &mut HeaderMap, status: StatusCode) {
    if let Ok(value) = HeaderValue::try_from(format!("helan; received-status={}", status.as_u16()))
    {
        head.insert("proxy-status", value);
    }
}
