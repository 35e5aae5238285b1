//! What the rules said, remembered until the next moment it could change.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::claim::{self, Decision};
use super::{Ask, Asker};
use crate::domain::{EntryId, MatterCode, Mode, PurposeId, Timestamp};
use crate::gateway::prepare::PreparedView;

/// Most answers one worker remembers; beyond it all are forgotten at once, which costs some
/// evaluations and never a wrong answer.
const MOST: usize = 200_000;

/// One worker's memory of what the rules said about claims.
///
/// Case numbers, scope values and addresses are no part of it, and a purpose that nothing in the View
/// names is [`PurposeId::unregistered`]: only what is registered counts, so strangers cannot make it
/// grow.
#[derive(Debug, Default)]
pub struct Memo {
    generation: u64,
    answers: HashMap<Key, Answer, RandomState>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    asker: Asker,
    entry: EntryId,
    purpose: Option<PurposeId>,
    matter: Option<MatterCode>,
    mode: Mode,
}

#[derive(Debug)]
struct Answer {
    decisions: Arc<[Arc<Decision>]>,
    until: Timestamp,
}

impl Memo {
    /// What the rules say about each claim this caller has.
    pub(super) fn decisions(&mut self, view: &PreparedView, ask: &Ask<'_>) -> Arc<[Arc<Decision>]> {
        if view.view.generation < self.generation {
            // A call that began before the last swap.
            return claim::evaluate(view, ask);
        }
        if self.generation != view.view.generation || self.answers.len() > MOST {
            self.answers.clear();
            self.generation = view.view.generation;
        }
        let key = Key {
            asker: ask.asker.clone(),
            entry: ask.entry.source.entry.id.clone(),
            purpose: ask.purpose.cloned(),
            matter: ask.matter.cloned(),
            mode: ask.mode(),
        };
        if let Some(answer) = self.answers.get(&key)
            && ask.now < answer.until
        {
            return Arc::clone(&answer.decisions);
        }
        let decisions = claim::evaluate(view, ask);
        let until = decisions.iter().map(|decision| decision.until).min();
        let until = until.unwrap_or(Timestamp::from_millis(i64::MAX));
        self.answers.insert(key, Answer { decisions: Arc::clone(&decisions), until });
        decisions
    }
}
