//! Grants: the list, and one with its use against its limits, its items, its agreement and approvals.

use std::sync::Arc;

use askama::Template;

use super::chart::Extent;
use super::freeze;
use super::page::{Seen, Shell, Trouble};
use super::show;
use super::texts::Texts;
use super::traffic::Traffic;
use super::words::{self, Word as _, list};
use crate::domain::{Grant, GrantId, GrantState, Scope};
use crate::policy::Sources;
use crate::policy::reload::Frozen;
use crate::supervision::{Dimension, Filter, Step};

#[derive(Template)]
#[template(path = "console/grants.html", config = "src/askama.toml")]
struct All {
    s: Shell,
    t: &'static Texts,
    table: String,
}

#[derive(Template)]
#[template(path = "console/grant_rows.html", config = "src/askama.toml")]
struct Rows {
    t: &'static Texts,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    consumer: String,
    entry: String,
    items: usize,
    state: &'static str,
    is_bad: bool,
    last: String,
    calls: String,
}

/// A table of grants.
pub(super) fn table(
    seen: &Seen,
    traffic: &Traffic<'_>,
    grants: &[&Arc<Grant>],
) -> Result<String, Trouble> {
    let sources = (seen.admin.handles.sources)();
    let now = seen.admin.clock.now();
    let calls = traffic.by(traffic.days(7), Dimension::Grant, &Filter::all());
    let row = |grant: &Arc<Grant>| {
        let is_in_force = grant.state == GrantState::Active && grant.term.contains(now);
        let state = match grant.state {
            GrantState::Active if grant.term.until <= now => GrantState::Expired,
            GrantState::Active if now < grant.term.from => GrantState::Pending,
            state @ (GrantState::Pending
            | GrantState::Active
            | GrantState::Suspended
            | GrantState::Terminated
            | GrantState::Expired) => state,
        };
        let count = calls.iter().find(|(id, _)| id == grant.id.as_str()).map_or(0, |(_, n)| *n);
        Row {
            id: grant.id.to_string(),
            consumer: organization(&sources, grant.consumer.as_str()),
            entry: entry(&sources, grant),
            items: grant.items.len(),
            state: state.word(seen.lang()),
            is_bad: !is_in_force,
            last: show::last_day(&grant.term),
            calls: show::count(count),
        }
    };
    let rows: Vec<_> = grants.iter().map(|grant| row(grant)).collect();
    if rows.is_empty() { Ok(String::new()) } else { Ok(Rows { t: seen.t(), rows }.render()?) }
}

/// An organization by its name.
pub(super) fn organization(sources: &Sources, id: &str) -> String {
    sources.organizations.get(id).map_or_else(|| id.to_owned(), |one| one.name.clone())
}

fn entry(sources: &Sources, grant: &Grant) -> String {
    let known = sources.entries.get(&grant.entry);
    known.map_or_else(|| grant.entry.to_string(), |source| source.entry.name.clone())
}

/// All grants.
pub(super) fn all(seen: &Seen) -> Result<String, Trouble> {
    let t = seen.t();
    let sources = (seen.admin.handles.sources)();
    let grants: Vec<_> = sources.grants.values().collect();
    let table = table(seen, &Traffic::open(seen), &grants)?;
    Ok(All { s: seen.shell(t.grants), t, table }.render()?)
}

#[derive(Template)]
#[template(path = "console/grant.html", config = "src/askama.toml")]
struct One {
    s: Shell,
    t: &'static Texts,
    unavailable: Option<String>,
    freeze: String,
    consumer: (String, String),
    provider: (String, String),
    entry: (String, String),
    facts: Vec<(&'static str, String)>,
    limits: Vec<Limit>,
    calls: String,
    items: Vec<Item>,
    agreement: Vec<(&'static str, String)>,
    approvals: Vec<(&'static str, String, String, String)>,
}

struct Limit {
    name: &'static str,
    used: String,
    allowed: String,
    percent: Option<u64>,
}

struct Item {
    title: String,
    name: String,
    sensitivity: &'static str,
    used: String,
}

/// One grant.
pub(super) fn one(seen: &Seen, id: &GrantId) -> Result<String, Trouble> {
    let t = seen.t();
    let sources = (seen.admin.handles.sources)();
    let grant = sources.grants.get(id).ok_or(Trouble::NotFound)?;
    let traffic = Traffic::open(seen);
    let provider = grant.entry.organization();
    let link = |id: &str| (organization(&sources, id), format!("/console/organizations/{id}"));
    let filter = Filter::all().with(Dimension::Grant, id.as_str());
    let approvals = grant.approvals.iter().map(|approval| {
        let by = organization(&sources, approval.organization.as_str());
        let date = approval.date.to_string();
        (approval.by.word(seen.lang()), by, date, approval.document.clone())
    });
    let page = One {
        s: seen.shell(format!("{} {id}", t.grant)),
        t,
        unavailable: traffic.unavailable(),
        freeze: freeze::part(seen, &Frozen::Grant(id.clone()))?,
        consumer: link(grant.consumer.as_str()),
        provider: link(provider.as_str()),
        entry: (entry(&sources, grant), format!("/console/entries/{}", grant.entry)),
        facts: facts(seen, &sources, grant),
        limits: limits(seen, &traffic, grant),
        calls: traffic.chart(
            (t.calls_by_day, Extent::Whole),
            (traffic.days(30), Step::Day),
            &filter,
        ),
        items: items(seen, &traffic, (&sources, grant)),
        agreement: agreement(seen, &sources, grant),
        approvals: approvals.collect(),
    };
    Ok(page.render()?)
}

fn facts(seen: &Seen, sources: &Sources, grant: &Grant) -> Vec<(&'static str, String)> {
    let (t, lang) = (seen.t(), seen.lang());
    // Where a grant names none, there is no such bound.
    let bounds = |words: Vec<String>| {
        if words.is_empty() { t.not_limited.to_owned() } else { list(words, lang) }
    };
    let scope = |scope: &Scope| format!("{} = {}", scope.item, scope.values.join(" | "));
    let matters = grant.matters.iter().map(|code| {
        let known = sources.matters.get(code);
        known.map_or_else(|| code.to_string(), |matter| matter.name.clone())
    });
    let purposes = grant.purposes.iter();
    let purposes = list(purposes.map(|one| words::purpose(one.as_str(), lang)), lang);
    let mut facts = vec![
        (t.state, grant.state.word(lang).to_owned()),
        (t.term, show::term(&grant.term)),
        (t.applications, bounds(grant.applications.iter().map(ToString::to_string).collect())),
        (t.purposes, purposes),
        (t.matters, bounds(matters.collect())),
        (t.modes, list(grant.modes.iter().map(|mode| mode.word(lang)), lang)),
        (t.scope, bounds(grant.scope.iter().map(scope).collect())),
        (t.basis, words::basis(&grant.basis, lang)),
    ];
    if let Some(authorization) = &grant.authorization {
        facts.push((
            t.authorization,
            format!("《{}》{}", authorization.title, authorization.article),
        ));
    }
    if let Some(negotiation) = &grant.negotiation {
        facts.push((t.negotiation, format!("{} {}", negotiation.date, negotiation.document)));
    }
    facts.extend(grant.reason.clone().map(|reason| (t.reason, reason)));
    facts
}

/// Quotas count allowed calls, by calendar day and month.
fn limits(seen: &Seen, traffic: &Traffic<'_>, grant: &Grant) -> Vec<Limit> {
    let t = seen.t();
    let filter = Filter::all().with(Dimension::Grant, grant.id.as_str());
    let used = |period| {
        let ends = traffic.ends(period, &filter);
        ends.answered.saturating_add(ends.broken)
    };
    let row = |name, used: u64, allowed: Option<u64>| Limit {
        name,
        used: show::count(used),
        allowed: allowed.map_or_else(|| t.not_limited.to_owned(), show::count),
        percent: allowed.map(|allowed| show::percent(used, allowed)),
    };
    let mut rows = vec![
        row(t.per_day, used(traffic.today()), grant.limits.per_day),
        row(t.per_month, used(traffic.month()), grant.limits.per_month),
    ];
    if let Some(rate) = grant.limits.rate {
        rows.push(Limit {
            name: t.per_second,
            used: String::new(),
            allowed: format!("{} / {} s", rate.calls, rate.seconds),
            percent: None,
        });
    }
    rows
}

fn items(seen: &Seen, traffic: &Traffic<'_>, (sources, grant): (&Sources, &Grant)) -> Vec<Item> {
    let (t, lang) = (seen.t(), seen.lang());
    let uses = traffic.items(traffic.days(30), grant.id.as_str());
    let described = sources.entries.get(&grant.entry).map(|source| &source.entry.items);
    let one = |name: &crate::domain::ItemName| {
        let known = described.and_then(|items| items.iter().find(|item| item.name == *name));
        let used = uses.iter().find(|(item, ..)| item == name.as_str());
        let used = used.filter(|(_, used, returned)| used.saturating_add(*returned) > 0);
        Item {
            title: known.map(|item| item.title.clone()).unwrap_or_default(),
            name: name.to_string(),
            sensitivity: known.map_or(t.unknown, |item| item.sensitivity.word(lang)),
            used: match used {
                Some((_, _, returned)) => format!("{} ({})", t.is_used, show::count(*returned)),
                None => t.never_used.to_owned(),
            },
        }
    };
    grant.items.iter().map(one).collect()
}

fn agreement(seen: &Seen, sources: &Sources, grant: &Grant) -> Vec<(&'static str, String)> {
    let (t, lang) = (seen.t(), seen.lang());
    let Some(agreement) = grant.agreement.as_ref().and_then(|id| sources.agreements.get(id)) else {
        return Vec::new();
    };
    let is_in_force = agreement.in_force(seen.admin.clock.now());
    vec![
        (t.identifier, agreement.id.to_string()),
        (t.document, agreement.document.clone()),
        (t.term, show::term(&agreement.term)),
        (t.state, (if is_in_force { t.in_force_now } else { t.not_in_force }).to_owned()),
        (t.items, list(agreement.items.iter().map(ToString::to_string), lang)),
    ]
}
