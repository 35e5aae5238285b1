//! Response headers: an allow-list of the department's, and what the gateway says itself.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::cache::Reserve;
use crate::config::keys::KeyPurpose;
use crate::domain::{Format, Zone};
use crate::gateway::Refusal;
use crate::gateway::decide::Permit;
use crate::gateway::fetch::{Kept, Unshaped};
use crate::gateway::record::Trail;
use crate::gateway::route::{Target, same_type};
use crate::gateway::worker::Worker;
use crate::net::headers::{goes_no_further, never_leaves};
use crate::policy::Place;

/// The department's headers that pass. No cookie, no trailer, no redirect, nothing that tells of its
/// software.
const PASSED: [HeaderName; 2] = [header::CONTENT_LANGUAGE, header::LAST_MODIFIED];

/// The id of the call.
const TRANSACTION: HeaderName = HeaderName::from_static("helan-transaction");

/// What the cache did (RFC 9211).
pub(super) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// What the department did (RFC 9209).
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// Those that pass with a file, whose bytes are the department's own.
const PASSED_WITH_A_FILE: [HeaderName; 2] = [header::CONTENT_DISPOSITION, header::CONTENT_ENCODING];

/// The department's headers that this entry lets through.
pub(super) fn passed(target: &Target, unshaped: &Unshaped) -> HeaderMap {
    let mut head = HeaderMap::with_capacity(16);
    let mut pass = |name: &HeaderName| {
        if !head.contains_key(name) {
            for value in unshaped.source.headers().get_all(name) {
                head.append(name.clone(), value.clone());
            }
        }
    };
    PASSED.iter().for_each(&mut pass);
    if super::format_of(target) == Format::File {
        PASSED_WITH_A_FILE.iter().for_each(&mut pass);
    }
    let extra = target.entry.source.entry.interface.iter().flat_map(|i| &i.headers);
    extra
        .filter(|name| !never_leaves(name) && !name.eq_ignore_ascii_case("content-disposition"))
        .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
        .for_each(|name| pass(&name));
    head
}

/// What every answer says, refusals included.
pub(in crate::gateway) fn common(head: &mut HeaderMap, trail: &Trail, worker: &Worker) {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let id = trail.transaction();
    if let Ok(value) = HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)) {
        head.insert(TRANSACTION, value);
    }
    head.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    crate::gateway::cors::allow(head, trail, worker);
}

/// Who may keep the answer. What the sharing zone sends is decided anew on every call, so no cache
/// outside may answer for it; what the public gets may be kept as long as ours keeps it. What the
/// department reserves stays reserved. Says whether anybody may keep it.
pub(super) fn caching(
    head: &mut HeaderMap,
    zone: Zone,
    permit: &Permit,
    target: &Target,
    unshaped: &Unshaped,
) -> bool {
    let value = match (zone, crate::cache::reserve(unshaped.source.headers()), unshaped.kept) {
        _ if permit.is_sensitive() => HeaderValue::from_static("no-store"),
        (_, Reserve::NoStore, _) => HeaderValue::from_static("no-store"),
        (Zone::Sharing | Zone::Peering, _, _) | (_, Reserve::Private, _) => {
            HeaderValue::from_static("private, no-cache")
        }
        (Zone::Opening, Reserve::None, Some(Kept { age, ttl })) if ttl > 0 => {
            // Counted from when the department made it, as `Age` is.
            let lifetime = age.saturating_add_signed(ttl);
            HeaderValue::try_from(format!("public, max-age={lifetime}"))
                .unwrap_or(HeaderValue::from_static("no-cache"))
        }
        (Zone::Opening, Reserve::None, _) => HeaderValue::from_static("no-cache"),
    };
    let may_be_kept = value != "no-store";
    head.insert(header::CACHE_CONTROL, value);
    if let Some(Kept { age, .. }) = unshaped.kept {
        head.insert(header::AGE, age.into());
    }
    if zone == Zone::Opening {
        selected_by(head, target);
    }
    may_be_kept
}

/// Names the headers that select the answer, for caches outside.
fn selected_by(head: &mut HeaderMap, target: &Target) {
    let rules = target.operation().into_iter().flat_map(|operation| &operation.rules);
    let names = rules
        .filter(|rule| rule.place == Place::Header && !goes_no_further(&rule.name))
        .filter(|rule| rule.meaning.as_ref().is_none_or(|meaning| meaning.value.is_none()));
    for rule in names {
        if let Ok(name) = HeaderValue::from_str(&rule.name) {
            head.append(header::VARY, name);
        }
    }
}

/// The entity tag of a shaped answer: a keyed hash over the department's validator, or else what leaves, and
/// everything that shaping depends on. Keyed, so that a tag tells nobody what was left out.
pub(super) fn entity_tag(
    worker: &Worker,
    permit: &Permit,
    validator: Option<&HeaderValue>,
    body: Option<&Bytes>,
) -> Option<HeaderValue> {
    let over = validator.map(HeaderValue::as_bytes).or(body.map(AsRef::as_ref))?;
    let weak = validator.is_some_and(|validator| validator.as_bytes().starts_with(b"W/"));
    let mut text = Vec::with_capacity(over.len().saturating_add(64));
    text.extend_from_slice(permit.version().as_bytes());
    text.push(0);
    // Another key masks the same value otherwise.
    text.extend_from_slice(worker.node.keys.newest(KeyPurpose::Mask).as_bytes());
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
    let given = unshaped.source.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let given = given.unwrap_or("");
    let essence = || given.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let fits = match format {
        Format::File => true,
        Format::Json => same_type("application/json", given) || essence().ends_with("+json"),
        Format::Ndjson => {
            ["application/x-ndjson", "application/ndjson", "application/jsonl", "application/json"]
                .contains(&essence().as_str())
        }
        Format::Csv => ["text/csv", "text/plain", "application/csv"].contains(&essence().as_str()),
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
            .source
            .headers()
            .get(header::CONTENT_TYPE)
            .cloned()
            .unwrap_or(HeaderValue::from_static("application/octet-stream")),
    }
}

/// `Proxy-Status` of an answer for which a department was asked (RFC 9209).
pub(super) fn received(head: &mut HeaderMap, status: Option<StatusCode>) {
    let Some(status) = status else { return };
    let value = if status == StatusCode::OK {
        Ok(HeaderValue::from_static("helan; received-status=200"))
    } else {
        HeaderValue::try_from(["helan; received-status=", status.as_str()].concat())
    };
    if let Ok(value) = value {
        head.insert(PROXY_STATUS, value);
    }
}
