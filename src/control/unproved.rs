//! Writes that nobody proved. Whoever can reach the admin address can make as many as he likes, so
//! only the first of each kind and second is an event of its own; the others are counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::admin::Admin;
use super::write::Action;
use crate::journal::{AdminWrite, Event};

/// How long like attempts are counted together.
const SPAN: Duration = Duration::from_secs(1);

/// The code of a login that is not looked at, because too many failed.
pub(super) const LIMITED: &str = "login-limited";

/// What is counted together: what was tried, and why it was refused.
type Kind = (Action, &'static str);

/// The counts that are open.
#[derive(Debug, Default)]
pub struct Unproved(Mutex<BTreeMap<Kind, u64>>);

impl Unproved {
    /// Takes an attempt in. Gives it back if it is the first of its kind and has to be recorded now.
    pub(super) fn take(admin: &Arc<Admin>, action: Action, event: AdminWrite) -> Option<Event> {
        let known = [super::access::MISSING, LIMITED].into_iter();
        let code = known.chain([super::access::NOT_VALID]).find(|code| event.outcome == **code);
        let code = code.unwrap_or(super::access::NOT_VALID);
        let mut open = admin.unproved.lock();
        if let Some(more) = open.get_mut(&(action, code)) {
            *more = more.saturating_add(1);
            return None;
        }
        open.insert((action, code), 0);
        drop(open);
        let (later, first) = (Arc::clone(admin), event.clone());
        tokio::spawn(async move {
            tokio::time::sleep(SPAN).await;
            let more = later.unproved.lock().remove(&(action, code)).unwrap_or(0);
            if more > 0 {
                let time = later.journal.clamp(later.clock.now());
                let transaction = uuid::Uuid::now_v7();
                later.journal.keep(&Event::AdminWrite(AdminWrite {
                    time,
                    transaction,
                    count: more,
                    ..first
                }));
            }
        });
        Some(Event::AdminWrite(event))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Kind, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
