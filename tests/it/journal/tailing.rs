//! Following a journal that runs: every record once, in order, whether it was handed over or not.

use std::fs;
use std::path::Path;
use std::time::Duration;

use helan::journal::{Journal, ReadError, Tail};

use super::{call, open, read, segments, until};

/// What a tail tells by now: numbers with their JSON, and what it could not read.
fn told(tail: &mut Tail) -> (Vec<(u64, Vec<u8>)>, Vec<String>) {
    let (mut records, mut errors) = (Vec::new(), Vec::new());
    tail.wait(Duration::ZERO, Duration::ZERO);
    loop {
        let count = tail.read(7, |told| match told {
            Ok((seq, json)) => records.push((seq, json.to_vec())),
            Err(ReadError::Io { cause, .. }) => panic!("{cause}"),
            Err(error) => errors.push(error.to_string()),
        });
        if count.unwrap() == 0 {
            return (records, errors);
        }
    }
}

/// What it tells once it has come to all that is durable.
fn all_told(tail: &mut Tail, journal: &Journal) -> (Vec<(u64, Vec<u8>)>, Vec<String>) {
    let mut all = (Vec::new(), Vec::new());
    until("the tail comes even", || {
        let (records, errors) = told(tail);
        all.0.extend(records);
        all.1.extend(errors);
        tail.seq() == journal.committed()
    });
    all
}

fn calls(journal: &Journal, number: usize) {
    for _ in 0..number {
        call(journal).unwrap();
    }
}

fn on_record(folder: &Path) -> Vec<(u64, Vec<u8>)> {
    read(folder).into_iter().map(|record| (record.seq, record.json)).collect()
}

#[test]
fn records_from_before_and_after_it_began_are_told_once_and_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    calls(&journal, 40);
    let mut tail = journal.tail();
    let mut all = told(&mut tail).0;
    assert!(!all.is_empty());
    for _ in 0..5 {
        calls(&journal, 40);
        all.extend(told(&mut tail).0);
    }
    journal.close();
    assert!(!tail.wait(Duration::ZERO, Duration::ZERO), "it is told of the end");
    all.extend(all_told(&mut tail, &journal).0);

    assert!(segments(folder.path()).len() > 3);
    assert_eq!(all, on_record(folder.path()));
    // And again from any place.
    tail.go_behind(97);
    let (again, errors) = all_told(&mut tail, &journal);
    assert_eq!((again.as_slice(), errors.len()), (&all[97..], 0));
}

#[test]
fn what_was_not_handed_over_is_read_from_the_segments() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let mut tail = journal.tail();
    // More than waits for a follower that does not look.
    calls(&journal, 9_000);
    let (records, errors) = all_told(&mut tail, &journal);
    journal.close();
    let (last, _) = all_told(&mut tail, &journal);

    assert_eq!(errors.len(), 0);
    assert_eq!([records, last].concat(), on_record(folder.path()));
}

#[test]
fn what_is_damaged_is_named_and_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    calls(&journal, 60);
    journal.close();
    let whole = on_record(folder.path());
    for (of, expected) in [(0, "damaged"), (segments(folder.path()).len() - 1, "goes on with")] {
        let path = &segments(folder.path())[of];
        let text = fs::read(path).unwrap();
        let mut broken = text.clone();
        // In the last segment the last line, behind which nothing shows that it was whole.
        let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let line = if of == 0 { 1 } else { lines.len() - 1 };
        let at = lines[..line].concat().len() + 20;
        broken[at] ^= 1;
        fs::write(path, broken).unwrap();

        let mut tail = journal.tail();
        let (records, errors) = all_told(&mut tail, &journal);

        assert_eq!(records.len(), whole.len() - 1, "{errors:?}");
        assert!(errors.iter().any(|error| error.contains(expected)), "{errors:?}");
        fs::write(path, text).unwrap();
    }
}
