//! The first page: what goes on, what was refused, what has to be looked at.

use std::sync::Arc;

use askama::Template;

use super::chart::Extent;
use super::finding;
use super::page::{Seen, Shell, Trouble};
use super::show;
use super::texts::Texts;
use super::traffic::Traffic;
use super::words::Word as _;
use crate::domain::{Agreement, Grant, GrantState, Term, Timestamp, UpdateCycle};
use crate::policy::reload::Frozen;
use crate::supervision::detect::Detector;
use crate::supervision::{Dimension, Filter, Freshness, Step};

/// Rows of each list.
const LISTED: usize = 8;

/// What ends within so many days is told.
const SOON_DAYS: i64 = 60;

const DAY_MS: i64 = 86_400_000;

#[derive(Template)]
#[template(path = "console/overview.html", config = "src/askama.toml")]
struct Overview {
    s: Shell,
    t: &'static Texts,
    unavailable: Option<String>,
    figures: Vec<Figure>,
    today: String,
    week: String,
    refusals: String,
    entries: String,
    consumers: String,
    findings: String,
    stale: Vec<Stale>,
    ends: Vec<Ending>,
    frozen: Vec<FrozenRow>,
}

/// A key figure.
#[derive(Debug)]
pub(super) struct Figure {
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) note: String,
    pub(super) href: &'static str,
    pub(super) is_bad: bool,
}

impl Figure {
    pub(super) fn new(label: &'static str, value: impl Into<String>) -> Self {
        Self { label, value: value.into(), note: String::new(), href: "", is_bad: false }
    }

    pub(super) fn noted(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    pub(super) fn bad_if(self, is_bad: bool) -> Self {
        Self { is_bad, ..self }
    }

    fn to(self, href: &'static str) -> Self {
        Self { href, ..self }
    }
}

struct Stale {
    href: String,
    name: String,
    cycle: &'static str,
    newest: String,
}

struct Ending {
    kind: &'static str,
    href: String,
    name: String,
    last: String,
    until: Timestamp,
    days: i64,
}

struct FrozenRow {
    kind: &'static str,
    href: String,
    id: String,
    since: String,
    by: String,
    reason: String,
}

pub(super) fn overview(seen: &Seen) -> Result<String, Trouble> {
    let t = seen.t();
    let traffic = Traffic::open(seen);
    let (today, week) = (traffic.today(), traffic.days(7));
    let open = finding::open(seen);
    let all = Filter::all();
    let stale = stale(seen, &traffic);
    let entries = (t.busiest_entries, t.entry);
    let consumers = (t.busiest_consumers, t.consumer);
    let page = Overview {
        s: seen.shell(t.overview),
        t,
        unavailable: traffic.unavailable(),
        figures: figures(seen, &traffic, (open.len(), stale.len())),
        today: traffic.chart((t.today_by_hour, Extent::Half), (today, Step::Hour), &all),
        week: traffic.chart((t.last_days, Extent::Half), (week, Step::Day), &all),
        refusals: traffic.refusals(week, &all),
        entries: traffic.busiest(entries, (week, Dimension::Entry), &all),
        consumers: traffic.busiest(consumers, (week, Dimension::Consumer), &all),
        findings: finding::table(seen, open.get(..LISTED).unwrap_or(&open), false)?,
        stale,
        ends: ends(seen),
        frozen: frozen(seen),
    };
    Ok(page.render()?)
}

fn figures(seen: &Seen, traffic: &Traffic<'_>, (findings, stale): (usize, usize)) -> Vec<Figure> {
    let t = seen.t();
    let ends = traffic.ends(traffic.today(), &Filter::all());
    let totals = traffic.totals(traffic.today(), &Filter::all());
    let stats = seen.admin.journal.stats();
    let refused = format!("{} % {}", show::percent(ends.refused, ends.all()), t.of_calls);
    let committed = format!("{} {}", t.committed_up_to, seen.admin.journal.committed());
    let healthy = if stats.healthy { t.journal_healthy } else { t.journal_failing };
    vec![
        Figure::new(t.calls_today, show::count(ends.all())),
        Figure::new(t.refused_today, show::count(ends.refused)).noted(refused),
        Figure::new(t.bytes_today, show::bytes(totals.bytes)),
        Figure::new(t.open_findings, findings.to_string())
            .to("/console/findings")
            .bad_if(findings > 0),
        Figure::new(t.stale_count, stale.to_string()).bad_if(stale > 0),
        Figure::new(t.journal_state, healthy)
            .noted(committed)
            .to("/console/health")
            .bad_if(!stats.healthy),
    ]
}

/// Entries that the detector of stale data has found, with what is known of their data.
fn stale(seen: &Seen, traffic: &Traffic<'_>) -> Vec<Stale> {
    let sources = (seen.admin.handles.sources)();
    let known = traffic.freshness();
    let of = |id: &str| {
        let entry = &sources.entries.get(id)?.entry;
        let newest = known.iter().find(|one| &*one.entry == id).and_then(Freshness::last_data);
        Some(Stale {
            href: format!("/console/entries/{id}"),
            name: entry.name.clone(),
            cycle: entry.update.word(seen.lang()),
            newest: newest.map_or_else(|| seen.t().unknown.to_owned(), show::time),
        })
    };
    seen.findings()
        .iter()
        .filter(|finding| finding.detector == Detector::Stale)
        .filter_map(|finding| of(&finding.subject.id))
        .collect()
}

/// How old data may be at an update cycle is for the detector to say; here only whether it says so.
pub(super) fn is_stale(seen: &Seen, entry: &str, cycle: UpdateCycle) -> bool {
    cycle != UpdateCycle::Other
        && seen
            .findings()
            .iter()
            .any(|one| one.detector == Detector::Stale && one.subject.id == entry)
}

/// Grants, agreements and filings that are in force and end soon, the first to end first.
fn ends(seen: &Seen) -> Vec<Ending> {
    let t = seen.t();
    let sources = (seen.admin.handles.sources)();
    let now = seen.admin.clock.now();
    let soon = |term: &Term| {
        let left = term.until.millis().saturating_sub(now.millis());
        (term.from <= now && left > 0 && left <= SOON_DAYS * DAY_MS).then_some(left / DAY_MS)
    };
    let one = |kind, href: String, name: &str, term: &Term| {
        Some(Ending {
            kind,
            href,
            name: name.to_owned(),
            last: show::last_day(term),
            until: term.until,
            days: soon(term)?,
        })
    };
    let active = |grant: &&Arc<Grant>| grant.state == GrantState::Active;
    let grants = sources.grants.values().filter(active).filter_map(|grant| {
        one(t.grant, format!("/console/grants/{}", grant.id), grant.id.as_str(), &grant.term)
    });
    let effective = |agreement: &&Arc<Agreement>| agreement.in_force(now);
    let agreements = sources.agreements.values().filter(effective).filter_map(|agreement| {
        let href = format!("/console/entries/{}", agreement.entry);
        one(t.agreement, href, agreement.id.as_str(), &agreement.term)
    });
    let filings = sources.organizations.values().flat_map(|organization| {
        let href = format!("/console/organizations/{}", organization.id);
        let filed = organization.stewards.iter().filter(|steward| steward.is_filed());
        filed.filter_map(move |steward| {
            one(t.steward, href.clone(), &organization.name, &steward.term)
        })
    });
    let mut all: Vec<_> = grants.chain(agreements).chain(filings).collect();
    all.sort_by(|a, b| (a.until, &a.name).cmp(&(b.until, &b.name)));
    all.truncate(LISTED);
    all
}

fn frozen(seen: &Seen) -> Vec<FrozenRow> {
    let t = seen.t();
    let row = |freeze: crate::policy::reload::Freeze| {
        let (kind, section) = match &freeze.what {
            Frozen::Entry(_) => (t.entry, "entries"),
            Frozen::Grant(_) => (t.grant, "grants"),
            Frozen::Application(_) => (t.application, "organizations"),
            Frozen::Organization(_) => (t.organization, "organizations"),
        };
        let (_, id) = freeze.what.names();
        let place = match &freeze.what {
            Frozen::Application(id) => id.organization().to_string(),
            Frozen::Entry(_) | Frozen::Grant(_) | Frozen::Organization(_) => id.to_owned(),
        };
        FrozenRow {
            kind,
            href: format!("/console/{section}/{place}"),
            id: id.to_owned(),
            since: show::time(freeze.since),
            by: freeze.by.clone(),
            reason: freeze.reason.clone(),
        }
    };
    seen.admin.reload.frozen().into_iter().map(row).collect()
}
