//! One call with what its records say, and why it was decided so; or another event by its number.

use askama::Template;
use uuid::Uuid;

use super::finding::Fact;
use super::page::{Page, Seen, Shell, Trouble};
use super::record::{both, caller, entry, said};
use super::search::{self, Call, Found};
use super::show;
use super::texts::Texts;
use super::traffic::Kind;
use super::words::{self, Word as _, list};
use crate::domain::Denial;
use crate::journal::{AdminWrite, Decided, Finished};

#[derive(Template)]
#[template(path = "console/record.html", config = "src/askama.toml")]
struct One {
    s: Shell,
    t: &'static Texts,
    may_search: bool,
    outcome: String,
    code: String,
    class: &'static str,
    transaction: String,
    remedy: String,
    decided: Vec<Fact>,
    finished: Vec<Fact>,
    articles: Vec<Article>,
    rules_changed: bool,
    command: String,
    leaves: Vec<(u64, String)>,
}

/// An article, and the texts of it that may be meant.
struct Article {
    cited: String,
    texts: Vec<String>,
}

/// The record of this number, and all of its call.
pub(super) fn numbered(seen: &Seen, seq: u64) -> Result<String, Trouble> {
    let failed = |error: std::io::Error| {
        tracing::error!(%error, "the console cannot read the records");
        Trouble::Failed
    };
    let folder = &seen.admin.records;
    let record = search::numbered(folder, seq).map_err(failed)?.ok_or(Trouble::NotFound)?;
    match record.transaction {
        Some(transaction) => one(seen, transaction),
        None => {
            let fact = Fact::new(seen.t().what, record.name);
            let page = One { decided: vec![fact], leaves: vec![record.leaf], ..empty(seen, None) };
            Ok(page.render()?)
        }
    }
}

/// One call, or one admin call.
pub(super) fn one(seen: &Seen, transaction: Uuid) -> Result<String, Trouble> {
    let found = search::one(&seen.admin.records, transaction).map_err(|error| {
        tracing::error!(%error, "the console cannot read the records");
        Trouble::Failed
    })?;
    let page = match found.ok_or(Trouble::NotFound)? {
        Found::Call(call) => of_call(seen, transaction, *call),
        Found::Admin(write, leaf) => of_admin(seen, transaction, &write, leaf),
    };
    Ok(page.render()?)
}

fn of_call(seen: &Seen, transaction: Uuid, call: Call) -> One {
    let lang = seen.lang();
    let meaning = seen.admin.handles.refusals.get(call.outcome());
    let in_lang = |[english, chinese]: [&'static str; 2]| lang.of(chinese, english).to_owned();
    let (outcome, code) = said(seen, call.outcome());
    let (articles, rules_changed) = articles(seen, &call.decided);
    let admin = &seen.admin;
    One {
        outcome,
        code,
        class: Kind::of(call.outcome()).class(),
        remedy: meaning.map(|meaning| in_lang(meaning.remedy)).unwrap_or_default(),
        decided: decided(seen, &call.decided),
        finished: call.finished.as_deref().map(|end| finished(seen, end)).unwrap_or_default(),
        articles,
        rules_changed,
        command: format!(
            "helan explain --records {} --state {} --transaction {transaction}",
            admin.records.display(),
            admin.state.display()
        ),
        leaves: call.leaves,
        ..empty(seen, Some(transaction))
    }
}

fn of_admin(seen: &Seen, transaction: Uuid, write: &AdminWrite, leaf: (u64, String)) -> One {
    let (t, lang) = (seen.t(), seen.lang());
    let role = write.role.map_or_else(String::new, |role| format!(" ({})", role.word(lang)));
    let mut facts = vec![
        Fact::new(t.time, show::exactly(write.time)),
        Fact::new(t.by, format!("{}{role}", write.by)),
        Fact::new(t.what, write.action.clone()),
    ];
    facts.extend(write.target.clone().map(|target| Fact::new(t.about, target)));
    facts.extend(write.reason.clone().map(|reason| Fact::new(t.reason, reason)));
    facts.push(Fact::new(t.status, write.status.to_string()));
    let is_done = write.status < 400;
    One {
        outcome: write.outcome.clone(),
        class: if is_done { Kind::Answered.class() } else { Kind::Refused.class() },
        decided: facts,
        leaves: vec![leaf],
        ..empty(seen, Some(transaction))
    }
}

fn empty(seen: &Seen, transaction: Option<Uuid>) -> One {
    let records = Page::Records;
    One {
        s: seen.shell(seen.t().record),
        t: seen.t(),
        may_search: records.section().may(seen.signed.role, &records),
        outcome: String::new(),
        class: "",
        transaction: transaction.map(|id| id.to_string()).unwrap_or_default(),
        code: String::new(),
        remedy: String::new(),
        decided: Vec::new(),
        finished: Vec::new(),
        articles: Vec::new(),
        rules_changed: false,
        command: String::new(),
        leaves: Vec::new(),
    }
}

fn decided(seen: &Seen, decided: &Decided) -> Vec<Fact> {
    let (t, lang) = (seen.t(), seen.lang());
    let sources = (seen.admin.handles.sources)();
    let mut facts = vec![
        Fact::new(t.time, show::exactly(decided.time)),
        Fact::new(t.outcome, both(seen, &decided.outcome)),
        Fact::new(t.zone, decided.zone.word(lang)),
    ];
    let mut add = |label, value: Option<String>, href: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.push(Fact { label, value, href: href.unwrap_or_default() });
        }
    };
    let organization_page =
        decided.organization.as_ref().map(|id| format!("/console/organizations/{id}"));
    add(t.consumer, Some(caller(seen, &sources, decided)), organization_page);
    add(t.application, decided.application.as_ref().map(ToString::to_string), None);
    let proved = decided.proved.iter().map(|proof| proof.word(lang));
    add(t.proof, (!decided.proved.is_empty()).then(|| list(proved, lang)), None);
    add(t.network, decided.address.clone(), None);
    add(
        t.entry,
        decided.entry.as_ref().map(|id| entry(&sources, id)),
        decided.entry.as_ref().map(|id| format!("/console/entries/{id}")),
    );
    add(
        t.grant,
        decided.grant.as_ref().map(ToString::to_string),
        decided.grant.as_ref().map(|id| format!("/console/grants/{id}")),
    );
    let path = decided.path.as_deref().unwrap_or_default();
    add(t.method, Some(format!("{} {path}", decided.method)), None);
    add(t.names_sent, Some(decided.parameters.join(", ")), None);
    let purpose = decided.purpose.as_ref();
    add(t.purposes, purpose.map(|id| words::purpose(id.as_str(), lang).to_owned()), None);
    add(t.matters, decided.matter.as_ref().map(ToString::to_string), None);
    let hashed = |is_there: bool| is_there.then(|| t.hashed.to_owned());
    add(t.operator, hashed(decided.operator_hash.is_some()), None);
    add(t.subjects, hashed(!decided.subjects.is_empty()), None);
    let items = decided.items.iter().map(ToString::to_string);
    add(t.items, (!decided.items.is_empty()).then(|| list(items, lang)), None);
    add(t.profile, decided.profile.map(|profile| profile.to_string()), None);
    let quota = decided.quota.iter().map(|one| format!("{} #{}", one.key, one.number));
    add(t.quota, (!decided.quota.is_empty()).then(|| list(quota, lang)), None);
    let checks = decided.checks.iter();
    let checks = checks.map(|(name, passed)| format!("{name} {}", if *passed { "✓" } else { "✗" }));
    add(t.checks, (!decided.checks.is_empty()).then(|| list(checks, lang)), None);
    facts
}

fn finished(seen: &Seen, end: &Finished) -> Vec<Fact> {
    let (t, lang) = (seen.t(), seen.lang());
    let mut facts = vec![
        Fact::new(t.time, show::exactly(end.time)),
        Fact::new(t.outcome, both(seen, &end.outcome)),
    ];
    let mut add = |label, value: Option<String>| {
        facts.extend(value.map(|value| Fact::new(label, value)));
    };
    let names = |items: &[crate::domain::ItemName]| {
        (!items.is_empty()).then(|| list(items.iter().map(ToString::to_string), lang))
    };
    add(t.status, end.status.map(|status| status.to_string()));
    add(t.bytes, Some(show::count(end.bytes)));
    add(t.rows, end.rows.map(show::count));
    add(t.items_left, names(&end.items));
    add(t.items_masked, names(&end.masked));
    add(t.drift, (end.drift > 0).then(|| show::count(end.drift)));
    add(t.cache, end.cache.as_ref().map(ToString::to_string));
    add(t.upstream_status, end.upstream_status.map(|status| status.to_string()));
    add(t.newest_data, end.newest.or(end.last_modified).map(show::time));
    add(t.duration, Some(format!("{} ms", show::millis(end.duration_us))));
    facts
}

/// The articles that decided with their texts, and whether the rules have changed since. An article
/// has as many texts as rules of it that may be meant.
fn articles(seen: &Seen, decided: &Decided) -> (Vec<Article>, bool) {
    let views = (seen.admin.handles.views)();
    let view = views.iter().find(|view| view.zone == decided.zone);
    let denial = Denial::parse(&decided.outcome);
    let mut articles: Vec<Article> = Vec::new();
    for cited in decided.articles.iter() {
        if articles.iter().any(|known| *known.cited == **cited) {
            continue;
        }
        let meant = view.map(|view| view.rules.meant(cited, denial)).unwrap_or_default();
        let mut texts: Vec<String> = Vec::new();
        for citation in meant {
            if !texts.contains(&citation.text) {
                texts.push(citation.text.clone());
            }
        }
        articles.push(Article { cited: cited.to_string(), texts });
    }
    let same = match (&decided.rules, view) {
        (Some(then), Some(view)) => then == view.rules.version(),
        (None, _) => true,
        (Some(_), None) => false,
    };
    (articles, !same)
}
