//! What exists for this caller: the catalog, one entry of it, and its interface as the caller may
//! use it.

mod entry;

mod openapi;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Serialize;

use crate::domain::Zone;
use crate::gateway::Refusal;
use crate::gateway::answer::Ready;
use crate::gateway::decide::Asker;
use crate::gateway::prepare::PreparedView;
use crate::gateway::record::Trail;
use crate::gateway::request::Inbound;
use crate::gateway::route::Path;
use crate::gateway::worker::Worker;

/// Entries on one page, at most.
const PAGE: usize = 100;

/// An answer about the catalog.
#[derive(Debug)]
pub struct Listing {
    /// What was asked, as records name it.
    pub template: &'static str,
    /// The answer in JSON.
    pub bytes: Bytes,
}

#[derive(Serialize)]
struct Page<'a> {
    zone: Zone,
    profile: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<&'a str>,
    total: usize,
    page: usize,
    entries: Vec<entry::Line<'a>>,
}

/// Answers a request for the catalog; none if the path is not the catalog's.
#[expect(clippy::too_many_arguments, reason = "each step hands over its own product")]
pub fn answer(
    worker: &Worker,
    view: &PreparedView,
    asker: &Asker,
    request: &Inbound,
    path: &Path,
    trail: &Trail,
) -> Result<Option<Listing>, Refusal> {
    let mut named = path.entry().split('/');
    let first = named.next().unwrap_or("");
    if first == ".well-known" {
        return Err(Refusal::NoSuchEntry);
    }
    if first != "catalog" {
        return Ok(None);
    }
    if request.head.method != Method::GET && request.head.method != Method::HEAD {
        return Err(Refusal::MethodNotOffered { allow: "GET, HEAD".to_owned() });
    }
    worker.limit_look(view, Some(asker), trail)?;
    let rest: Vec<&str> = named.chain(path.rest().iter().map(String::as_str)).collect();
    let found = |organization: &str, name: &str| {
        view.entry(&format!("{organization}/{name}")).ok_or(Refusal::NoSuchEntry)
    };
    let (template, json) = match rest.as_slice() {
        [] => ("/catalog", list(worker, view, asker, request)?),
        [organization, name] => (
            "/catalog/{organization}/{entry}",
            entry::page(worker, view, asker, found(organization, name)?, trail.now())?,
        ),
        [organization, name, "openapi.json"] => (
            "/catalog/{organization}/{entry}/openapi.json",
            openapi::document(worker, view, asker, (found(organization, name)?, trail.now()))?,
        ),
        _ => return Err(Refusal::NoSuchEntry),
    };
    Ok(Some(Listing { template, bytes: json.into() }))
}

impl Listing {
    /// The answer, ready to be sent.
    pub(super) fn ready(self, method: &Method, mut headers: HeaderMap) -> Ready {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        let bytes = if *method == Method::HEAD { Bytes::new() } else { self.bytes };
        Ready::whole(StatusCode::OK, headers, bytes)
    }
}

fn list(
    worker: &Worker,
    view: &PreparedView,
    asker: &Asker,
    request: &Inbound,
) -> Result<Vec<u8>, Refusal> {
    let (page, organization) = paging(request.head.uri.query())?;
    let mut entries: Vec<_> = view
        .entries()
        .map(|prepared| &prepared.source.entry)
        .filter(|entry| {
            organization.as_deref().is_none_or(|wanted| entry.id.organization().as_str() == wanted)
        })
        .collect();
    entries.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    let total = entries.len();
    let start = (page - 1).saturating_mul(PAGE);
    let lines = entries.into_iter().skip(start).take(PAGE);
    let page = Page {
        zone: worker.side.zone,
        profile: worker.side.profile.as_str(),
        notice: view.view.rules.profile().notice(request.received),
        total,
        page,
        entries: lines.map(|catalog| entry::Line::new(view, asker, catalog)).collect(),
    };
    json(&page)
}

/// `page` and `organization`; anything else is refused like everywhere.
fn paging(query: Option<&str>) -> Result<(usize, Option<String>), Refusal> {
    let (mut page, mut organization) = (1, None);
    for pair in query.unwrap_or("").split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("page", number)) => {
                let number: usize = number.parse().map_err(|_| Refusal::ParameterNotValid)?;
                page = number.max(1);
            }
            Some(("organization", id)) => organization = Some(id.to_owned()),
            Some(_) | None => return Err(Refusal::ParameterNotDescribed),
        }
    }
    Ok((page, organization))
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(value).map_err(|_| Refusal::Internal { what: "a listing is no JSON" })
}
