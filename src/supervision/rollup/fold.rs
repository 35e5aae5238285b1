//! One record after the other.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use uuid::Uuid;

use super::batch::{Asked, Batch, Call, Pending, Place, Seen, Sums, Uses};
use super::figures::Figures;
use super::lists::{EMPTY, Lists};
use super::names::{Dimension, NONE, Names, Series};
use super::operators::Operators;
use super::outcome::UNFINISHED;
use super::step::Step;
use super::subjects;
use crate::domain::{ApplicationId, OrganizationId, Timestamp};
use crate::journal::{
    ALLOWED, ANSWERED, Event, FoldPhase, Folded, Recovered, SegmentHead, Uncounted,
};
use crate::supervision::line::{Decided, Finished, Line};

/// What is known before the next record.
#[derive(Debug, Default)]
pub(in crate::supervision) struct Fold {
    names: Names,
    operators: Operators,
    pending: Sums<Uuid, Pending>,
    /// What is pending and not in the store.
    opened: HashSet<Uuid, RandomState>,
    lists: Lists,
    /// Calls by day, grant, entry, and the lists of items that left and that left masked.
    left: Sums<(i64, i64, i64, usize, usize), u64>,
    /// The JSON of the last record.
    last: Vec<u8>,
    batch: Batch,
}

impl Fold {
    /// Goes on from what a store holds.
    pub(in crate::supervision) fn resume(
        place: Place,
        names: Names,
        mut operators: Operators,
        pending: Sums<Uuid, Pending>,
    ) -> Self {
        for pending in pending.values() {
            if let Pending::Call(call) = pending
                && let Some(operator) = &call.operator
            {
                let [_, _, _, _, application, _, _] = call.series;
                let day = Step::Day.bucket(Timestamp::from_millis(call.time));
                operators.note(day, application, operator);
            }
        }
        let batch = Batch { place, ..Batch::default() };
        Self { names, operators, pending, batch, ..Self::default() }
    }

    /// How far it has come.
    pub(in crate::supervision) fn place(&self) -> Place {
        self.batch.place
    }

    /// Takes out what was added since the last time.
    pub(in crate::supervision) fn take_batch(&mut self) -> Batch {
        self.settle_items();
        if !self.last.is_empty() {
            self.batch.place.crc = crc32fast::hash(&self.last);
        }
        self.batch.new = self.names.take_new();
        let opened = self.opened.drain();
        self.batch.opened =
            opened.filter_map(|id| Some((id, self.pending.get(&id)?.clone()))).collect();
        let place = self.batch.place;
        std::mem::replace(&mut self.batch, Batch { place, ..Batch::default() })
    }

    /// Takes a record in; one that was taken in already changes nothing. What cannot be read is in no
    /// figure.
    pub(in crate::supervision) fn take(&mut self, seq: u64, json: &[u8], line: Option<&Line<'_>>) {
        if seq <= self.batch.place.seq {
            return;
        }
        self.batch.place.seq = seq;
        self.last.clear();
        self.last.extend_from_slice(json);
        let Some(line) = line else { return };
        self.batch.place.time = self.batch.place.time.max(line.time());
        match line {
            Line::Decided(decided) => self.decided(seq, decided),
            Line::Finished(finished) => self.finished(seq, finished),
            Line::Other(Event::Folded(folded)) => self.folded(seq, folded),
            Line::Other(Event::Uncounted(uncounted)) => self.uncounted(seq, uncounted),
            Line::Other(Event::Recovered(recovered)) => self.recovered(recovered),
            Line::Other(Event::Segment(segment)) => self.segment(segment),
            Line::Other(Event::Started(_)) => self.started(),
            Line::Other(
                // Those two are lines of their own.
                Event::Decided(_)
                | Event::Finished(_)
                | Event::Stopped(_)
                | Event::ViewSwapped(_)
                | Event::Frozen(_)
                | Event::Thawed(_)
                | Event::AdminWrite(_)
                | Event::Retired(_)
                | Event::KeysUsed(_),
            ) => {}
        }
    }

    fn decided(&mut self, seq: u64, decided: &Decided<'_>) {
        let provider = decided.entry.split_once('/').map_or("", |(provider, _)| provider);
        let allowed = decided.outcome == ALLOWED;
        let outcome: &str = if allowed { "" } else { &decided.outcome };
        let series = [
            self.names.name(&decided.zone),
            self.names.name(provider),
            self.names.name(&decided.entry),
            self.names.name(&decided.organization),
            self.names.name(&decided.application),
            self.names.name(&decided.grant),
            self.names.name(outcome),
        ];
        let call = Call {
            seq,
            time: decided.time.millis(),
            series,
            allowed,
            matter: self.names.name(&decided.matter),
            used: decided.used.iter().map(|item| self.names.name(item)).collect(),
            operator: self.operator(decided, &series),
            subjects: decided
                .subjects
                .iter()
                .filter_map(|subject| subjects::number_of(&subject.hash))
                .collect(),
        };
        self.open(decided.transaction, Pending::Call(Box::new(call)));
    }

    /// Under which name the person who asks is told apart, if any person was named on either side.
    fn operator(&mut self, decided: &Decided<'_>, series: &Series) -> Option<Box<str>> {
        if decided.operator_hash.is_none() && decided.subjects.is_empty() {
            return None;
        }
        let [_, _, _, _, application, _, _] = *series;
        // Whom a stranger claims to be means nothing.
        let hash = decided.operator_hash.as_ref().filter(|_| application != NONE);
        let name = hash.map(|hash| format!("{}:{}", hash.key, hash.hash)).unwrap_or_default();
        let day = Step::Day.bucket(decided.time);
        self.operators.admit((day, self.batch.place.time), application, &name)
    }

    fn finished(&mut self, seq: u64, finished: &Finished<'_>) {
        let call = match self.close(finished.transaction) {
            Some(Pending::Call(call)) => call,
            // Its decision cannot be read: what is left is that it was answered.
            Some(Pending::Fold { .. }) | None => {
                let mut series = Series::default();
                if let Some(zone) = series.get_mut(Dimension::Zone.place()) {
                    *zone = self.names.name(&finished.zone);
                }
                let time = finished.time.millis();
                Box::new(Call { seq, time, series, allowed: true, ..Call::default() })
            }
        };
        let mut figures = Figures {
            calls: 1,
            bytes: finished.bytes,
            rows: finished.rows.unwrap_or(0),
            empty: finished.is_empty().into(),
            drift: finished.drift,
            drifted: (finished.drift > 0).into(),
            mistyped: finished.mistyped,
            mask_failures: finished.mask_failures,
            cache_hits: finished.is_hit().into(),
            fetches: finished.is_fetched().into(),
            upstream_failures: finished.is_upstream_failure().into(),
            duration_us: finished.duration_us,
            ..Figures::default()
        };
        figures.latency.add(finished.duration_us);
        self.count(&call, &finished.outcome, figures);
        self.facts(&call, Some(finished));
    }

    /// A call that will never be finished.
    fn unfinished(&mut self, call: &Call) {
        self.count(call, UNFINISHED, Figures { calls: 1, ..Figures::default() });
        self.facts(call, None);
    }

    /// Counts a call where it belongs; `outcome` is how it ended if it was allowed.
    fn count(&mut self, call: &Call, outcome: &str, figures: Figures) {
        let mut series = call.series;
        if call.allowed
            && let Some(place) = series.get_mut(Dimension::Outcome.place())
        {
            *place = self.names.name(outcome);
        }
        let series = self.names.series(series);
        let minute = Step::Minute.bucket(Timestamp::from_millis(call.time));
        self.add((minute, series), call.seq, figures);
    }

    fn add(&mut self, cell: (i64, i64), seq: u64, figures: Figures) {
        let figures = Figures { first_seq: seq, last_seq: seq, ..figures };
        self.batch.cells.entry(cell).or_default().add(&figures);
    }

    /// What is kept of a call beside its cell.
    fn facts(&mut self, call: &Call, finished: Option<&Finished<'_>>) {
        let [_, _, entry, consumer, application, grant, _] = call.series;
        let time = Timestamp::from_millis(call.time);
        let day = Step::Day.bucket(time);
        if let Some(operator) = &call.operator {
            let key = (day, application, operator.clone());
            let asked: &mut Asked = self.batch.operators.entry(key).or_default();
            asked.calls = asked.calls.saturating_add(1);
            let is_empty = finished.is_some_and(Finished::is_empty);
            asked.empty = asked.empty.saturating_add(is_empty.into());
            call.subjects.iter().for_each(|subject| asked.subjects.add(*subject));
        }
        if !call.allowed || entry == NONE {
            return;
        }
        let uses: &mut Uses = self.batch.uses.entry((day, grant, entry)).or_default();
        uses.calls = uses.calls.saturating_add(1);
        uses.last = uses.last.max(time);
        if call.matter != NONE {
            let key = (day, consumer, entry, call.matter);
            let calls = self.batch.matters.entry(key).or_default();
            *calls = calls.saturating_add(1);
        }
        self.items((day, grant, entry), call, finished);
        if let Some(finished) = finished.filter(|finished| finished.outcome == ANSWERED) {
            self.seen(day, entry, finished);
        }
    }

    fn items(
        &mut self,
        (day, grant, entry): (i64, i64, i64),
        call: &Call,
        finished: Option<&Finished<'_>>,
    ) {
        for item in &call.used {
            let items = self.batch.items.entry((day, grant, entry, *item)).or_default();
            items.used = items.used.saturating_add(1);
        }
        let Some(finished) = finished else { return };
        let items = self.lists.number(finished.items, &mut self.names);
        let masked = self.lists.number(finished.masked, &mut self.names);
        if (items, masked) != (EMPTY, EMPTY) {
            let calls = self.left.entry((day, grant, entry, items, masked)).or_default();
            *calls = calls.saturating_add(1);
        }
    }

    /// Counts the items of the lists that left.
    fn settle_items(&mut self) {
        for ((day, grant, entry, items, masked), calls) in self.left.drain() {
            for item in self.lists.items(items) {
                let items = self.batch.items.entry((day, grant, entry, *item)).or_default();
                items.returned = items.returned.saturating_add(calls);
            }
            for item in self.lists.items(masked) {
                let items = self.batch.items.entry((day, grant, entry, *item)).or_default();
                items.masked = items.masked.saturating_add(calls);
            }
        }
        self.lists.trim();
    }

    fn seen(&mut self, day: i64, entry: i64, finished: &Finished<'_>) {
        let Finished { last_modified, newest, .. } = *finished;
        let told = (last_modified.is_some() || newest.is_some()).then_some(finished.time);
        let seen = Seen { last_modified, newest, told, answered: Some(finished.time) };
        self.batch.seen.entry((day, entry)).or_default().add(&seen);
    }

    fn folded(&mut self, seq: u64, folded: &Folded) {
        let (minute, series, counted) = match self.close(folded.fold) {
            Some(Pending::Fold { minute, series, count }) => (minute, series, count),
            Some(Pending::Call(_)) | None => {
                let organization = folded.organization.as_ref().map(OrganizationId::as_str);
                let application = folded.application.as_ref().map(ApplicationId::as_str);
                let series = [
                    self.names.name(folded.zone.as_str()),
                    NONE,
                    NONE,
                    self.names.name(organization.unwrap_or_default()),
                    self.names.name(application.unwrap_or_default()),
                    NONE,
                    self.names.name(&folded.code),
                ];
                (Step::Minute.bucket(folded.time), self.names.series(series), 0)
            }
        };
        self.add_counted((minute, series), seq, folded.count.saturating_sub(counted));
        if folded.phase == FoldPhase::Opened {
            self.open(folded.fold, Pending::Fold { minute, series, count: folded.count });
        }
    }

    fn uncounted(&mut self, seq: u64, uncounted: &Uncounted) {
        for (code, count) in &uncounted.counts {
            let zone = self.names.name(uncounted.zone.as_str());
            let series = [zone, NONE, NONE, NONE, NONE, NONE, self.names.name(code)];
            let series = self.names.series(series);
            self.add_counted((Step::Minute.bucket(uncounted.from), series), seq, *count);
        }
    }

    fn add_counted(&mut self, cell: (i64, i64), seq: u64, count: u64) {
        let figures = Figures { calls: count, counted: count, ..Figures::default() };
        self.add(cell, seq, figures);
    }

    fn recovered(&mut self, recovered: &Recovered) {
        for transaction in &recovered.unfinished {
            if let Some(Pending::Call(call)) = self.close(*transaction) {
                self.unfinished(&call);
            }
        }
    }

    /// A segment names every call that is open. Another one has an end that can no longer be read.
    fn segment(&mut self, segment: &SegmentHead) {
        let open: HashSet<Uuid> = segment.open.iter().copied().collect();
        let is_lost = |(id, pending): (&Uuid, &Pending)| {
            (matches!(pending, Pending::Call(_)) && !open.contains(id)).then_some(*id)
        };
        let mut lost: Vec<Uuid> = self.pending.iter().filter_map(is_lost).collect();
        // Numbers are given in the same order every time.
        lost.sort_unstable();
        for transaction in lost {
            if let Some(Pending::Call(call)) = self.close(transaction) {
                self.unfinished(&call);
            }
        }
    }

    /// Folds of an earlier run are closed by nobody: what their opening counted is the least they hold.
    fn started(&mut self) {
        let folds = self.pending.iter();
        let folds = folds.filter(|(_, pending)| matches!(pending, Pending::Fold { .. }));
        let folds: Vec<Uuid> = folds.map(|(id, _)| *id).collect();
        for fold in folds {
            self.close(fold);
        }
    }

    fn open(&mut self, id: Uuid, pending: Pending) {
        self.opened.insert(id);
        self.pending.insert(id, pending);
    }

    fn close(&mut self, id: Uuid) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        if !self.opened.remove(&id) {
            self.batch.closed.insert(id);
        }
        Some(pending)
    }
}
