//! The journal: what was said to be durable is on record, whatever happens in between.

mod faults;
mod gone;
mod packing;
mod reading;
mod recovery;
mod retiring;
mod tailing;
mod writing;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use helan::domain::{Budget, EntryId, GrantId, OrganizationId, Timestamp, Zone};
use helan::journal::tree::{Signer, TreeOptions};
use helan::journal::{
    ANSWERED, Clock, Decided, Event, Finished, Journal, JournalOptions, Keep, Reader, Record,
    Recovery, Spent,
};
use uuid::Uuid;

fn options(folder: &Path) -> JournalOptions {
    let budget = Budget { pending_bytes: 1 << 20, bytes_per_second: 1 << 30 };
    let zones = [Zone::Sharing, Zone::Opening];
    JournalOptions {
        folder: folder.to_owned(),
        segment_bytes: 16 << 10,
        sync_ms: 1,
        free_bytes: 0,
        budgets: zones.into_iter().map(|zone| (zone, budget)).collect(),
        node: "north".to_owned(),
        clock: Clock::system(),
        tree: TreeOptions::signed_by(Signer::new("north/records", &[7; 32])),
        keep: Keep::default(),
    }
}

fn open(folder: &Path) -> (Journal, Recovery) {
    Journal::open(&options(folder)).unwrap()
}

fn decided(time: Timestamp) -> Decided {
    let mut decided = Decided::new(time, Uuid::now_v7(), Zone::Sharing);
    decided.organization = Some(OrganizationId::parse("civil-affairs").unwrap());
    decided.entry = Some(EntryId::parse("police/population-check").unwrap());
    decided.grant = Some(GrantId::parse("g-002").unwrap());
    decided
}

/// A whole call; what its ticket said.
fn call(journal: &Journal) -> Result<Uuid, Spent> {
    let decided = decided(journal.clamp(Clock::system().now()));
    let (ticket, open) = journal.reserve(Zone::Sharing, 2_048)?.decided(&decided);
    ticket.wait().map_err(|_| Spent::Failed)?;
    let mut finished = Finished::new(&decided, decided.time, ANSWERED);
    finished.status = Some(200);
    open.finish(&finished);
    Ok(decided.transaction)
}

fn read(folder: &Path) -> Vec<Record> {
    Reader::open(folder).unwrap().map(Result::unwrap).collect()
}

fn events(folder: &Path) -> Vec<Event> {
    read(folder).iter().map(|record| record.event().unwrap()).collect()
}

fn transactions(folder: &Path, name: &str) -> Vec<Uuid> {
    events(folder)
        .into_iter()
        .filter(|event| event.name() == name)
        .filter_map(|event| {
            if let Event::Decided(decided) = event {
                Some(decided.transaction)
            } else if let Event::Finished(finished) = event {
                Some(finished.transaction)
            } else {
                None
            }
        })
        .collect()
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    found.sort();
    found
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let wait = || std::thread::sleep(Duration::from_millis(10));
    let held = (0..1_000).any(|_| holds() || (wait(), false).1);
    assert!(held, "never: {what}");
}
