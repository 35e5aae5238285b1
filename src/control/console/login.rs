//! Logging in with a token and out again. The token is shown once; then a cookie stands for it.

use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use uuid::Uuid;

use super::act;
use super::form::{Pairs, cookie, pair};
use super::page::{self, Asked, Page, Shell, home, remember};
use super::session::{Signed, WHOLE_MS};
use super::texts::Texts;
use crate::config::keys::KeyPurpose;
use crate::control::access::{self, Access, Who};
use crate::control::admin::Admin;
use crate::control::unproved::LIMITED;
use crate::control::write::{self, Action, Done};
use crate::domain::Role;

/// The cookie that stands for a token.
const COOKIE: &str = "helan-console";

#[derive(Template)]
#[template(path = "console/login.html", config = "src/askama.toml")]
struct Login<'a> {
    s: Shell,
    t: &'static Texts,
    problem: Option<&'a str>,
    next: &'a str,
}

/// The page that asks for a token.
pub(super) fn form(admin: &Admin, asked: &Asked) -> Response<Full<Bytes>> {
    let next = asked.query.get("next").unwrap_or_default();
    again(admin, asked, (StatusCode::OK, None), next)
}

fn again(
    admin: &Admin,
    asked: &Asked,
    (status, problem): (StatusCode, Option<&str>),
    next: &str,
) -> Response<Full<Bytes>> {
    let t = asked.t();
    let s = Shell::new(admin, None, asked, t.log_in_title.to_owned());
    match (Login { s, t, problem, next }).render() {
        Ok(text) => page::html(status, text),
        Err(error) => page::trouble(admin, None, asked, &error.into()),
    }
}

/// Who is logged in, by the cookie.
pub(super) fn signed(admin: &Admin, headers: &HeaderMap) -> Option<Signed> {
    let key = admin.keys.newest(KeyPurpose::Admin);
    admin.console.sessions.find(cookie(headers, COOKIE)?, &key, admin.clock.now())
}

/// Sends somebody who is not logged in to the login, and from there back to where he was.
pub(super) fn first(asked: &Asked, reads: bool) -> Response<Full<Bytes>> {
    let query = asked.query.without(&["lang"]);
    let and = if query.is_empty() { "" } else { "?" };
    let next = pair("next", &format!("{}{and}{query}", asked.path));
    let lang = pair("lang", asked.lang.as_str());
    let is_page = reads && Page::at(&asked.path).is_some();
    page::moved(&if is_page {
        format!("/console/login?{next}&{lang}")
    } else {
        format!("/console/login?{lang}")
    })
}

/// Opens a session for a token that is good, and puts on record how it went.
pub(super) async fn log_in(
    admin: &Arc<Admin>,
    access: Access,
    asked: &Asked,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let t = asked.t();
    let transaction = Uuid::now_v7();
    let is_ours = act::is_ours(request.headers());
    let form = match write::body(request).await {
        Ok(body) if is_ours => Pairs::read(&body),
        Ok(_) | Err(_) => {
            return again(admin, asked, (StatusCode::BAD_REQUEST, Some(t.form_old)), "");
        }
    };
    let next = form.get("next").unwrap_or_default().to_owned();
    let from = address(access);
    let now = admin.clock.now();
    if admin.console.failures.are_too_many(from, now) {
        let done = Done::new(StatusCode::TOO_MANY_REQUESTS, LIMITED, t.login_limited);
        write::refused(admin, Action::Login, &done, transaction).await;
        return again(admin, asked, (done.status, Some(t.login_limited)), &next);
    }
    let token = form.get("token").unwrap_or_default();
    let Some(who) = access::bearer_of(&admin.keys, token) else {
        admin.console.failures.add(from, now);
        let done = Done::new(StatusCode::UNAUTHORIZED, access::NOT_VALID, t.login_wrong);
        write::refused(admin, Action::Login, &done, transaction).await;
        // The status of a page that asks again: a browser would answer 401 with a box of its own.
        return again(admin, asked, (StatusCode::FORBIDDEN, Some(t.login_wrong)), &next);
    };
    match open(admin, who, transaction).await {
        Some((id, role)) => {
            let mut response = page::moved(&leads_to(&next, role));
            let seconds = WHOLE_MS / 1_000;
            remember(response.headers_mut(), COOKIE, &id, (seconds, asked.secure));
            response
        }
        None => {
            let unavailable = StatusCode::SERVICE_UNAVAILABLE;
            again(admin, asked, (unavailable, Some(t.login_unrecorded)), &next)
        }
    }
}

/// Opens a session once that is on record.
async fn open(admin: &Arc<Admin>, who: Who, transaction: Uuid) -> Option<(String, Role)> {
    let role = who.role?;
    let done = Done::new(StatusCode::SEE_OTHER, "done", "");
    if !write::note(admin, Action::Login, &who, &done, transaction).await {
        return None;
    }
    let key = admin.keys.newest(KeyPurpose::Admin);
    let id = admin.console.sessions.open(who.name, role, key, admin.clock.now())?;
    Some((id, role))
}

/// Where a login leads: back to a page of ours that the role may see, else to where the role begins.
fn leads_to(next: &str, role: Role) -> String {
    let path = next.split('?').next().unwrap_or_default();
    let may = Page::at(path).is_some_and(|page| page.section().may(role, &page));
    // A page's path has no backslash and no second slash at its start, so it names no other host.
    if may && next.bytes().all(|b| b.is_ascii_graphic()) {
        next.to_owned()
    } else {
        home(role).to_owned()
    }
}

/// Ends the session.
pub(super) async fn log_out(
    admin: &Arc<Admin>,
    signed: &Signed,
    asked: &Asked,
    headers: &HeaderMap,
) -> Response<Full<Bytes>> {
    if let Some(id) = cookie(headers, COOKIE) {
        admin.console.sessions.end(id);
    }
    let done = Done::effect(StatusCode::SEE_OTHER, "");
    write::record(admin, Action::Logout, &signed.who(), done, Uuid::now_v7()).await;
    let lang = pair("lang", asked.lang.as_str());
    let mut response = page::moved(&format!("/console/login?{lang}"));
    remember(response.headers_mut(), COOKIE, "", (0, asked.secure));
    response
}

fn address(access: Access) -> IpAddr {
    match access {
        Access::Tcp { from } => from.to_canonical(),
        Access::Socket { .. } => IpAddr::from([0, 0, 0, 0]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_back_only_to_pages_of_ours_that_the_role_may_see() {
        for (next, role, leads) in [
            ("/console/grants/g-02?lang=en", Role::Security, "/console/grants/g-02?lang=en"),
            ("/console/grants/g-02", Role::System, "/console/health"),
            ("/console/records", Role::Security, "/console/"),
            ("https://evil.example/console/", Role::Audit, "/console/"),
            ("//evil.example/console/", Role::Audit, "/console/"),
            ("/console/\r\nX: y", Role::Audit, "/console/"),
            ("/console/?a=\r\nX: y", Role::Audit, "/console/"),
            ("", Role::System, "/console/health"),
        ] {
            assert_eq!(leads_to(next, role), leads, "{next} {role}");
        }
    }
}
