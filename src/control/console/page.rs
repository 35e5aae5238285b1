//! What every page has in common: where it is, who may see it, its frame and its headers.

use std::cell::OnceCell;
use std::sync::Arc;

use askama::Template;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;

use super::form::{Pairs, cookie, pair};
pub(super) use super::section::{Page, Section, home};
use super::session::Signed;
use super::show;
use super::texts::{Lang, Texts};
use super::words::{self, Word as _};
use crate::control::admin::{Admin, typed};
use crate::domain::Role;
use crate::supervision::detect::Finding;

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

    /// A call by somebody who speaks Chinese and no TLS.
    #[cfg(test)]
    pub(super) fn plain(path: &str, query: &str) -> Self {
        let query = Pairs::read(query.as_bytes());
        Self { path: path.to_owned(), query, lang: Lang::Chinese, chosen: false, secure: false }
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
    found: OnceCell<Vec<Finding>>,
}

impl Seen {
    pub(super) fn new(admin: Arc<Admin>, signed: Signed, asked: Asked) -> Self {
        Self { admin, signed, asked, found: OnceCell::new() }
    }

    /// Everything found, judged once a page.
    pub(super) fn findings(&self) -> &[Finding] {
        self.found.get_or_init(|| (self.admin.handles.findings)())
    }

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
#[template(path = "console/message.html", config = "src/askama.toml")]
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
