//! Findings: the list, one with its evidence, and what security makes of it.

use askama::Template;

use super::page::{Asked, Seen, Shell, Trouble};
use super::show;
use super::texts::{Lang, Texts};
use super::words::list;
use crate::domain::Role;
use crate::supervision::detect::{
    Detector, Evidence, Finding, FindingId, KEPT, State, Subject, cited, parameter,
};

/// Records of one finding that are listed.
const LISTED: usize = 100;

/// A table of findings.
#[derive(Template)]
#[template(path = "console/finding_rows.html", config = "src/askama.toml")]
struct Rows {
    t: &'static Texts,
    with_state: bool,
    rows: Vec<Row>,
}

/// A finding in it.
struct Row {
    href: String,
    title: &'static str,
    detector: &'static str,
    about: String,
    severity: &'static str,
    state: &'static str,
    class: &'static str,
    /// What the moment is, where it is not that from which on the breach was there.
    note: &'static str,
    found: String,
}

impl Row {
    fn new(seen: &Seen, finding: &Finding) -> Self {
        let (t, lang) = (seen.t(), seen.lang());
        Self {
            href: format!("/console/findings/{}", finding.id),
            title: of(lang, finding.detector.title()),
            detector: finding.detector.id(),
            about: about(seen, &finding.subject),
            severity: of(lang, finding.severity.name()),
            state: of(lang, finding.state.name()),
            class: class(finding.state),
            note: if finding.detector == Detector::Stale { t.due } else { "" },
            found: show::time(finding.first_seen),
        }
    }
}

/// A table of these findings; nothing without any. Of open ones the state need not be said.
pub(super) fn table(
    seen: &Seen,
    findings: &[Finding],
    with_state: bool,
) -> Result<String, Trouble> {
    if findings.is_empty() {
        return Ok(String::new());
    }
    let rows = findings.iter().map(|finding| Row::new(seen, finding)).collect();
    Ok(Rows { t: seen.t(), with_state, rows }.render()?)
}

/// A table of what was found of something, the gravest first.
pub(super) fn table_of(seen: &Seen, fits: impl Fn(&Finding) -> bool) -> Result<String, Trouble> {
    let mut found: Vec<_> = seen.findings().iter().filter(|one| fits(one)).cloned().collect();
    sort(&mut found);
    table(seen, &found, true)
}

/// Of a text in Chinese and English, the one in this language.
fn of<T: Copy>(lang: Lang, [chinese, english]: [T; 2]) -> T {
    lang.of(chinese, english)
}

/// The same of texts that were made for this.
fn in_lang(lang: Lang, [chinese, english]: &[String; 2]) -> String {
    lang.of(chinese, english).clone()
}

/// How a state is drawn.
fn class(state: State) -> &'static str {
    match state {
        State::New => "is-new",
        State::Confirmed | State::Ordered => "is-bad",
        State::FalsePositive => "is-none",
    }
}

/// What a finding is about, by its name; a grant by its id and what it is for.
fn about(seen: &Seen, subject: &Subject) -> String {
    let name = subject.name(&(seen.admin.handles.sources)());
    match name {
        Some(name) if subject.kind == "grant" => format!("{} {name}", subject.id),
        Some(name) => name,
        None => sorted(seen, subject),
    }
}

/// The id of a subject, and what sort of thing it is.
fn sorted(seen: &Seen, subject: &Subject) -> String {
    format!("{} {}", of(seen.lang(), subject.sort()), subject.id)
}

/// Where the page of a subject is.
fn href(subject: &Subject) -> String {
    let (section, id) = match subject.kind.as_str() {
        "entry" => ("entries", subject.id.as_str()),
        "grant" => ("grants", subject.id.as_str()),
        "organization" => ("organizations", subject.id.as_str()),
        "application" => {
            ("organizations", subject.id.split('/').next().unwrap_or(subject.id.as_str()))
        }
        _ => return String::new(),
    };
    format!("/console/{section}/{id}")
}

/// Findings that nobody judged yet, the gravest and the latest first.
pub(super) fn open(seen: &Seen) -> Vec<Finding> {
    let mut all = seen.findings().to_vec();
    all.retain(|finding| finding.state == State::New);
    sort(&mut all);
    all
}

fn sort(all: &mut [Finding]) {
    all.sort_by_key(|one| std::cmp::Reverse((one.severity, one.first_seen)));
}

#[derive(Template)]
#[template(path = "console/findings.html", config = "src/askama.toml")]
struct Findings {
    s: Shell,
    t: &'static Texts,
    unavailable: Option<String>,
    states: Vec<Choice>,
    table: String,
}

/// A state to choose.
struct Choice {
    value: &'static str,
    name: &'static str,
    is_chosen: bool,
}

/// The list.
pub(super) fn all(seen: &Seen) -> Result<String, Trouble> {
    let (t, lang) = (seen.t(), seen.lang());
    let chosen = chosen(&seen.asked);
    let mut found = seen.findings().to_vec();
    found.retain(|finding| chosen.is_none_or(|state| finding.state == state));
    sort(&mut found);
    let mut states = vec![Choice { value: "all", name: t.all, is_chosen: chosen.is_none() }];
    states.extend(State::ALL.into_iter().map(|state| Choice {
        value: state.as_str(),
        name: of(lang, state.name()),
        is_chosen: chosen == Some(state),
    }));
    let table = table(seen, &found, true)?;
    let page = Findings { s: seen.shell(t.findings), t, unavailable: None, states, table };
    Ok(page.render()?)
}

/// The state asked for; new ones unless another, or all, are.
fn chosen(asked: &Asked) -> Option<State> {
    match asked.query.get("state") {
        None => Some(State::New),
        Some(name) => State::ALL.into_iter().find(|state| state.as_str() == name),
    }
}

#[derive(Template)]
#[template(path = "console/finding.html", config = "src/askama.toml")]
struct One<'a> {
    s: Shell,
    t: &'static Texts,
    id: &'a str,
    class: &'static str,
    state: &'static str,
    detector: &'static str,
    text: String,
    facts: Vec<Fact>,
    parameters: Vec<(String, String)>,
    records: Vec<Cited>,
    /// No more than the first are kept.
    is_first: bool,
    steps: Vec<(&'static str, String)>,
    acts: Vec<Act>,
    word: Option<&'a str>,
}

/// A line of facts; it may lead somewhere.
pub(super) struct Fact {
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) href: String,
}

impl Fact {
    pub(super) fn new(label: &'static str, value: impl Into<String>) -> Self {
        Self { label, value: value.into(), href: String::new() }
    }

    pub(super) fn to(self, href: String) -> Self {
        Self { href, ..self }
    }
}

/// A piece of evidence.
struct Cited {
    text: String,
    href: String,
}

/// What security can say.
struct Act {
    verdict: &'static str,
    label: &'static str,
    button: &'static str,
    is_required: bool,
}

/// One finding.
pub(super) fn one(seen: &Seen, id: &str) -> Result<String, Trouble> {
    let (t, lang) = (seen.t(), seen.lang());
    let finding = find(seen, id).ok_or(Trouble::NotFound)?;
    let organization = finding.organization.as_ref().map(|id| {
        let sources = (seen.admin.handles.sources)();
        let name = sources.organizations.get(id).map_or_else(|| id.to_string(), |o| o.name.clone());
        Fact::new(t.organization, name).to(format!("/console/organizations/{id}"))
    });
    let is_stale = finding.detector == Detector::Stale;
    let (since, times) = if is_stale { (t.due, t.days_late) } else { (t.since, t.times) };
    let mut facts = vec![
        Fact::new(t.about, about(seen, &finding.subject)).to(href(&finding.subject)),
        Fact::new(t.identifier, sorted(seen, &finding.subject)),
    ];
    facts.extend(organization);
    facts.extend([
        Fact::new(t.severity, of(lang, finding.severity.name())),
        Fact::new(since, show::time(finding.first_seen)),
    ]);
    // What policies say is so at every moment that is looked at.
    if !finding.evidence.iter().any(|one| matches!(one, Evidence::File { .. })) {
        facts.push(Fact::new(t.last_seen, show::time(finding.last_seen)));
    }
    let articles = finding.articles.iter().map(|article| in_lang(lang, &cited(article)));
    facts.extend([
        Fact::new(times, show::count(finding.count)),
        Fact::new(t.basis, list(articles, lang)),
        Fact::new(t.rule_version, finding.version.clone()),
    ]);
    let parameters = finding.parameters.iter().map(|(name, value)| {
        let words = parameter(name).map(|words| of(lang, words).to_owned());
        (words.unwrap_or_else(|| name.clone()), show::count(*value))
    });
    let steps = finding.mark.as_ref().map(|mark| {
        let mut steps = vec![
            (t.state, of(lang, mark.state.name()).to_owned()),
            (t.by, mark.by.clone()),
            (t.time, show::time(mark.time)),
        ];
        steps.extend(mark.reason.clone().map(|reason| (t.reason, reason)));
        steps
    });
    let text = in_lang(lang, &finding.detail);
    let page = One {
        s: seen.shell(of(lang, finding.detector.title())),
        t,
        id,
        class: class(finding.state),
        state: of(lang, finding.state.name()),
        detector: finding.detector.id(),
        text,
        facts,
        parameters: parameters.collect(),
        records: finding.evidence.iter().take(LISTED).map(|one| evidence(t, one)).collect(),
        is_first: finding.evidence.len() >= KEPT,
        steps: steps.unwrap_or_default(),
        acts: acts(t),
        word: seen.word_of(Role::Security),
    };
    Ok(page.render()?)
}

fn acts(t: &'static Texts) -> Vec<Act> {
    let act = |verdict, label, button, is_required| Act { verdict, label, button, is_required };
    vec![
        act("confirm", t.confirm_note, t.confirm, false),
        act("order", t.order_note, t.order, true),
        act("dismiss", t.dismiss_note, t.dismiss, true),
    ]
}

fn evidence(t: &Texts, evidence: &Evidence) -> Cited {
    match evidence {
        Evidence::Record { seq, transaction } => match transaction {
            Some(transaction) => Cited {
                text: format!("{} {seq} · {transaction}", t.number),
                href: format!("/console/records/{transaction}"),
            },
            None => {
                let text = format!("{} {seq}", t.number);
                Cited { text, href: format!("/console/records/{seq}") }
            }
        },
        Evidence::File { path, hash } => {
            Cited { text: format!("{path} · sha256 {hash}"), href: String::new() }
        }
        Evidence::Place { place } => Cited { text: place.clone(), href: String::new() },
    }
}

fn find<'s>(seen: &'s Seen, id: &str) -> Option<&'s Finding> {
    let id = FindingId::parse(id)?;
    seen.findings().iter().find(|finding| finding.id == id)
}
