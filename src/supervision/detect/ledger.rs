//! What the rules need of the records, folded as they arrive: a function of the events alone, so that a
//! rebuild from the journal comes to the same.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::facts::{EntryFacts, GrantFacts};
use super::tally::{Key, Sighting, Tally};
use super::{Detector, Evidence, FindingId, Mark, State, Subject, pairs};
use crate::domain::{
    ApplicationId, EntryId, GrantId, ItemName, OrganizationId, Thresholds, Timestamp, Zone,
};
use crate::journal::{
    ALLOWED, AdminWrite, Decided, Event, Finished, FoldPhase, KeyedHash, ReadError, Recovered,
};

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
    open: BTreeMap<Uuid, Open>,
    /// Each policy file with its hash, and since when it is in force.
    files: BTreeMap<String, (String, Timestamp)>,
    day: Option<Date>,
}

/// What is kept of a call until its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Open {
    zone: Zone,
    entry: EntryId,
    grant: Option<GrantId>,
    application: Option<ApplicationId>,
    organization: Option<OrganizationId>,
    operator: Option<String>,
    subjects: Vec<KeyedHash>,
    used: Vec<ItemName>,
}

impl Ledger {
    /// Takes a record in; one that was taken in already changes nothing.
    pub fn take(&mut self, seq: u64, event: &Event, thresholds: &Thresholds) {
        if seq <= self.seq {
            return;
        }
        self.seq = seq;
        let time = event.time();
        self.began.get_or_insert(time);
        self.keep_time(seq, time, thresholds);
        match event {
            Event::Segment(_) => self.segments = self.segments.saturating_add(1),
            Event::Decided(decided) => self.decided(seq, decided),
            Event::Finished(finished) => self.finished(seq, finished),
            Event::Folded(folded) if folded.phase == FoldPhase::Closed => {
                let evidence = Evidence::Record { seq, transaction: None };
                self.beyond(
                    folded.application.as_ref(),
                    &folded.code,
                    (time, folded.count),
                    evidence,
                );
            }
            Event::ViewSwapped(swapped) => {
                for (path, hash) in &swapped.files {
                    let known = self.files.get(path).is_some_and(|(known, _)| known == hash);
                    if !known {
                        self.files.insert(path.clone(), (hash.clone(), time));
                    }
                }
                // Each zone's View holds all files; what is in none of them is gone.
                self.files.retain(|path, _| swapped.files.contains_key(path));
            }
            Event::Recovered(recovered) => self.recovered(seq, recovered),
            Event::AdminWrite(write) => self.marked(write),
            Event::Started(_)
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
        let day = latest.max(time).day();
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

    fn decided(&mut self, seq: u64, decided: &Decided) {
        if decided.outcome != ALLOWED {
            let evidence = Evidence::Record { seq, transaction: Some(decided.transaction) };
            let seen = (decided.time, 1);
            self.beyond(decided.application.as_ref(), &decided.outcome, seen, evidence);
            return;
        }
        let Some(entry) = &decided.entry else { return };
        let open = Open {
            zone: decided.zone,
            entry: entry.clone(),
            grant: decided.grant.clone(),
            application: decided.application.clone(),
            organization: decided.organization.clone(),
            operator: decided.operator_hash.as_ref().map(|hash| hash.hash.clone()),
            subjects: decided.subjects.clone(),
            used: decided.used.clone(),
        };
        self.open.insert(decided.transaction, open);
    }

    fn finished(&mut self, seq: u64, finished: &Finished) {
        let Some(open) = self.open.remove(&finished.transaction) else { return };
        let evidence = || Evidence::Record { seq, transaction: Some(finished.transaction) };
        let time = finished.time;
        self.beyond(open.application.as_ref(), &finished.outcome, (time, 1), evidence());
        self.entries.entry(open.entry.clone()).or_default().take(seq, finished);
        if let Some(grant) = &open.grant {
            self.grants.entry(grant.clone()).or_default().take(finished, &open.used);
        }
        let unfit = matches!(&*finished.outcome, "answer-not-shaped" | "answer-not-described");
        let drift = finished.drift.max(u64::from(unfit));
        if drift > 0 {
            let code = if unfit { &*finished.outcome } else { "drift" };
            let seen = Sighting::new(time, code, drift, evidence());
            self.of_entry(Detector::Drift, &open.entry, seen);
        }
        if let Some(personal) = finished.personal.filter(|_| open.zone == Zone::Opening) {
            for (kind, count) in personal.counts().filter(|(_, count)| *count > 0) {
                let seen = Sighting::new(time, kind, count, evidence());
                self.of_entry(Detector::Personal, &open.entry, seen);
            }
        }
        if !open.subjects.is_empty() && finished.outcome == crate::journal::ANSWERED {
            self.probed(&open, finished, evidence());
        }
    }

    /// A count of an entry and month.
    fn of_entry(&mut self, detector: Detector, entry: &EntryId, seen: Sighting<'_>) {
        let subject = Subject::new("entry", entry);
        let period = seen.time.day().strftime("%Y-%m").to_string();
        let organization = Some(entry.organization());
        self.count(Key { detector, subject, period }, Sighting { organization, ..seen });
    }

    /// A refusal of what an application asked for beyond its grants.
    fn beyond(
        &mut self,
        application: Option<&ApplicationId>,
        code: &str,
        (time, count): (Timestamp, u64),
        evidence: Evidence,
    ) {
        let Some(application) = application.filter(|_| super::v14::CODES.contains(&code)) else {
            return;
        };
        let subject = Subject::new("application", application);
        let key = Key { detector: Detector::OverGrant, subject, period: time.day().to_string() };
        let organization = Some(application.organization());
        self.count(key, Sighting { time, organization, code, count, evidence });
    }

    /// A question about a person or business.
    fn probed(&mut self, open: &Open, finished: &Finished, evidence: Evidence) {
        let Some(application) = &open.application else { return };
        let (time, day) = (finished.time, finished.time.day());
        let subject = Subject::new("application", application);
        let key = |period| Key { detector: Detector::Probing, subject: subject.clone(), period };
        let whole = key(day.to_string());
        let own = open.operator.as_deref().map(|operator| {
            let short = operator.get(..8).unwrap_or(operator);
            key(format!("{day} {short}"))
        });
        let key = match own {
            Some(own) if self.tallies.contains_key(&own) => own,
            Some(own) => {
                let end = key(format!("{day}~"));
                let known = self.tallies.range(whole.clone()..end).count();
                if known < OPERATORS { own } else { whole }
            }
            None => whole,
        };
        let organization = open.organization.clone();
        let seen = Sighting { time, organization, code: "", count: 1, evidence };
        if let Some(tally) = self.count(key, seen) {
            let found = finished.rows.is_none_or(|rows| rows > 0);
            tally.probe.get_or_insert_default().add(time, &open.subjects, found);
        }
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
