//! What every page has in common: where it is, who may see it, its frame and its headers.

use std::sync::Arc;

use askama::Template;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use uuid::Uuid;

use super::form::{Pairs, cookie, pair};
use super::session::Signed;
use super::show;
use super::texts::{Lang, Texts};
use super::words::{self, Word as _};
use crate::control::admin::{Admin, typed};
use crate::domain::{EntryId, GrantId, OrganizationId, Role};

/// The program's version, in the footer and in the address of what browsers may keep.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Remembers the language.
const LANG_COOKIE: &str = "helan-lang";

/// What was asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) query: Pairs,
    pub(super) lang: Lang,
    /// The language was chosen in this call, and is to be remembered.
    chosen: bool,
    /// A proxy in front says that the browser speaks TLS.
    pub(super) secure: bool,
}

impl Asked {
    pub(super) fn of(request: &Request<Incoming>) -> Self {
        let query = Pairs::read(request.uri().query().unwrap_or_default().as_bytes());
        let chosen = query.get("lang").and_then(Lang::parse);
        let kept = || cookie(request.headers(), LANG_COOKIE).and_then(Lang::parse);
        Self {
            path: request.uri().path().to_owned(),
            lang: chosen.or_else(kept).unwrap_or_default(),
            chosen: chosen.is_some(),
            query,
            secure: is_secure(request.headers()),
        }
    }

    pub(super) fn t(&self) -> &'static Texts {
        self.lang.texts()
    }

    /// This page in another language.
    fn in_language(&self, lang: Lang) -> String {
        let rest = self.query.without(&["lang"]);
        let and = if rest.is_empty() { "" } else { "&" };
        format!("{}?{rest}{and}{}", self.path, pair("lang", lang.as_str()))
    }
}

/// Whether the browser speaks TLS to a proxy in front. Whoever forges this only has his own cookie kept
/// from plain connections.
fn is_secure(headers: &HeaderMap) -> bool {
    let says = |name: &str, what: &str| {
        let all = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        all.into_iter().any(|value| value.to_ascii_lowercase().contains(what))
    };
    says("x-forwarded-proto", "https") || says("forwarded", "proto=https")
}

/// Who looks at what.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) admin: Arc<Admin>,
    pub(super) signed: Signed,
    pub(super) asked: Asked,
}

impl Seen {
    pub(super) fn lang(&self) -> Lang {
        self.asked.lang
    }

    pub(super) fn t(&self) -> &'static Texts {
        self.asked.t()
    }

    pub(super) fn shell(&self, title: impl Into<String>) -> Shell {
        Shell::new(&self.admin, Some(&self.signed), &self.asked, title.into())
    }

    /// The word for forms, if this role may do what is for `role`.
    pub(super) fn word_of(&self, role: Role) -> Option<&str> {
        (self.signed.role == role).then_some(self.signed.word.as_str())
    }
}

/// A page.
#[derive(Debug)]
pub(super) enum Page {
    Overview,
    Organizations,
    Organization(OrganizationId),
    Entries,
    Entry(EntryId),
    Grants,
    Grant(GrantId),
    Findings,
    Finding(String),
    Records,
    Record(Uuid),
    /// The record of a number.
    Numbered(u64),
    Health,
}

/// A section of the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Organizations,
    Entries,
    Grants,
    Findings,
    Records,
    Health,
}

impl Page {
    /// The page at a path.
    pub(super) fn at(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/console/")?;
        let (section, id) = rest.split_once('/').unwrap_or((rest, ""));
        Some(match (section, id) {
            ("", "") => Self::Overview,
            ("organizations", "") => Self::Organizations,
            ("organizations", id) => Self::Organization(OrganizationId::parse(id).ok()?),
            ("entries", "") => Self::Entries,
            ("entries", id) => Self::Entry(EntryId::parse(id).ok()?),
            ("grants", "") => Self::Grants,
            ("grants", id) => Self::Grant(GrantId::parse(id).ok()?),
            ("findings", "") => Self::Findings,
            ("findings", id) if !id.contains('/') => Self::Finding(id.to_owned()),
            ("records", "") => Self::Records,
            ("records", id) => match id.parse() {
                Ok(number) => Self::Numbered(number),
                Err(_) => Self::Record(id.parse().ok()?),
            },
            ("health", "") => Self::Health,
            _ => return None,
        })
    }

    pub(super) fn section(&self) -> Section {
        match self {
            Self::Overview => Section::Overview,
            Self::Organizations | Self::Organization(_) => Section::Organizations,
            Self::Entries | Self::Entry(_) => Section::Entries,
            Self::Grants | Self::Grant(_) => Section::Grants,
            Self::Findings | Self::Finding(_) => Section::Findings,
            Self::Records | Self::Record(_) | Self::Numbered(_) => Section::Records,
            Self::Health => Section::Health,
        }
    }

    /// What of others is looked at, for the record; nothing where only sums are shown.
    pub(super) fn target(&self, asked: &Asked) -> Option<String> {
        match self {
            Self::Record(transaction) => Some(format!("record {transaction}")),
            Self::Numbered(number) => Some(format!("record {number}")),
            Self::Finding(id) => Some(format!("finding {id}")),
            Self::Records => {
                let mut named: Vec<_> =
                    ["transaction", "organization", "entry", "grant", "outcome"]
                        .iter()
                        .filter_map(|name| {
                            Some(format!(" {name}={}", plain_id(asked.query.get(name)?)))
                        })
                        .collect();
                named.insert(0, "records".to_owned());
                Some(named.concat())
            }
            Self::Overview
            | Self::Organizations
            | Self::Organization(_)
            | Self::Entries
            | Self::Entry(_)
            | Self::Grants
            | Self::Grant(_)
            | Self::Findings
            | Self::Health => None,
        }
    }
}

/// A text as it may stand in a record: ids as they are, anything else as a mark. What people type into a
/// search may be anybody's number.
fn plain_id(text: &str) -> &str {
    let is_id = OrganizationId::parse(text).is_ok() || EntryId::parse(text).is_ok();
    let is_short_number = text.bytes().all(|b| b.is_ascii_digit());
    if is_id && !is_short_number { text } else { "(other)" }
}

impl Section {
    pub(super) const ALL: [Self; 7] = [
        Self::Overview,
        Self::Organizations,
        Self::Entries,
        Self::Grants,
        Self::Findings,
        Self::Records,
        Self::Health,
    ];

    fn href(self) -> &'static str {
        match self {
            Self::Overview => "/console/",
            Self::Organizations => "/console/organizations",
            Self::Entries => "/console/entries",
            Self::Grants => "/console/grants",
            Self::Findings => "/console/findings",
            Self::Records => "/console/records",
            Self::Health => "/console/health",
        }
    }

    fn name(self, t: &Texts) -> &'static str {
        match self {
            Self::Overview => t.overview,
            Self::Organizations => t.organizations,
            Self::Entries => t.entries,
            Self::Grants => t.grants,
            Self::Findings => t.findings,
            Self::Records => t.records,
            Self::Health => t.health,
        }
    }

    /// The roles that may see a page of it: what runs the node sees its health and no business; records
    /// are searched by the auditor, and security sees the one that a finding cites.
    pub(super) fn roles(self, page: &Page) -> &'static [Role] {
        match (self, page) {
            (Self::Health, _) => &Role::ALL,
            (Self::Records, Page::Records) => &[Role::Audit],
            (
                Self::Overview
                | Self::Organizations
                | Self::Entries
                | Self::Grants
                | Self::Findings
                | Self::Records,
                _,
            ) => &[Role::Security, Role::Audit],
        }
    }

    pub(super) fn may(self, role: Role, page: &Page) -> bool {
        self.roles(page).contains(&role)
    }

    /// The page that its link leads to.
    fn front(self) -> Page {
        match self {
            Self::Overview => Page::Overview,
            Self::Organizations => Page::Organizations,
            Self::Entries => Page::Entries,
            Self::Grants => Page::Grants,
            Self::Findings => Page::Findings,
            Self::Records => Page::Records,
            Self::Health => Page::Health,
        }
    }
}

/// Where somebody of this role begins.
pub(super) fn home(role: Role) -> &'static str {
    if Section::Overview.may(role, &Page::Overview) { "/console/" } else { "/console/health" }
}

/// The frame around a page.
#[derive(Debug)]
pub(super) struct Shell {
    pub(super) lang: Lang,
    pub(super) title: String,
    pub(super) signed: Option<Signed>,
    pub(super) sections: Vec<Link>,
    pub(super) chinese: String,
    pub(super) english: String,
    pub(super) node: String,
    pub(super) now: String,
    pub(super) version: &'static str,
}

/// A link of the menu.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) href: &'static str,
    pub(super) name: &'static str,
    pub(super) is_here: bool,
}

impl Shell {
    pub(super) fn new(
        admin: &Admin,
        signed: Option<&Signed>,
        asked: &Asked,
        title: String,
    ) -> Self {
        let here = Page::at(&asked.path).map(|page| page.section());
        let of_role = |section: &Section| {
            signed.is_some_and(|signed| section.may(signed.role, &section.front()))
        };
        let link = |section: Section| Link {
            href: section.href(),
            name: section.name(asked.t()),
            is_here: here == Some(section),
        };
        Self {
            lang: asked.lang,
            title,
            signed: signed.cloned(),
            sections: Section::ALL.into_iter().filter(of_role).map(link).collect(),
            chinese: asked.in_language(Lang::Chinese),
            english: asked.in_language(Lang::English),
            node: admin.node.clone(),
            now: show::time(admin.clock.now()),
            version: VERSION,
        }
    }

    pub(super) fn is_chinese(&self) -> bool {
        self.lang == Lang::Chinese
    }

    pub(super) fn role_name(&self) -> &'static str {
        self.signed.as_ref().map_or("", |signed| signed.role.word(self.lang))
    }
}

/// Why a page is not shown.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There is no such thing.
    NotFound,
    /// It is for other roles.
    Role(&'static [Role]),
    /// The look could not be put on record.
    Unrecorded,
    /// Too many pages are being made.
    Busy,
    /// It could not be made; the log says why.
    Failed,
}

impl From<askama::Error> for Trouble {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, "a page of the console could not be written");
        Self::Failed
    }
}

/// A page with one message.
#[derive(Template)]
#[template(path = "console/message.html")]
struct Message<'a> {
    s: Shell,
    t: &'static Texts,
    is_alert: bool,
    text: &'a str,
    detail: &'a str,
    back: &'a str,
}

/// Says why a page is not shown.
pub(super) fn trouble(
    admin: &Admin,
    signed: Option<&Signed>,
    asked: &Asked,
    trouble: &Trouble,
) -> Response<Full<Bytes>> {
    let t = asked.t();
    let roles;
    let (status, title, text) = match trouble {
        Trouble::NotFound => (StatusCode::NOT_FOUND, t.not_found, t.not_found_text),
        Trouble::Role(may) => {
            let names = words::list(may.iter().map(|role| role.word(asked.lang)), asked.lang);
            roles = format!("{} {names}", t.no_section);
            (StatusCode::FORBIDDEN, t.refused_title, roles.as_str())
        }
        Trouble::Unrecorded => (StatusCode::SERVICE_UNAVAILABLE, t.trouble, t.unrecorded),
        Trouble::Busy => (StatusCode::SERVICE_UNAVAILABLE, t.trouble, t.busy),
        Trouble::Failed => (StatusCode::INTERNAL_SERVER_ERROR, t.trouble, t.trouble_text),
    };
    message(admin, signed, asked, (status, title), (text, "", None))
}

/// A page with one message, a detail, and where to go from there.
pub(super) fn message(
    admin: &Admin,
    signed: Option<&Signed>,
    asked: &Asked,
    (status, title): (StatusCode, &str),
    (text, detail, back): (&str, &str, Option<&str>),
) -> Response<Full<Bytes>> {
    let home = signed.map_or("/console/login", |signed| home(signed.role));
    let page = Message {
        s: Shell::new(admin, signed, asked, title.to_owned()),
        t: asked.t(),
        is_alert: !status.is_success(),
        text,
        detail,
        back: back.unwrap_or(home),
    };
    match page.render() {
        Ok(text) => html(status, text),
        Err(error) => {
            tracing::error!(%error, "a message of the console could not be written");
            plain(status, "see the node's log\n")
        }
    }
}

/// A page.
pub(super) fn html(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    typed(status, "text/html; charset=utf-8", text)
}

/// A line of plain text.
pub(super) fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    typed(status, "text/plain; charset=utf-8", text.to_owned())
}

/// Leads elsewhere, to be fetched by GET.
pub(super) fn moved(to: &str) -> Response<Full<Bytes>> {
    let mut response = plain(StatusCode::SEE_OTHER, "");
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(header::LOCATION, to);
    }
    response
}

/// The one style sheet.
pub(super) fn style() -> Response<Full<Bytes>> {
    kept(typed(StatusCode::OK, "text/css; charset=utf-8", include_str!("style.css").to_owned()))
}

/// The mountain.
pub(super) fn icon() -> Response<Full<Bytes>> {
    kept(typed(StatusCode::OK, "image/svg+xml", include_str!("icon.svg").to_owned()))
}

/// A browser may keep it: its address changes with the version.
fn kept(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let hour = HeaderValue::from_static("private, max-age=3600");
    response.headers_mut().insert(header::CACHE_CONTROL, hour);
    response
}

/// Nothing but our own style and images, no script, no frame around it, nothing kept, nothing told to
/// other sites. The language chosen is remembered.
pub(super) fn guarded(mut response: Response<Full<Bytes>>, asked: &Asked) -> Response<Full<Bytes>> {
    const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; \
        form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let nothing = HeaderValue::from_static("no-store");
    headers.entry(header::CACHE_CONTROL).or_insert(nothing);
    if asked.chosen {
        remember(headers, LANG_COOKIE, asked.lang.as_str(), (31_536_000, asked.secure));
    }
    response
}

/// Sets a cookie that only this console sees; no seconds forget it.
pub(super) fn remember(
    headers: &mut HeaderMap,
    name: &str,
    value: &str,
    (seconds, secure): (i64, bool),
) {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!(
        "{name}={value}; Path=/console/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    );
    if let Ok(text) = HeaderValue::from_str(&text) {
        headers.append(header::SET_COOKIE, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_pages_and_nothing_else_does() {
        for path in [
            "/console/",
            "/console/organizations/police",
            "/console/entries/police/population",
            "/console/grants/g-02",
            "/console/findings/v-08.police.1",
            "/console/records/019a1b2c-0000-7000-8000-000000000000",
            "/console/health",
        ] {
            assert!(Page::at(path).is_some(), "{path}");
        }
        for path in [
            "/console",
            "/console/x",
            "/console/entries/police",
            "/console/entries/police/../x",
            "/console/records/-1",
            "/console/health/x",
            "/other",
        ] {
            assert!(Page::at(path).is_none(), "{path}");
        }
    }

    #[test]
    fn each_role_has_its_sections_and_begins_where_it_may() {
        let sections = |role: Role| -> Vec<Section> {
            let may = |section: &Section| section.may(role, &section.front());
            Section::ALL.into_iter().filter(may).collect()
        };
        assert_eq!(sections(Role::System), [Section::Health]);
        assert_eq!(sections(Role::Audit), Section::ALL);
        assert!(!sections(Role::Security).contains(&Section::Records));
        for role in Role::ALL {
            let page = Page::at(home(role)).unwrap();
            assert!(page.section().may(role, &page), "{role}");
        }
    }

    #[test]
    fn what_is_typed_into_a_search_reaches_the_record_only_if_it_is_an_id() {
        let asked = |query: &str| Asked {
            path: "/console/records".to_owned(),
            query: Pairs::read(query.as_bytes()),
            lang: Lang::Chinese,
            chosen: false,
            secure: false,
        };
        let target = |query: &str| Page::Records.target(&asked(query)).unwrap();
        assert_eq!(target(""), "records");
        assert_eq!(target("entry=a/b&outcome=no-grant"), "records entry=a/b outcome=no-grant");
        assert_eq!(target("organization=640106198507150024"), "records organization=(other)");
        assert_eq!(target("outcome=%E5%BC%A0"), "records outcome=(other)");
    }
}
