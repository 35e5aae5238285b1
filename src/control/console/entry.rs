//! Catalog entries: the list, and one with its calls, latency, freshness, drift, users and grants.

use askama::Template;

use super::chart::Extent;
use super::finding;
use super::freeze;
use super::grant::{self, organization};
use super::overview::{Figure, is_stale};
use super::page::{Seen, Shell, Trouble};
use super::show;
use super::texts::Texts;
use super::traffic::{Traffic, latency};
use super::words::{self, Word as _, list};
use crate::domain::{Entry, EntryId, EntryState, SharingClass};
use crate::policy::EntrySource;
use crate::policy::reload::Frozen;
use crate::supervision::{Dimension, Filter, Freshness, Step};

#[derive(Template)]
#[template(path = "console/entries.html", config = "src/askama.toml")]
struct All {
    s: Shell,
    t: &'static Texts,
    rows: Vec<Row>,
}

struct Row {
    href: String,
    id: String,
    name: String,
    provider: String,
    sharing: &'static str,
    opening: &'static str,
    cycle: &'static str,
    interface: &'static str,
    /// It is to be called and cannot be.
    is_lacking: bool,
    grants: usize,
    calls: String,
}

/// All entries.
pub(super) fn all(seen: &Seen) -> Result<String, Trouble> {
    let (t, lang) = (seen.t(), seen.lang());
    let sources = (seen.admin.handles.sources)();
    let traffic = Traffic::open(seen);
    let calls = traffic.by(traffic.days(7), Dimension::Entry, &Filter::all());
    let row = |source: &EntrySource| {
        let entry = &source.entry;
        let count = calls.iter().find(|(id, _)| id == entry.id.as_str()).map_or(0, |(_, n)| *n);
        Row {
            href: format!("/console/entries/{}", entry.id),
            id: entry.id.to_string(),
            name: entry.name.clone(),
            provider: organization(&sources, entry.id.organization().as_str()),
            sharing: entry.sharing.class.word(lang),
            opening: entry.opening.class.word(lang),
            cycle: entry.update.word(lang),
            interface: interface(t, entry, lang),
            is_lacking: entry.state == EntryState::Offline
                || (entry.interface.is_none() && !is_withheld(entry)),
            grants: sources.grants.values().filter(|grant| grant.entry == entry.id).count(),
            calls: show::count(count),
        }
    };
    let rows = sources.entries.values().map(|source| row(source)).collect();
    Ok(All { s: seen.shell(t.entries), t, rows }.render()?)
}

fn interface(t: &'static Texts, entry: &Entry, lang: super::texts::Lang) -> &'static str {
    match (&entry.interface, entry.state) {
        (_, EntryState::Offline) => t.offline,
        // Nobody may call it, so nothing is missing.
        (None, EntryState::Live) if is_withheld(entry) => "–",
        (None, EntryState::Live) => t.not_mounted,
        (Some(interface), EntryState::Live) => interface.mode.word(lang),
    }
}

fn is_withheld(entry: &Entry) -> bool {
    entry.sharing.class == SharingClass::Withheld
}

#[derive(Template)]
#[template(path = "console/entry.html", config = "src/askama.toml")]
struct One {
    s: Shell,
    t: &'static Texts,
    unavailable: Option<String>,
    provider: (String, String),
    freeze: String,
    figures: Vec<Figure>,
    findings: String,
    calls: String,
    users: String,
    refusals: String,
    grants: String,
    items: Vec<Item>,
    facts: Vec<(&'static str, String)>,
}

struct Item {
    title: String,
    name: String,
    kind: &'static str,
    sensitivity: &'static str,
    sharing: &'static str,
    mask: String,
}

/// One entry.
pub(super) fn one(seen: &Seen, id: &EntryId) -> Result<String, Trouble> {
    let t = seen.t();
    let sources = (seen.admin.handles.sources)();
    let source = sources.entries.get(id).ok_or(Trouble::NotFound)?;
    let traffic = Traffic::open(seen);
    let filter = Filter::all().with(Dimension::Entry, id.as_str());
    let week = traffic.days(7);
    let provider = id.organization();
    let grants: Vec<_> = sources.grants.values().filter(|grant| grant.entry == *id).collect();
    let page = One {
        s: seen.shell(source.entry.name.clone()),
        t,
        unavailable: traffic.unavailable(),
        provider: (
            organization(&sources, provider.as_str()),
            format!("/console/organizations/{provider}"),
        ),
        freeze: freeze::part(seen, &Frozen::Entry(id.clone()))?,
        figures: figures(seen, &traffic, &source.entry),
        findings: finding::table_of(seen, |found| {
            found.subject.kind == "entry" && found.subject.id == id.as_str()
        })?,
        calls: traffic.chart(
            (t.calls_by_day, Extent::Whole),
            (traffic.days(30), Step::Day),
            &filter,
        ),
        users: traffic.busiest((t.who_uses, t.consumer), (week, Dimension::Consumer), &filter),
        refusals: traffic.refusals(week, &filter),
        grants: grant::table(seen, &traffic, &grants)?,
        items: items(seen, &source.entry),
        facts: facts(seen, source),
    };
    Ok(page.render()?)
}

fn figures(seen: &Seen, traffic: &Traffic<'_>, entry: &Entry) -> Vec<Figure> {
    let t = seen.t();
    let id = entry.id.as_str();
    let filter = Filter::all().with(Dimension::Entry, id);
    let week = traffic.days(7);
    let (totals, ends) = (traffic.totals(week, &filter), traffic.ends(week, &filter));
    let known = traffic.freshness();
    let newest = known.iter().find(|one| &*one.entry == id).and_then(Freshness::last_data);
    let is_stale = is_stale(seen, id, entry.update);
    let state = match (newest, is_stale) {
        (_, true) => t.stale,
        (Some(_), false) => t.fresh,
        (None, false) => t.unknown,
    };
    let newest =
        newest.map_or_else(String::new, |time| format!("{} {}", t.newest_data, show::time(time)));
    let refused = format!("{} {}", t.refused, show::count(ends.refused));
    vec![
        Figure::new(t.calls_week, show::count(ends.all())).noted(refused),
        Figure::new(t.latency, latency(&totals).unwrap_or_else(|| t.unknown.to_owned()))
            .noted(t.latency_note),
        Figure::new(t.freshness, state).noted(newest).bad_if(is_stale),
        Figure::new(t.drift, show::count(totals.drift))
            .noted(t.drift_note)
            .bad_if(totals.drift > 0),
    ]
}

fn items(seen: &Seen, entry: &Entry) -> Vec<Item> {
    let lang = seen.lang();
    let one = |item: &crate::domain::Item| Item {
        title: item.title.clone(),
        name: item.name.to_string(),
        kind: item.kind.word(lang),
        sensitivity: item.sensitivity.word(lang),
        sharing: entry.class_of(item).word(lang),
        mask: item.mask.as_ref().map(ToString::to_string).unwrap_or_default(),
    };
    entry.items.iter().map(one).collect()
}

/// The 13 core metadata of 发改高技〔2017〕1272号; items stand in a table of their own.
fn facts(seen: &Seen, source: &EntrySource) -> Vec<(&'static str, String)> {
    let (t, lang) = (seen.t(), seen.lang());
    let entry = &source.entry;
    let modes = list(entry.sharing.modes.iter().map(|mode| mode.word(lang)), lang);
    let purposes = entry.sharing.purposes.iter();
    let purposes = list(purposes.map(|one| words::purpose(one.as_str(), lang)), lang);
    let mut facts = vec![
        (t.identifier, entry.id.to_string()),
        (t.code, entry.code.clone()),
        (t.summary, entry.summary.clone()),
        (t.domain, words::field(&entry.domain, lang).to_owned()),
        (t.format, entry.format.clone()),
        (t.sharing_class, entry.sharing.class.word(lang).to_owned()),
        (t.modes, modes),
        (t.purposes, purposes),
        (t.opening_class, entry.opening.class.word(lang).to_owned()),
        (t.update_cycle, entry.update.word(lang).to_owned()),
        (t.published, entry.published.to_string()),
        (t.interface, interface(t, entry, lang).to_owned()),
        (t.version, source.version.to_string()),
    ];
    facts.extend(entry.grade.clone().map(|grade| (t.grade, grade)));
    facts.extend(entry.sharing.conditions.clone().map(|text| (t.conditions, text)));
    facts.extend(entry.sharing.reason.clone().map(|text| (t.withheld_reason, text)));
    let basis: Vec<_> = entry.sharing.basis.iter().map(|one| words::basis(one, lang)).collect();
    if !basis.is_empty() {
        facts.push((t.basis, list(basis, lang)));
    }
    let upstream = entry.interface.as_ref().map(|interface| interface.upstream.to_string());
    facts.extend(upstream.map(|upstream| (t.upstream, upstream)));
    facts
}
