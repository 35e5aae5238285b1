//! Records that are taken away under a node that runs: it notices, and writes into nobody else's folder.

use std::fs;
use std::time::Duration;

use helan::journal::tree::{Believed, verify};
use helan::journal::{Break, Event, Spent};

use super::{call, events, open, segments, until};

#[test]
fn a_segment_that_is_gone_is_noticed_and_the_next_one_says_so() {
    for replaced in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) = open(folder.path());
        call(&journal).unwrap();
        let segment = &segments(folder.path())[0];
        fs::rename(segment, folder.path().join("aside")).unwrap();
        if replaced {
            fs::copy(folder.path().join("aside"), segment).unwrap();
        }

        until("the loss is noticed", || journal.stats().failures == 1);
        until("the journal works again", || call(&journal).is_ok());
        journal.close();

        assert_eq!(segments(folder.path()).len(), usize::from(replaced) + 1);
        let newest = segments(folder.path()).pop().unwrap();
        let text = fs::read_to_string(newest).unwrap();
        assert!(text.contains("\"event\":\"recovered\""), "{text}");
        assert!(text.contains("was removed or replaced while it was written"), "{text}");
    }
}

#[test]
fn in_a_folder_that_was_replaced_nothing_is_written_and_calls_are_refused() {
    let parent = tempfile::tempdir().unwrap();
    let [folder, aside] = ["records", "aside"].map(|name| parent.path().join(name));
    let (journal, _) = open(&folder);
    call(&journal).unwrap();
    fs::rename(&folder, &aside).unwrap();
    let (other, _) = open(&folder);
    until("calls are refused", || call(&journal) == Err(Spent::Failed));

    // Longer than it takes to try again, and to sign.
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(call(&journal), Err(Spent::Failed));
    assert!(!journal.stats().healthy);
    for _ in 0..40 {
        call(&other).unwrap();
    }
    other.close();
    let report = verify(&folder, Believed::default(), |_| {}).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!((report.first, report.last, report.covered), (1, report.events, report.events));

    fs::remove_dir_all(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    until("the journal works again", || call(&journal).is_ok());
    journal.close();
    let recovered = events(&folder).into_iter().find_map(|event| {
        if let Event::Recovered(recovered) = event { Some(recovered) } else { None }
    });
    let recovered = recovered.unwrap();
    assert_eq!(recovered.cause, Break::Write);
    let said = recovered.error.unwrap();
    assert!(said.contains("was removed or replaced while this node wrote into it"), "{said}");
    assert!(verify(&folder, Believed::default(), |_| {}).unwrap().is_sound());
}
