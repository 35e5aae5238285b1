//! The console: supervision pages for people with a browser, behind a login, in Chinese and English.
//!
//! Pages are made here, whole, from the policies in force, the roll-ups, the findings and the journal; no
//! script runs in the browser and nothing is fetched from elsewhere. Each role sees its own sections.

mod act;
mod call;
mod chart;
mod entry;
mod failures;
mod finding;
mod form;
mod freeze;
mod grant;
mod health;
mod lang;
mod login;
mod organization;
mod overview;
mod page;
mod record;
mod search;
mod section;
mod session;
mod show;
mod texts;
mod traffic;
mod words;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::Semaphore;

use self::failures::Failures;
use self::page::{Asked, Page, Seen, Trouble};
use self::session::{Sessions, Signed};
use super::access::Access;
use super::admin::Admin;
use super::views;

/// Pages made at once: each may read files.
const AT_ONCE: usize = 4;

/// How long a page waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the console remembers between calls: sessions and failed logins.
#[derive(Debug)]
pub struct Console {
    sessions: Sessions,
    failures: Failures,
    turns: Semaphore,
}

impl Default for Console {
    fn default() -> Self {
        Self {
            sessions: Sessions::default(),
            failures: Failures::default(),
            turns: Semaphore::new(AT_ONCE),
        }
    }
}

/// Whether a path belongs to the console.
pub(super) fn holds(path: &str) -> bool {
    path == "/console" || path.starts_with("/console/")
}

/// Answers one call.
pub(super) async fn answer(
    admin: &Arc<Admin>,
    access: Access,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let asked = Asked::of(&request);
    let response = route(admin, access, &asked, request).await;
    page::guarded(response, &asked)
}

async fn route(
    admin: &Arc<Admin>,
    access: Access,
    asked: &Asked,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let writes = request.method() == Method::POST;
    match asked.path.as_str() {
        "/console" => page::moved("/console/"),
        "/console/style.css" if reads => page::style(),
        "/console/icon.svg" if reads => page::icon(),
        "/console/login" if reads => login::form(admin, asked),
        "/console/login" if writes => login::log_in(admin, access, asked, request).await,
        _ => match login::signed(admin, request.headers()) {
            None => login::first(asked, reads),
            Some(signed) if reads => show(admin, signed, asked).await,
            Some(signed) if writes => act::act(admin, &signed, asked, request).await,
            Some(_) => page::plain(StatusCode::METHOD_NOT_ALLOWED, "use GET, HEAD or POST\n"),
        },
    }
}

/// Makes a page for somebody who is logged in. Looking at records is put on record first.
async fn show(admin: &Arc<Admin>, signed: Signed, asked: &Asked) -> Response<Full<Bytes>> {
    let Some(page) = Page::at(&asked.path) else {
        return page::trouble(admin, Some(&signed), asked, &Trouble::NotFound);
    };
    if !page.section().may(signed.role, &page) {
        let roles = page.section().roles(&page);
        return page::trouble(admin, Some(&signed), asked, &Trouble::Role(roles));
    }
    if let Some(target) = page.target(asked)
        && views::look(admin, &signed.who(), &target).await.is_err()
    {
        return page::trouble(admin, Some(&signed), asked, &Trouble::Unrecorded);
    }
    let Ok(Ok(_turn)) = tokio::time::timeout(PATIENCE, admin.console.turns.acquire()).await else {
        return page::trouble(admin, Some(&signed), asked, &Trouble::Busy);
    };
    let seen = Seen::new(Arc::clone(admin), signed, asked.clone());
    let made = tokio::task::spawn_blocking(move || (make(&seen, &page), seen)).await;
    match made {
        Ok((Ok(html), _)) => page::html(StatusCode::OK, html),
        Ok((Err(trouble), seen)) => page::trouble(admin, Some(&seen.signed), asked, &trouble),
        Err(error) => {
            tracing::error!(%error, path = asked.path, "a page of the console could not be made");
            page::trouble(admin, None, asked, &Trouble::Failed)
        }
    }
}

fn make(seen: &Seen, page: &Page) -> Result<String, Trouble> {
    match page {
        Page::Overview => overview::overview(seen),
        Page::Organizations => organization::all(seen),
        Page::Organization(id) => organization::one(seen, id),
        Page::Entries => entry::all(seen),
        Page::Entry(id) => entry::one(seen, id),
        Page::Grants => grant::all(seen),
        Page::Grant(id) => grant::one(seen, id),
        Page::Findings => finding::all(seen),
        Page::Finding(id) => finding::one(seen, id),
        Page::Records => record::all(seen),
        Page::Record(transaction) => call::one(seen, *transaction),
        Page::Numbered(seq) => call::numbered(seen, *seq),
        Page::Health => health::health(seen),
    }
}
