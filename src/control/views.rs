//! Looking at what is on record of others is itself put on record, before it is shown: the first look of
//! somebody at something within a minute as an event of its own, further ones as a count.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use super::access::Who;
use super::admin::Admin;
use super::write::Action;
use crate::domain::Role;
use crate::journal::{AdminWrite, Event};

/// How long like looks are counted together.
const SPAN: Duration = Duration::from_secs(60);

/// Different looks within it; what somebody looks at beyond them is counted under no target.
const MOST: usize = 256;

/// Who, in which role, at what.
type Look = (String, Option<Role>, Option<String>);

/// The looks that are being counted, with how many came after the first.
#[derive(Debug, Default)]
pub struct Views(Mutex<BTreeMap<Look, u64>>);

/// The look could not be put on record.
#[derive(Debug)]
pub(super) struct Unrecorded;

/// Puts on record that somebody looks at something. Until that is durable nothing may be shown.
pub(super) async fn look(admin: &Arc<Admin>, by: &Who, target: &str) -> Result<(), Unrecorded> {
    let Some(look) = admin.views.take(by, target) else { return Ok(()) };
    let event = event(admin, &look, 1);
    if admin.journal.note(&event).durable().await.is_err() {
        admin.views.lock().remove(&look);
        tracing::error!(by = by.name, target, "a look at records could not be recorded");
        return Err(Unrecorded);
    }
    let later = Arc::clone(admin);
    tokio::spawn(async move {
        tokio::time::sleep(SPAN).await;
        let more = later.views.lock().remove(&look).unwrap_or(0);
        if more > 0 {
            later.journal.keep(&self::event(&later, &look, more));
        }
    });
    Ok(())
}

impl Views {
    /// The look, if it is the first of its kind and has to be recorded now.
    fn take(&self, by: &Who, target: &str) -> Option<Look> {
        let mut open = self.lock();
        let look = |target: Option<&str>| (by.name.clone(), by.role, target.map(ToOwned::to_owned));
        let mut this = look(Some(target));
        if open.len() >= MOST && !open.contains_key(&this) {
            this = look(None);
        }
        if let Some(more) = open.get_mut(&this) {
            *more = more.saturating_add(1);
            return None;
        }
        open.insert(this.clone(), 0);
        Some(this)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Look, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn event(admin: &Admin, (name, role, target): &Look, count: u64) -> Event {
    Event::AdminWrite(AdminWrite {
        time: admin.journal.clamp(admin.clock.now()),
        transaction: Uuid::now_v7(),
        by: name.clone(),
        role: *role,
        action: Action::View.as_str().to_owned(),
        target: target.clone(),
        reason: None,
        outcome: "done".to_owned(),
        status: 200,
        count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_is_an_event_and_so_is_no_flood_of_others() {
        let views = Views::default();
        let signed = |name: &str| Who { name: name.to_owned(), role: Some(Role::Audit) };

        assert!(views.take(&signed("li"), "records entry=a/b").is_some());
        assert!(views.take(&signed("li"), "records entry=a/b").is_none());
        assert!(views.take(&signed("wang"), "records entry=a/b").is_some());

        let recorded =
            (0..10_000).filter_map(|n| views.take(&signed("li"), &format!("record {n}"))).count();
        assert!(recorded <= MOST, "{recorded}");
        let counted: u64 = views.lock().values().map(|more| more + 1).sum();
        assert_eq!(counted, 10_003, "every look is counted");
        // A flood by one does not hide another.
        assert!(views.take(&signed("zhao"), "record 1").is_some());
    }
}
