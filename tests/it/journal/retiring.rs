//! Records whose time is over: deleted oldest first, after that is on record, and never one that is needed.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use helan::domain::{Timestamp, Zone};
use helan::journal::{Carried, Clock, Event, Journal, JournalOptions, ReadError, Reader, Retired};

use super::packing::{at_once, filled, pack, packed};
use super::{call, decided, events, options, read, segments, until};

const DAY_MS: i64 = 86_400_000;

fn early() -> Timestamp {
    Timestamp::parse("2026-03-01T00:00:00Z").unwrap()
}

/// A clock that the test turns.
fn clock(at: Timestamp) -> (Clock, Arc<AtomicI64>) {
    let time = Arc::new(AtomicI64::new(at.millis()));
    let told = Arc::clone(&time);
    (Clock::new(move || Timestamp::from_millis(told.load(Ordering::Relaxed))), time)
}

fn retired(events: &[Event]) -> Vec<Retired> {
    let retired = events.iter().filter_map(|event| {
        if let Event::Retired(retired) = event { Some(retired.clone()) } else { None }
    });
    retired.collect()
}

#[test]
fn what_is_past_its_time_goes_with_a_record_and_the_rest_is_sound() {
    let (clock, time) = clock(early());
    let folder = tempfile::tempdir().unwrap();
    let run = JournalOptions { clock: clock.clone(), ..options(folder.path()) };
    let (journal, _) = Journal::open(&run).unwrap();
    for day in 0..40 {
        time.store(early().millis() + day * DAY_MS, Ordering::Relaxed);
        for _ in 0..20 {
            let event = Event::Decided(Box::new(decided(clock.now())));
            journal.keep(&event).wait().unwrap();
        }
    }
    journal.close();
    pack(folder.path());
    let before = read(folder.path());

    // 1,000 days after the twentieth day.
    time.store(early().millis() + 1_020 * DAY_MS, Ordering::Relaxed);
    let (journal, _) = Journal::open(&run).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    assert_eq!(retired(&events(folder.path())), [], "nobody said how long");
    journal.keep_for(1_000, "the test");
    until("something is retired", || Carried::read(folder.path()).unwrap().retired > 0);
    std::thread::sleep(std::time::Duration::from_millis(300));
    journal.close();

    let (after, problems): (Vec<_>, Vec<_>) =
        Reader::open(folder.path()).unwrap().partition(Result::is_ok);
    assert!(problems.is_empty(), "{problems:?}");
    let after: Vec<_> = after.into_iter().map(Result::unwrap).collect();
    let said = retired(&events(folder.path()));
    let last = said.last().unwrap().last;
    assert_eq!(after[0].seq, last + 1);
    assert_eq!(said[0].first, 1);
    assert!(said.windows(2).all(|pair| pair[1].first == pair[0].last + 1));
    assert!(said.iter().all(|event| (event.days, &*event.why) == (1_000, "the test")));
    let limit = early().plus_millis(20 * DAY_MS);
    let gone = before.iter().filter(|record| record.seq <= last);
    assert!(gone.clone().count() > 300, "{}", gone.count());
    assert!(gone.clone().all(|record| record.time().unwrap() < limit), "nothing younger went");
    assert!(after.iter().zip(before.iter().filter(|r| r.seq > last)).all(|(a, b)| a == b));

    // Twice the same is retired once, and a restart knows of it.
    let (journal, recovery) = Journal::open(&run).unwrap();
    journal.keep_for(1_000, "the test");
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    journal.close();
    assert!(recovery.damaged.is_empty());
    assert_eq!(retired(&events(folder.path())), said);
    assert_eq!(Carried::read(folder.path()).unwrap().retired, last);
}

#[test]
fn a_segment_that_nothing_explains_is_missed() {
    let folder = filled(16 << 10, 600, early());
    pack(folder.path());
    let first = packed(folder.path())[0].clone();
    fs::remove_file(first).unwrap();

    let problem = Reader::open(folder.path()).unwrap().find_map(Result::err);
    assert!(matches!(problem, Some(ReadError::Gap { expected: 1, .. })), "{problem:?}");
}

#[test]
fn what_an_open_call_began_with_stays() {
    let (clock, time) = clock(early());
    let folder = tempfile::tempdir().unwrap();
    let run = JournalOptions { clock: clock.clone(), ..at_once(folder.path()) };
    let (journal, _) = Journal::open(&run).unwrap();
    let made = uuid::Timestamp::from_unix(
        uuid::NoContext,
        u64::try_from(early().millis() / 1_000).unwrap(),
        0,
    );
    let mut long = decided(clock.now());
    long.transaction = uuid::Uuid::new_v7(made);
    let (ticket, open) = journal.reserve(Zone::Sharing, 2_048).unwrap().decided(&long);
    ticket.wait().unwrap();
    for _ in 0..80 {
        call(&journal).unwrap();
    }
    time.store(early().millis() + 2_000 * DAY_MS, Ordering::Relaxed);
    for _ in 0..80 {
        call(&journal).unwrap();
    }
    journal.keep_for(1, "the test");
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    assert_eq!(retired(&events(folder.path())), []);

    open.finish(&helan::journal::Finished::new(&long, clock.now(), "answered"));
    for _ in 0..80 {
        call(&journal).unwrap();
    }
    journal.keep_for(1, "the test");
    until("it is retired", || Carried::read(folder.path()).unwrap().retired > 0);
    journal.close();
    assert!(segments(folder.path()).len() + packed(folder.path()).len() > 1);
}
