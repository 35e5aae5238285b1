//! Access records: the search, and the calls it found.

use askama::Template;
use uuid::Uuid;

use super::form::pair;
use super::grant::organization;
use super::page::{Seen, Shell, Trouble};
use super::search::{self, Call, Found, Wanted};
use super::show;
use super::texts::Texts;
use super::traffic::Kind;
use super::words::ending;
use crate::domain::{EntryId, GrantId, OrganizationId, Timestamp, Zone};
use crate::journal::Decided;
use crate::policy::Sources;

#[derive(Template)]
#[template(path = "console/records.html", config = "src/askama.toml")]
struct Records<'a> {
    s: Shell,
    t: &'static Texts,
    asked: Asked<'a>,
    organizations: Vec<(String, String)>,
    entries: Vec<(String, String)>,
    grants: Vec<String>,
    outcomes: Vec<(&'static str, &'static str)>,
    problem: Option<String>,
    rows: Vec<Row>,
    looked: String,
    older: Option<String>,
}

/// What the fields of the form hold.
struct Asked<'a> {
    transaction: &'a str,
    organization: &'a str,
    entry: &'a str,
    grant: &'a str,
    outcome: &'a str,
    from: &'a str,
    until: &'a str,
}

struct Row {
    transaction: Uuid,
    time: String,
    outcome: String,
    code: String,
    class: &'static str,
    status: String,
    organization: String,
    entry: String,
    grant: String,
    bytes: String,
    duration: String,
}

/// The search and what it found.
pub(super) fn all(seen: &Seen) -> Result<String, Trouble> {
    let (t, lang) = (seen.t(), seen.lang());
    let sources = (seen.admin.handles.sources)();
    let query = &seen.asked.query;
    let field = |name: &str| query.get(name).unwrap_or_default();
    let found = find(seen);
    let (rows, looked, older, problem) = match found {
        Ok(Results { calls, looked, older }) => {
            let rows = calls.iter().map(|call| row(seen, &sources, call)).collect();
            (rows, looked, older, None)
        }
        Err(problem) => (Vec::new(), String::new(), None, Some(problem)),
    };
    let refusals = seen.admin.handles.refusals.iter();
    let page = Records {
        s: seen.shell(t.records),
        t,
        asked: Asked {
            transaction: field("transaction"),
            organization: field("organization"),
            entry: field("entry"),
            grant: field("grant"),
            outcome: field("outcome"),
            from: field("from"),
            until: field("until"),
        },
        organizations: sources
            .organizations
            .values()
            .map(|one| (one.id.to_string(), one.name.clone()))
            .collect(),
        entries: entries(&sources),
        grants: sources.grants.keys().map(ToString::to_string).collect(),
        outcomes: ["answered", "unfinished"]
            .into_iter()
            .filter_map(|code| Some((code, ending(code, lang)?)))
            .chain(refusals.map(|(code, said)| (*code, lang.of(said.text[1], said.text[0]))))
            .collect(),
        problem,
        rows,
        looked,
        older,
    };
    Ok(page.render()?)
}

/// Every entry with its name, to choose from.
pub(super) fn entries(sources: &Sources) -> Vec<(String, String)> {
    let of = |(id, source): (&EntryId, &std::sync::Arc<crate::policy::EntrySource>)| {
        (id.to_string(), source.entry.name.clone())
    };
    sources.entries.iter().map(of).collect()
}

/// What the search has to show.
struct Results {
    calls: Vec<Call>,
    looked: String,
    older: Option<String>,
}

fn find(seen: &Seen) -> Result<Results, String> {
    let t = seen.t();
    let unreadable = |error: std::io::Error| {
        tracing::error!(%error, "the console cannot read the records");
        t.records_unreadable.to_owned()
    };
    if let Some(text) = seen.asked.query.get("transaction") {
        let transaction = text.parse().map_err(|_| t.transaction_wrong.to_owned())?;
        let found = search::one(&seen.admin.records, transaction).map_err(unreadable)?;
        return match found {
            Some(Found::Call(call)) => {
                Ok(Results { calls: vec![*call], looked: String::new(), older: None })
            }
            Some(Found::Admin(..)) | None => Err(t.transaction_unknown.to_owned()),
        };
    }
    let wanted = wanted(seen)?;
    let now = seen.admin.journal.clamp(seen.admin.clock.now());
    let found = search::latest(&seen.admin.records, &wanted, now).map_err(unreadable)?;
    let reached = match &found.rest {
        Some((until, _)) => format!("{} {}", t.looked_back, show::exactly(*until)),
        None => t.looked_all.to_owned(),
    };
    let looked = found.looked();
    Ok(Results {
        looked: format!("{} {}{reached}", t.looked_at, show::count(looked)),
        older: found.rest.map(|rest| older(seen, rest)),
        calls: found.calls,
    })
}

/// The same search, from where this page ended.
fn older(seen: &Seen, (until, before): (Timestamp, Option<u64>)) -> String {
    let kept = seen.asked.query.without(&["at", "before"]);
    let and = if kept.is_empty() { "" } else { "&" };
    let before = before.map(|before| format!("&{}", pair("before", &before.to_string())));
    let at = pair("at", &until.millis().to_string());
    format!("/console/records?{kept}{and}{at}{}", before.unwrap_or_default())
}

/// An id that was typed in.
fn id<T, E>(
    t: &Texts,
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, String> {
    let read = |text: &str| parse(text).map_err(|_| format!("{} {text}", t.id_wrong));
    text.map(read).transpose()
}

fn wanted(seen: &Seen) -> Result<Wanted, String> {
    let (t, query) = (seen.t(), &seen.asked.query);
    let time = |name: &str| match query.get(name) {
        Some(text) => show::read_field(text).map(Some).ok_or_else(|| t.time_wrong.to_owned()),
        None => Ok(None),
    };
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<i64>().ok());
    let until = time("until")?;
    let at = number("at").map(Timestamp::from_millis);
    Ok(Wanted {
        organization: id(t, query.get("organization"), OrganizationId::parse)?,
        entry: id(t, query.get("entry"), EntryId::parse)?,
        grant: id(t, query.get("grant"), GrantId::parse)?,
        outcome: query.get("outcome").map(ToOwned::to_owned),
        from: time("from")?,
        until: at.or(until),
        before: number("before").and_then(|number| u64::try_from(number).ok()),
    })
}

fn row(seen: &Seen, sources: &Sources, call: &Call) -> Row {
    let decided = &call.decided;
    let finished = call.finished.as_deref();
    let (outcome, code) = said(seen, call.outcome());
    Row {
        transaction: decided.transaction,
        time: show::exactly(decided.time),
        outcome,
        code,
        class: Kind::of(call.outcome()).class(),
        status: finished
            .and_then(|end| end.status)
            .map(|code| code.to_string())
            .unwrap_or_default(),
        organization: caller(seen, sources, decided),
        entry: decided.entry.as_ref().map(|id| entry(sources, id)).unwrap_or_default(),
        grant: decided.grant.as_ref().map(ToString::to_string).unwrap_or_default(),
        bytes: finished.map(|end| show::count(end.bytes)).unwrap_or_default(),
        duration: finished.map(|end| show::millis(end.duration_us)).unwrap_or_default(),
    }
}

/// An outcome as it is called, and its code if it is a refusal.
pub(super) fn said(seen: &Seen, outcome: &str) -> (String, String) {
    let lang = seen.lang();
    if let Some(name) = ending(outcome, lang) {
        return (name.to_owned(), String::new());
    }
    match seen.admin.handles.refusals.get(outcome) {
        Some(meaning) => {
            let name = lang.of(meaning.text[1], meaning.text[0]);
            (name.trim_end_matches(['。', '.']).to_owned(), outcome.to_owned())
        }
        None => (outcome.to_owned(), String::new()),
    }
}

/// An outcome in one text.
pub(super) fn both(seen: &Seen, outcome: &str) -> String {
    match said(seen, outcome) {
        (name, code) if code.is_empty() => name,
        (name, code) => format!("{name} ({code})"),
    }
}

pub(super) fn caller(seen: &Seen, sources: &Sources, decided: &Decided) -> String {
    match &decided.organization {
        Some(id) => organization(sources, id.as_str()),
        None if decided.zone == Zone::Opening => seen.t().the_public.to_owned(),
        None => seen.t().not_proved.to_owned(),
    }
}

pub(super) fn entry(sources: &Sources, id: &EntryId) -> String {
    sources.entries.get(id).map_or_else(|| id.to_string(), |source| source.entry.name.clone())
}
