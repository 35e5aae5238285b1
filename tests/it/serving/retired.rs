//! A node on a folder of records that are older than the law asks for.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use helan::domain::{Timestamp, Zone};
use helan::journal::tree::{Signer, TreeOptions};
use helan::journal::{Clock, Decided, Event, Journal, JournalOptions, Keep};
use serde_json::Value;
use uuid::Uuid;

use crate::support::city::{City, program};
use crate::support::eventually;
use crate::support::records::events;
use crate::support::serving::Serving;

/// A folder that was written to for a while so many days ago.
fn old_records(folder: &Path, days: i64) {
    fs::remove_dir_all(folder).unwrap();
    let then = Clock::system().now().plus_millis(-days * 86_400_000);
    let options = JournalOptions {
        folder: folder.to_owned(),
        segment_bytes: 16 << 10,
        sync_ms: 0,
        free_bytes: 0,
        budgets: BTreeMap::new(),
        node: "north".to_owned(),
        clock: Clock::new(move || Timestamp::from_millis(then.millis())),
        keep: Keep::default(),
        tree: TreeOptions::signed_by(Signer::new("north/records", &[7; 32])),
    };
    let (journal, _) = Journal::open(&options).unwrap();
    for _ in 0..200 {
        let decided = Decided::new(then, Uuid::now_v7(), Zone::Sharing);
        journal.keep(&Event::Decided(Box::new(decided.clone())));
        let finished = helan::journal::Finished::new(&decided, then, "answered");
        journal.keep(&Event::Finished(Box::new(finished))).wait().unwrap();
    }
    journal.close();
}

fn retired(folder: &Path) -> Vec<Value> {
    events(folder).into_iter().filter(|event| event["event"] == "retired").collect()
}

#[test]
fn records_go_when_the_strictest_profile_lets_them_and_the_operator_does() {
    let mut city = City::start();
    city.interrupt();
    let records = city.shown.records.clone();
    let config = city.work().join("helan.yaml");
    let text = fs::read_to_string(&config).unwrap();
    let keep = |days: u32| fs::write(&config, format!("{text}journal: {{keep_days: {days}}}\n"));
    let started = |look: &mut dyn FnMut(&Serving)| {
        let node = Serving::start(&city, &[]);
        look(&node);
        node.stop();
    };

    old_records(&records, 1_200);
    let all = events(&records).len();
    keep(2_000).unwrap();
    started(&mut |_| std::thread::sleep(Duration::from_millis(2_500)));
    assert_eq!(retired(&records).len(), 0);
    assert!(events(&records).len() > all);

    // A shorter time than the law's does not count, and is said.
    keep(10).unwrap();
    started(&mut |node| {
        eventually("retiring", Duration::from_secs(10), || {
            (!retired(&records).is_empty()).then_some(())
        });
        std::thread::sleep(Duration::from_millis(500));
        let said = node.log().into_iter().any(|entry| {
            entry["fields"]["message"].as_str().is_some_and(|m| m.contains("keep_days is shorter"))
        });
        assert!(said, "the log does not say that the term is too short");
    });
    let gone = retired(&records);
    assert!(gone.iter().all(|event| event["days"] == 1_098), "{gone:?}");
    assert!(gone[0]["why"].as_str().is_some_and(|why| why.contains('-')), "{gone:?}");
    let first = events(&records)[0]["seq"].as_u64().unwrap();
    assert_eq!(first, gone.last().unwrap()["last"].as_u64().unwrap() + 1);

    let output = Command::new(program())
        .args(["records", "query", "--records"])
        .arg(&records)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    // Younger ones stay.
    old_records(&records, 1_000);
    started(&mut |_| std::thread::sleep(Duration::from_millis(2_500)));
    assert_eq!(retired(&records).len(), 0);
}
