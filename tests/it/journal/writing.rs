//! What is handed over, in which order and within which bounds.

use std::collections::BTreeMap;

use helan::domain::Zone;
use helan::journal::{Event, Journal, JournalError, JournalOptions, Spent};
use uuid::Uuid;

use super::{call, events, open, options, read, segments, transactions};

#[test]
fn numbers_have_no_gaps_across_segments_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let (journal, _) = open(folder.path());
        for _ in 0..40 {
            call(&journal).unwrap();
        }
        journal.close();
    }

    let records = read(folder.path());
    let numbers: Vec<_> = records.iter().map(|record| record.seq).collect();
    let last = u64::try_from(numbers.len()).unwrap();
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
    assert!(segments(folder.path()).len() >= 6, "segments were rolled");
    assert_eq!(transactions(folder.path(), "decided").len(), 120);
    assert_eq!(transactions(folder.path(), "finished").len(), 120);
    let heads = records.iter().filter(|record| record.name() == "segment").count();
    assert_eq!(heads, segments(folder.path()).len());
}

#[test]
fn many_threads_are_written_in_the_order_each_of_them_spoke() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let spoken: Vec<Vec<Uuid>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| (0..50).map(|_| call(&journal).unwrap()).collect()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let stats = journal.stats();
    journal.close();

    let written = transactions(folder.path(), "decided");
    assert_eq!(written.len(), 400);
    for mine in spoken {
        let kept: Vec<_> = written.iter().copied().filter(|id| mine.contains(id)).collect();
        assert_eq!(kept, mine);
    }
    assert!(stats.syncs < 400, "calls share syncs: {stats:?}");
    assert_eq!(journal.stats().pending, 0, "all room came back");
}

#[test]
fn the_opening_zone_cannot_use_up_the_sharing_zone() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let mut held = Vec::new();
    while let Ok(reservation) = journal.reserve(Zone::Opening, 4_096) {
        held.push(reservation);
    }

    assert_eq!(held.len(), 256);
    assert_eq!(journal.reserve(Zone::Opening, 4_096).unwrap_err(), Spent::Budget);
    assert_eq!(journal.reserve(Zone::Peering, 1).unwrap_err(), Spent::Budget);
    call(&journal).unwrap();
    drop(held);
    assert!(journal.reserve(Zone::Opening, 4_096).is_ok());
    journal.close();
}

#[test]
fn a_disk_that_is_nearly_full_refuses_calls() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) =
        Journal::open(&JournalOptions { free_bytes: u64::MAX, ..options(folder.path()) }).unwrap();

    assert_eq!(call(&journal), Err(Spent::Disk));
    journal.close();
}

#[test]
fn two_processes_never_write_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());

    assert!(matches!(Journal::open(&options(folder.path())), Err(JournalError::InUse(_))));
    journal.close();
    open(folder.path()).0.close();
}

#[test]
fn what_was_answered_without_a_pair_is_counted_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    for _ in 0..3 {
        journal.uncounted(Zone::Opening, "journal-budget-spent", 1);
    }
    journal.close();
    assert_eq!(journal.stats().uncounted, 3);

    let counted: Vec<_> = events(folder.path())
        .into_iter()
        .filter_map(|event| {
            if let Event::Uncounted(uncounted) = event {
                Some((uncounted.zone, uncounted.counts))
            } else {
                None
            }
        })
        .collect();
    let counts = BTreeMap::from([("journal-budget-spent".to_owned(), 3)]);
    assert_eq!(counted, [(Zone::Opening, counts)]);
}
