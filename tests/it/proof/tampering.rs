//! Every way of changing records that we could think of, by a hand that can write the folder and makes
//! each line look whole: named by the event it hit.

use std::fs;
use std::path::Path;

use super::*;

/// A change to a folder, and what must be said of it.
type Case = (&'static str, fn(&Path), &'static [&'static str]);

/// The line of an event somewhere in the folder, handed to `change` with all lines of its segment.
pub(super) fn lines(folder: &Path, number: u64, change: impl FnOnce(&mut Vec<Vec<u8>>, usize)) {
    let mark = format!("{{\"seq\":{number},");
    for path in segments(folder) {
        let text = fs::read(&path).unwrap();
        let mut lines: Vec<_> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let Some(at) =
            lines.iter().position(|line| line.len() > 9 && line[9..].starts_with(mark.as_bytes()))
        else {
            continue;
        };
        change(&mut lines, at);
        fs::write(&path, lines.join(&b'\n')).unwrap();
        return;
    }
    panic!("no event {number}");
}

/// Makes a line whole again after its JSON was changed.
fn seal(line: &mut [u8]) {
    let crc = format!("{:08x}", crc32fast::hash(&line[9..]));
    line[..8].copy_from_slice(crc.as_bytes());
}

pub(super) fn rewrite(folder: &Path, number: u64, from: &str, to: &str) {
    lines(folder, number, |lines, at| {
        let text = String::from_utf8(lines[at].clone()).unwrap();
        assert!(text.contains(from), "{text}");
        lines[at] = text.replacen(from, to, 1).into_bytes();
        seal(&mut lines[at]);
    });
}

/// The hash of a leaf, as RFC 6962 has it, by another road than the product's.
fn leaf_hash(json: &[u8]) -> Vec<u8> {
    let mut marked = vec![0];
    marked.extend_from_slice(json);
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &marked).as_ref().to_vec()
}

/// Puts the hash of an event as it stands now in place of the one in its tile.
pub(super) fn rehash(folder: &Path, number: u64) {
    let mut hash = Vec::new();
    lines(folder, number, |lines, at| hash = leaf_hash(&lines[at][9..]));
    let index = number - 1;
    let tile = folder.join(format!("tree/tile/0/{:03}", index / 256));
    let mut bytes = fs::read(&tile).unwrap();
    let at = usize::try_from(index % 256).unwrap() * 32;
    bytes[at..at + 32].copy_from_slice(&hash);
    fs::write(&tile, bytes).unwrap();
}

/// The notes of a folder, without the last so many.
pub(super) fn forget_checkpoints(folder: &Path, keep: usize) {
    let file =
        fs::read_dir(folder.join("tree/checkpoints")).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&file).unwrap();
    let blocks: Vec<_> = text.split_inclusive("\n\n").collect();
    let kept = blocks.chunks(2).take(keep).flatten().copied().collect::<String>();
    assert!(kept.len() < text.len());
    let last = kept.trim_end().rsplit("\n\n").take(2).collect::<Vec<_>>();
    fs::write(folder.join("tree/checkpoint"), format!("{}\n\n{}\n", last[1], last[0])).unwrap();
    fs::write(&file, kept).unwrap();
}

const CASES: &[Case] = &[
    (
        "a bit flipped in an event",
        |folder| lines(folder, 1234, |lines, at| lines[at][40] ^= 1),
        &["event 1234 cannot be read"],
    ),
    (
        "a bit flipped, and the checksum made to fit",
        |folder| rewrite(folder, 1234, "police/population-check", "police/population-chegk"),
        &["event 1234 was changed"],
    ),
    (
        "an event removed",
        |folder| lines(folder, 2000, |lines, at| drop(lines.remove(at))),
        &["event 2000 is missing"],
    ),
    (
        "two events swapped",
        |folder| lines(folder, 2100, |lines, at| lines.swap(at, at + 1)),
        &["event 2100 is missing", "event 2100 stands where event 2102 is due"],
    ),
    (
        "two events swapped, numbers and checksums made to fit",
        |folder| {
            lines(folder, 2100, |lines, at| {
                let swap = |line: &[u8], from: &str, to: &str| {
                    let mut line = String::from_utf8(line.to_vec())
                        .unwrap()
                        .replacen(from, to, 1)
                        .into_bytes();
                    seal(&mut line);
                    line
                };
                let (one, other) = (lines[at].clone(), lines[at + 1].clone());
                lines[at] = swap(&other, "\"seq\":2101,", "\"seq\":2100,");
                lines[at + 1] = swap(&one, "\"seq\":2100,", "\"seq\":2101,");
            });
        },
        &["event 2100 was changed", "event 2101 was changed"],
    ),
    (
        "an event changed together with its hash",
        |folder| {
            rewrite(folder, 1234, "population-check", "population-chegk");
            rehash(folder, 1234);
        },
        &["does not agree with them: something in events 1 to"],
    ),
    (
        "an event of a number that nobody counted to",
        |folder| {
            let last = segments(folder).pop().unwrap();
            let forged = "00000000 {\"seq\":9000000000000000000,\"event\":\"decided\"}";
            let mut line = forged.as_bytes().to_vec();
            seal(&mut line);
            let text = [fs::read(&last).unwrap(), line, b"\n".to_vec()].concat();
            fs::write(&last, text).unwrap();
        },
        &["events 6009 to 8999999999999999999 are missing"],
    ),
    (
        "a whole segment removed",
        |folder| fs::remove_file(&segments(folder)[2]).unwrap(),
        &["are missing"],
    ),
    (
        "the first segment removed",
        |folder| fs::remove_file(&segments(folder)[0]).unwrap(),
        &["events 1 to"],
    ),
    (
        "the tail cut",
        |folder| {
            let last = segments(folder).pop().unwrap();
            let text = fs::read(&last).unwrap();
            let cut = text[..text.len() - 5].iter().rposition(|byte| *byte == b'\n').unwrap();
            fs::write(&last, &text[..=cut]).unwrap();
        },
        &["the records end with", "the tail was cut"],
    ),
    (
        "a checkpoint signed by somebody else",
        |folder| {
            let file =
                fs::read_dir(folder.join("tree/checkpoints")).unwrap().next().unwrap().unwrap();
            let text = fs::read_to_string(file.path()).unwrap();
            let line = text.lines().find(|line| line.starts_with('\u{2014}')).unwrap();
            let forged = line.replace(&line[line.len() - 8..line.len() - 4], "AAAA");
            fs::write(file.path(), text.replacen(line, &forged, 1)).unwrap();
        },
        &["is not signed by a key that is believed"],
    ),
    (
        "a checkpoint with another root",
        |folder| {
            let file =
                fs::read_dir(folder.join("tree/checkpoints")).unwrap().next().unwrap().unwrap();
            let text = fs::read_to_string(file.path()).unwrap();
            let root = text.lines().nth(2).unwrap();
            fs::write(file.path(), text.replacen(root, &format!("AAAA{}", &root[4..]), 1)).unwrap();
        },
        &["is not signed by a key that is believed", "does not agree with them"],
    ),
    (
        "the hash of an event changed in its tile",
        |folder| {
            let tile = folder.join("tree/tile/0/003");
            let mut bytes = fs::read(&tile).unwrap();
            bytes[32 * 10] ^= 1;
            fs::write(&tile, bytes).unwrap();
        },
        &["event 779 was changed"],
    ),
];

#[test]
fn every_change_is_found_and_named_by_the_event_it_hit() {
    let (folder, _) = grown(3_000);
    let (code, said) = verify(folder.path(), &[]);
    assert_eq!((code, wrong(&said)), (Some(0), vec![]), "{said}");
    let mut found = 0;
    for (name, change, expected) in CASES {
        let changed = copy(folder.path());
        change(changed.path());

        let (code, said) = verify(changed.path(), &[]);

        assert_eq!(code, Some(1), "{name}: {said}");
        for expected in *expected {
            assert!(wrong(&said).iter().any(|line| line.contains(expected)), "{name}: {said}");
        }
        assert!(wrong(&said).len() <= 3, "{name}: {said}");
        found += 1;
    }
    eprintln!("tampering: {found} of {} changes found", CASES.len());
}

#[test]
fn a_tail_cut_at_a_checkpoint_is_found_by_a_checkpoint_kept_elsewhere_only() {
    let (folder, _) = grown(200);
    let journal = open(folder.path());
    let old = checkpoint(folder.path());
    calls(&journal, 300);
    journal.close();
    let kept = tempfile::NamedTempFile::new().unwrap();
    let new = checkpoint(folder.path());
    fs::write(kept.path(), &new).unwrap();
    // A hand that knows the tree cuts where a checkpoint stands, and takes what came after it.
    let limit = size(&old);
    for path in segments(folder.path()) {
        let text = fs::read_to_string(&path).unwrap();
        let number =
            |line: &&str| -> u64 { line[16..].split(',').next().unwrap().parse().unwrap() };
        let left: String =
            text.split_inclusive('\n').filter(|line| number(line) <= limit).collect();
        if left.is_empty() { fs::remove_file(&path) } else { fs::write(&path, left) }.unwrap();
    }
    forget_checkpoints(folder.path(), 1);

    let (code, said) = verify(folder.path(), &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("not proved: that the tail was not cut at a checkpoint"), "{said}");

    let (code, said) = verify(folder.path(), &["--since", kept.path().to_str().unwrap()]);
    assert_eq!(code, Some(1), "{said}");
    let expected = format!(
        "the checkpoint from outside was signed over {} events, the records end with {limit}: the tail was cut",
        size(&new)
    );
    assert_eq!(wrong(&said), [expected], "{said}");
}

#[test]
fn records_written_anew_by_the_holder_of_the_key_are_found_by_a_checkpoint_kept_elsewhere() {
    let (folder, _) = grown(200);
    let kept = tempfile::NamedTempFile::new().unwrap();
    fs::write(kept.path(), checkpoint(folder.path())).unwrap();
    let (anew, _) = grown(200);
    let since = ["--since", kept.path().to_str().unwrap()];

    let (code, said) = verify(folder.path(), &since);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("anchored: the checkpoint kept elsewhere agrees"), "{said}");

    let (code, said) = verify(anew.path(), &since);
    assert_eq!(code, Some(1), "{said}");
    assert!(wrong(&said)[0].contains("the checkpoint from outside"), "{said}");
    assert_eq!(verify(anew.path(), &[]).0, Some(0));
}
