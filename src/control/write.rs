//! Writes: freeze, thaw, purge, reload, and what is said of findings, each for one role. A write is proved
//! first, then read, carried out and recorded.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use uuid::Uuid;

use super::access::{Access, MISSING, Who};
use super::admin::{Admin, typed};
use super::findings;
use super::freezing::{self, Order};
use super::unproved::Unproved;
use crate::domain::{EntryId, Role};
use crate::journal::{AdminWrite, Event};

/// Largest body of an admin call.
const LARGEST: usize = 16 * 1024;

/// How long a body may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    Freeze,
    Thaw,
    Purge,
    Reload,
    /// Says that a finding is one.
    Confirm,
    /// Says that a finding is none.
    Dismiss,
    /// Orders that it be mended.
    Order,
    /// Opens a session of the console.
    Login,
    /// Ends one.
    Logout,
    /// Looks at what is on record of others.
    View,
}

/// The code of a write by somebody whose role may not.
pub(super) const ROLE: &str = "role-not-allowed";

impl Action {
    /// Those that have a path of their own.
    const CALLS: [Self; 4] = [Self::Freeze, Self::Thaw, Self::Purge, Self::Reload];

    /// What can be said of a finding.
    const SAID: [Self; 3] = [Self::Confirm, Self::Dismiss, Self::Order];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
            Self::Purge => "purge",
            Self::Reload => "reload",
            Self::Confirm => "confirm",
            Self::Dismiss => "dismiss",
            Self::Order => "order",
            Self::Login => "login",
            Self::Logout => "logout",
            Self::View => "view",
        }
    }

    /// Whether what it did can be seen on the page of what it was done to.
    pub(super) fn shows(self) -> bool {
        match self {
            Self::Freeze | Self::Thaw | Self::Confirm | Self::Dismiss | Self::Order => true,
            Self::Purge | Self::Reload | Self::Login | Self::Logout | Self::View => false,
        }
    }

    /// The one role that may; every role may log in and out, and what a role may look at is for the
    /// page to say.
    pub(super) fn role(self) -> Option<Role> {
        match self {
            Self::Purge | Self::Reload => Some(Role::System),
            Self::Freeze | Self::Thaw | Self::Confirm | Self::Dismiss | Self::Order => {
                Some(Role::Security)
            }
            Self::Login | Self::Logout | Self::View => None,
        }
    }

    /// The one at this path.
    pub(super) fn at(path: &str) -> Option<Self> {
        let name = path.strip_prefix('/')?;
        if let Some((_, said)) =
            name.strip_prefix("findings/").and_then(|rest| rest.split_once('/'))
        {
            return Self::SAID.into_iter().find(|action| action.as_str() == said);
        }
        Self::CALLS.into_iter().find(|action| action.as_str() == name)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PurgeOrder {
    entry: EntryId,
}

/// What came of a write.
pub(super) struct Done {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) text: String,
    pub(super) target: Option<String>,
    pub(super) reason: Option<String>,
    /// Whether something is other than before, so that the record must outlive an outage.
    pub(super) has_effect: bool,
    /// The role that may, if this one may not.
    pub(super) role: Option<Role>,
}

impl Done {
    pub(super) fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { status, code, text, target: None, reason: None, has_effect: false, role: None }
    }

    pub(super) fn effect(status: StatusCode, text: impl Into<String>) -> Self {
        Self { has_effect: true, ..Self::new(status, "done", text) }
    }

    pub(super) fn about(self, target: impl Into<String>) -> Self {
        Self { target: Some(target.into()), ..self }
    }

    pub(super) fn because(self, reason: Option<String>) -> Self {
        Self { reason, ..self }
    }

    fn event(&self, admin: &Admin, (action, by, transaction): (Action, &Who, Uuid)) -> AdminWrite {
        AdminWrite {
            time: admin.journal.clamp(admin.clock.now()),
            transaction,
            by: by.name.clone(),
            role: by.role,
            action: action.as_str().to_owned(),
            target: self.target.clone(),
            reason: self.reason.clone(),
            outcome: self.code.to_owned(),
            status: self.status.as_u16(),
            count: 1,
        }
    }

    pub(super) fn response(&self, transaction: Uuid) -> Response<Full<Bytes>> {
        let body = serde_json::json!({
            "transaction": transaction.to_string(),
            "outcome": self.code,
            "detail": self.text,
        });
        let mut response = typed(self.status, "application/json", format!("{body}\n"));
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = match self.code {
                MISSING => "Bearer",
                _ => "Bearer error=\"invalid_token\"",
            };
            let challenge = HeaderValue::from_static(challenge);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Carries out one write and records it, whatever came of it.
pub(super) async fn write(
    admin: &Arc<Admin>,
    access: Access,
    action: Action,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let transaction = Uuid::now_v7();
    let path = request.uri().path().to_owned();
    let by = match access.writer(&admin.keys, request.headers()) {
        Ok(by) => by,
        // The body of a stranger is not even read.
        Err(why) => {
            let done = Done::new(StatusCode::UNAUTHORIZED, why.code(), why.text());
            refused(admin, action, &done, transaction).await;
            return done.response(transaction);
        }
    };
    let done = match not_for(action, &by) {
        Some(refused) => refused,
        None => match body(request).await {
            Ok(body) => carry_out(admin, &by.name, (action, &path), &body),
            Err(done) => done,
        },
    };
    record(admin, action, &by, done, transaction).await.response(transaction)
}

/// The whole body of a call, within bounds.
pub(super) async fn body(request: Request<Incoming>) -> Result<Bytes, Done> {
    let body = Limited::new(request.into_body(), LARGEST).collect();
    match tokio::time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => Err(not_valid("the body is too long or broke off")),
        Err(_) => {
            Err(Done::new(StatusCode::REQUEST_TIMEOUT, "body-slow", "the body took too long"))
        }
    }
}

/// Why somebody may not do this, if that is so.
pub(super) fn not_for(action: Action, by: &Who) -> Option<Done> {
    let needed = action.role().filter(|role| !by.may(*role))?;
    let own = by.role.map_or("none", Role::as_str);
    let text = format!(
        "{} is for the role {needed}, and this token has the role {own}; the roles are kept apart, so have somebody with a token of that role do it",
        action.as_str(),
    );
    Some(Done { role: Some(needed), ..Done::new(StatusCode::FORBIDDEN, ROLE, text) })
}

/// Puts a write on record before it is carried out; whether that could be done.
pub(super) async fn note(
    admin: &Admin,
    action: Action,
    by: &Who,
    done: &Done,
    transaction: Uuid,
) -> bool {
    let event = Event::AdminWrite(done.event(admin, (action, by, transaction)));
    admin.journal.note(&event).durable().await.is_ok()
}

/// Puts a write on record, whatever came of it, and says if that has to wait.
pub(super) async fn record(
    admin: &Admin,
    action: Action,
    by: &Who,
    mut done: Done,
    transaction: Uuid,
) -> Done {
    let event = Event::AdminWrite(done.event(admin, (action, by, transaction)));
    let ticket =
        if done.has_effect { admin.journal.keep(&event) } else { admin.journal.note(&event) };
    if ticket.durable().await.is_err() {
        tracing::error!(%transaction, action = action.as_str(), "an admin write is not on record yet");
        if done.has_effect {
            done.text.push_str("; its record waits until the disk takes it");
        }
    }
    let (status, code) = (done.status.as_u16(), done.code);
    let by = &by.name;
    tracing::info!(%transaction, by, action = action.as_str(), status, code, "admin write");
    done
}

/// Puts on record that somebody who is not proved tried something.
pub(super) async fn refused(admin: &Arc<Admin>, action: Action, done: &Done, transaction: Uuid) {
    let nobody = Who { name: "unproved".to_owned(), role: None };
    let event = done.event(admin, (action, &nobody, transaction));
    if let Some(first) = Unproved::take(admin, action, event) {
        tracing::warn!(%transaction, action = action.as_str(), code = done.code, "admin write refused");
        if admin.journal.note(&first).durable().await.is_err() {
            tracing::error!(%transaction, "the refusal of an admin write could not be recorded");
        }
    }
}

pub(super) fn carry_out(
    admin: &Admin,
    by: &str,
    (action, path): (Action, &str),
    body: &[u8],
) -> Done {
    match action {
        Action::Confirm | Action::Dismiss | Action::Order => {
            findings::say(admin, action, path, body)
        }
        Action::Reload => {
            let kept = (admin.handles.reload)(by);
            let text = if kept.is_empty() {
                "certificates and keys were read again; policies are, and /metrics and the log say how that went"
                    .to_owned()
            } else {
                format!(
                    "policies are read again; what cannot be used stays as it was: {}",
                    kept.join("; ")
                )
            };
            Done::effect(StatusCode::ACCEPTED, text)
        }
        Action::Purge => match serde_json::from_slice::<PurgeOrder>(body) {
            Ok(order) => {
                let count = (admin.handles.purge)(&order.entry);
                Done::effect(StatusCode::OK, format!("{count} kept answers forgotten"))
                    .about(order.entry.as_str())
            }
            Err(_) => not_valid("send {\"entry\": \"organization/name\"} and nothing else"),
        },
        Action::Freeze | Action::Thaw => match Order::read(body) {
            Ok((what, reason)) if action == Action::Freeze => {
                freezing::freeze(admin, by, &what, reason)
            }
            Ok((what, reason)) => freezing::thaw(admin, by, &what, reason),
            Err(_) => not_valid(
                "send {\"kind\": \"entry|grant|application|organization\", \"id\": …, \"reason\": …} and nothing else",
            ),
        },
        // Sessions are the console's own.
        Action::Login | Action::Logout | Action::View => {
            not_valid("this is done in the console only")
        }
    }
}

pub(super) fn not_valid(text: &str) -> Done {
    Done::new(StatusCode::BAD_REQUEST, "body-not-valid", text)
}
