//! A single transaction is found in a tenth of a second, however many records there are.

use std::time::{Duration, Instant};

use helan::domain::{Budget, Timestamp, Zone};
use helan::journal::tree::{Signer, TreeOptions};
use helan::journal::{Clock, Decided, Finished, Journal, JournalOptions, Keep, Reader};
use uuid::Uuid;

/// Calls on record; two records each.
const CALLS: u32 = 60_000;

#[test]
fn the_place_of_a_time_is_found_without_reading_what_stands_before_it() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let start = Timestamp::parse("2026-11-01T00:00:00Z").unwrap();
    let options = JournalOptions {
        folder: folder.path().to_owned(),
        segment_bytes: 64 << 20,
        sync_ms: 1,
        free_bytes: 0,
        budgets: [(Zone::Sharing, Budget { pending_bytes: 1 << 30, bytes_per_second: 1 << 30 })]
            .into(),
        node: "n".to_owned(),
        clock: Clock::new(move || start),
        tree: TreeOptions::signed_by(Signer::new("n/records", &[7; 32])),
        keep: Keep::default(),
    };
    let (journal, _) = Journal::open(&options).unwrap();
    let mut last = None;
    for number in 0..CALLS {
        let time = start.plus_millis(i64::from(number) * 1_000);
        let decided = Decided::new(time, Uuid::now_v7(), Zone::Sharing);
        let (ticket, call) = journal.reserve(Zone::Sharing, 2_048).unwrap().decided(&decided);
        call.finish(&Finished::new(&decided, time, "answered"));
        last = Some(ticket);
    }
    last.unwrap().wait().unwrap();
    journal.close();

    for number in [1, CALLS / 2, CALLS - 1] {
        let wanted = start.plus_millis(i64::from(number) * 1_000);
        let begun = Instant::now();
        let near = Reader::since(folder.path(), wanted).unwrap();
        let before = near.flatten().take_while(|record| record.time() < Some(wanted)).count();
        let took = begun.elapsed();
        eprintln!("call {number} of {CALLS}: {before} records read before it, {took:?}");
        assert!(before < 2_000, "{before} records were read");
        assert!(took < Duration::from_millis(100), "{took:?}");
    }
}
