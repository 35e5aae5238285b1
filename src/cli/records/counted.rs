//! Calls that are on record only as part of a count: in folds, or because the journal could not take
//! them. Whoever asks for a code is told how many there were besides those shown.

use std::collections::HashMap;
use std::fmt;

use uuid::Uuid;

use crate::journal::{Event, FoldPhase};

/// The counts of one code.
#[derive(Debug)]
pub(super) struct Counted<'a> {
    code: &'a str,
    folded: u64,
    /// Folds that were opened and are not closed, with the least they hold.
    open: HashMap<Uuid, u64>,
    uncounted: u64,
}

impl<'a> Counted<'a> {
    pub(super) fn new(code: &'a str) -> Self {
        Self { code, folded: 0, open: HashMap::new(), uncounted: 0 }
    }

    /// Takes an event in; says whether it counts calls of this code.
    pub(super) fn take(&mut self, event: &Event) -> bool {
        match event {
            Event::Folded(folded) if folded.code == self.code => {
                match folded.phase {
                    FoldPhase::Opened => {
                        self.open.insert(folded.fold, folded.count);
                    }
                    FoldPhase::Closed => {
                        self.open.remove(&folded.fold);
                        self.folded = self.folded.saturating_add(folded.count);
                    }
                }
                true
            }
            Event::Uncounted(uncounted) => match uncounted.counts.get(self.code) {
                Some(count) => {
                    self.uncounted = self.uncounted.saturating_add(*count);
                    true
                }
                None => false,
            },
            Event::Segment(_)
            | Event::Started(_)
            | Event::Stopped(_)
            | Event::Recovered(_)
            | Event::Decided(_)
            | Event::Finished(_)
            | Event::Folded(_)
            | Event::ViewSwapped(_)
            | Event::Frozen(_)
            | Event::Thawed(_)
            | Event::AdminWrite(_)
            | Event::Retired(_)
            | Event::KeysUsed(_) => false,
        }
    }

    /// Whether there is anything to say.
    pub(super) fn is_empty(&self) -> bool {
        self.folded == 0 && self.open.is_empty() && self.uncounted == 0
    }
}

impl fmt::Display for Counted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let least = self.open.values().fold(self.folded, |sum, count| sum.saturating_add(*count));
        let at_least = if self.open.is_empty() { "" } else { "at least " };
        write!(
            f,
            "besides, without a record of their own: {at_least}{least} {code} in folds, {} {code} that \
             the journal could not take",
            self.uncounted,
            code = self.code
        )
    }
}
