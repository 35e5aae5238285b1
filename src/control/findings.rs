//! Findings and measures for whoever supervises, and what is said of a finding.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde::Deserialize;
use uuid::Uuid;

use super::access::Access;
use super::admin::{Admin, typed};
use super::views;
use super::write::{self, Action, Done, not_valid};
use crate::domain::Role;
use crate::supervision::detect::FindingId;
use crate::supervision::measures::Period;

/// Characters of a reason.
const LONGEST: usize = 1000;

/// What is said, beside the verdict.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    #[serde(default)]
    reason: Option<String>,
}

/// The roles that may look, as on the console's pages of the same.
const MAY: [Role; 2] = [Role::Security, Role::Audit];

/// Everything found at this moment.
pub(super) async fn list(
    admin: &Arc<Admin>,
    access: Access,
    headers: &HeaderMap,
) -> Response<Full<Bytes>> {
    if let Err(refused) = look(admin, access, (headers, "findings")).await {
        return refused;
    }
    let findings = (admin.handles.findings)();
    let as_of = admin.journal.clamp(admin.clock.now());
    let body = serde_json::json!({ "as_of": as_of, "findings": findings });
    typed(StatusCode::OK, "application/json", format!("{body}\n"))
}

/// The measures of a period.
pub(super) async fn measures(
    admin: &Arc<Admin>,
    access: Access,
    request: &Request<Incoming>,
) -> Response<Full<Bytes>> {
    if let Err(refused) = look(admin, access, (request.headers(), "measures")).await {
        return refused;
    }
    let query = request.uri().query();
    let period = match query.map(|query| query.strip_prefix("period=").map(Period::parse)) {
        None => None,
        Some(Some(Ok(period))) => Some(period),
        Some(Some(Err(_)) | None) => {
            let text = "ask with ?period=2026 or ?period=2026-11\n".to_owned();
            return typed(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", text);
        }
    };
    let body = serde_json::to_string(&(admin.handles.measures)(period)).unwrap_or_default();
    typed(StatusCode::OK, "application/json", format!("{body}\n"))
}

/// Lets somebody proved in one of the roles look at this, once that is on record; whoever may not look
/// stands on record, too.
async fn look(
    admin: &Arc<Admin>,
    access: Access,
    (headers, target): (&HeaderMap, &str),
) -> Result<(), Response<Full<Bytes>>> {
    let transaction = Uuid::now_v7();
    let by = match access.writer(&admin.keys, headers) {
        Ok(by) => by,
        Err(why) => {
            let done = Done::new(StatusCode::UNAUTHORIZED, why.code(), why.text()).about(target);
            write::refused(admin, Action::View, &done, transaction).await;
            return Err(done.response(transaction));
        }
    };
    if !MAY.into_iter().any(|role| by.may(role)) {
        let text = format!("{target} are for a token of the role security or audit");
        let done = Done::new(StatusCode::FORBIDDEN, write::ROLE, text).about(target);
        let done = write::record(admin, Action::View, &by, done, transaction).await;
        return Err(done.response(transaction));
    }
    views::look(admin, &by, target).await.map_err(|_| {
        let text = "the look could not be put on record, so nothing is shown; see the node's log";
        Done::new(StatusCode::SERVICE_UNAVAILABLE, "not-recorded", text).response(transaction)
    })
}

/// Says something of the finding at `/findings/{id}/…`; the record of it is what counts.
pub(super) fn say(admin: &Admin, action: Action, path: &str, body: &[u8]) -> Done {
    let id = path.strip_prefix("/findings/").and_then(|rest| rest.split('/').next());
    let Some(id) = id.and_then(FindingId::parse) else {
        return Done::new(StatusCode::NOT_FOUND, "no-such-finding", "this is no id of a finding");
    };
    if !(admin.handles.findings)().iter().any(|finding| finding.id == id) {
        let text = "nothing by this id is found now; GET /findings lists what is";
        return Done::new(StatusCode::NOT_FOUND, "no-such-finding", text).about(id.as_str());
    }
    let said = if body.is_empty() { Ok(Said::default()) } else { serde_json::from_slice(body) };
    let reason = match said {
        Ok(Said { reason }) => reason.filter(|reason| !reason.trim().is_empty()),
        Err(_) => return not_valid("send {\"reason\": …} and nothing else").about(id.as_str()),
    };
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > LONGEST) {
        return not_valid("a reason has a thousand characters at most").about(id.as_str());
    }
    if reason.is_none() && action != Action::Confirm {
        return not_valid("say why: {\"reason\": …}").about(id.as_str());
    }
    let text = format!("{id}: {}", action.as_str());
    Done::effect(StatusCode::OK, text).about(id.as_str()).because(reason)
}
