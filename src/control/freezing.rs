//! Freezing and thawing: what an order says, and carrying it out.

use http::StatusCode;
use serde::Deserialize;
use serde::de::Error as _;

use super::admin::Admin;
use super::write::Done;
use crate::domain::{ApplicationId, EntryId, GrantId, OrganizationId};
use crate::journal::{Event, Freeze};
use crate::policy::reload::{self, Frozen};

/// What to freeze or thaw.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    kind: Kind,
    id: String,
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Entry,
    Grant,
    Application,
    Organization,
}

impl Order {
    pub(super) fn read(body: &[u8]) -> serde_json::Result<(Frozen, Option<String>)> {
        let Self { kind, id, reason } = serde_json::from_slice(body)?;
        let what = match kind {
            Kind::Entry => EntryId::parse(&id).map(Frozen::Entry).ok(),
            Kind::Grant => GrantId::parse(&id).map(Frozen::Grant).ok(),
            Kind::Application => ApplicationId::parse(&id).map(Frozen::Application).ok(),
            Kind::Organization => OrganizationId::parse(&id).map(Frozen::Organization).ok(),
        };
        Ok((what.ok_or_else(|| serde_json::Error::custom("this is no id"))?, reason))
    }
}

/// Freezes, also what the policies in force do not hold: in an emergency the order must not depend on
/// whether a file was read yet. The answer says so plainly, since the id may be a slip.
pub(super) fn freeze(admin: &Admin, by: &str, what: &Frozen, reason: Option<String>) -> Done {
    let name = name(what);
    let was = admin.reload.frozen().iter().any(|known| known.what == *what);
    let event = event(admin, by, what, reason.clone());
    let frozen = admin.reload.freeze(reload::Freeze {
        what: what.clone(),
        since: event.time,
        reason: reason.unwrap_or_default(),
        by: by.to_owned(),
    });
    match frozen {
        Ok(true) => {
            admin.journal.keep(&Event::Frozen(event));
            let text = if (admin.handles.knows)(what) {
                format!("{name} is frozen")
            } else {
                format!(
                    "{name} is frozen, but nothing by this id is in force: was it meant, it is stopped before it starts; else thaw it and mind the id"
                )
            };
            Done::effect(StatusCode::OK, text).about(name)
        }
        Ok(false) => Done::new(StatusCode::OK, "unchanged", "it was frozen already").about(name),
        Err(error) => {
            tracing::error!(%error, name, "a freeze could not be made durable");
            if !was {
                admin.journal.keep(&Event::Frozen(event));
            }
            let text = "it is frozen, but only until a restart: the state folder cannot be written; mend it and freeze again";
            let done = Done::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", text);
            Done { has_effect: !was, ..done }.about(name)
        }
    }
}

pub(super) fn thaw(admin: &Admin, by: &str, what: &Frozen, reason: Option<String>) -> Done {
    let name = name(what);
    match admin.reload.thaw(what) {
        Ok(true) => {
            admin.journal.keep(&Event::Thawed(event(admin, by, what, reason)));
            Done::effect(StatusCode::OK, format!("{name} is thawed")).about(name)
        }
        Ok(false) => Done::new(StatusCode::OK, "unchanged", "it was not frozen").about(name),
        Err(error) => {
            tracing::error!(%error, name, "a thaw could not be made durable");
            let text = "it is still frozen: the state folder cannot be written; see the log";
            Done::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", text).about(name)
        }
    }
}

fn name(what: &Frozen) -> String {
    let (kind, id) = what.names();
    format!("{kind} {id}")
}

fn event(admin: &Admin, by: &str, what: &Frozen, reason: Option<String>) -> Freeze {
    let (kind, id) = what.names();
    Freeze {
        time: admin.journal.clamp(admin.clock.now()),
        kind: kind.to_owned(),
        id: id.to_owned(),
        by: by.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_strictly() {
        let read = |text: &str| Order::read(text.as_bytes()).map(|(what, _)| name(&what)).ok();

        assert_eq!(read(r#"{"kind":"grant","id":"g-1"}"#).as_deref(), Some("grant g-1"));
        let whole = r#"{"kind":"entry","id":"tax/payers","reason":"a leak"}"#;
        assert_eq!(read(whole).as_deref(), Some("entry tax/payers"));
        for wrong in [
            "",
            "{}",
            r#"{"kind":"grant"}"#,
            r#"{"kind":"grant","id":"g-1","reson":"a slip"}"#,
            r#"{"kind":"grants","id":"g-1"}"#,
            r#"{"kind":"entry","id":"payers"}"#,
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
