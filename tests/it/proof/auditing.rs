//! The auditor's page: its commands, in order, on a running demonstration, as somebody would paste them.

use std::fs;

use crate::support::city::City;
use crate::support::pages::{at_ports, blocks, paste};

#[test]
fn the_commands_of_the_auditors_page_do_what_it_says() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/AUDITING.md");
    let page = fs::read_to_string(page).unwrap();
    let city = City::start();
    for call in city.shown.calls.iter().filter(|call| call.status == Some(200)) {
        let output = std::process::Command::new("sh").args(["-c", &call.command]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    // The next checkpoint covers them.
    std::thread::sleep(std::time::Duration::from_millis(2_100));

    let blocks: Vec<_> = blocks(&page).iter().map(|block| at_ports(block, &city)).collect();
    let said = paste(&blocks, city.dir.path());

    let [key, checkpoint, verified, tried, proved, outside] = said.as_slice() else {
        panic!("{said:?}")
    };
    assert!(key.starts_with("demo/records+"), "{key}");
    assert!(checkpoint.starts_with("demo/records\n"), "{checkpoint}");
    assert!(verified.contains("anchored: ") && !verified.contains("WRONG"), "{verified}");
    let found = [
        ": event 2 cannot be read",
        "event 2 was changed",
        "are under no checkpoint, and there is no folder tree/checkpoints",
    ];
    for found in found {
        assert!(tried.contains(found), "{found} is not in\n{tried}");
    }
    assert_eq!(tried.matches("exit code 1\n").count(), 3, "{tried}");
    assert_eq!(proved.matches("proved: event").count(), 2, "{proved}");
    let hashes: Vec<_> = outside.split_whitespace().collect();
    assert_eq!((hashes.len(), hashes[0].len()), (2, 64), "{outside}");
    assert_eq!(hashes[0], hashes[1]);
}
