//! The admin interface: metrics and health for machines, freeze, purge and reload for people.
//!
//! Every write is an event in the journal, done or refused.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use super::access::Access;
use super::console::{self, Console};
use super::findings;
use super::unproved::Unproved;
use super::views::Views;
use super::write::{self, Action};
use crate::config::keys::Keys;
use crate::domain::{EntryId, Zone};
use crate::journal::{Clock, Journal};
use crate::policy::reload::{Frozen, Reload};
use crate::policy::{Rules, Sources};
use crate::supervision::detect::Finding;
use crate::supervision::measures::{Evaluation, Period};

/// Whether the node takes calls; false before the first View and as soon as it is to stop.
#[derive(Debug, Default)]
pub struct Readiness(AtomicBool);

impl Readiness {
    /// Says whether the node takes calls.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }

    /// Whether callers should be sent here.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Reads everything again for somebody; says what could not be used and stays as it was.
pub type Reloading = Box<dyn Fn(&str) -> Vec<String> + Send + Sync>;

/// What `run` hands in, because `control` does not reach into the path itself.
pub struct Handles {
    /// The metrics page.
    pub metrics: Box<dyn Fn() -> Result<String, String> + Send + Sync>,
    /// Forgets what is kept of an entry; how many answers.
    pub purge: Box<dyn Fn(&EntryId) -> usize + Send + Sync>,
    /// Reads policies, certificates and keys again; says which of the latter two could not be used.
    pub reload: Reloading,
    /// Whether the policies in force hold such a thing.
    pub knows: Box<dyn Fn(&Frozen) -> bool + Send + Sync>,
    /// What the detectors find at this moment.
    pub findings: Box<dyn Fn() -> Vec<Finding> + Send + Sync>,
    /// The measures of a period, this year without one.
    pub measures: Measuring,
    /// The policies in force.
    pub sources: Box<dyn Fn() -> Arc<Sources> + Send + Sync>,
    /// The Views in force, by zone.
    pub views: Box<dyn Fn() -> Vec<InForce> + Send + Sync>,
    /// What the codes of refusals mean.
    pub refusals: BTreeMap<&'static str, Meaning>,
    /// Answers given minus calls on record.
    pub difference: Box<dyn Fn() -> i64 + Send + Sync>,
}

/// A View in force.
#[derive(Clone, Debug)]
pub struct InForce {
    /// The side of the gate.
    pub zone: Zone,
    /// Hash of its files.
    pub hash: Arc<str>,
    /// Rises with every swap.
    pub generation: u64,
    /// How many files it was made of.
    pub files: usize,
    /// The rules it follows.
    pub rules: Arc<Rules>,
}

/// What the code of a refusal means, in English and Chinese.
#[derive(Clone, Copy, Debug)]
pub struct Meaning {
    /// What happened.
    pub text: [&'static str; 2],
    /// What to do next.
    pub remedy: [&'static str; 2],
}

/// Computes the measures of a period, this year without one.
pub type Measuring = Box<dyn Fn(Option<Period>) -> Option<Evaluation> + Send + Sync>;

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
    /// Writes that nobody proved.
    pub unproved: Unproved,
    /// Looks at what is on record of others.
    pub views: Views,
    /// What the console remembers.
    pub console: Console,
    /// The node's name.
    pub node: String,
    /// Where records are kept.
    pub records: PathBuf,
    /// Where the files of earlier Views are kept.
    pub state: PathBuf,
}

/// Serves admin calls over TCP until the task is ended.
pub async fn serve(admin: Arc<Admin>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let access = Access::Tcp { from: peer.ip() };
                tokio::spawn(connection(Arc::clone(&admin), stream, access));
            }
            Err(error) => pause(&error).await,
        }
    }
}

/// Binds a Unix socket that only its owner may open, in place of what an earlier run left.
pub fn bind_socket(path: &Path) -> io::Result<UnixListener> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::other("something else lies there that is no socket"));
        }
        Ok(_) | Err(_) => {}
    }
    // Its permissions are right before anybody can find it.
    let beside = path.with_extension("new");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&beside)?;
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&beside, path)?;
    Ok(listener)
}

/// Serves admin calls on a Unix socket until the task is ended.
pub async fn serve_socket(admin: Arc<Admin>, listener: UnixListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let user = stream.peer_cred().ok().map(|peer| peer.uid());
                tokio::spawn(connection(Arc::clone(&admin), stream, Access::Socket { user }));
            }
            Err(error) => pause(&error).await,
        }
    }
}

async fn pause(error: &io::Error) {
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
    admin: &Arc<Admin>,
    access: Access,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    if console::holds(&path) {
        return console::answer(admin, access, request).await;
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match path.as_str() {
        "/healthz" if reads => text(StatusCode::OK, "ok\n"),
        "/readyz" if reads => ready(admin),
        "/metrics" if reads => match (admin.handles.metrics)() {
            Ok(page) => typed(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", page),
            Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error),
        },
        "/freezes" if reads => {
            let list = serde_json::to_string(&admin.reload.frozen()).unwrap_or_default();
            typed(StatusCode::OK, "application/json", list)
        }
        "/findings" if reads => findings::list(admin, access, request.headers()).await,
        "/measures" if reads => findings::measures(admin, access, &request).await,
        _ if reads && let Some(name) = tree_name(&path) => tree_file(admin, name),
        _ if let Some(action) = Action::at(&path) => {
            if request.method() == Method::POST {
                write::write(admin, access, action, request).await
            } else {
                wrong_method("POST")
            }
        }
        "/healthz" | "/readyz" | "/metrics" | "/freezes" | "/findings" | "/measures" => {
            wrong_method("GET, HEAD")
        }
        _ => text(
            StatusCode::NOT_FOUND,
            "GET /metrics /healthz /readyz /freezes /checkpoint /tile/… /findings /measures /console/; POST /freeze /thaw /purge /reload /findings/{id}/{confirm,dismiss,order}\n",
        ),
    }
}

/// Whether calls should come here: not to a node that stops, nor to one that would refuse every call.
fn ready(admin: &Admin) -> Response<Full<Bytes>> {
    if !admin.readiness.is_ready() {
        text(StatusCode::SERVICE_UNAVAILABLE, "not ready: the node starts or stops\n")
    } else if !admin.journal.stats().healthy {
        text(
            StatusCode::SERVICE_UNAVAILABLE,
            "not ready: the disk takes no records, so every call is refused; the log says why\n",
        )
    } else {
        text(StatusCode::OK, "ready\n")
    }
}

/// The name of a file of the records' tree, as C2SP tlog-tiles asks for it.
fn tree_name(path: &str) -> Option<&str> {
    let name = path.strip_prefix('/')?;
    (name == "checkpoint" || name.starts_with("tile/")).then_some(name)
}

/// Checkpoints and tiles are hashes only: whoever reaches this port may copy them, which is what they
/// are for.
fn tree_file(admin: &Admin, name: &str) -> Response<Full<Bytes>> {
    let kind =
        if name == "checkpoint" { "text/plain; charset=utf-8" } else { "application/octet-stream" };
    match admin.journal.tree_file(name) {
        Ok(Some(bytes)) => typed(StatusCode::OK, kind, bytes),
        Ok(None) => text(
            StatusCode::NOT_FOUND,
            "the tree of the records has no such file (C2SP tlog-tiles)\n",
        ),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
    }
}

fn wrong_method(allow: &'static str) -> Response<Full<Bytes>> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, &format!("use {allow}\n"));
    response.headers_mut().insert(header::ALLOW, http::HeaderValue::from_static(allow));
    response
}

fn text(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    typed(status, "text/plain; charset=utf-8", text.to_owned())
}

pub(super) fn typed(
    status: StatusCode,
    kind: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
