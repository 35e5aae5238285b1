use super::*;
use crate::domain::{Budget, Zone};
use crate::journal::tree::{Signer, TreeOptions};
use crate::journal::{Clock, Journal, JournalOptions, Keep};

/// A folder with so many calls, one every 100 ms, each ended 10 ms later; every tenth is refused.
fn folder(calls: u32) -> (tempfile::TempDir, Vec<Uuid>, Timestamp) {
    let folder = tempfile::tempdir().unwrap();
    let start = Timestamp::parse("2026-11-27T00:00:00Z").unwrap();
    let now = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(start.millis()));
    let told = std::sync::Arc::clone(&now);
    let clock =
        Clock::new(move || Timestamp::from_millis(told.load(std::sync::atomic::Ordering::Relaxed)));
    let options = JournalOptions {
        folder: folder.path().to_owned(),
        segment_bytes: 1 << 20,
        sync_ms: 0,
        free_bytes: 0,
        budgets: [(Zone::Sharing, Budget::default())].into(),
        node: "n".to_owned(),
        clock,
        tree: TreeOptions::signed_by(Signer::new("n/records", &[7; 32])),
        keep: Keep::default(),
    };
    let (journal, _) = Journal::open(&options).unwrap();
    let mut ids = Vec::new();
    let mut last = None;
    for number in 0..calls {
        let time = start.plus_millis(i64::from(number) * 100);
        now.store(time.millis(), std::sync::atomic::Ordering::Relaxed);
        let millis = u64::try_from(time.millis()).unwrap();
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &[7; 10]).into_uuid();
        let mut decided = Decided::new(time, id, Zone::Sharing);
        decided.entry = EntryId::parse(["a/b", "a/c"][usize::from(number % 2 == 0)]).ok();
        let refused = number % 10 == 0;
        if refused {
            decided.outcome = "no-grant".into();
        }
        let (ticket, call) = journal.reserve(Zone::Sharing, 4_096).unwrap().decided(&decided);
        let outcome = if refused { "no-grant" } else { "answered" };
        call.finish(&Finished::new(&decided, time.plus_millis(10), outcome));
        last = Some(ticket);
        ids.push(id);
    }
    last.unwrap().wait().unwrap();
    journal.close();
    (folder, ids, start.plus_millis(i64::from(calls) * 100))
}

#[test]
fn a_transaction_is_found_by_the_time_in_its_id() {
    let (folder, ids, _) = folder(3_000);
    for id in [ids[0], ids[1], ids[1_499], ids[2_999]] {
        let Some(Found::Call(call)) = one(folder.path(), id).unwrap() else { panic!("{id}") };
        assert_eq!((call.decided.transaction, call.leaves.len()), (id, 2));
        assert!(call.finished.is_some());
    }
    let first = numbered(folder.path(), 2).unwrap().unwrap();
    assert_eq!(first.leaf.0, 2);
    assert!(numbered(folder.path(), 1_000_000).unwrap().is_none());
    assert!(one(folder.path(), Uuid::now_v7()).unwrap().is_none());
    assert!(one(folder.path(), Uuid::nil()).unwrap().is_none());
}

#[test]
fn pages_together_hold_every_call_that_fits_once_the_newest_first() {
    let (folder, ids, now) = folder(1_200);
    let wanted = Wanted { entry: EntryId::parse("a/b").ok(), ..Wanted::default() };
    let mut seen = Vec::new();
    let mut next = Some(wanted.clone());
    while let Some(wanted) = next.take() {
        let page = latest(folder.path(), &wanted, now).unwrap();
        assert!(page.calls.len() <= PAGE);
        seen.extend(page.calls.iter().map(|call| call.decided.transaction));
        next = page.rest.map(|(until, before)| Wanted { until: Some(until), before, ..wanted });
    }
    let mut expected: Vec<_> = ids.iter().skip(1).step_by(2).copied().collect();
    expected.reverse();
    assert_eq!(seen, expected);
}

#[test]
fn an_outcome_and_a_span_of_time_narrow_what_is_found() {
    let (folder, ids, now) = folder(600);
    let start = now.plus_millis(-60_000);
    let wanted = Wanted {
        outcome: Some("no-grant".to_owned()),
        from: Some(start.plus_millis(10_000)),
        until: Some(start.plus_millis(20_001)),
        ..Wanted::default()
    };
    let page = latest(folder.path(), &wanted, now).unwrap();
    let found: Vec<_> = page.calls.iter().map(|call| call.decided.transaction).collect();
    let expected: Vec<_> = (10..=20).rev().map(|at| ids[at * 10]).collect();
    assert_eq!(found, expected);
    assert!(page.rest.is_none());
}

#[test]
fn each_record_is_counted_once_however_often_it_is_read() {
    let (folder, _, now) = folder(600);
    let all = Reader::open(folder.path()).unwrap().flatten().count();
    // Nothing fits, so that windows follow on each other up to the first record.
    let wanted = Wanted { outcome: Some("frozen".to_owned()), ..Wanted::default() };
    let page = latest(folder.path(), &wanted, now).unwrap();
    assert_eq!(usize::try_from(page.looked()).unwrap(), all);
    assert!(page.read > all, "windows overlap: {}", page.read);
    // Since some moment: no more than there is, and not everything.
    let wanted = Wanted { from: Some(now.plus_millis(-1_000)), ..Wanted::default() };
    assert!(latest(folder.path(), &wanted, now).unwrap().looked() > 20);
}
