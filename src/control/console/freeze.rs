//! The part of a page that says whether something is frozen, and lets security freeze or thaw it.

use askama::Template;

use super::page::{Seen, Trouble};
use super::show;
use super::texts::Texts;
use crate::domain::Role;
use crate::policy::reload::Frozen;

#[derive(Template)]
#[template(path = "console/freeze.html", config = "src/askama.toml")]
struct Part<'a> {
    t: &'static Texts,
    frozen: Option<Since>,
    word: Option<&'a str>,
    kind: &'a str,
    id: &'a str,
}

/// Since when, why and by whom.
struct Since {
    since: String,
    by: String,
    reason: String,
}

/// The part for one thing.
pub(super) fn part(seen: &Seen, what: &Frozen) -> Result<String, Trouble> {
    let (kind, id) = what.names();
    let frozen = seen.admin.reload.frozen().into_iter().find(|freeze| freeze.what == *what);
    let frozen = frozen.map(|freeze| Since {
        since: show::time(freeze.since),
        by: freeze.by,
        reason: freeze.reason,
    });
    let word = seen.word_of(Role::Security);
    Ok(Part { t: seen.t(), frozen, word, kind, id }.render()?)
}
