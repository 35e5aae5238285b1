//! The thread that follows a journal: it goes on where it was, and never ahead of what is durable.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use helan::domain::{Budget, EntryId, Thresholds, Timestamp, Zone};
use helan::journal::tree::{Signer, TreeOptions};
use helan::journal::{ANSWERED, Clock, Decided, Finished, Journal, JournalOptions, Keep, OpenCall};
use helan::supervision::{Filter, Followed, Follower, Period, Rollups, Watch};
use uuid::Uuid;

use super::{assert_same, dump};
use crate::support::eventually;

/// A folder of records and one of state, and the time there.
struct Place {
    dir: tempfile::TempDir,
    clock: Clock,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), clock: Clock::system() }
    }

    fn records(&self) -> PathBuf {
        self.dir.path().join("records")
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn journal(&self) -> Journal {
        let budget = Budget { pending_bytes: 8 << 20, bytes_per_second: 1 << 30 };
        let options = JournalOptions {
            folder: self.records(),
            segment_bytes: 16 << 10,
            sync_ms: 1,
            free_bytes: 0,
            budgets: [(Zone::Sharing, budget)].into(),
            node: "north".to_owned(),
            clock: self.clock.clone(),
            tree: TreeOptions::signed_by(Signer::new("north/records", &[7; 32])),
            keep: Keep::default(),
        };
        Journal::open(&options).unwrap().0
    }

    fn follow(&self, journal: &Journal) -> Follower {
        follow(journal, self.records(), self.state(), &self.clock)
    }

    fn segments(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.records()).unwrap();
        let mut segments: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        segments.retain(|path| path.extension().is_some_and(|kind| kind == "log"));
        segments.sort();
        segments
    }

    fn totals(&self) -> u64 {
        totals(&self.state())
    }
}

fn follow(journal: &Journal, records: PathBuf, state: PathBuf, clock: &Clock) -> Follower {
    let watch = Watch::open(&state, Thresholds::default(), journal.committed());
    let followed = Followed { records, state, watch: Arc::new(watch), clock: clock.clone() };
    Follower::start(journal, followed, || ()).unwrap()
}

fn totals(state: &Path) -> u64 {
    let rollups = Rollups::open(state).unwrap();
    rollups.totals(Period::ever(), &Filter::all()).unwrap().calls
}

fn decided(journal: &Journal) -> (Decided, OpenCall) {
    decided_at(journal, journal.clamp(Clock::system().now()))
}

fn decided_at(journal: &Journal, now: Timestamp) -> (Decided, OpenCall) {
    let mut decided = Decided::new(now, Uuid::now_v7(), Zone::Sharing);
    decided.entry = Some(EntryId::parse("police/population-check").unwrap());
    let (ticket, open) = journal.reserve(Zone::Sharing, 2_048).unwrap().decided(&decided);
    ticket.wait().unwrap();
    (decided, open)
}

fn call(journal: &Journal) {
    let (decided, open) = decided(journal);
    open.finish(&Finished::new(&decided, decided.time, ANSWERED));
}

/// Ends both in the order a node does.
fn end(journal: &Journal, follower: &Follower) {
    journal.close();
    follower.finish(Duration::from_secs(10));
    assert_eq!(follower.lag().events, 0);
}

#[test]
fn a_second_run_goes_on_where_the_first_ended_without_the_records_before() {
    let place = Place::new();
    let journal = place.journal();
    let follower = place.follow(&journal);
    (0..400).for_each(|_| call(&journal));
    end(&journal, &follower);
    assert_eq!(place.totals(), 400);

    // What is folded is not read again: here it cannot be.
    let segments = place.segments();
    assert!(segments.len() > 3);
    for segment in &segments[..segments.len() - 2] {
        std::fs::write(segment, b"rubbish").unwrap();
    }
    let journal = place.journal();
    let follower = place.follow(&journal);
    (0..10).for_each(|_| call(&journal));
    end(&journal, &follower);

    assert_eq!(place.totals(), 410);
}

#[test]
fn a_call_that_is_open_over_a_restart_of_the_thread_counts_once_and_when_it_ends() {
    let place = Place::new();
    let journal = place.journal();
    let follower = place.follow(&journal);
    let (decided, open) = decided(&journal);
    eventually("the roll-ups to come even", Duration::from_secs(10), || {
        (follower.lag().events == 0).then_some(())
    });
    follower.finish(Duration::from_secs(5));
    assert_eq!((place.totals(), dump(&place.state())["pending"].len()), (0, 1));

    let follower = place.follow(&journal);
    open.finish(&Finished::new(&decided, decided.time, ANSWERED));
    end(&journal, &follower);
    assert_eq!((place.totals(), dump(&place.state())["pending"].len()), (1, 0));
}

#[test]
fn roll_ups_of_other_records_are_not_added_to() {
    let (one, other) = (Place::new(), Place::new());
    for (place, calls) in [(&one, 30), (&other, 50)] {
        let journal = place.journal();
        let follower = place.follow(&journal);
        (0..calls).for_each(|_| call(&journal));
        end(&journal, &follower);
    }
    // Fewer records than are folded, then as many and more.
    for (from, to, calls) in [(&other, &one, 30), (&one, &other, 50)] {
        let kept = other.dir.path().join("kept");
        std::fs::copy(from.state().join("supervision.sqlite"), &kept).unwrap();
        let swapped = to.dir.path().join("swapped");
        std::fs::create_dir_all(&swapped).unwrap();
        std::fs::copy(&kept, swapped.join("supervision.sqlite")).unwrap();
        let journal = to.journal();
        let follower = follow(&journal, to.records(), swapped.clone(), &Clock::system());
        eventually("new roll-ups", Duration::from_secs(20), || {
            (follower.lag().events == 0 && swapped.join("supervision.sqlite.set-aside").exists())
                .then_some(())
        });
        end(&journal, &follower);
        assert_eq!(totals(&swapped), calls);
        helan::supervision::rebuild(&to.records(), &to.state(), |_, _| {}).unwrap();
        assert_same(&dump(&swapped), &dump(&to.state()));
    }
}

#[test]
fn figures_go_with_the_records_of_their_day() {
    const DAY: i64 = 86_400_000;
    let noon = Timestamp::parse("2026-11-23T12:00:00+08:00").unwrap();
    let time = Arc::new(AtomicI64::new(noon.millis()));
    let told = Arc::clone(&time);
    let clock = Clock::new(move || Timestamp::from_millis(told.load(Ordering::Relaxed)));
    let place = Place { clock, ..Place::new() };
    for _ in 0..4 {
        let journal = place.journal();
        let follower = place.follow(&journal);
        for _ in 0..100 {
            let (decided, open) = decided_at(&journal, place.clock.now());
            open.finish(&Finished::new(&decided, decided.time, ANSWERED));
        }
        end(&journal, &follower);
        time.fetch_add(DAY, Ordering::Relaxed);
    }
    assert_eq!(place.totals(), 400);

    // The first day is gone from the records, and part of the second.
    let second = noon.plus_millis(DAY);
    let begins = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        text.contains(&second.to_string()) && !text.contains(&noon.to_string())
    };
    let segments = place.segments();
    let first = segments.iter().position(begins).unwrap() + 1;
    assert!(begins(&segments[first]), "the second day has too few segments");
    for gone in &segments[..first] {
        std::fs::remove_file(gone).unwrap();
    }
    let journal = place.journal();
    let follower = place.follow(&journal);
    end(&journal, &follower);

    assert_eq!(place.totals(), 200, "the third day and the fourth");
    let live = dump(&place.state());
    helan::supervision::rebuild(&place.records(), &place.state(), |_, _| {}).unwrap();
    assert_same(&live, &dump(&place.state()));
}
