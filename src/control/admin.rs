//! The admin interface: metrics and health for machines, freeze, purge and reload for people.
//!
//! Every write is an event in the journal, done or refused.

use std::convert::Infallible;
use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use uuid::Uuid;

use super::access::Access;
use crate::config::keys::Keys;
use crate::domain::EntryId;
use crate::journal::{AdminWrite, Clock, Event, Freeze, Journal};
use crate::policy::reload::{self, Frozen, Reload};

/// Largest body of an admin call.
const LARGEST: usize = 16 * 1024;

/// Whether the node takes calls; false before the first View and as soon as it is to stop.
#[derive(Debug, Default)]
pub struct Readiness(AtomicBool);

impl Readiness {
    /// Says whether the node takes calls.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Reads policies and certificates again for somebody; says which certificates could not be used.
pub type Reloading = Box<dyn Fn(&str) -> Vec<String> + Send + Sync>;

/// What `run` hands in, because `control` does not reach into the path itself.
pub struct Handles {
    /// The metrics page.
    pub metrics: Box<dyn Fn() -> Result<String, String> + Send + Sync>,
    /// Forgets what is kept of an entry; how many answers.
    pub purge: Box<dyn Fn(&EntryId) -> usize + Send + Sync>,
    /// Reads policies and certificates again.
    pub reload: Reloading,
    /// Whether the policies in force hold such a thing.
    pub knows: Box<dyn Fn(&Frozen) -> bool + Send + Sync>,
}

impl fmt::Debug for Handles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handles")
    }
}

/// What the admin interface works with.
#[derive(Debug)]
pub struct Admin {
    /// Keys of operators.
    pub keys: Arc<Keys>,
    /// Where writes are recorded.
    pub journal: Journal,
    /// Where the time comes from.
    pub clock: Clock,
    /// What is in force and what is frozen.
    pub reload: Arc<Reload>,
    /// Whether the node takes calls.
    pub readiness: Arc<Readiness>,
    /// Handles into the path.
    pub handles: Handles,
}

/// What to freeze or thaw.
#[derive(Debug, Deserialize)]
struct Order {
    #[serde(flatten)]
    what: Frozen,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PurgeOrder {
    entry: EntryId,
}

struct Done {
    status: StatusCode,
    code: &'static str,
    text: String,
    target: Option<String>,
}

impl Done {
    fn new(status: StatusCode, code: &'static str, text: impl Into<String>) -> Self {
        Self { status, code, text: text.into(), target: None }
    }

    fn about(self, target: impl Into<String>) -> Self {
        Self { target: Some(target.into()), ..self }
    }
}

/// Serves admin calls over TCP until the task is ended.
pub async fn serve(admin: Arc<Admin>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(Arc::clone(&admin), stream, Access::Tcp));
            }
            Err(error) => pause(&error).await,
        }
    }
}

/// Serves admin calls on a Unix socket that only its owner may open.
pub async fn serve_socket(admin: Arc<Admin>, path: &Path) -> std::io::Result<Infallible> {
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(Arc::clone(&admin), stream, Access::Socket));
            }
            Err(error) => pause(&error).await,
        }
    }
}

async fn pause(error: &std::io::Error) {
    tracing::warn!(%error, "an admin connection could not be accepted");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
}

async fn connection<S>(admin: Arc<Admin>, stream: S, access: Access)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let admin = Arc::clone(&admin);
        async move { Ok::<_, Infallible>(answer(&admin, access, request).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(std::time::Duration::from_secs(10))
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "an admin connection ended early");
    }
}

async fn answer(
    admin: &Admin,
    access: Access,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match path.as_str() {
        "/healthz" if reads => text(StatusCode::OK, "ok\n"),
        "/readyz" if reads => {
            if admin.readiness.is_ready() {
                text(StatusCode::OK, "ready\n")
            } else {
                text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
            }
        }
        "/metrics" if reads => match (admin.handles.metrics)() {
            Ok(page) => typed(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", page),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error),
        },
        "/freezes" if reads => {
            let list = serde_json::to_string(&admin.reload.frozen()).unwrap_or_default();
            typed(StatusCode::OK, "application/json", list)
        }
        "/freeze" | "/thaw" | "/purge" | "/reload" if request.method() == Method::POST => {
            write(admin, access, path.trim_start_matches('/'), request).await
        }
        "/freeze" | "/thaw" | "/purge" | "/reload" => wrong_method("POST"),
        "/healthz" | "/readyz" | "/metrics" | "/freezes" => wrong_method("GET, HEAD"),
        _ => text(
            StatusCode::NOT_FOUND,
            "GET /metrics /healthz /readyz /freezes; POST /freeze /thaw /purge /reload\n",
        ),
    }
}

/// Carries out one write and records it, whatever came of it.
async fn write(
    admin: &Admin,
    access: Access,
    action: &str,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let transaction = Uuid::now_v7();
    let writer = access.writer(&admin.keys, request.headers());
    let by = writer.clone().unwrap_or_else(|| "unproved".to_owned());
    let body = Limited::new(request.into_body(), LARGEST).collect().await;
    let done = match (writer, body) {
        (None, _) => Done::new(
            StatusCode::UNAUTHORIZED,
            "credential-missing",
            "send an operator's token as `Authorization: Bearer …`, or use the Unix socket",
        ),
        (Some(_), Err(_)) => Done::new(
            StatusCode::BAD_REQUEST,
            "body-not-valid",
            "the body is too long or broke off",
        ),
        (Some(by), Ok(body)) => carry_out(admin, &by, action, &body.to_bytes()),
    };
    let event = AdminWrite {
        time: admin.journal.clamp(admin.clock.now()),
        transaction,
        by,
        action: action.to_owned(),
        target: done.target.clone(),
        outcome: done.code.to_owned(),
        status: done.status.as_u16(),
    };
    if admin.journal.note(&Event::AdminWrite(event)).durable().await.is_err() {
        tracing::error!(%transaction, action, "an admin write could not be recorded");
    }
    let status = done.status.as_u16();
    tracing::info!(%transaction, action, status, code = done.code, "admin write");
    let body = serde_json::json!({
        "transaction": transaction.to_string(),
        "outcome": done.code,
        "detail": done.text,
    });
    let mut response = typed(done.status, "application/json", format!("{body}\n"));
    if done.status == StatusCode::UNAUTHORIZED {
        let challenge = http::HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn wrong_method(allow: &'static str) -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, &format!("use {allow}\n"));
    response.headers_mut().insert(header::ALLOW, http::HeaderValue::from_static(allow));
    response
}

fn carry_out(admin: &Admin, by: &str, action: &str, body: &[u8]) -> Done {
    match action {
        "reload" => {
            let kept = (admin.handles.reload)(by);
            let text = if kept.is_empty() {
                "certificates were read again; policies are, and /metrics and the log say how that went"
                    .to_owned()
            } else {
                format!("policies are read again; old certificates stay: {}", kept.join("; "))
            };
            Done::new(StatusCode::ACCEPTED, "done", text)
        }
        "purge" => match serde_json::from_slice::<PurgeOrder>(body) {
            Ok(order) => {
                let count = (admin.handles.purge)(&order.entry);
                Done::new(StatusCode::OK, "done", format!("{count} kept answers forgotten"))
                    .about(order.entry.as_str())
            }
            Err(_) => not_valid("send {\"entry\": \"organization/name\"}"),
        },
        _ => match serde_json::from_slice::<Order>(body) {
            Ok(order) => freeze(admin, by, action == "freeze", &order),
            Err(_) => not_valid(
                "send {\"kind\": \"entry|grant|application|organization\", \"id\": …, \"reason\": …}",
            ),
        },
    }
}

fn not_valid(text: &str) -> Done {
    Done::new(StatusCode::BAD_REQUEST, "body-not-valid", text)
}

fn freeze(admin: &Admin, by: &str, on: bool, order: &Order) -> Done {
    let (kind, id) = order.what.names();
    let name = format!("{kind} {id}");
    let time = admin.journal.clamp(admin.clock.now());
    let was = admin.reload.frozen().iter().any(|known| known.what == order.what);
    let changed = if on {
        admin.reload.freeze(reload::Freeze {
            what: order.what.clone(),
            since: time,
            reason: order.reason.clone().unwrap_or_default(),
            by: by.to_owned(),
        })
    } else {
        admin.reload.thaw(&order.what).map(drop)
    };
    if let Err(error) = &changed {
        tracing::error!(%error, name, on, "a freeze or thaw could not be made durable");
    }
    if changed.is_err() && (was || !on) {
        let text = "nothing changed: the state folder cannot be written; see the log";
        return Done::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", text).about(name);
    }
    if was == on {
        return Done::new(StatusCode::OK, "unchanged", "it was so already").about(name);
    }
    let event = Freeze {
        time,
        kind: kind.to_owned(),
        id: id.to_owned(),
        by: by.to_owned(),
        reason: order.reason.clone(),
    };
    admin.journal.keep(&if on { Event::Frozen(event) } else { Event::Thawed(event) });
    if changed.is_err() {
        let text = "it is frozen, but only until a restart: the state folder cannot be written";
        return Done::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", text).about(name);
    }
    let what = if on { "frozen" } else { "thawed" };
    let unknown = if on && !(admin.handles.knows)(&order.what) {
        "; mind the id: the policies in force hold no such thing"
    } else {
        ""
    };
    Done::new(StatusCode::OK, "done", format!("{name} is {what}{unknown}")).about(name)
}

fn text(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    typed(status, "text/plain; charset=utf-8", text.to_owned())
}

fn typed(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
