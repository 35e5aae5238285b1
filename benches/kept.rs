//! A million records: what packing them costs and saves, how soon one call is found among them, how long
//! they take to be exported.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may stop")]
#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(clippy::disallowed_methods, reason = "spans that are measured, never recorded time")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use helan::domain::{ApplicationId, EntryId, GrantId, OrganizationId, PurposeId, Timestamp, Zone};
use helan::journal::tree::{Signer, TreeOptions};
use helan::journal::{
    ANSWERED, Clock, Decided, Event, Finished, Journal, JournalOptions, Keep, KeyedHash, Proved,
};
use uuid::{NoContext, Uuid};

/// Calls, of two records each.
const CALLS: i64 = 500_000;

/// Calls that are looked for.
const LOOKED_FOR: usize = 100;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicI64::new(1_795_400_000_000));
    let ids = fill(folder.path(), &clock);
    println!("| segments | bytes | one call found, median | slowest |");
    println!("|---|---|---|---|");
    row("plain", folder.path(), &ids);
    let begun = Instant::now();
    let (journal, _) = Journal::open(&options(folder.path(), &clock, Duration::ZERO)).unwrap();
    while plain(folder.path()) > 1 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let took = begun.elapsed();
    journal.close();
    row("packed", folder.path(), &ids);
    println!("\nThe thread that packs took {:.1} s, its first look included.", took.as_secs_f64());
    let out = folder.path().join("all.parquet");
    let begun = Instant::now();
    helan(folder.path(), &["export", "--out", out.to_str().unwrap()]);
    println!(
        "Exported in {:.1} s to {} bytes.",
        begun.elapsed().as_secs_f64(),
        out.metadata().unwrap().len()
    );
}

fn options(folder: &Path, clock: &Arc<AtomicI64>, pack_after: Duration) -> JournalOptions {
    let told = Arc::clone(clock);
    JournalOptions {
        folder: folder.to_owned(),
        segment_bytes: 64 << 20,
        sync_ms: 0,
        free_bytes: 0,
        budgets: BTreeMap::new(),
        node: "north".to_owned(),
        clock: Clock::new(move || Timestamp::from_millis(told.load(Ordering::Relaxed))),
        keep: Keep { pack_after, ..Keep::default() },
        tree: TreeOptions::signed_by(Signer::new("north/records", &[7; 32])),
    }
}

/// Writes the records, some three hundred calls a second; says the ids of a few calls.
fn fill(folder: &Path, clock: &Arc<AtomicI64>) -> Vec<Uuid> {
    let (journal, _) = Journal::open(&options(folder, clock, Duration::MAX)).unwrap();
    let mut ids = Vec::new();
    let every = CALLS / i64::try_from(LOOKED_FOR).unwrap();
    for call in 0..CALLS {
        let time = Timestamp::from_millis(clock.fetch_add(3, Ordering::Relaxed));
        let decided = decided(time, call);
        if call % every == every / 2 {
            ids.push(decided.transaction);
        }
        let mut finished = Finished::new(&decided, time.plus_millis(2), ANSWERED);
        finished.status = Some(200);
        finished.bytes = 1_234;
        finished.duration_us = 2_345;
        journal.keep(&Event::Decided(Box::new(decided)));
        let ticket = journal.keep(&Event::Finished(Box::new(finished)));
        if call % 256 == 0 {
            ticket.wait().unwrap();
        }
    }
    journal.close();
    ids
}

fn decided(time: Timestamp, call: i64) -> Decided {
    let millis = u64::try_from(time.millis()).unwrap();
    let nanos = u32::try_from(millis % 1_000 * 1_000_000).unwrap();
    let made = uuid::Timestamp::from_unix(NoContext, millis / 1_000, nanos);
    let hash = |what: i64| {
        let digits = Uuid::from_u128(
            u128::from(what.unsigned_abs()).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835),
        );
        KeyedHash {
            key: "2026".into(),
            hash: [digits.simple().to_string(), Uuid::now_v7().simple().to_string()].concat(),
        }
    };
    let mut decided = Decided::new(time, Uuid::new_v7(made), Zone::Sharing);
    decided.organization = Some(OrganizationId::parse("natural-resources").unwrap());
    decided.application = Some(ApplicationId::parse("natural-resources/registration").unwrap());
    decided.proved = vec![Proved::Certificate];
    decided.address = Some("192.0.2.0/24".to_owned());
    decided.entry = Some(EntryId::parse("civil-affairs/marriage").unwrap());
    decided.entry_version = Some("6a1d3f5b7c9e".into());
    decided.grant = Some(GrantId::parse(&format!("g-{:03}", call % 200)).unwrap());
    decided.grant_version = Some("0f1e2d3c4b5a".into());
    decided.rules = Some("8899aabbccddeeff".into());
    decided.view = Some("ffeeddccbbaa9988".into());
    decided.path = Some("/civil-affairs/marriage".into());
    decided.parameters = vec!["cert_num".into()];
    decided.purpose = Some(PurposeId::parse("data-verification").unwrap());
    decided.case_hash = Some(hash(call));
    decided.operator_hash = Some(hash(call % 500));
    decided.subjects = vec![hash(call)];
    decided.articles = ["银川市城市数据共享开放管理办法 第十五条".into()].into();
    decided
}

fn plain(folder: &Path) -> usize {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some_and(|kind| kind == "log")).count()
}

/// `helan records`, in a process of its own as people run it.
fn helan(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_helan"));
    let output = command.arg("records").args(arguments).arg("--records").arg(folder).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn row(name: &str, folder: &Path, ids: &[Uuid]) {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let bytes: u64 = files.map(|file| file.metadata().unwrap().len()).sum();
    let mut spans: Vec<_> = ids
        .iter()
        .map(|id| {
            let begun = Instant::now();
            let found = helan(folder, &["query", "--json", "--transaction", &id.to_string()]);
            let span = begun.elapsed();
            assert!(found.windows(36).any(|seen| seen == id.to_string().as_bytes()));
            assert_eq!(memchr::memchr_iter(b'\n', &found).count(), 1);
            span
        })
        .collect();
    spans.sort_unstable();
    println!(
        "| {name} | {bytes} | {:.1?} | {:.1?} |",
        spans[spans.len() / 2],
        spans[spans.len() - 1]
    );
}
