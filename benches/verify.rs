//! What proof costs after the fact: reading a million events again, and collecting one of them as
//! evidence.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]
#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(clippy::disallowed_methods, reason = "spans that are measured, never recorded time")]

#[path = "support/call.rs"]
mod call;
#[path = "support/proc.rs"]
mod proc;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use helan::domain::{Budget, Zone};
use helan::journal::tree::{Believed, Evidence, Signer, TreeOptions, Verifier, verify};
use helan::journal::{ANSWERED, Clock, Finished, Journal, JournalOptions, Keep, KeyedHash};
// As in the program itself.
use mimalloc as _;
use uuid::Uuid;

use self::call::decided;

/// Calls, two events each.
const CALLS: usize = 500_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let signer = || Signer::new("bench/records", &[7; 32]).unwrap();
    if let [_, what, folder] = arguments.as_slice()
        && what == "--verify"
    {
        return check(Path::new(folder), signer().verifier());
    }
    // `cargo test --benches` only asks whether it runs.
    let calls = if arguments.iter().any(|word| word == "--bench") { CALLS } else { 1_000 };
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let began = Instant::now();
    let call = fill(folder.path(), calls, signer());
    println!("wrote {} events in {:.1} s", 2 * calls, began.elapsed().as_secs_f64());

    // In a process of its own, so that its memory is its own.
    let program = std::env::current_exe().unwrap();
    let status = Command::new(program).arg("--verify").arg(folder.path()).status();
    assert!(status.unwrap().success());

    let began = Instant::now();
    let evidence = Evidence::collect(folder.path(), call).unwrap();
    assert_eq!(evidence.events.len(), 2);
    evidence.check(&[signer().verifier()]).unwrap();
    println!("found and proved one call in {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
}

fn check(folder: &Path, key: Verifier) {
    let (began, cpu) = (Instant::now(), proc::cpu());
    let report = verify(folder, Believed { keys: vec![key], since: None }, |_| {}).unwrap();
    let cpu = proc::cpu().saturating_sub(cpu);
    assert!(report.is_sound(), "{:?}", report.faults);
    assert_eq!(report.covered, report.last);
    println!(
        "verified {} events, {} MiB, {} checkpoints in {:.2} s ({:.2} s of CPU, {} MiB of memory at most)",
        report.events,
        report.bytes >> 20,
        report.checkpoints,
        began.elapsed().as_secs_f64(),
        cpu.as_secs_f64(),
        peak_kib() >> 10,
    );
}

/// The most memory the process ever held.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Fills a folder with calls as they are recorded in a city; gives one from the middle.
fn fill(folder: &Path, calls: usize, signer: Signer) -> Uuid {
    let budget = Budget { pending_bytes: 1 << 32, bytes_per_second: 1 << 40 };
    let (journal, _) = Journal::open(&JournalOptions {
        folder: folder.to_owned(),
        segment_bytes: 64 << 20,
        sync_ms: 1,
        free_bytes: 0,
        budgets: [(Zone::Sharing, budget)].into(),
        node: "bench".to_owned(),
        clock: Clock::system(),
        tree: TreeOptions::signed_by([signer]),
        keep: Keep::default(),
    })
    .unwrap();
    let mut middle = None;
    for number in 0..calls {
        let mut decided = decided();
        decided.subjects = vec![KeyedHash { key: "20261101t000000".into(), hash: "0".repeat(64) }];
        let (ticket, open) = journal.reserve(Zone::Sharing, 2_048).unwrap().decided(&decided);
        let mut finished = Finished::new(&decided, decided.time, ANSWERED);
        finished.status = Some(200);
        finished.items = Arc::clone(&decided.items);
        open.finish(&finished);
        if number == calls / 2 {
            middle = Some(decided.transaction);
        }
        if number % 256 == 255 {
            ticket.wait().unwrap();
        }
    }
    journal.close();
    middle.unwrap()
}
