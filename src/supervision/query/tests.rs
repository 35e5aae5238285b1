//! Records folded, kept and asked about, each question with an answer that was counted by hand.

use std::path::Path;

use uuid::Uuid;

use super::*;
use crate::domain::{ApplicationId, EntryId, GrantId, ItemName, MatterCode, OrganizationId, Zone};
use crate::journal::{
    ANSWERED, Decided, Event, Finished, FoldPhase, Folded, KeyedHash, Record, Recovered, Uncounted,
};
use crate::supervision::UNFINISHED;
use crate::supervision::line;
use crate::supervision::store::{Care, Store};

/// 2026-11-23, ten in the morning in Shanghai.
fn morning() -> Timestamp {
    Timestamp::parse("2026-11-23T10:00:00+08:00").unwrap()
}

/// Writes records as the journal does.
#[derive(Default)]
struct Records(Vec<Record>);

impl Records {
    fn add(&mut self, event: &Event) {
        let seq = u64::try_from(self.0.len()).unwrap() + 1;
        let body = serde_json::to_string(event).unwrap();
        let members = body.strip_prefix('{').unwrap();
        let json = format!("{{\"seq\":{seq},\"node\":\"north\",{members}").into_bytes();
        self.0.push(Record { seq, json });
    }

    /// A call, and how it ended if it did.
    fn call(&mut self, time: Timestamp, end: impl FnOnce(&mut Decided) -> Option<Finished>) {
        let mut decided = Decided::new(time, Uuid::now_v7(), Zone::Sharing);
        decided.organization = Some(OrganizationId::parse("tax").unwrap());
        decided.application = Some(ApplicationId::parse("tax/desk").unwrap());
        decided.entry = Some(EntryId::parse("police/residents").unwrap());
        decided.grant = Some(GrantId::parse("g-1").unwrap());
        let finished = end(&mut decided);
        self.add(&Event::Decided(Box::new(decided)));
        if let Some(finished) = finished {
            self.add(&Event::Finished(Box::new(finished)));
        }
    }

    /// Folds them in batches of this length into a store.
    fn keep(&self, state: &Path, batch: usize) {
        let path = state.join(store::FILE);
        for part in self.0.chunks(batch) {
            let mut store = Store::open(&path, Care::Live).unwrap();
            let mut fold = store.resume().unwrap();
            for record in part {
                fold.take(record.seq, &record.json, line::read(record.seq, &record.json).as_ref());
            }
            store.add(&fold.take_batch()).unwrap();
        }
    }
}

fn answered(decided: &Decided, rows: u64, took_us: u64) -> Finished {
    let mut finished = Finished::new(decided, decided.time.plus_millis(5), ANSWERED);
    finished.rows = Some(rows);
    finished.bytes = rows * 100;
    finished.upstream_status = Some(200);
    finished.duration_us = took_us;
    finished
}

fn asked(state: &Path) -> Rollups {
    Rollups::open(state).unwrap()
}

fn names(groups: &[Group]) -> Vec<(&str, u64)> {
    groups.iter().map(|g| (g.names[0].as_deref().unwrap_or("-"), g.figures.calls)).collect()
}

/// A little of everything over three days.
fn sample() -> Records {
    let mut records = Records::default();
    for minute in 0..10 {
        records.call(morning().plus_millis(minute * 60_000), |decided| {
            decided.matter = Some(MatterCode::parse("estate-transfer").unwrap());
            decided.used = vec![ItemName::parse("number").unwrap()];
            decided.operator_hash = Some(KeyedHash { key: "k".into(), hash: "aa".repeat(32) });
            decided.subjects =
                vec![KeyedHash { key: "k".into(), hash: format!("{:016x}", minute % 4) }];
            let mut finished = answered(decided, 3, 2_500);
            finished.items = [ItemName::parse("name").unwrap()].into();
            finished.masked = Arc::clone(&finished.items);
            finished.newest = Some(morning().plus_millis(-3_600_000));
            Some(finished)
        });
    }
    records.call(morning().plus_millis(86_400_000), |decided| {
        decided.outcome = "purpose-missing".into();
        Some(Finished::new(decided, decided.time, "purpose-missing"))
    });
    let mut left = Uuid::nil();
    records.call(morning().plus_millis(2 * 86_400_000), |decided| {
        left = decided.transaction;
        None
    });
    records.call(morning().plus_millis(2 * 86_400_000), |decided| {
        let mut finished = Finished::new(decided, decided.time, "upstream-timeout");
        (finished.drift, finished.duration_us) = (2, 3_000_000);
        Some(finished)
    });
    counts(&mut records, morning().plus_millis(2 * 86_400_000 + 1_000), left);
    records
}

/// What is on record as counts only, and a call that has no end.
fn counts(records: &mut Records, time: Timestamp, left: Uuid) {
    let fold = Folded {
        time,
        fold: Uuid::now_v7(),
        zone: Zone::Opening,
        phase: FoldPhase::Opened,
        code: "rate".to_owned(),
        organization: None,
        application: None,
        address: Some("192.0.2.0/24".to_owned()),
        count: 1,
    };
    records.add(&Event::Folded(fold.clone()));
    records.add(&Event::Folded(Folded { phase: FoldPhase::Closed, count: 40, ..fold.clone() }));
    records.add(&Event::Folded(Folded { fold: Uuid::now_v7(), ..fold }));
    records.add(&Event::Uncounted(Uncounted {
        time,
        zone: Zone::Opening,
        from: time,
        counts: [("malformed".to_owned(), 7)].into(),
    }));
    records.add(&Event::Recovered(Recovered {
        time,
        cause: crate::journal::Break::Crash,
        segment: None,
        cut_bytes: 0,
        abandoned: 0,
        damaged: Vec::new(),
        unfinished: vec![left],
        error: None,
    }));
}

#[test]
fn figures_are_those_of_the_records_in_whatever_batches_they_come() {
    let records = sample();
    for batch in [1, 3, records.0.len()] {
        let state = tempfile::tempdir().unwrap();
        records.keep(state.path(), batch);
        let rollups = asked(state.path());
        let all = Filter::all();
        let week = Period::new(morning(), morning().plus_millis(7 * 86_400_000));

        let totals = rollups.totals(week, &all).unwrap();
        assert_eq!((totals.calls, totals.counted, totals.rows, totals.bytes), (61, 48, 30, 3_000));
        assert_eq!((totals.fetches, totals.upstream_failures), (11, 1));
        assert_eq!((totals.drift, totals.drifted), (2, 1));
        assert_eq!((totals.first_seq, totals.last_seq), (1, 30 - 1));
        assert_eq!(totals.latency.within(500), Some(3_000), "batches of {batch}");

        let outcomes = rollups.by(week, Dimension::Outcome, &all).unwrap();
        let expected = [
            ("rate", 41),
            (ANSWERED, 10),
            ("malformed", 7),
            ("purpose-missing", 1),
            (UNFINISHED, 1),
            ("upstream-timeout", 1),
        ];
        assert_eq!(names(&outcomes), expected);
        assert_eq!(rollups.place().unwrap().seq, u64::try_from(records.0.len()).unwrap());
    }
}

#[test]
fn a_choice_and_a_part_of_time_count_only_what_is_meant() {
    let state = tempfile::tempdir().unwrap();
    sample().keep(state.path(), 4);
    let rollups = asked(state.path());
    let tax = Filter::all().with(Dimension::Consumer, "tax");

    let five = Period::new(morning().plus_millis(60_000), morning().plus_millis(6 * 60_000));
    assert_eq!(rollups.totals(five, &tax).unwrap().calls, 5);
    let public = Filter::all().without(Dimension::Consumer);
    assert_eq!(rollups.totals(Period::ever(), &public).unwrap().calls, 48);
    let nobody = Filter::all().with(Dimension::Consumer, "nobody");
    assert_eq!(rollups.totals(Period::ever(), &nobody).unwrap(), Figures::default());

    let days = Period::new(morning(), morning().plus_millis(4 * 86_400_000));
    let by_day = rollups.series(days, Step::Day, &tax).unwrap();
    let calls: Vec<u64> = by_day.iter().map(|point| point.figures.calls).collect();
    assert_eq!(calls, [10, 1, 2, 0, 0]);
    assert_eq!(rollups.series(days, Step::Hour, &tax).unwrap().len(), 4 * 24);
    assert!(matches!(
        rollups.series(Period::ever(), Step::Minute, &tax),
        Err(StoreError::TooFine { .. })
    ));

    let rows = |figures: &Figures| figures.rows;
    let top = rollups.top(days, Dimension::Outcome, &tax, (1, rows)).unwrap();
    assert_eq!(names(&top), [(ANSWERED, 10)]);
    let cells = rollups
        .cells((days, Step::Hour), &[Dimension::Application, Dimension::Outcome], &tax)
        .unwrap();
    assert_eq!(cells.len(), 4);
    assert_eq!(cells[0].from, morning());
    assert_eq!(cells[0].group.names[0].as_deref(), Some("tax/desk"));
}

#[test]
fn facts_are_told_beside_the_figures() {
    let state = tempfile::tempdir().unwrap();
    sample().keep(state.path(), 5);
    let rollups = asked(state.path());
    let days = Period::new(morning(), morning().plus_millis(2 * 86_400_000 + 1));

    let fresh = rollups.freshness(morning()).unwrap();
    assert_eq!(fresh.len(), 1);
    assert_eq!(fresh[0].last_data(), Some(morning().plus_millis(-3_600_000)));
    let by_day = rollups.fresh_days(Period::day(morning())).unwrap();
    assert_eq!(by_day.len(), 1);

    let [uses] = rollups.grant_uses(Period::ever()).unwrap().try_into().unwrap();
    assert_eq!((uses.grant.as_deref(), uses.calls), (Some("g-1"), 12));
    assert_eq!(uses.last, morning().plus_millis(2 * 86_400_000));

    let items = rollups.item_uses(days).unwrap();
    let told: Vec<_> = items.iter().map(|i| (&*i.item, i.used, i.returned, i.masked)).collect();
    assert_eq!(told, [("number", 10, 0, 0), ("name", 0, 10, 10)]);

    let [matter] = rollups.matters(days).unwrap().try_into().unwrap();
    assert_eq!((&*matter.matter, matter.calls), ("estate-transfer", 10));
    let [operator] = rollups.operators(days).unwrap().try_into().unwrap();
    assert_eq!((operator.calls, operator.subjects, operator.others), (10, 4, false));
    assert_eq!(operator.operator.as_deref(), Some(format!("k:{}", "aa".repeat(32)).as_str()));
}

#[test]
fn what_is_too_old_is_forgotten_by_the_time_of_records() {
    let mut records = sample();
    let state = tempfile::tempdir().unwrap();
    records.call(morning().plus_millis(40 * 86_400_000), |decided| Some(answered(decided, 1, 1)));
    records.keep(state.path(), 7);
    let rollups = asked(state.path());

    let ten = Period::new(morning(), morning().plus_millis(10 * 60_000));
    assert_eq!(rollups.totals(ten, &Filter::all()).unwrap().calls, 0, "minutes are gone");
    assert_eq!(rollups.totals(Period::day(morning()), &Filter::all()).unwrap().calls, 10);
    assert!(rollups.operators(Period::ever()).unwrap().is_empty());
}

#[test]
fn what_is_no_store_of_ours_is_refused_with_what_to_do() {
    let state = tempfile::tempdir().unwrap();
    let told = |state: &Path| Rollups::open(state).unwrap_err().to_string();
    assert!(told(state.path()).contains("is not there"));

    std::fs::write(
        state.path().join(store::FILE),
        "no database, but long enough to be read as one",
    )
    .unwrap();
    assert!(told(state.path()).contains("helan records rebuild"));

    std::fs::remove_file(state.path().join(store::FILE)).unwrap();
    let other = Connection::open(state.path().join(store::FILE)).unwrap();
    other.execute_batch("CREATE TABLE t (x); PRAGMA application_id = 7;").unwrap();
    assert!(told(state.path()).contains("another program"));
    sample().keep_anew(state.path());
    let ours = Connection::open(state.path().join(store::FILE)).unwrap();
    ours.execute_batch("PRAGMA user_version = 999;").unwrap();
    assert!(told(state.path()).contains("version is 999"));
}

impl Records {
    fn keep_anew(&self, state: &Path) {
        store::discard(&state.join(store::FILE)).unwrap();
        self.keep(state, self.0.len());
    }
}
