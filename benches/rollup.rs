//! What supervision costs: building the roll-ups of a million records anew, and asking about a month of
//! ten million records a day. What is measured has a process of its own.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may stop")]
#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(clippy::disallowed_methods, reason = "spans that are measured, never recorded time")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use helan::domain::{
    ApplicationId, Budget, EntryId, GrantId, ItemName, MatterCode, OrganizationId, Timestamp, Zone,
};
use helan::journal::tree::{Signer, TreeOptions};
use helan::journal::{
    ANSWERED, Clock, Decided, Finished, Journal, JournalOptions, Keep, KeyedHash, Ticket,
};
use helan::supervision::{Dimension, Filter, Period, Rollups, Step, rebuild};
// As in the program itself.
use mimalloc as _;
use rusqlite::Connection;
use uuid::Uuid;

/// Calls on record; each has two.
const CALLS: u64 = 500_000;

/// Different choices of entry, application, grant and outcome that are called in a month, on each of its
/// days: 27 entries with two applications each would be 54.
const SERIES: i64 = 40_000;

/// Days of the month.
const DAYS: i64 = 30;

/// The first day of the month in Shanghai, in seconds.
const FIRST: i64 = 1_793_462_400;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let at = |name: &str| arguments.iter().position(|argument| argument == name).map(|at| at + 1);
    if let Some(at) = at("--write") {
        return write(Path::new(&arguments[at]));
    }
    if let Some(at) = at("--rebuild") {
        return build(Path::new(&arguments[at]));
    }
    if let Some(at) = at("--ask") {
        return ask(Path::new(&arguments[at]));
    }
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = std::env::current_exe().unwrap();
    for what in ["--write", "--rebuild", "--ask"] {
        assert!(Command::new(&program).arg(what).arg(dir.path()).status().unwrap().success());
    }
}

/// Puts calls on record as a gateway does.
fn write(dir: &Path) {
    let budget = Budget { pending_bytes: 256 << 20, bytes_per_second: 1 << 40 };
    let (journal, _) = Journal::open(&JournalOptions {
        folder: dir.join("records"),
        segment_bytes: 64 << 20,
        sync_ms: 1,
        free_bytes: 0,
        budgets: [(Zone::Sharing, budget)].into(),
        node: "north".to_owned(),
        clock: Clock::system(),
        tree: TreeOptions::signed_by(Signer::new("bench/records", &[7; 32])),
        keep: Keep::default(),
    })
    .unwrap();
    let mut last: Option<Ticket> = None;
    for number in 0..CALLS {
        let decided = decided(number);
        let (ticket, open) = journal.reserve(Zone::Sharing, 2_048).unwrap().decided(&decided);
        open.finish(&finished(&decided, number));
        if number.is_multiple_of(5_000)
            && let Some(last) = last.replace(ticket)
        {
            last.wait().unwrap();
        }
    }
    journal.close();
    assert!(journal.committed() >= 2 * CALLS);
}

/// Calls of a day by 40 applications for 100 entries.
fn decided(number: u64) -> Decided {
    let time = Timestamp::from_millis(FIRST * 1_000);
    let time = time.plus_millis(i64::try_from(number * 86_400_000 / CALLS).unwrap());
    let mut decided = Decided::new(time, Uuid::now_v7(), Zone::Sharing);
    let (consumer, entry) = (number % 40, number * 7 % 100);
    decided.organization = Some(OrganizationId::parse(&format!("office-{consumer}")).unwrap());
    decided.application = Some(ApplicationId::parse(&format!("office-{consumer}/desk")).unwrap());
    decided.entry =
        Some(EntryId::parse(&format!("bureau-{}/register-{entry}", entry % 13)).unwrap());
    decided.entry_version = Some("9c1185a5c5e9fc54".into());
    decided.grant = Some(GrantId::parse(&format!("g-{consumer}-{entry}")).unwrap());
    decided.grant_version = Some("2d711642b726b044".into());
    decided.rules = Some("01ba4719c80b6fe9".into());
    decided.view = Some("f2ca1bb6c7e907d0".into());
    decided.address = Some("10.20.30.0/24".to_owned());
    decided.path = Some("/{number}".into());
    decided.parameters = vec!["number".into()];
    decided.matter = Some(MatterCode::parse("estate-transfer").unwrap());
    decided.operator_hash = Some(hash(number % 400));
    decided.subjects = vec![hash(number)];
    decided.used = vec![ItemName::parse("number").unwrap()];
    decided.items = (0..6).map(|item| ItemName::parse(&format!("item_{item}")).unwrap()).collect();
    if number.is_multiple_of(20) {
        decided.outcome = "purpose-not-granted".into();
    }
    decided
}

fn finished(decided: &Decided, number: u64) -> Finished {
    let mut finished = Finished::new(decided, decided.time.plus_millis(4), ANSWERED);
    finished.status = Some(200);
    finished.bytes = 1_000 + number % 900;
    finished.rows = Some(number % 3);
    finished.items = Arc::clone(&decided.items);
    finished.masked = decided.items[..1].into();
    finished.upstream_status = Some(200);
    finished.newest = Some(decided.time.plus_millis(-3_600_000));
    finished.duration_us = 1_000 + number % 9_000;
    finished
}

fn hash(number: u64) -> KeyedHash {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    KeyedHash { key: "s-1".into(), hash: format!("{mixed:016x}").repeat(4) }
}

fn build(dir: &Path) {
    let begun = Instant::now();
    let built = rebuild(&dir.join("records"), &dir.join("state"), |_, _| {}).unwrap();
    let took = begun.elapsed();
    assert!(built.damaged.is_empty() && built.place.seq >= 2 * CALLS);
    let rollups = Rollups::open(&dir.join("state")).unwrap();
    let totals = rollups.totals(Period::ever(), &Filter::all()).unwrap();
    assert_eq!(totals.calls, CALLS);
    println!("| case | time | memory |\n|---|---|---|");
    println!(
        "| roll-ups of {} records built anew | {:.2} s | {} MiB |",
        built.place.seq,
        took.as_secs_f64(),
        peak() / 1_024
    );
}

/// A month of days, and one day of hours, written as a node would have.
fn fill(dir: &Path) {
    let (records, state) = (dir.join("none"), dir.join("month"));
    std::fs::create_dir_all(&records).unwrap();
    rebuild(&records, &state, |_, _| {}).unwrap();
    let store = Connection::open(state.join("supervision.sqlite")).unwrap();
    let cells = |table: &str, count: i64, step: i64, part: i64| {
        format!(
            "WITH RECURSIVE at(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM at WHERE n + 1 < {count}),
             s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {SERIES})
             INSERT INTO {table} SELECT {FIRST} + at.n * {step}, s.n, {part}, 0, {part} * 1700,
             {part} * 2, s.n % 9, 0, 0, 0, 0, {part} / 2, {part} / 2, s.n % 3, {part} * 3100,
             1 + at.n * 1000000 + s.n, 900000 + at.n * 1000000 + s.n, x'05500728080a0c04' FROM at, s;"
        )
    };
    let names = format!(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)
         INSERT INTO names SELECT n, 'name-' || n FROM n;
         WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {SERIES})
         INSERT INTO series SELECT n, 1 + n % 2, 10 + n % 40, 100 + n % 1000, 2000 + n % 300,
         2500 + n % 900, 4000 + n % 700, 3 + n % 5 FROM s;"
    );
    // Five million calls a day, two records each.
    let a_day = 5_000_000 / SERIES;
    let all = [names, cells("days", DAYS, 86_400, a_day), cells("hours", 24, 3_600, a_day / 24)];
    store.execute_batch(&format!("BEGIN; {} COMMIT;", all.concat())).unwrap();
}

fn ask(dir: &Path) {
    fill(dir);
    let rollups = Rollups::open(&dir.join("month")).unwrap();
    let first = Timestamp::from_millis(FIRST * 1_000);
    let month = Period::new(first, first.plus_millis(DAYS * 86_400_000));
    let day = Period::day(first);
    let all = Filter::all();
    let entry = Filter::all().with(Dimension::Entry, "name-150");
    let sharing = Filter::all().with(Dimension::Zone, "name-1");
    let calls = u64::try_from(DAYS * (5_000_000 / SERIES) * SERIES).unwrap();
    let told = |what: &str, took: Duration| println!("| {what} | {} ms | |", took.as_millis());

    told(
        "a month: totals",
        timed(|| {
            assert_eq!(rollups.totals(month, &all).unwrap().calls, calls);
        }),
    );
    told(
        "a month: one zone of two",
        timed(|| {
            assert_eq!(rollups.totals(month, &sharing).unwrap().calls, calls / 2);
        }),
    );
    told(
        "a month: one entry of 1,000, by day",
        timed(|| {
            assert_eq!(rollups.series(month, Step::Day, &entry).unwrap().len(), 30);
        }),
    );
    told(
        "a month: outcomes by code",
        timed(|| {
            assert_eq!(rollups.by(month, Dimension::Outcome, &all).unwrap().len(), 5);
        }),
    );
    told(
        "a month: ten entries with the most rows",
        timed(|| {
            let top = rollups.top(month, Dimension::Entry, &all, (10, |figures| figures.rows));
            assert_eq!(top.unwrap().len(), 10);
        }),
    );
    told(
        "a month: consumers and outcomes by day",
        timed(|| {
            let by = [Dimension::Consumer, Dimension::Outcome];
            assert_eq!(rollups.cells((month, Step::Day), &by, &all).unwrap().len(), 9_000);
        }),
    );
    told(
        "a month: 95 of 100 within",
        timed(|| {
            assert!(rollups.totals(month, &all).unwrap().latency.within(950).is_some());
        }),
    );
    told(
        "a day by hour",
        timed(|| {
            assert_eq!(rollups.series(day, Step::Hour, &all).unwrap().len(), 24);
        }),
    );
}

/// The middle one of five.
fn timed(mut what: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..5)
        .map(|_| {
            let begun = Instant::now();
            what();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[2]
}

/// The most memory that this process held, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}
