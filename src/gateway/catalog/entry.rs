//! One entry as a caller sees it: what it holds, how to get it, what is left.

use std::sync::Arc;

use serde::Serialize;

use super::json;
use crate::domain::{
    Denial, Entry, EntryId, GrantId, Item, ItemName, LegalBasis, MatterCode, Mode, OpeningClass,
    PurposeId, SharingClass, Term, Timestamp, UpdateCycle,
};
use crate::gateway::Refusal;
use crate::gateway::decide::{Asker, Preview};
use crate::gateway::limit::{Left, Quota};
use crate::gateway::prepare::{Prepared, PreparedView};
use crate::gateway::worker::Worker;

/// An entry in a list.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    id: &'a EntryId,
    code: &'a str,
    name: &'a str,
    provider: &'a str,
    sharing: SharingClass,
    opening: OpeningClass,
    mounted: bool,
    granted: bool,
    href: String,
}

impl<'a> Line<'a> {
    pub(super) fn new(view: &'a PreparedView, asker: &Asker, entry: &'a Entry) -> Self {
        let provider = view.view.organization(&entry.id.organization());
        let granted = asker
            .known
            .as_ref()
            .is_some_and(|(consumer, _)| !view.view.grants(consumer, &entry.id).is_empty());
        Self {
            id: &entry.id,
            code: &entry.code,
            name: &entry.name,
            provider: provider.map_or("", |organization| &organization.name),
            sharing: entry.sharing.class,
            opening: entry.opening.class,
            mounted: entry.interface.is_some(),
            granted,
            href: format!("/catalog/{}", entry.id),
        }
    }
}

#[derive(Serialize)]
struct Page<'a> {
    id: &'a EntryId,
    code: &'a str,
    name: &'a str,
    summary: &'a str,
    domain: &'a str,
    update: UpdateCycle,
    sharing: Sharing<'a>,
    opening: OpeningClass,
    items: Vec<Field<'a>>,
    claims: Vec<Seen<'a>>,
    call: Option<String>,
    openapi: Option<String>,
    apply: &'static str,
}

#[derive(Serialize)]
struct Sharing<'a> {
    class: SharingClass,
    #[serde(skip_serializing_if = "Option::is_none")]
    conditions: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    basis: &'a [LegalBasis],
    modes: &'a [Mode],
    purposes: &'a [PurposeId],
}

#[derive(Serialize)]
struct Field<'a> {
    name: &'a ItemName,
    title: &'a str,
    #[serde(rename = "type")]
    kind: crate::domain::ItemType,
    sensitivity: crate::domain::Sensitivity,
    sharing: SharingClass,
    granted: bool,
}

/// What one claim gives.
#[derive(Serialize)]
struct Seen<'a> {
    grant: Option<&'a GrantId>,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    denial: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
    items: &'a [ItemName],
    #[serde(skip_serializing_if = "Option::is_none")]
    term: Option<&'a Term>,
    purposes: &'a [PurposeId],
    matters: &'a [MatterCode],
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<Remaining>,
}

#[derive(Serialize)]
struct Remaining {
    window: &'static str,
    limit: u64,
    remaining: u64,
    reset_seconds: u64,
}

/// The page of one entry.
pub(super) fn page(
    worker: &Worker,
    view: &PreparedView,
    asker: &Asker,
    prepared: &Arc<Prepared>,
    now: Timestamp,
) -> Result<Vec<u8>, Refusal> {
    let entry = &prepared.source.entry;
    let previews = worker.preview(view, asker, prepared, now);
    let granted = |item: &Item| {
        previews.iter().any(|one| one.is_allowed() && one.decision.items.contains(&item.name))
    };
    let items = entry.items.iter().map(|item| Field {
        name: &item.name,
        title: &item.title,
        kind: item.kind,
        sensitivity: item.sensitivity,
        sharing: entry.class_of(item),
        granted: granted(item),
    });
    let mounted = prepared.upstream.is_some();
    json(&Page {
        id: &entry.id,
        code: &entry.code,
        name: &entry.name,
        summary: &entry.summary,
        domain: &entry.domain,
        update: entry.update,
        sharing: Sharing {
            class: entry.sharing.class,
            conditions: entry.sharing.conditions.as_deref(),
            reason: entry.sharing.reason.as_deref(),
            basis: &entry.sharing.basis,
            modes: &entry.sharing.modes,
            purposes: &entry.sharing.purposes,
        },
        opening: entry.opening.class,
        items: items.collect(),
        claims: previews.iter().map(|one| seen(worker, one, now)).collect(),
        call: mounted.then(|| format!("/{}", entry.id)),
        openapi: mounted.then(|| format!("/catalog/{}/openapi.json", entry.id)),
        apply: how_to_apply(entry.sharing.class),
    })
}

fn seen<'a>(worker: &Worker, preview: &'a Preview, now: Timestamp) -> Seen<'a> {
    let decision = &preview.decision;
    let denial = decision.outcome.err();
    let stopped = preview.stopped.map(|how| Refusal::Stopped { how }.described());
    let grant = decision.grant.as_ref().map(|written| written.grant.as_ref());
    let quota = grant.and_then(|grant| {
        let limits = &grant.limits;
        let quota =
            Quota { grant: &grant.id, per_day: limits.per_day, per_month: limits.per_month };
        worker.node.limiters.left(&quota, now)
    });
    Seen {
        grant: grant.map(|grant| &grant.id),
        allowed: preview.is_allowed(),
        denial: stopped.map(|said| said.code).or(denial.map(Denial::code)),
        remedy: stopped.map(|said| said.remedy[0]).or(denial.map(Denial::remedy)),
        items: &decision.items,
        term: grant.map(|grant| &grant.term),
        purposes: grant.map_or(&[], |grant| &grant.purposes),
        matters: grant.map_or(&[], |grant| &grant.matters),
        quota: quota.map(|Left { policy, limit, remaining, reset, .. }| Remaining {
            window: policy,
            limit,
            remaining,
            reset_seconds: reset,
        }),
    }
}

fn how_to_apply(class: SharingClass) -> &'static str {
    match class {
        SharingClass::Unconditional => {
            "Departments may call what is unconditional; items with a class of their own need a grant (办法第十六条)."
        }
        SharingClass::Conditional => {
            "Apply to the provider with items, purpose, mode, term and legal basis (办法第十六条；条例第二十条)."
        }
        SharingClass::Withheld => {
            "Negotiate with the provider; if that fails, ask the bureau to coordinate (办法第十六条)."
        }
    }
}
