//! What a form does. It must come from a page of ours and bear the session's word; then the role is asked,
//! and what came of it is put on record, as for any admin call.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use uuid::Uuid;

use super::finding;
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
    let Some(order) = Order::read(&asked.path, &form) else {
        return page::trouble(admin, Some(signed), asked, &page::Trouble::NotFound);
    };
    let (action, back) = match &order {
        Order::LogOut => return login::log_out(admin, signed, asked, &parts.headers).await,
        Order::Call { action, back, .. } | Order::Judge { action, back, .. } => (*action, back),
    };
    let who = signed.who();
    let done = match (write::not_for(action, &who), &order) {
        (Some(refused), _) => refused,
        (None, Order::Call { body, .. }) => {
            write::carry_out(admin, &who.name, action, body.as_bytes())
        }
        (None, Order::Judge { id, note, .. }) => match finding::is_reasoned(action, note) {
            Ok(()) => finding::judge(admin, (id, note)),
            Err(done) => done,
        },
        (None, Order::LogOut) => return page::moved("/console/login"),
    };
    let done = write::record(admin, action, &who, done, Uuid::now_v7()).await;
    // What shows on the page itself needs no words.
    if done.code == "done" && action.shows() {
        return page::moved(back);
    }
    told(admin, signed, asked, (&done, Some(back)))
}

/// What a form asks for.
enum Order {
    LogOut,
    /// An admin call, with the body it would have.
    Call { action: Action, body: String, back: String },
    /// A judgment about a finding.
    Judge { action: Action, id: String, note: String, back: String },
}

impl Order {
    fn read(path: &str, form: &Pairs) -> Option<Self> {
        let name = path.strip_prefix("/console/")?;
        if name == "logout" {
            return Some(Self::LogOut);
        }
        if let Some(id) = name.strip_prefix("findings/") {
            let action = match form.get("verdict")? {
                "confirm" => Action::Confirm,
                "dismiss" => Action::Dismiss,
                _ => return None,
            };
            let note = form.get("note").unwrap_or_default().to_owned();
            return Some(Self::Judge { action, id: id.to_owned(), note, back: path.to_owned() });
        }
        let action = Action::at(&format!("/{name}"))?;
        let (body, back) = match action {
            Action::Freeze | Action::Thaw => {
                let (kind, id) = (form.get("kind")?, form.get("id")?);
                let section = if kind == "entry" { "entries".to_owned() } else { format!("{kind}s") };
                let reason = form.get("reason");
                let body = serde_json::json!({"kind": kind, "id": id, "reason": reason});
                (body.to_string(), format!("/console/{section}/{id}"))
            }
            Action::Purge => {
                let body = serde_json::json!({"entry": form.get("entry").unwrap_or_default()});
                (body.to_string(), "/console/health".to_owned())
            }
            Action::Reload | Action::Confirm | Action::Dismiss | Action::Login | Action::Logout => {
                (String::new(), "/console/health".to_owned())
            }
        };
        Some(Self::Call { action, body, back })
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
