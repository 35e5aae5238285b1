//! What the rules need of the records, folded as they arrive: a function of the events alone, so that a
//! rebuild from the journal comes to the same.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::calendar::Day;
use super::facts::{EntryFacts, GrantFacts, known};
use super::probe::short;
use super::tally::{Key, Sighting, Tally};
use super::{Detector, Evidence, FindingId, Mark, State, Subject, pairs};
use crate::domain::{ApplicationId, EntryId, GrantId, OrganizationId, Thresholds, Timestamp, Zone};
use crate::journal::{ALLOWED, ANSWERED, AdminWrite, Event, FoldPhase, ReadError, Recovered};
use crate::supervision::line::{Decided, Finished, Line};

/// Tallies kept; beyond it new subjects are not counted before old periods are over.
const MOST: usize = 50_000;

/// Operators of one application that are told apart in a day; the others count as one.
const OPERATORS: usize = 256;

/// What the records told so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// The last record taken in; 0 if there was none.
    pub seq: u64,
    /// The time of the first record.
    pub began: Option<Timestamp>,
    /// The latest time on record.
    pub latest: Option<Timestamp>,
    /// Segments begun.
    pub segments: u64,
    /// What is known of each entry.
    pub entries: BTreeMap<EntryId, EntryFacts>,
    /// What is known of each written grant.
    pub grants: BTreeMap<GrantId, GrantFacts>,
    /// What people said of findings.
    #[serde(with = "pairs")]
    pub marks: BTreeMap<FindingId, Mark>,
    #[serde(with = "pairs")]
    tallies: BTreeMap<Key, Tally>,
    /// Calls that are decided and not finished.
    open: HashMap<Uuid, Open, RandomState>,
    /// Each policy file with its hash, and since when it is in force.
    files: BTreeMap<String, (String, Timestamp)>,
    day: Option<Date>,
    /// The day of the record that is taken in.
    #[serde(skip)]
    today: Day,
    /// Under which key those count today who ask about persons, by application and operator.
    #[serde(skip)]
    asking: HashMap<(Box<str>, Box<str>), Key>,
}

/// What is kept of a call until its end. What is not known is empty.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Open {
    is_public: bool,
    entry: Box<str>,
    grant: Box<str>,
    application: Box<str>,
    organization: Box<str>,
    /// Enough of the hash to tell one from another.
    operator: Box<str>,
    /// The same.
    subjects: Vec<u64>,
    used: Vec<Box<str>>,
}

impl Ledger {
    /// Takes a record in; one that was taken in already changes nothing.
    pub(in crate::supervision) fn take(
        &mut self,
        seq: u64,
        line: &Line<'_>,
        thresholds: &Thresholds,
    ) {
        if seq <= self.seq {
            return;
        }
        self.seq = seq;
        let time = line.time();
        self.began.get_or_insert(time);
        if !self.today.holds(time) {
            self.today = Day::of(time);
            self.asking.clear();
        }
        self.keep_time(seq, time, thresholds);
        match line {
            Line::Decided(decided) => self.decided(seq, decided),
            Line::Finished(finished) => self.finished(seq, finished),
            Line::Other(event) => self.other(seq, event),
        }
    }

    fn other(&mut self, seq: u64, event: &Event) {
        match event {
            Event::Segment(_) => self.segments = self.segments.saturating_add(1),
            Event::Folded(folded) if folded.phase == FoldPhase::Closed => {
                let application = folded.application.as_ref().map(ApplicationId::as_str);
                let evidence = Evidence::Record { seq, transaction: None };
                let seen = (folded.time, folded.count);
                self.beyond(application.unwrap_or_default(), &folded.code, seen, evidence);
            }
            Event::ViewSwapped(swapped) => {
                for (path, hash) in &swapped.files {
                    let known = self.files.get(path).is_some_and(|(known, _)| known == hash);
                    if !known {
                        self.files.insert(path.clone(), (hash.clone(), swapped.time));
                    }
                }
                if swapped.from.is_none() {
                    // The first View of a run holds all files; what is not in it is gone.
                    self.files.retain(|path, _| swapped.files.contains_key(path));
                }
                for path in &swapped.removed {
                    self.files.remove(path);
                }
            }
            Event::Recovered(recovered) => self.recovered(seq, recovered),
            Event::AdminWrite(write) => self.marked(write),
            // The first two are lines of their own.
            Event::Decided(_)
            | Event::Finished(_)
            | Event::Started(_)
            | Event::Stopped(_)
            | Event::Folded(_)
            | Event::Uncounted(_)
            | Event::Frozen(_)
            | Event::Thawed(_)
            | Event::Retired(_)
            | Event::KeysUsed(_) => {}
        }
    }

    /// Passes over a record that says nothing here.
    pub fn skip(&mut self, seq: u64) {
        self.seq = self.seq.max(seq);
    }

    /// Notes what a reader could not read.
    pub fn complain(&mut self, error: &ReadError) {
        let time = self.latest.unwrap_or_default();
        let (code, place) = match error {
            ReadError::Io { segment, .. } => ("unreadable", segment.clone()),
            ReadError::Damaged { segment, offset } => ("unreadable", format!("{segment}:{offset}")),
            ReadError::Gap { expected, found, .. } => ("gap", format!("{expected}-{found}")),
        };
        self.broken("records", code, time, Evidence::Place { place });
    }

    /// Since when this file has stood as it is now.
    pub fn in_force_since(&self, path: &str) -> Option<Timestamp> {
        self.files.get(path).map(|(_, since)| *since)
    }

    /// What was counted for a detector.
    pub(super) fn tallies(&self, detector: Detector) -> impl Iterator<Item = (&Key, &Tally)> {
        self.tallies.iter().filter(move |(key, _)| key.detector == detector)
    }

    fn keep_time(&mut self, seq: u64, time: Timestamp, thresholds: &Thresholds) {
        let latest = *self.latest.get_or_insert(time);
        let back = latest.millis().saturating_sub(time.millis());
        if back > i64::from(thresholds.clock_ms) {
            let evidence = Evidence::Record { seq, transaction: None };
            self.broken("clock", "clock step", latest, evidence);
        }
        self.latest = Some(latest.max(time));
        let day = if latest <= time { self.today.date } else { latest.day() };
        if self.day != Some(day) {
            self.day = Some(day);
            self.forget_quiet(day, thresholds);
        }
    }

    /// Forgets what was counted on days before yesterday and did not come to a finding.
    fn forget_quiet(&mut self, today: Date, limits: &Thresholds) {
        let since = today.yesterday().unwrap_or(today).to_string();
        self.tallies.retain(|key, tally| {
            let speaks = match key.detector {
                Detector::OverGrant => tally.busiest_hour() >= limits.over_grant_calls,
                Detector::Probing => {
                    tally.probe.as_ref().is_some_and(|probe| probe.sign(limits).is_some())
                }
                Detector::Drift
                | Detector::Personal
                | Detector::Integrity
                | Detector::Unmounted
                | Detector::Stale
                | Detector::Withheld
                | Detector::ApiRequired
                | Detector::Hygiene
                | Detector::Agreement
                | Detector::Steward => true,
            };
            speaks || key.period >= since
        });
    }

    fn decided(&mut self, seq: u64, decided: &Decided<'_>) {
        if decided.outcome != ALLOWED {
            let evidence = Evidence::Record { seq, transaction: Some(decided.transaction) };
            let seen = (decided.time, 1);
            self.beyond(&decided.application, &decided.outcome, seen, evidence);
            return;
        }
        if decided.entry.is_empty() {
            return;
        }
        let operator = decided.operator_hash.as_ref().map(|hash| &*hash.hash).unwrap_or_default();
        let open = Open {
            is_public: decided.zone == Zone::Opening.as_str(),
            entry: (&*decided.entry).into(),
            grant: (&*decided.grant).into(),
            application: (&*decided.application).into(),
            organization: (&*decided.organization).into(),
            operator: operator.get(..8).unwrap_or(operator).into(),
            subjects: decided.subjects.iter().map(|subject| short(&subject.hash)).collect(),
            used: decided.used.iter().map(|item| (&**item).into()).collect(),
        };
        self.open.insert(decided.transaction, open);
    }

    fn finished(&mut self, seq: u64, finished: &Finished<'_>) {
        let Some(open) = self.open.remove(&finished.transaction) else { return };
        let evidence = || Evidence::Record { seq, transaction: Some(finished.transaction) };
        let time = finished.time;
        self.beyond(&open.application, &finished.outcome, (time, 1), evidence());
        self.of_entry_and_grant(seq, &open, finished);
        let unfit = matches!(&*finished.outcome, "answer-not-shaped" | "answer-not-described");
        let drift = finished.drift.max(u64::from(unfit));
        if drift > 0 {
            let code = if unfit { &*finished.outcome } else { "drift" };
            let seen = Sighting::new(time, code, drift, evidence());
            self.of_entry(Detector::Drift, &open.entry, seen);
        }
        if let Some(personal) = finished.personal.filter(|_| open.is_public) {
            for (kind, count) in personal.counts().filter(|(_, count)| *count > 0) {
                let seen = Sighting::new(time, kind, count, evidence());
                self.of_entry(Detector::Personal, &open.entry, seen);
            }
        }
        if !open.subjects.is_empty() && finished.outcome == ANSWERED {
            self.probed(&open, finished, evidence());
        }
    }

    fn of_entry_and_grant(&mut self, seq: u64, open: &Open, finished: &Finished<'_>) {
        if let Some(facts) = known(&mut self.entries, &open.entry, |id| EntryId::parse(id).ok()) {
            facts.take(seq, finished, &self.today);
        }
        if let Some(facts) = known(&mut self.grants, &open.grant, |id| GrantId::parse(id).ok()) {
            facts.take(finished, &open.used, &self.today);
        }
    }

    /// A count of an entry and month.
    fn of_entry(&mut self, detector: Detector, entry: &str, seen: Sighting<'_>) {
        let subject = Subject::new("entry", entry);
        let period = self.today.month.clone();
        let organization = owner(entry);
        self.count(Key { detector, subject, period }, Sighting { organization, ..seen });
    }

    /// A refusal of what an application asked for beyond its grants.
    fn beyond(
        &mut self,
        application: &str,
        code: &str,
        (time, count): (Timestamp, u64),
        evidence: Evidence,
    ) {
        if application.is_empty() || !super::v14::CODES.contains(&code) {
            return;
        }
        let subject = Subject::new("application", application);
        let period = self.today.date.to_string();
        let key = Key { detector: Detector::OverGrant, subject, period };
        let organization = owner(application);
        self.count(key, Sighting { time, organization, code, count, evidence });
    }

    /// A question about a person or business.
    fn probed(&mut self, open: &Open, finished: &Finished<'_>, evidence: Evidence) {
        if open.application.is_empty() {
            return;
        }
        let asks = (open.application.clone(), open.operator.clone());
        let key = match self.asking.get(&asks) {
            Some(key) => key.clone(),
            None => self.probe_key(asks),
        };
        let organization = OrganizationId::parse(&open.organization).ok();
        let seen = Sighting { time: finished.time, organization, code: "", count: 1, evidence };
        if let Some(tally) = self.count(key, seen) {
            let found = finished.rows.is_none_or(|rows| rows > 0);
            tally.probe.get_or_insert_default().add(finished.time, &open.subjects, found);
        }
    }

    /// Under which key an application and operator count today.
    fn probe_key(&mut self, asks: (Box<str>, Box<str>)) -> Key {
        let (application, operator) = &asks;
        let day = self.today.date;
        let subject = Subject::new("application", application);
        let key = |period| Key { detector: Detector::Probing, subject: subject.clone(), period };
        let whole = key(day.to_string());
        if operator.is_empty() {
            return whole;
        }
        let own = key(format!("{day} {operator}"));
        let end = key(format!("{day}~"));
        let known = self.tallies.range(whole.clone()..end).count();
        if known >= OPERATORS && !self.tallies.contains_key(&own) {
            return whole;
        }
        self.asking.insert(asks, own.clone());
        own
    }

    fn recovered(&mut self, seq: u64, recovered: &Recovered) {
        for transaction in &recovered.unfinished {
            self.open.remove(transaction);
        }
        for place in &recovered.damaged {
            let evidence = Evidence::Place { place: place.clone() };
            self.broken("records", "unreadable", recovered.time, evidence);
        }
        if !recovered.damaged.is_empty() {
            let evidence = Evidence::Record { seq, transaction: None };
            self.broken("records", "recovered", recovered.time, evidence);
        }
    }

    fn broken(&mut self, what: &str, code: &str, time: Timestamp, evidence: Evidence) {
        let subject = Subject::new("node", what);
        let key = Key { detector: Detector::Integrity, subject, period: time.day().to_string() };
        self.count(key, Sighting::new(time, code, 1, evidence));
    }

    fn count(&mut self, key: Key, seen: Sighting<'_>) -> Option<&mut Tally> {
        if self.tallies.len() >= MOST && !self.tallies.contains_key(&key) {
            return None;
        }
        let tally = self.tallies.entry(key).or_insert_with(|| Tally::new(&seen));
        tally.add(seen);
        Some(tally)
    }

    /// What somebody said of a finding.
    fn marked(&mut self, write: &AdminWrite) {
        let state = match write.action.as_str() {
            "confirm" => State::Confirmed,
            "dismiss" => State::FalsePositive,
            "order" => State::Ordered,
            _ => return,
        };
        let id = write.target.as_deref().and_then(FindingId::parse);
        let Some(id) = id.filter(|_| write.outcome == "done") else { return };
        let first = self.marks.get(&id).map_or(write.time, |mark| mark.first);
        let (time, by, reason) = (write.time, write.by.clone(), write.reason.clone());
        self.marks.insert(id, Mark { state, time, by, reason, first });
    }
}

/// The organization in `organization/name`.
fn owner(id: &str) -> Option<OrganizationId> {
    OrganizationId::parse(id.split_once('/')?.0).ok()
}
