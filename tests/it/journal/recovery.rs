//! What a start finds after a crash, a torn tail, a flipped bit.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use helan::domain::{Timestamp, Zone};
use helan::journal::{
    ANSWERED, Clock, Event, Finished, Journal, JournalOptions, QuotaUse, ReadError, Reader,
};

use super::{call, decided, events, open, options, read, segments};

const START: i64 = 1_795_400_000_000;

#[test]
fn a_tail_torn_at_any_byte_of_the_last_record_is_cut_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    for _ in 0..3 {
        call(&journal).unwrap();
    }
    journal.close();
    let [path] = segments(folder.path()).try_into().unwrap();
    let whole = fs::read(&path).unwrap();
    let records = read(folder.path());
    let start = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;

    for length in start..whole.len() {
        let torn = tempfile::tempdir().unwrap();
        let mut bytes = whole[..length].to_vec();
        bytes.resize(16 << 10, 0);
        fs::write(torn.path().join(path.file_name().unwrap()), bytes).unwrap();

        let (journal, recovery) = open(torn.path());
        journal.close();

        let cut = recovery.cut.map_or(0, |cut| cut.bytes);
        assert_eq!(cut, u64::try_from(length - start).unwrap());
        assert_eq!(recovery.last_seq, records.last().unwrap().seq - 1);
        let now = events(torn.path());
        let said = now.iter().find_map(|event| {
            if let Event::Recovered(recovered) = event { Some(recovered.cut_bytes) } else { None }
        });
        assert_eq!(said.unwrap_or(0), cut);
        assert_eq!(read(torn.path())[..records.len() - 1], records[..records.len() - 1]);
    }
}

#[test]
fn a_flipped_bit_in_a_confirmed_record_is_detected_and_nothing_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    for _ in 0..3 {
        call(&journal).unwrap();
    }
    journal.close();
    let [path] = segments(folder.path()).try_into().unwrap();
    let whole = fs::read(&path).unwrap();
    // What is in the last batch cannot be told from a torn tail.
    let mut marks = whole.windows(10).enumerate().filter(|(_, w)| w[0] == b'\n' && w[9] == b'+');
    let last = marks.next_back().unwrap().0;

    for bit in (0..last * 8).step_by(41) {
        let flipped = tempfile::tempdir().unwrap();
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let file = flipped.path().join(path.file_name().unwrap());
        fs::write(&file, &bytes).unwrap();

        let problems = Reader::open(flipped.path()).unwrap().filter_map(Result::err);
        assert!(
            problems.into_iter().any(|problem| matches!(problem, ReadError::Damaged { .. })),
            "bit {bit}"
        );
        let (journal, recovery) = open(flipped.path());
        journal.close();
        assert_eq!(recovery.damaged.len(), 1, "bit {bit}");
        assert_eq!(recovery.cut, None, "bit {bit}");
        assert_eq!(fs::read(&file).unwrap(), bytes, "left for whoever examines it");
    }
}

#[test]
fn a_missing_record_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    for _ in 0..3 {
        call(&journal).unwrap();
    }
    journal.close();
    let [path] = segments(folder.path()).try_into().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let without: String =
        text.split_inclusive('\n').enumerate().filter(|(at, _)| *at != 3).map(|(_, l)| l).collect();
    fs::write(&path, without).unwrap();

    let problems: Vec<_> = Reader::open(folder.path()).unwrap().filter_map(Result::err).collect();
    assert!(matches!(problems[..], [ReadError::Gap { expected: 4, found: 5, .. }]), "{problems:?}");
}

#[test]
fn counters_are_restored_exactly_and_only_for_what_was_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let time = Arc::new(AtomicI64::new(START));
    let told = Arc::clone(&time);
    let clock = Clock::new(move || Timestamp::from_millis(told.load(Ordering::Relaxed)));
    let options = JournalOptions { clock: clock.clone(), ..options(folder.path()) };
    let mut expected: HashMap<String, u64> = HashMap::new();
    for run in 0..4_u64 {
        let (journal, recovery) = Journal::open(&options).unwrap();
        assert_eq!(recovery.counters, expected, "run {run}");
        let now = clock.now();
        for number in 1..=50_u64 {
            let mut decided = decided(now);
            let keys =
                [format!("grant:g-{}:day:{}", number % 7, now.day()), "grant:x:total".into()];
            for key in keys {
                decided.quota.push(QuotaUse { key: key.as_str().into(), number });
                if number % 5 != 0 {
                    *expected.entry(key).or_default() += 1;
                }
            }
            if number % 5 == 0 {
                decided.outcome = "no-grant".into();
            }
            let (ticket, open) = journal.reserve(Zone::Sharing, 2_048).unwrap().decided(&decided);
            open.finish(&Finished::new(&decided, now, ANSWERED));
            ticket.wait().unwrap();
        }
        journal.close();
        if run == 1 {
            // The next day: what is over is forgotten at the head of the next segment.
            time.fetch_add(86_400_000, Ordering::Relaxed);
            let (journal, _) = Journal::open(&options).unwrap();
            journal.close();
            let today = clock.now().day().to_string();
            expected.retain(|key, _| key.ends_with("total") || key.ends_with(&today));
            assert_eq!(expected.len(), 1);
        }
    }
    assert!(segments(folder.path()).len() > 8, "heads were read, not only lines");
}

#[test]
fn time_never_falls_behind_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let back = Clock::new(|| Timestamp::from_millis(START - 60_000));
    let forth = Clock::new(|| Timestamp::from_millis(START));
    let (journal, _) =
        Journal::open(&JournalOptions { clock: forth, ..options(folder.path()) }).unwrap();
    journal.close();
    let (journal, recovery) =
        Journal::open(&JournalOptions { clock: back.clone(), ..options(folder.path()) }).unwrap();

    assert_eq!(recovery.last_time, Some(Timestamp::from_millis(START)));
    assert_eq!(journal.clamp(back.now()), Timestamp::from_millis(START));
    journal.close();
    assert!(events(folder.path()).windows(2).all(|pair| pair[0].time() <= pair[1].time()));
}

#[test]
fn a_call_that_a_crash_left_open_is_named_once() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    let left = decided(Clock::system().now());
    let (ticket, open_call) = journal.reserve(Zone::Sharing, 2_048).unwrap().decided(&left);
    ticket.wait().unwrap();
    for _ in 0..40 {
        call(&journal).unwrap();
    }
    drop(open_call);
    journal.close();
    assert!(segments(folder.path()).len() > 1);

    let (journal, recovery) = open(folder.path());
    journal.close();
    assert_eq!(recovery.unfinished, [left.transaction]);
    let (journal, recovery) = open(folder.path());
    journal.close();
    assert!(recovery.unfinished.is_empty());
}

#[test]
fn a_tail_whose_pages_arrived_out_of_order_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = open(folder.path());
    call(&journal).unwrap();
    journal.close();
    let [path] = segments(folder.path()).try_into().unwrap();
    let before = read(folder.path());
    let mut bytes = fs::read(&path).unwrap();
    // A later page of a batch that was never confirmed: zeros, rubbish, and a whole line of it.
    bytes.extend_from_slice(&[0; 4_096]);
    let json = format!(r#"{{"seq":{},"node":"north","event":"stopped"}}"#, before.len() + 2);
    let line = format!("ubbish\n{:08x} {json}\n", crc32fast::hash(json.as_bytes()));
    bytes.extend_from_slice(line.as_bytes());
    fs::write(&path, bytes).unwrap();

    let (journal, recovery) = open(folder.path());
    journal.close();

    assert_eq!(recovery.last_seq, before.last().unwrap().seq);
    assert!(recovery.damaged.is_empty());
    assert_eq!(recovery.cut.unwrap().bytes, 4_096 + u64::try_from(line.len()).unwrap());
    assert_eq!(read(folder.path())[..before.len()], before);
}
