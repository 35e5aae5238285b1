//! What readers see, of a folder at rest and of one that is written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use helan::cli::records::subject::SubjectArgs;
use helan::cli::records::{Folder, QueryArgs, TailArgs, query, tail};
use helan::domain::{EntryId, GrantId, Zone};
use helan::journal::{
    AdminWrite, Clock, Event, Finished, FoldPhase, Folded, Freeze, Journal, Reader, ViewSwapped,
};
use uuid::Uuid;

use super::{call, decided, open, read, segments, until};

fn at(folder: &Path) -> Folder {
    Folder { records: Some(folder.to_owned()), config: None }
}

fn asked(folder: &Path) -> QueryArgs {
    QueryArgs {
        folder: at(folder),
        from: None,
        until: None,
        organization: None,
        entry: None,
        grant: None,
        outcome: None,
        transaction: None,
        subject: SubjectArgs::default(),
        json: true,
    }
}

fn rows(args: &QueryArgs) -> Vec<serde_json::Value> {
    let mut out = Vec::new();
    query(args, &mut out).unwrap();
    String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_query_joins_calls_and_finds_them_by_what_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let ids: Vec<_> = (0..60).map(|_| call(&journal).unwrap()).collect();
    let mut refused = decided(Clock::system().now());
    refused.outcome = "no-grant".into();
    refused.grant = None;
    let (ticket, open_call) = journal.reserve(Zone::Sharing, 2_048).unwrap().decided(&refused);
    open_call.finish(&Finished::new(&refused, refused.time, "no-grant"));
    ticket.wait().unwrap();
    let write = AdminWrite {
        time: refused.time,
        transaction: Uuid::now_v7(),
        by: "token:ops".to_owned(),
        role: None,
        action: "freeze".to_owned(),
        target: None,
        reason: None,
        outcome: "done".to_owned(),
        status: 204,
        count: 1,
    };
    journal.note(&Event::AdminWrite(write)).wait().unwrap();

    // While it is written, and after.
    for is_live in [true, false] {
        if !is_live {
            journal.close();
        }
        let args = asked(folder.path());
        until("all are finished", || {
            rows(&args).iter().filter(|row| row["finished"].is_object()).count() == 61
        });
        let one = rows(&QueryArgs { transaction: Some(ids[30]), ..args.clone() });
        assert_eq!(one.len(), 1);
        assert_eq!(one[0]["decided"]["transaction"], ids[30].to_string());
        assert_eq!(one[0]["finished"]["status"], 200);
        let outcome = |outcome: &str| {
            rows(&QueryArgs { outcome: Some(outcome.to_owned()), ..args.clone() }).len()
        };
        assert_eq!((outcome("answered"), outcome("no-grant"), outcome("unfinished")), (60, 1, 0));
        let grant = Some(GrantId::parse("g-002").unwrap());
        assert_eq!(rows(&QueryArgs { grant, ..args.clone() }).len(), 60);
        let entry = Some(EntryId::parse("police/other").unwrap());
        assert_eq!(rows(&QueryArgs { entry, ..args.clone() }).len(), 0);
        let soon = Some(refused.time.plus_millis(120_000));
        assert_eq!(rows(&QueryArgs { from: soon, ..args.clone() }).len(), 0);
        assert_eq!(rows(&QueryArgs { until: soon, ..args.clone() }), rows(&args));
        let writes = rows(&args).into_iter().filter(|row| row["event"]["event"] == "admin-write");
        assert_eq!(writes.count(), 1);
    }
}

fn text(args: &QueryArgs) -> String {
    let mut out = Vec::new();
    query(&QueryArgs { json: false, ..args.clone() }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn fold(journal: &Journal, phase: FoldPhase, fold: Uuid, count: u64) {
    let event = Folded {
        time: journal.clamp(Clock::system().now()),
        fold,
        zone: Zone::Opening,
        phase,
        code: "no-such-entry".to_owned(),
        organization: None,
        application: None,
        address: Some("192.0.2.0/24".to_owned()),
        count,
    };
    journal.note_within(Zone::Opening, &Event::Folded(event)).wait().unwrap();
}

#[test]
fn a_query_for_a_code_tells_of_calls_that_are_only_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let asked = QueryArgs { outcome: Some("no-such-entry".to_owned()), ..asked(folder.path()) };
    assert!(!text(&asked).contains("besides"), "nothing is counted yet");

    let whole = Uuid::now_v7();
    fold(&journal, FoldPhase::Opened, whole, 1);
    fold(&journal, FoldPhase::Closed, whole, 40);
    journal.uncounted(Zone::Opening, "no-such-entry", 3);
    journal.uncounted(Zone::Opening, "another-code", 5);
    until("the sum is written", || text(&asked).contains("3 no-such-entry that the journal"));
    assert!(text(&asked).contains("own: 40 no-such-entry in folds"), "{}", text(&asked));
    fold(&journal, FoldPhase::Opened, Uuid::now_v7(), 1);
    assert!(text(&asked).contains("at least 41 no-such-entry in folds"), "{}", text(&asked));
    assert_eq!(rows(&asked).len(), 4, "programs are given the events");
    let elsewhere =
        QueryArgs { entry: Some(EntryId::parse("police/other").unwrap()), ..asked.clone() };
    assert!(!text(&elsewhere).contains("besides"), "counts know of no entry");
    journal.close();
}

#[test]
fn people_read_what_events_say() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let time = journal.clamp(Clock::system().now());
    let freeze = Freeze {
        time,
        kind: "grant".to_owned(),
        id: "g-002".to_owned(),
        by: "ops".to_owned(),
        reason: Some("a complaint".to_owned()),
    };
    journal.keep(&Event::Frozen(freeze.clone()));
    journal.keep(&Event::Thawed(Freeze { reason: None, ..freeze }));
    journal.keep(&Event::ViewSwapped(ViewSwapped {
        time,
        zone: Zone::Sharing,
        from: None,
        to: "0123456789abcdef".into(),
        cause: "signal".to_owned(),
        files: BTreeMap::new(),
        removed: Vec::new(),
        gains: vec!["one".to_owned()],
        losses: Vec::new(),
    }));
    fold(&journal, FoldPhase::Opened, Uuid::now_v7(), 1);
    journal.close();

    let mut tailed = Vec::new();
    let args = TailArgs { folder: at(folder.path()), follow: false, lines: 9, json: false };
    tail(&args, &mut tailed).unwrap();
    for shown in [text(&asked(folder.path())), String::from_utf8(tailed).unwrap()] {
        for said in [
            "grant g-002 by ops: a complaint",
            "grant g-002 by ops\n",
            "sharing 0123456789ab by signal: 1 gains, 0 losses",
            "opening opened: at least 1 no-such-entry from 192.0.2.0/24",
        ] {
            assert!(shown.contains(said), "{said}: {shown}");
        }
    }
}

#[test]
fn tail_shows_the_last_records_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    for _ in 0..60 {
        call(&journal).unwrap();
    }
    journal.close();
    let mut out = Vec::new();
    let args = TailArgs { folder: at(folder.path()), follow: false, lines: 30, json: true };
    tail(&args, &mut out).unwrap();

    let shown: Vec<_> =
        out.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    let records = read(folder.path());
    let last: Vec<_> = records[records.len() - 30..].iter().map(|r| r.json.as_slice()).collect();
    assert_eq!(shown, last);
}

#[test]
fn a_reader_follows_a_live_folder_across_segments() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let mut reader = Reader::open(folder.path()).unwrap();
    let mut seen = Vec::new();
    for _ in 0..60 {
        call(&journal).unwrap();
        seen.extend(reader.by_ref().map(|record| record.unwrap().seq));
    }
    journal.close();
    seen.extend(reader.map(|record| record.unwrap().seq));

    let all: Vec<_> = read(folder.path()).iter().map(|record| record.seq).collect();
    assert_eq!(seen, all);
}

#[test]
fn a_reader_begins_at_a_number_without_the_segments_before() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    for _ in 0..250 {
        call(&journal).unwrap();
    }
    journal.close();
    let all = read(folder.path());
    let segments = segments(folder.path());
    assert!(segments.len() > 3);
    let begins =
        |path: &Path| -> u64 { path.file_stem().unwrap().to_str().unwrap().parse().unwrap() };
    let (third, last) = (begins(&segments[2]), all.last().unwrap().seq);
    fs::write(&segments[0], b"rubbish").unwrap();
    fs::write(&segments[1], b"rubbish").unwrap();

    for seq in [third, third + 1, begins(&segments[3]) - 1, begins(&segments[3]), last] {
        let found: Vec<_> = Reader::from_seq(folder.path(), seq).unwrap().collect();
        let found: Vec<_> = found.into_iter().map(Result::unwrap).collect();
        assert_eq!(found, all[usize::try_from(seq).unwrap() - 1..], "from {seq}");
    }
    let mut beyond = Reader::from_seq(folder.path(), last + 1).unwrap();
    assert!(beyond.next().is_none());
}

#[test]
fn what_is_used_of_a_segment_is_its_records_and_not_the_zeros_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    for _ in 0..60 {
        call(&journal).unwrap();
    }
    let all = helan::journal::segments(folder.path()).unwrap();
    let used: Vec<_> = all.iter().map(|one| one.used().unwrap()).collect();
    let lengths: Vec<_> = all.iter().map(|one| fs::metadata(&one.path).unwrap().len()).collect();
    assert!(all.len() > 1 && used.iter().zip(&lengths).all(|(used, all)| used <= all));
    assert!(used.last() < lengths.last(), "zeros lie ahead of the last");
    for (one, used) in all.iter().zip(used) {
        let bytes = fs::read(&one.path).unwrap();
        let (records, ahead) = bytes.split_at(usize::try_from(used).unwrap());
        assert!(records.ends_with(b"\n") && ahead.iter().all(|byte| *byte == 0));
    }
    journal.close();
}
