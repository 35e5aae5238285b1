//! Checkpoints come in time, outlive what happens to the process and its disk, and are never signed over
//! something else.

use std::fs;
use std::time::Duration;

use helan::journal::JournalError;

use super::*;
use crate::support::eventually;

#[test]
fn a_checkpoint_covers_what_is_durable_within_two_seconds_and_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    calls(&journal, 10);
    let committed = journal.committed();
    let covered =
        |journal: &Journal| journal.checkpoint().map_or(0, |latest| latest.checkpoint.size);
    eventually("a checkpoint", Duration::from_secs(5), || {
        (covered(&journal) >= committed).then_some(())
    });
    let latest = journal.checkpoint().unwrap();
    assert_eq!(latest.note, checkpoint(folder.path()));
    assert_eq!(journal.tree_file("checkpoint").unwrap().unwrap(), latest.note.as_bytes());
    assert_eq!(journal.tree_file("durable").unwrap(), None);

    calls(&journal, 15_000);
    let signed = size(&checkpoint(folder.path()));
    assert!(signed >= 10_000, "{signed}");

    calls(&journal, 1);
    journal.close();
    assert_eq!(size(&checkpoint(folder.path())), journal.committed());
    assert_eq!(verify(folder.path(), &[]).0, Some(0));
}

#[test]
fn a_copy_is_kept_elsewhere() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut options = options(folder.path(), [signer(7)]);
    options.tree.copies = Some(elsewhere.path().to_owned());
    let (journal, _) = Journal::open(&options).unwrap();
    calls(&journal, 10);
    journal.close();
    let copied = fs::read_to_string(elsewhere.path().join("checkpoint")).unwrap();
    assert_eq!(copied, checkpoint(folder.path()));
}

#[test]
fn tiles_that_a_power_cut_took_are_made_again() {
    let (folder, _) = grown(1_000);
    let before = checkpoint(folder.path());
    for lost in ["tree/durable", "tree/tile/0/002", "tree/tile/1"] {
        let path = folder.path().join(lost);
        if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.unwrap();
    }
    fs::write(folder.path().join("tree/tile/0/004"), b"torn").unwrap();

    let journal = open(folder.path());
    calls(&journal, 10);
    journal.close();

    assert!(size(&checkpoint(folder.path())) > size(&before));
    let since = tempfile::NamedTempFile::new().unwrap();
    fs::write(since.path(), before).unwrap();
    let (code, said) = verify(folder.path(), &["--since", since.path().to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(fs::read(folder.path().join("tree/tile/0/004")).unwrap().len(), 8192);
}

#[test]
fn a_new_key_is_believed_because_the_old_one_signs_for_it() {
    let (folder, _) = grown(50);
    let (journal, _) = Journal::open(&options(folder.path(), [signer(8), signer(7)])).unwrap();
    calls(&journal, 50);
    journal.close();
    // The old key is gone by now; whoever knows only that one still follows.
    let (journal, _) = Journal::open(&options(folder.path(), [signer(8)])).unwrap();
    calls(&journal, 50);
    journal.close();
    let (code, said) = verify(folder.path(), &[]);
    assert_eq!(code, Some(0), "{said}");

    // A key that the old one never signed for is not.
    let (journal, _) = Journal::open(&options(folder.path(), [signer(9)])).unwrap();
    calls(&journal, 50);
    journal.close();
    let (code, said) = verify(folder.path(), &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(wrong(&said)[0].contains("is not signed by a key that is believed"), "{said}");
}

#[test]
fn a_node_does_not_go_on_behind_records_that_were_cut() {
    let (folder, _) = grown(50);
    let last = segments(folder.path()).pop().unwrap();
    let text = fs::read(&last).unwrap();
    let cut = text[..text.len() - 5].iter().rposition(|byte| *byte == b'\n').unwrap();
    fs::write(&last, &text[..=cut]).unwrap();

    let refused = Journal::open(&options(folder.path(), [signer(7)])).unwrap_err();

    let JournalError::BelowCheckpoint { last: end, signed, .. } = refused else {
        panic!("{refused}")
    };
    assert_eq!((end, signed), (102, 103));
    assert_eq!(fs::read(&last).unwrap().len(), cut + 1, "the evidence was touched");
}

#[test]
fn nothing_is_signed_over_records_that_were_changed_while_the_node_was_down() {
    let (folder, _) = grown(50);
    let before = checkpoint(folder.path());
    let first = &segments(folder.path())[0];
    let text = fs::read_to_string(first).unwrap();
    let line = text.lines().nth(20).unwrap();
    let json = line[9..].replacen("civil-affairs", "public-affair", 1);
    let changed = format!("{:08x}{}{json}", crc32fast::hash(json.as_bytes()), &line[8..9]);
    fs::write(first, text.replacen(line, &changed, 1)).unwrap();

    let journal = open(folder.path());
    calls(&journal, 10);
    let why = eventually("the follower", Duration::from_secs(5), || {
        journal.is_unprovable().map(ToOwned::to_owned)
    });
    journal.close();

    assert!(why.contains("are not those that their checkpoint was signed over"), "{why}");
    assert_eq!(checkpoint(folder.path()), before);
    let (code, said) = verify(folder.path(), &[]);
    assert_eq!(code, Some(1));
    assert!(wrong(&said)[0].starts_with("event 21 was changed"), "{said}");
}

#[test]
fn a_tile_that_is_there_in_part_only_is_no_fault() {
    // So many that a tile of the second level is full.
    let (folder, _) = grown(33_000);
    let whole = folder.path().join("tree/tile/1/000");
    let bytes = fs::read(&whole).unwrap();
    fs::remove_file(&whole).unwrap();
    let part = folder.path().join("tree/tile/1/000.p/253");
    fs::create_dir_all(part.parent().unwrap()).unwrap();
    fs::write(&part, &bytes[..253 * 32]).unwrap();
    let (code, said) = verify(folder.path(), &[]);
    assert_eq!((code, wrong(&said)), (Some(0), vec![]), "{said}");

    fs::write(&part, &bytes[32..254 * 32]).unwrap();
    let (_, said) = verify(folder.path(), &[]);
    assert_eq!(wrong(&said), ["tile 1/0 does not follow from events 1 to 65536"]);
}
