//! Segments that are packed: read as if they were not, whatever breaks off or breaks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use helan::domain::Timestamp;
use helan::journal::{
    ANSWERED, Clock, Event, Finished, Journal, JournalOptions, Keep, ReadError, Reader, Record,
};

use super::faults::{child, childs_folder, limit_files, tell, told};
use super::{call, decided, options, read, segments, until};
use crate::support::eventually;
use crate::support::tools::tool;

/// Packs what is closed as soon as it is seen.
pub(super) fn at_once(folder: &Path) -> JournalOptions {
    JournalOptions {
        keep: Keep { pack_after: Duration::ZERO, ..Keep::default() },
        ..options(folder)
    }
}

/// A folder with segments of this size that are closed and not packed, ten milliseconds between calls.
pub(super) fn filled(segment_bytes: u64, calls: u32, began: Timestamp) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let time = Arc::new(AtomicI64::new(began.millis()));
    let told = Arc::clone(&time);
    let clock = Clock::new(move || Timestamp::from_millis(told.load(Ordering::Relaxed)));
    let options = JournalOptions { segment_bytes, clock: clock.clone(), ..options(folder.path()) };
    let (journal, _) = Journal::open(&options).unwrap();
    let mut last = None;
    for call in 0..calls {
        let decided = decided(clock.now());
        let finished = Finished::new(&decided, decided.time, ANSWERED);
        journal.keep(&Event::Decided(Box::new(decided)));
        last = Some(journal.keep(&Event::Finished(Box::new(finished))));
        // So that heads are never far ahead of the events that follow them.
        if call % 32 == 0 {
            last.as_ref().unwrap().wait().unwrap();
        }
        time.fetch_add(10, Ordering::Relaxed);
    }
    last.unwrap().wait().unwrap();
    journal.close();
    folder
}

pub(super) fn packed(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|e| e == "zst")).collect();
    found.sort();
    found
}

/// Packs all that is closed, and leaves one segment that is not.
pub(super) fn pack(folder: &Path) {
    let (journal, _) = Journal::open(&at_once(folder)).unwrap();
    // It gives way to everything else that runs here.
    eventually("packing", Duration::from_secs(60), || (segments(folder).len() == 1).then_some(()));
    journal.close();
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // Of the tree nothing is needed here.
            continue;
        }
        fs::copy(&path, to.path().join(path.file_name().unwrap())).unwrap();
    }
    to
}

fn early() -> Timestamp {
    Timestamp::parse("2026-03-01T00:00:00Z").unwrap()
}

#[test]
fn what_is_packed_reads_as_before_and_other_programs_unpack_it() {
    let folder = filled(3 << 20, 20_000, early());
    let before = read(folder.path());
    let plain = copy(folder.path());
    pack(folder.path());

    let packed = packed(folder.path());
    assert!(packed.len() > 1, "{packed:?}");
    let sizes = |paths: &[PathBuf]| paths.iter().map(|p| p.metadata().unwrap().len()).sum::<u64>();
    assert!(sizes(&packed) * 5 < sizes(&segments(plain.path())), "a fifth at most");
    for path in &packed {
        let original = plain.path().join(path.file_stem().unwrap());
        let unpacked = zstd::stream::decode_all(fs::File::open(path).unwrap()).unwrap();
        assert!(unpacked == fs::read(&original).unwrap(), "{}", path.display());
        if let Some(program) = tool("zstd", &["zstd"]) {
            let output = Command::new(program).args(["-d", "-c"]).arg(path).output().unwrap();
            assert!(output.status.success() && output.stdout == unpacked);
        }
    }
    assert_eq!(read(folder.path())[..before.len()], before);
    let last: Vec<_> = Reader::last(folder.path(), 9_000).unwrap().map(Result::unwrap).collect();
    assert!(last.len() >= 9_000 && read(folder.path()).ends_with(&last));
    let (journal, recovery) = Journal::open(&options(folder.path())).unwrap();
    journal.close();
    assert_eq!(recovery.cut, None);
    assert!(recovery.damaged.is_empty() && recovery.unfinished.is_empty());
}

#[test]
fn a_reader_goes_on_in_a_segment_that_is_packed_under_it() {
    let folder = filled(64 << 10, 2_000, early());
    let all = read(folder.path());
    let mut reader = Reader::open(folder.path()).unwrap();
    let begun: Vec<_> = reader.by_ref().take(10).map(Result::unwrap).collect();

    pack(folder.path());

    let rest: Vec<_> = reader.map(Result::unwrap).take(all.len() - 10).collect();
    assert_eq!([begun, rest].concat(), all);
}

#[test]
fn a_moment_is_found_without_reading_what_is_before_it() {
    let folder = filled(3 << 20, 20_000, early());
    let look = |event: u32| {
        let time = early().plus_millis(i64::from(event) * 10);
        let records = Reader::since(folder.path(), time).unwrap().map(Result::unwrap);
        let times: Vec<_> =
            records.filter(|r| r.name() == "decided").map(|r| r.time().unwrap()).collect();
        let before = times.iter().filter(|at| **at < time).count();
        assert!(before < 1_500, "{before} records before event {event} were read");
        let since = times.iter().filter(|at| **at >= time).count();
        assert_eq!(since, 20_000 - usize::try_from(event).unwrap(), "since event {event}");
    };
    for _ in 0..2 {
        for event in [0, 1, 2_000, 4_999, 7_777, 12_345, 19_998] {
            look(event);
        }
        pack(folder.path());
    }
}

/// What a reader says of a folder: records, and complaints.
fn look(folder: &Path) -> (Vec<Record>, Vec<ReadError>) {
    let mut problems = Vec::new();
    let records = Reader::open(folder).unwrap().filter_map(|record| match record {
        Ok(record) => Some(record),
        Err(problem) => {
            problems.push(problem);
            None
        }
    });
    (records.collect(), problems)
}

#[test]
fn any_flipped_bit_of_a_packed_segment_is_said_with_its_place_and_reading_goes_on() {
    let folder = filled(3 << 20, 7_000, early());
    pack(folder.path());
    let (whole, problems) = look(folder.path());
    assert!(problems.is_empty(), "{problems:?}");
    let path = packed(folder.path())[0].clone();
    let bytes = fs::read(&path).unwrap();
    let table = bytes.len() - 17 - 3 * 8;

    let (mut found, mut flips) = (0, 0);
    for bit in (0..bytes.len() * 8)
        .step_by(bytes.len() / 4 + 1)
        .chain((table * 8 - 9..bytes.len() * 8).step_by(13))
    {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, flipped).unwrap();
        let (records, problems) = look(folder.path());
        flips += 1;
        if bit / 8 >= table {
            // The table says only where frames are: that is found without it.
            assert!(records == whole, "bit {bit} of the table: {problems:?}");
            continue;
        }
        if problems.is_empty() {
            // Zstandard has bits that stand for nothing, such as those that fill up a stream.
            assert!(records == whole, "bit {bit} was not noticed");
            continue;
        }
        let places = problems.iter().filter_map(|problem| match problem {
            ReadError::Damaged { segment, offset } => Some((segment, *offset)),
            ReadError::Io { .. } | ReadError::Gap { .. } => None,
        });
        let places: Vec<_> = places.collect();
        let [(segment, offset)] = places[..] else { panic!("bit {bit}: {problems:?}") };
        assert_eq!(**segment, *path.file_name().unwrap().to_string_lossy());
        let lost = whole.len() - records.len();
        assert!((1..5_000).contains(&lost), "bit {bit}: {lost} records lost");
        assert!(offset < 3 << 20);
        assert_eq!(records.last(), whole.last(), "bit {bit}");
        assert!(records.iter().all(|record| whole.contains(record)) || lost > 2, "bit {bit}");
        found += 1;
    }
    eprintln!("{found} of {flips} flips hit records, and each was found");
    assert!(found > 20);
}

#[test]
fn of_two_copies_the_original_counts_and_the_other_goes() {
    let folder = filled(64 << 10, 600, early());
    let before = read(folder.path());
    let first = segments(folder.path())[0].clone();
    let double = first.with_extension("log.zst");
    fs::write(&double, b"half of something").unwrap();
    fs::write(folder.path().join("packing.part"), b"and of another").unwrap();
    assert_eq!(read(folder.path()), before);

    let (journal, _) = Journal::open(&options(folder.path())).unwrap();
    journal.close();
    assert!(first.exists() && !double.exists() && !folder.path().join("packing.part").exists());
    assert_eq!(read(folder.path())[..before.len()], before);
}

#[test]
fn child_that_packs() {
    let Some(folder) = childs_folder() else { return };
    let (_journal, _) = Journal::open(&at_once(&folder)).unwrap();
    tell("open");
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn kill_9_while_packing_leaves_one_good_copy_of_everything() {
    let folder = filled(16 << 10, 2_000, early());
    let before = read(folder.path());
    let mut rounds = 0;
    let mut doubles = 0;
    while rounds < 15 {
        let mut child = child("journal::packing::child_that_packs", folder.path()).spawn().unwrap();
        let began = Instant::now();
        let packed_before = packed(folder.path()).len();
        while packed(folder.path()).len() == packed_before
            && began.elapsed() < Duration::from_secs(9)
        {
            std::thread::sleep(Duration::from_micros(500));
        }
        std::thread::sleep(Duration::from_micros(rounds * 977 % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
        rounds += 1;
        doubles += packed(folder.path()).iter().filter(|p| p.with_extension("").exists()).count();
        let after = read(folder.path());
        assert_eq!(after[..before.len()], before, "round {rounds}");
        assert!(after.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1), "round {rounds}");
    }
    eprintln!("{rounds} kills, {doubles} segments were there twice, none lost or read twice");
    pack(folder.path());
    assert_eq!(read(folder.path())[..before.len()], before);
}

#[test]
fn child_that_packs_on_a_full_disk() {
    let Some(folder) = childs_folder() else { return };
    let (journal, _) = Journal::open(&at_once(&folder)).unwrap();
    limit_files(Some(100));
    std::thread::sleep(Duration::from_millis(2_500));
    let left = (packed(&folder).len(), folder.join("packing.part").exists());
    tell(&format!("full {left:?}"));
    limit_files(None);
    until("all is packed", || segments(&folder).len() == 1);
    call(&journal).unwrap();
    journal.close();
    tell("passed");
}

#[test]
fn a_full_disk_leaves_segments_as_they_are_until_there_is_room() {
    let folder = filled(16 << 10, 300, early());
    let before = read(folder.path());
    let inner = child("journal::packing::child_that_packs_on_a_full_disk", folder.path());
    let mut command = Command::new("env");
    // Writing beyond the limit also raises a signal, which would end the process.
    command.arg("--ignore-signal=XFSZ").arg(inner.get_program()).args(inner.get_args());
    let output = command.env("HELAN_TEST_FOLDER", folder.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();

    let told: Vec<_> = said.lines().filter_map(told).collect();
    assert_eq!(told, ["full (0, false)", "passed"], "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(read(folder.path())[..before.len()], before);
}
