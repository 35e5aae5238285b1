//! What is counted while an answer is shaped, and which rows may leave.

use std::sync::Arc;

use super::moment;
use super::plan::Plan;
use super::tree::Leaf;
use crate::domain::{ItemName, Timestamp};

/// What left and what did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows the department sent.
    pub rows_in: u64,
    /// Rows that left.
    pub rows_out: u64,
    /// Granted items that occurred in what left, in the order of the grant.
    pub items: Arc<[ItemName]>,
    /// Members (in CSV: columns) that are no item of the entry: drift.
    pub unknown: u64,
    /// Members (in CSV: columns) that are items, but not granted.
    pub dropped: u64,
    /// Values dropped because an object or array stood where none was described, or the reverse.
    pub mistyped: u64,
    /// Those of the items that left masked.
    pub masked_items: Arc<[ItemName]>,
    /// Values a mask was laid over.
    pub masked: u64,
    /// Values dropped because their mask could not read them.
    pub mask_failed: u64,
    /// The latest timestamp item among the rows that left.
    pub newest: Option<Timestamp>,
}

/// What is known of a row filter within the row at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The item has not occurred.
    Absent,
    /// It occurred once, with a value allowed.
    Allowed,
    /// It occurred with another value, or twice.
    Refused,
}

/// What a row adds to the report if it leaves.
#[derive(Clone, Debug, Default)]
struct Tally {
    seen: Vec<bool>,
    masked: u64,
    mask_failed: u64,
    newest: Option<Timestamp>,
}

/// The counts of one answer.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) came: u64,
    left: u64,
    pub(super) unknown: u64,
    pub(super) dropped: u64,
    pub(super) mistyped: u64,
    tally: Tally,
    /// The tally before the row at hand, to go back to.
    before: Tally,
    verdicts: Vec<Verdict>,
}

impl Rows {
    /// Nothing counted.
    pub(super) fn new(plan: &Plan) -> Self {
        let tally = Tally { seen: vec![false; plan.items.len()], ..Tally::default() };
        Self {
            came: 0,
            left: 0,
            unknown: 0,
            dropped: 0,
            mistyped: 0,
            before: Tally::default(),
            tally,
            verdicts: vec![Verdict::Absent; plan.scopes.len()],
        }
    }

    /// Whether rows are filtered at all.
    pub(super) fn are_filtered(&self) -> bool {
        !self.verdicts.is_empty()
    }

    /// A row begins.
    pub(super) fn begin(&mut self) {
        self.came += 1;
        if self.are_filtered() {
            self.verdicts.fill(Verdict::Absent);
            self.before.clone_from(&self.tally);
        }
    }

    /// A row ends: whether it leaves.
    pub(super) fn end(&mut self) -> bool {
        let leaves = self.verdicts.iter().all(|verdict| *verdict == Verdict::Allowed);
        if leaves {
            self.left += 1;
        } else {
            self.tally.clone_from(&self.before);
        }
        leaves
    }

    /// A value of this item left.
    #[inline]
    pub(super) fn saw(&mut self, item: Option<usize>) {
        if let Some(seen) = item.and_then(|item| self.tally.seen.get_mut(item)) {
            *seen = true;
        }
    }

    /// A mask was laid over a value.
    pub(super) fn masked(&mut self) {
        self.tally.masked += 1;
    }

    /// A mask could not read its value.
    pub(super) fn mask_failed(&mut self) {
        self.tally.mask_failed += 1;
    }

    /// Reads a value that rows are picked by or dated with; none if it is null, no scalar, or no text.
    pub(super) fn read(&mut self, plan: &Plan, leaf: &Leaf, value: Option<&str>) {
        if let Some(index) = leaf.scope
            && let (Some(verdict), Some(allowed)) =
                (self.verdicts.get_mut(index), plan.scopes.get(index))
        {
            let fits = value.is_some_and(|value| allowed.contains(value));
            *verdict = match verdict {
                Verdict::Absent if fits => Verdict::Allowed,
                Verdict::Absent | Verdict::Allowed | Verdict::Refused => Verdict::Refused,
            };
        }
        if leaf.moment {
            self.tally.newest = self.tally.newest.max(value.and_then(moment::read));
        }
    }

    /// The items that left, and those of them that left masked.
    fn occurred(&self, plan: &Plan) -> (Arc<[ItemName]>, Arc<[ItemName]>) {
        let seen = &self.tally.seen;
        // Most answers hold each granted item.
        if seen.iter().all(|seen| *seen) {
            return (Arc::clone(&plan.items), Arc::clone(&plan.masked));
        }
        let items = plan.items.iter().zip(seen).filter(|(_, seen)| **seen).map(|(item, _)| item);
        let masked = items.clone().filter(|item| plan.masked.contains(item));
        (items.clone().cloned().collect(), masked.cloned().collect())
    }

    /// The counts as they are reported.
    pub(super) fn report(&self, plan: &Plan) -> Report {
        let (items, masked_items) = self.occurred(plan);
        Report {
            rows_in: self.came,
            rows_out: self.left,
            items,
            masked_items,
            unknown: self.unknown,
            dropped: self.dropped,
            mistyped: self.mistyped,
            masked: self.tally.masked,
            mask_failed: self.tally.mask_failed,
            newest: self.tally.newest,
        }
    }
}
