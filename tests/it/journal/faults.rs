//! A process that is killed, a disk that fails: for real, in processes of their own.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use helan::domain::Zone;
use helan::journal::{ANSWERED, Break, Clock, Event, Finished, Spent, Undo};
use helan::supervision::JournalMetrics;
use uuid::Uuid;

use super::{call, decided, events, open, read, transactions, until};

// The faults need a process of their own: the test program starts itself again with one of these
// "tests" chosen, which do nothing when they are run as tests.

pub(super) fn child(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env("HELAN_TEST_FOLDER", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

pub(super) fn childs_folder() -> Option<PathBuf> {
    std::env::var_os("HELAN_TEST_FOLDER").map(PathBuf::from)
}

/// Tells the parent; survives that the parent is gone.
pub(super) fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(format!("\n@{line}\n").as_bytes()).and_then(|()| out.flush()));
}

pub(super) fn told(line: &str) -> Option<&str> {
    line.strip_prefix('@')
}

#[test]
fn child_under_load() {
    let Some(folder) = childs_folder() else { return };
    let (journal, _) = open(&folder);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let id = call(&journal).unwrap();
                    tell(&id.to_string());
                }
            });
        }
    });
}

#[test]
fn what_was_durable_survives_kill_9_twenty_times() {
    let folder = tempfile::tempdir().unwrap();
    let mut reported = Vec::new();
    for round in 0..20 {
        let mut child = child("journal::faults::child_under_load", folder.path()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut wanted = 20 + round * 7;
        for line in lines {
            if let Some(id) = told(&line) {
                reported.push(id.parse::<Uuid>().unwrap());
                wanted -= 1;
                if wanted == 0 {
                    child.kill().unwrap();
                }
            }
        }
        child.wait().unwrap();
    }
    let (journal, _) = open(folder.path());
    journal.close();

    let written: std::collections::HashSet<_> =
        transactions(folder.path(), "decided").into_iter().collect();
    let lost: Vec<_> = reported.iter().filter(|id| !written.contains(id)).collect();
    assert!(reported.len() > 1_500, "{}", reported.len());
    assert!(lost.is_empty(), "{} of {} lost", lost.len(), reported.len());
    let numbers: Vec<_> = read(folder.path()).iter().map(|record| record.seq).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

/// Makes every write beyond `bytes` of a file fail with EFBIG, as a full disk does with ENOSPC.
pub(super) fn limit_files(bytes: Option<u64>) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(Resource::Fsize, Rlimit { current: bytes, maximum }).unwrap();
}

#[test]
fn child_on_a_failing_disk() {
    let Some(folder) = childs_folder() else { return };
    let (journal, _) = open(&folder);
    for _ in 0..5 {
        tell(&format!("durable {}", call(&journal).unwrap()));
    }
    let early = decided(journal.clamp(Clock::system().now()));
    let (ticket, open_early) = journal.reserve(Zone::Sharing, 2_048).unwrap().decided(&early);
    ticket.wait().unwrap();

    let registry = prometheus::Registry::new();
    let metrics = JournalMetrics::register(&registry).unwrap();
    let given_back = Arc::new(AtomicU64::new(0));
    let place = || {
        let given_back = Arc::clone(&given_back);
        Some(Undo::new(move || {
            given_back.fetch_add(1, Ordering::Relaxed);
        }))
    };
    let late = decided(journal.clamp(Clock::system().now()));
    let left = decided(journal.clamp(Clock::system().now()));
    let [for_late, for_left] = [0; 2].map(|_| journal.reserve(Zone::Sharing, 2_048).unwrap());

    limit_files(Some(0));
    // Its caller hangs up before anybody knows that it cannot come on record.
    let (_, open_left) = for_left.decided(&left);
    open_left.finish_or(&Finished::new(&left, left.time, "aborted-by-caller"), place());
    let (ticket, open_late) = for_late.decided(&late);
    assert!(ticket.wait().is_err());
    tell(&format!("given-up {}", late.transaction));
    tell(&format!("given-up {}", left.transaction));
    // And one hangs up when it is known, but before it is refused.
    open_late.finish_or(&Finished::new(&late, late.time, "aborted-by-caller"), place());
    assert_eq!(given_back.load(Ordering::Relaxed), 2);
    assert_eq!(call(&journal), Err(Spent::Failed));
    // Its answer is on the way out already: how it ended is kept until the disk works again.
    open_early.finish_or(&Finished::new(&early, early.time, ANSWERED), place());
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(call(&journal), Err(Spent::Failed));

    limit_files(None);
    until("the journal works again", || call(&journal).is_ok());
    assert_eq!(given_back.load(Ordering::Relaxed), 2, "a call on record keeps its place");
    // Five, the early one, the two that left and the last.
    let page = || {
        helan::supervision::page(&registry, &metrics, &journal, (9, 0), Clock::system().now())
            .unwrap()
    };
    until("every answer is on record or counted", || {
        page().contains("\nhelan_records_difference 0\n")
    });
    std::thread::sleep(Duration::from_millis(2_500));
    let page = page();
    assert!(page.contains("\nhelan_records_difference 0\n"), "after the sum was written: {page}");
    assert!(page.contains("\nhelan_journal_uncounted_total 2\n"), "{page}");
    tell(&format!("finished {}", early.transaction));
    tell(&format!("failures {}", journal.stats().failures));
    journal.close();
    assert_eq!(journal.stats().pending, 0);
    tell("passed");
}

#[test]
fn a_failing_disk_refuses_calls_and_service_comes_back_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("env");
    // Writing beyond the limit also raises a signal, which would end the process.
    let inner = child("journal::faults::child_on_a_failing_disk", folder.path());
    command.arg("--ignore-signal=XFSZ").arg(inner.get_program()).args(inner.get_args());
    let output = command.env("HELAN_TEST_FOLDER", folder.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let told: Vec<_> = said.lines().filter_map(told).collect();
    let of = |kind: &str| -> Vec<Uuid> {
        let lines = told.iter().filter_map(|line| line.strip_prefix(kind));
        lines.map(|id| id.trim().parse().unwrap()).collect()
    };

    assert!(told.contains(&"passed"), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains(&"failures 1"), "{said}");
    let (decided, finished) =
        (transactions(folder.path(), "decided"), transactions(folder.path(), "finished"));
    assert_eq!(of("durable").len(), 5);
    assert!(of("durable").iter().all(|id| decided.contains(id) && finished.contains(id)));
    assert!(of("finished").iter().all(|id| finished.contains(id)));
    assert!(of("given-up").iter().all(|id| !decided.contains(id) && !finished.contains(id)));
    let recovered = events(folder.path()).into_iter().find_map(|event| {
        if let Event::Recovered(recovered) = event { Some(recovered) } else { None }
    });
    let recovered = recovered.unwrap();
    assert_eq!(recovered.cause, Break::Write);
    // The end of the call whose caller hung up may have come when it was known already.
    assert!((2..=3).contains(&recovered.abandoned), "{recovered:?}");
    assert!(recovered.error.is_some());
    assert!(events(folder.path()).iter().any(|event| matches!(event, Event::Uncounted(_))));
}
