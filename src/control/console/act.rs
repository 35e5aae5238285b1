//! What a form does. It must come from a page of ours and bear the session's word; then the role is asked,
//! and what came of it is put on record, as for any admin call.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use uuid::Uuid;

use super::form::Pairs;
use super::login;
use super::page::{self, Asked};
use super::session::Signed;
use super::words::Word as _;
use crate::control::admin::Admin;
use crate::control::write::{self, Action, Done, ROLE};

/// Whether a browser says that the form comes from the same site; one that says nothing is believed,
/// since the word decides.
pub(super) fn is_ours(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none")
}

/// Carries out a form.
pub(super) async fn act(
    admin: &Arc<Admin>,
    signed: &Signed,
    asked: &Asked,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let is_ours = is_ours(&parts.headers);
    let form = match write::body(Request::new(body)).await {
        Ok(body) => Pairs::read(&body),
        Err(done) => return told(admin, signed, asked, (&done, None)),
    };
    if !is_ours || !signed.wrote(form.get("word")) {
        let (t, status) = (asked.t(), StatusCode::FORBIDDEN);
        let said = (t.form_old, "", None);
        return page::message(admin, Some(signed), asked, (status, t.refused_title), said);
    }
    if asked.path == "/console/logout" {
        return login::log_out(admin, signed, asked, &parts.headers).await;
    }
    let Some(call) = Call::read(&asked.path, &form) else {
        return page::trouble(admin, Some(signed), asked, &page::Trouble::NotFound);
    };
    let who = signed.who();
    let action = call.action;
    let done = match write::not_for(action, &who) {
        Some(refused) => refused,
        None => write::carry_out(admin, &who.name, (action, &call.path), call.body.as_bytes()),
    };
    let done = write::record(admin, action, &who, done, Uuid::now_v7()).await;
    // What shows on the page itself needs no words.
    if done.code == "done" && action.shows() {
        return page::moved(&call.back);
    }
    told(admin, signed, asked, (&done, Some(&call.back)))
}

/// The admin call that a form stands for, and the page to go back to.
#[derive(Debug)]
struct Call {
    action: Action,
    path: String,
    body: String,
    back: String,
}

impl Call {
    fn read(path: &str, form: &Pairs) -> Option<Self> {
        let name = path.strip_prefix("/console/")?;
        let path = format!("/{name}");
        let action = Action::at(&path)?;
        let reason = form.get("reason");
        let (body, back) = match action {
            Action::Freeze | Action::Thaw => {
                let (kind, id) = (form.get("kind")?, form.get("id")?);
                let section =
                    if kind == "entry" { "entries".to_owned() } else { format!("{kind}s") };
                let body = serde_json::json!({"kind": kind, "id": id, "reason": reason});
                (body.to_string(), format!("/console/{section}/{id}"))
            }
            Action::Purge => {
                let body = serde_json::json!({"entry": form.get("entry").unwrap_or_default()});
                (body.to_string(), "/console/health".to_owned())
            }
            Action::Confirm | Action::Dismiss | Action::Order => {
                let (finding, _) = name.rsplit_once('/')?;
                let body = serde_json::json!({"reason": reason});
                (body.to_string(), format!("/console/{finding}"))
            }
            Action::Reload | Action::Login | Action::Logout | Action::View => {
                (String::new(), "/console/health".to_owned())
            }
        };
        Some(Self { action, path, body, back })
    }
}

/// Says what came of it.
fn told(
    admin: &Admin,
    signed: &Signed,
    asked: &Asked,
    (done, back): (&Done, Option<&str>),
) -> Response<Full<Bytes>> {
    let t = asked.t();
    let title = if done.status.is_success() { t.done } else { t.refused_title };
    let role;
    let (text, detail) = match done.role.filter(|_| done.code == ROLE) {
        Some(may) => {
            role = format!("{} {}", t.refused_role, may.word(asked.lang));
            (role.as_str(), "")
        }
        None => (title, done.text.as_str()),
    };
    // The page to go back to must be one that this role may see.
    let back = back.filter(|path| {
        page::Page::at(path).is_some_and(|page| page.section().may(signed.role, &page))
    });
    page::message(admin, Some(signed), asked, (done.status, title), (text, detail, back))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_stands_for_the_admin_call_of_its_path() {
        let read = |path: &str, form: &str| {
            let call = Call::read(path, &Pairs::read(form.as_bytes()))?;
            Some((call.action.as_str(), call.path, call.body, call.back))
        };
        let (action, path, body, back) =
            read("/console/freeze", "kind=entry&id=tax/payers&reason=a+leak").unwrap();
        assert_eq!((action, path.as_str()), ("freeze", "/freeze"));
        assert_eq!(body, r#"{"kind":"entry","id":"tax/payers","reason":"a leak"}"#);
        assert_eq!(back, "/console/entries/tax/payers");
        let judged = read("/console/findings/v04-0011223344556677/dismiss", "reason=no").unwrap();
        assert_eq!(judged.1, "/findings/v04-0011223344556677/dismiss");
        assert_eq!(judged.3, "/console/findings/v04-0011223344556677");
        for (path, form) in [("/console/x", ""), ("/console/freeze", "id=a"), ("/freeze", "")] {
            assert!(read(path, form).is_none(), "{path}");
        }
    }
}
