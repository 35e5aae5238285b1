//! A tree that was removed or set back, so that nothing contradicts what was changed, and a published
//! checkpoint that is none of those that were kept.

use std::fs;

use super::power::Calling;
use super::tampering::{forget_checkpoints, lines, rehash, rewrite};
use super::*;

/// Records of two runs that ended in order, with a checkpoint or more of each.
fn of_two_runs() -> tempfile::TempDir {
    let (folder, _) = grown(200);
    let journal = open(folder.path());
    calls(&journal, 300);
    journal.close();
    folder
}

/// Replaces text in the file of checkpoints, or in the published one.
fn replace(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

fn history(folder: &Path) -> PathBuf {
    let mut files = fs::read_dir(folder.join("tree/checkpoints")).unwrap();
    files.next().unwrap().unwrap().path()
}

/// The notes of a folder, oldest first.
fn notes(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(history(folder)).unwrap();
    let blocks: Vec<_> = text.split_inclusive("\n\n").collect();
    blocks.chunks(2).map(|note| note.concat().trim_end().to_owned() + "\n").collect()
}

/// Nobody has named a key in these records, as those did not that are older than trees.
fn without_names(folder: &Path) {
    let mark = ",\"signing_key\":\"";
    for number in [2, 3] {
        lines(folder, number, |lines, at| {
            let text = String::from_utf8(lines[at].clone()).unwrap();
            let Some((before, rest)) = text.split_once(mark) else { return };
            let after = rest.split_once('"').unwrap().1;
            let json = format!("{}{after}", &before[9..]);
            let crc = crc32fast::hash(json.as_bytes());
            lines[at] = format!("{crc:08x}{}{json}", &before[8..9]).into_bytes();
        });
    }
}

#[test]
fn a_tree_that_is_gone_does_not_hide_what_was_changed() {
    let (folder, _) = grown(50);
    rewrite(folder.path(), 19, "population-check", "population-chegk");
    fs::remove_dir_all(folder.path().join("tree")).unwrap();
    let name = folder.path().to_str().unwrap();
    let told = |with_key: bool| {
        let (code, said) = if with_key {
            verify(folder.path(), &[])
        } else {
            let output = helan(&["records", "verify", "--records", name]);
            (output.status.code(), String::from_utf8(output.stdout).unwrap())
        };
        assert_eq!(code, Some(1), "{said}");
        assert!(!said.contains("not proved: the last"), "{said}");
        wrong(&said).join("\n")
    };
    for with_key in [true, false] {
        let said = told(with_key);
        let expected = "to 103 are under no checkpoint, and there is no folder tree/checkpoints: checkpoints were taken away";
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("--since") && said.contains("log"), "{said}");
    }
    let (code, said) = crate::pipes::unread(&["records", "verify", "--records", name]);
    assert_eq!((code, said.as_str()), (Some(1), "helan: 1 thing is wrong with the records\n"));
    fs::create_dir_all(folder.path().join("tree/checkpoints")).unwrap();
    for with_key in [true, false] {
        assert!(told(with_key).contains("stopped in order with event 103"));
    }
}

#[test]
fn checkpoints_that_were_set_back_do_not_hide_what_was_changed() {
    let folder = of_two_runs();
    let kept = size(&notes(folder.path())[0]);
    forget_checkpoints(folder.path(), 1);
    rewrite(folder.path(), 700, "population-check", "population-chegk");
    rehash(folder.path(), 700);

    let (code, said) = verify(folder.path(), &[]);

    assert_eq!(code, Some(1), "{said}");
    let expected = format!("events {} to ", kept + 1);
    assert!(wrong(&said)[0].starts_with(&expected), "{said}");
    assert!(wrong(&said)[0].contains("stopped in order"), "{said}");
}

#[test]
fn records_that_are_older_than_trees_are_no_fault_unless_a_key_is_given() {
    let (folder, _) = grown(50);
    without_names(folder.path());
    fs::remove_dir_all(folder.path().join("tree")).unwrap();

    let output = helan(&["records", "verify", "--records", folder.path().to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), wrong(&said)), (Some(0), vec![]), "{said}");
    assert!(said.contains("not proved: the last 103 events"), "{said}");

    // Whoever gives a key knows that somebody signs: the name may have been taken out.
    assert_eq!(verify(folder.path(), &[]).0, Some(1));
}

#[test]
fn what_kill_9_leaves_and_a_node_at_work_are_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    // Each is killed before it can sign, or while it does.
    for life_ms in [80, 700, 1_050] {
        let calling = Calling::start(folder.path());
        std::thread::sleep(std::time::Duration::from_millis(life_ms));
        calling.end();
        let (code, said) = verify(folder.path(), &[]);
        assert_eq!((code, wrong(&said)), (Some(0), vec![]), "after {life_ms} ms: {said}");
    }
    let calling = Calling::start(folder.path());
    for round in 0..8 {
        std::thread::sleep(std::time::Duration::from_millis(300));
        let (code, said) = verify(folder.path(), &[]);
        assert_eq!((code, wrong(&said)), (Some(0), vec![]), "round {round}: {said}");
    }
    calling.stopped(|_| {
        let (code, said) = verify(folder.path(), &[]);
        assert_eq!((code, wrong(&said)), (Some(0), vec![]), "{said}");
    });
    calling.end();
}

#[test]
fn the_published_checkpoint_is_the_latest_that_was_kept() {
    let folder = of_two_runs();
    let notes = notes(folder.path());
    let [.., before, latest] = notes.as_slice() else { panic!("{notes:?}") };
    let last = size(latest);
    let published = |of: &Path| of.join("tree/checkpoint");

    let forged = copy(folder.path());
    replace(&published(forged.path()), &format!("\n{last}\n"), "\n197\n");
    let (code, said) = verify(forged.path(), &[]);
    assert_eq!(code, Some(1), "{said}");
    let expected = "tree/checkpoint is over 197 events and is not signed by a key that is believed: it was forged";
    assert_eq!(wrong(&said), [expected]);

    let rewound = copy(folder.path());
    let kept: String = notes[..notes.len() - 1].join("\n") + "\n";
    fs::write(history(rewound.path()), kept).unwrap();
    let (_, said) = verify(rewound.path(), &[]);
    let expected = format!(
        "tree/checkpoint is over {last} events and not one of tree/checkpoints, which end with {}",
        size(before)
    );
    assert!(wrong(&said).iter().any(|line| line.starts_with(&expected)), "{said}");

    for (what, text) in [("no note", Some("a\n")), ("nothing", Some("")), ("absent", None)] {
        let changed = copy(folder.path());
        match text {
            Some(text) => fs::write(published(changed.path()), text).unwrap(),
            None => fs::remove_file(published(changed.path())).unwrap(),
        }
        let (code, said) = verify(changed.path(), &[]);
        assert_eq!(code, Some(1), "{what}: {said}");
        assert!(wrong(&said)[0].starts_with("tree/checkpoint holds no checkpoint"), "{said}");
    }

    // A crash between keeping and publishing.
    fs::write(published(folder.path()), before).unwrap();
    let (code, said) = verify(folder.path(), &[]);
    assert_eq!((code, wrong(&said)), (Some(0), vec![]), "{said}");
}
