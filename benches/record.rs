//! What recording costs a call at saturation: the same calls with a journal that keeps nothing, and with
//! the real one, its tree included, on a real file. Everything runs on one core.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark may stop")]
#![expect(clippy::print_stdout, reason = "a benchmark prints")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "so many steps, about"
)]
#![expect(clippy::disallowed_methods, reason = "spans that are measured, never recorded time")]

#[path = "support/call.rs"]
mod call;
#[path = "support/proc.rs"]
mod proc;

use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use helan::domain::{Budget, Zone};
use helan::journal::tree::{Signer, TreeOptions};
use helan::journal::{ANSWERED, Clock, Decided, Finished, Journal, JournalOptions, Keep, QuotaUse};
// As in the program itself.
use mimalloc as _;
use uuid::Uuid;

use self::call::decided;

/// Calls under way at once, as on so many kept connections.
const AT_ONCE: usize = 64;

/// How many rounds; the two take turns, and the middle is told.
const ROUNDS: usize = 5;

/// What the rest of a call costs, in nanoseconds of CPU: over TLS, and plain. How many calls come together
/// to one sync depends on it.
const WORK: [(&str, f64); 2] = [("TLS", 19_000.0), ("plain", 16_000.0)];

fn main() {
    let calls = if std::env::args().any(|word| word == "--bench") { 200_000 } else { 500 };
    one_core();
    let step = step_ns();
    // Removed at the end only: where files were just removed, ext4 without a journal of its own looks
    // long for a place for new ones.
    let mut folders = Vec::new();
    for (name, work) in WORK {
        let work = (work / step) as u64;
        let mut costs = Vec::new();
        for _ in 0..ROUNDS {
            let null = round(None, work, calls);
            let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            let journal = open(folder.path());
            folders.push(folder);
            let real = round(Some(&journal), work, calls);
            let events = journal.committed();
            journal.close();
            let committed = journal.checkpoint().unwrap().checkpoint.size;
            assert!(committed > events && events >= u64::try_from(2 * calls).unwrap());
            costs.push((real.saturating_sub(null), null));
        }
        costs.sort();
        let micros = |cost: Duration| cost.as_secs_f64() * 1e6;
        let (lowest, middle, highest) = (costs[0], costs[ROUNDS / 2], costs[ROUNDS - 1]);
        println!(
            "{name}: recording costs {:.2} - {:.2} - {:.2} us of CPU a call, beside {:.1} us of other work",
            micros(lowest.0),
            micros(middle.0),
            micros(highest.0),
            micros(middle.1),
        );
    }
}

/// CPU of each of so many calls.
fn round(journal: Option<&Journal>, work: u64, calls: usize) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let local = tokio::task::LocalSet::new();
    let mut pattern = decided();
    pattern.quota = vec![QuotaUse { key: "grant:g-02:day:2026-11-27".into(), number: 7 }];
    let pattern = Rc::new(pattern);
    let began = proc::cpu();
    local.block_on(&runtime, async {
        let tasks: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let (journal, pattern) = (journal.cloned(), Rc::clone(&pattern));
                tokio::task::spawn_local(async move {
                    for _ in 0..calls / AT_ONCE {
                        call(journal.as_ref(), &pattern, work).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    if let Some(journal) = journal {
        // What was handed over last, and its hashes.
        while journal.stats().pending > 0 || journal.hashed() < journal.committed() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    proc::cpu().saturating_sub(began) / u32::try_from(calls / AT_ONCE * AT_ONCE).unwrap()
}

async fn call(journal: Option<&Journal>, pattern: &Decided, work: u64) {
    toil(work / 2);
    let decided =
        Decided { time: Clock::system().now(), transaction: Uuid::now_v7(), ..pattern.clone() };
    let kept =
        journal.map(|journal| journal.reserve(Zone::Sharing, 2_048).unwrap().decided(&decided));
    toil(work / 2);
    let mut finished = Finished::new(&decided, decided.time, ANSWERED);
    finished.status = Some(200);
    finished.bytes = 700;
    finished.rows = Some(1);
    finished.items = Arc::clone(&decided.items);
    match kept {
        None => tokio::task::yield_now().await,
        Some((ticket, open)) => {
            ticket.durable().await.unwrap();
            open.finish(&finished);
        }
    }
    black_box((&decided, &finished));
}

/// Work that takes CPU and not time: a call that had to wait for the core has as much left to do.
fn toil(steps: u64) {
    let mut sum = black_box(1_u64);
    for step in 0..steps {
        sum = black_box(sum.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ step);
    }
    black_box(sum);
}

/// How long a step of it takes, in nanoseconds.
fn step_ns() -> f64 {
    const STEPS: u32 = 50_000_000;
    toil(u64::from(STEPS) / 10);
    let began = Instant::now();
    toil(STEPS.into());
    began.elapsed().as_secs_f64() * 1e9 / f64::from(STEPS)
}

fn one_core() {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut set = CpuSet::new();
    set.set(0);
    sched_setaffinity(None, &set).unwrap();
}

fn open(folder: &std::path::Path) -> Journal {
    let budget = Budget { pending_bytes: 1 << 30, bytes_per_second: 1 << 40 };
    Journal::open(&JournalOptions {
        folder: folder.to_owned(),
        segment_bytes: 64 << 20,
        sync_ms: 1,
        free_bytes: 0,
        budgets: [(Zone::Sharing, budget)].into(),
        node: "bench".to_owned(),
        clock: Clock::system(),
        tree: TreeOptions::signed_by(Signer::new("bench/records", &[7; 32])),
        keep: Keep::default(),
    })
    .unwrap()
    .0
}
