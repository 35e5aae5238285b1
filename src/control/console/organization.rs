//! Organizations: the list, and one with what it provides, what it holds and who answers for it.

use askama::Template;

use super::chart::Extent;
use super::finding;
use super::freeze;
use super::grant;
use super::page::{Seen, Shell, Trouble};
use super::show;
use super::texts::Texts;
use super::traffic::Traffic;
use super::words::{Word as _, list};
use crate::domain::{Organization, OrganizationId, Timestamp};
use crate::policy::Sources;
use crate::policy::reload::Frozen;
use crate::supervision::{Dimension, Filter, Step};

#[derive(Template)]
#[template(path = "console/organizations.html", config = "src/askama.toml")]
struct All {
    s: Shell,
    t: &'static Texts,
    rows: Vec<Row>,
}

struct Row {
    href: String,
    id: String,
    name: String,
    kind: &'static str,
    state: &'static str,
    entries: usize,
    given: usize,
    held: usize,
    steward: &'static str,
    is_filed: bool,
    served: String,
    called: String,
}

/// All organizations.
pub(super) fn all(seen: &Seen) -> Result<String, Trouble> {
    let (t, lang) = (seen.t(), seen.lang());
    let sources = (seen.admin.handles.sources)();
    let traffic = Traffic::open(seen);
    let now = seen.admin.clock.now();
    let week = traffic.days(7);
    let served = traffic.by(week, Dimension::Provider, &Filter::all());
    let called = traffic.by(week, Dimension::Consumer, &Filter::all());
    let count = |all: &[(String, u64)], id: &OrganizationId| {
        show::count(all.iter().find(|(name, _)| name == id.as_str()).map_or(0, |(_, n)| *n))
    };
    let row = |organization: &Organization| {
        let id = &organization.id;
        let is_filed = is_filed(organization, now);
        Row {
            href: format!("/console/organizations/{id}"),
            id: id.to_string(),
            name: organization.name.clone(),
            kind: organization.kind.word(lang),
            state: organization.state.word(lang),
            entries: entries_of(&sources, id).count(),
            given: sources.grants.values().filter(|g| g.entry.organization() == *id).count(),
            held: sources.grants.values().filter(|g| g.consumer == *id).count(),
            steward: if is_filed { t.filed } else { t.not_filed },
            is_filed,
            served: count(&served, id),
            called: count(&called, id),
        }
    };
    let rows = sources.organizations.values().map(|organization| row(organization)).collect();
    Ok(All { s: seen.shell(t.organizations), t, rows }.render()?)
}

/// Whether a filed steward is in office.
fn is_filed(organization: &Organization, now: Timestamp) -> bool {
    organization.stewards.iter().any(|steward| steward.may_decide(now))
}

fn entries_of<'s>(
    sources: &'s Sources,
    id: &'s OrganizationId,
) -> impl Iterator<Item = &'s crate::domain::Entry> {
    let of = move |entry: &&crate::domain::Entry| entry.id.organization() == *id;
    sources.entries.values().map(|source| &source.entry).filter(of)
}

#[derive(Template)]
#[template(path = "console/organization.html", config = "src/askama.toml")]
struct One {
    s: Shell,
    t: &'static Texts,
    unavailable: Option<String>,
    freeze: String,
    facts: Vec<(&'static str, String)>,
    served: String,
    called: String,
    entries: Vec<EntryRow>,
    given: String,
    held: String,
    applications: Vec<(String, String, &'static str, String)>,
    stewards: Vec<StewardRow>,
    is_filed: bool,
    findings: String,
}

struct StewardRow {
    person: String,
    filing: String,
    term: String,
    is_filed: bool,
}

struct EntryRow {
    href: String,
    name: String,
    sharing: &'static str,
    opening: &'static str,
    cycle: &'static str,
}

/// One organization.
pub(super) fn one(seen: &Seen, id: &OrganizationId) -> Result<String, Trouble> {
    let (t, lang) = (seen.t(), seen.lang());
    let sources = (seen.admin.handles.sources)();
    let organization = sources.organizations.get(id).ok_or(Trouble::NotFound)?;
    let traffic = Traffic::open(seen);
    let month = (traffic.days(30), Step::Day);
    let as_provider = Filter::all().with(Dimension::Provider, id.as_str());
    let as_consumer = Filter::all().with(Dimension::Consumer, id.as_str());
    let grants = sources.grants.values();
    let given: Vec<_> = grants.clone().filter(|grant| grant.entry.organization() == *id).collect();
    let held: Vec<_> = grants.filter(|grant| grant.consumer == *id).collect();
    let entry = |entry: &crate::domain::Entry| EntryRow {
        href: format!("/console/entries/{}", entry.id),
        name: entry.name.clone(),
        sharing: entry.sharing.class.word(lang),
        opening: entry.opening.class.word(lang),
        cycle: entry.update.word(lang),
    };
    let applications = organization.applications.iter().map(|one| {
        let proofs = list(one.credentials.iter().map(|credential| credential.word(lang)), lang);
        (one.name.clone(), one.id.to_string(), one.state.word(lang), proofs)
    });
    let now = seen.admin.clock.now();
    let stewards = organization.stewards.iter().map(|steward| StewardRow {
        person: steward.person.to_string(),
        filing: steward.filing.clone(),
        term: show::term(&steward.term),
        is_filed: steward.may_decide(now),
    });
    let page = One {
        s: seen.shell(organization.name.clone()),
        t,
        unavailable: traffic.unavailable(),
        freeze: freeze::part(seen, &Frozen::Organization(id.clone()))?,
        facts: vec![
            (t.identifier, id.to_string()),
            (t.kind, organization.kind.word(lang).to_owned()),
            (t.uscc, organization.uscc.to_string()),
            (t.region, organization.region.clone()),
            (t.state, organization.state.word(lang).to_owned()),
        ],
        served: traffic.chart((t.served, Extent::Half), month, &as_provider),
        called: traffic.chart((t.called, Extent::Half), month, &as_consumer),
        entries: entries_of(&sources, id).map(entry).collect(),
        given: grant::table(seen, &traffic, &given)?,
        held: grant::table(seen, &traffic, &held)?,
        applications: applications.collect(),
        stewards: stewards.collect(),
        is_filed: is_filed(organization, now),
        findings: finding::table_of(seen, |found| found.organization.as_ref() == Some(id))?,
    };
    Ok(page.render()?)
}
