//! Every checkpoint that was signed, in order, on disk before anybody hears of it.
//!
//! Notes are written as records are, in whole blocks into zeros that were laid ahead. A file that grew with
//! each note had its size and place written with it: 0.3 to 3.3 ms, in which a record could wait for the disk.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use memchr::memmem;

use super::super::segment::{Segment, sync_folder};
use super::checkpoint::SignedCheckpoint;

/// Checkpoints in one file.
const IN_A_FILE: u32 = 10_000;

/// Bytes laid ahead at a time: some 250 checkpoints, two minutes of the busiest node.
const AHEAD: u64 = 64 << 10;

/// What stands between notes.
const BETWEEN: &[u8] = b"\n\n";

/// Bytes that a note has at most: a hundred keys may have signed it.
const LONGEST: usize = 16 << 10;

/// The folder of checkpoints, open at its end.
#[derive(Debug)]
pub(super) struct History {
    tree: PathBuf,
    /// None where the next note begins another file.
    file: Option<Segment>,
    /// Where its zeros end.
    laid: u64,
    /// Checkpoints in it.
    count: u32,
    /// Whether the last note may be on the disk or not, or in part.
    is_unknown: bool,
}

impl History {
    /// Opens the folder and gives its last checkpoint. A torn note at the end is cut: nobody heard of it.
    pub(super) fn open(tree: &Path) -> io::Result<(Self, Option<SignedCheckpoint>)> {
        fs::create_dir_all(folder(tree))?;
        let tree = tree.to_owned();
        let mut history = Self { tree, file: None, laid: 0, count: 0, is_unknown: false };
        let last = history.find_end()?;
        Ok((history, last))
    }

    /// Goes on behind the last whole note, which it gives.
    fn find_end(&mut self) -> io::Result<Option<SignedCheckpoint>> {
        self.file = None;
        for path in files(&self.tree)?.into_iter().rev() {
            let bytes = fs::read(&path)?;
            let notes = Notes::of(&bytes);
            let last = notes.all.last().and_then(|note| parse(note));
            // What nobody can have left behind there is for whoever verifies: nothing is written to it.
            if !notes.is_damaged() {
                let file = OpenOptions::new().read(true).write(true).open(&path)?;
                if notes.whole.len() < bytes.len() {
                    file.set_len(u64::try_from(notes.whole.len()).unwrap_or(u64::MAX))?;
                    file.sync_all()?;
                }
                self.count = u32::try_from(notes.all.len()).unwrap_or(IN_A_FILE);
                self.laid = 0;
                self.file = last.is_some().then(|| Segment::behind(file, path, notes.whole));
            }
            if last.is_some() {
                return Ok(last);
            }
        }
        Ok(None)
    }

    /// Makes a note durable at the end; it covers so many events.
    pub(super) fn append(&mut self, note: &str, size: u64) -> io::Result<()> {
        if self.is_unknown {
            self.find_end()?;
            self.is_unknown = false;
        }
        if self.count >= IN_A_FILE {
            self.close()?;
        }
        self.is_unknown = true;
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let folder = folder(&self.tree);
                let path = folder.join(format!("{size:020}.notes"));
                let mut open = OpenOptions::new();
                open.read(true).write(true).create(true).truncate(false).mode(0o600);
                let file = open.open(&path)?;
                let held = fs::read(&path)?;
                sync_folder(&folder)?;
                (self.count, self.laid) = (0, 0);
                none.insert(Segment::behind(file, path, &held))
            }
        };
        let note = [note.as_bytes(), b"\n"].concat();
        let end = file.confirmed.saturating_add(u64::try_from(note.len()).unwrap_or(u64::MAX));
        if end > self.laid {
            self.laid = file.lay(AHEAD)?;
        }
        file.write(&note)?;
        self.count = self.count.saturating_add(1);
        self.is_unknown = false;
        Ok(())
    }

    /// Gives zeros back, unless it is unknown what stands before them.
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.file.take().filter(|_| !self.is_unknown).map_or(Ok(()), Segment::close)
    }
}

/// Files of checkpoints, oldest first.
pub(super) fn files(tree: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    match fs::read_dir(folder(tree)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
        Ok(entries) => {
            for entry in entries {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension == "notes") {
                    found.push(path);
                }
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// What a file of checkpoints holds.
#[derive(Debug)]
pub(super) struct Notes<'a> {
    /// Its whole notes.
    pub(super) all: Vec<&'a [u8]>,
    /// The bytes that they stand in.
    whole: &'a [u8],
    /// Whatever comes behind them, without zeros around it.
    rest: &'a [u8],
}

impl<'a> Notes<'a> {
    /// Takes a file apart. Notes end where the first zero is.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let written = memchr::memchr(0, bytes).and_then(|end| bytes.get(..end)).unwrap_or(bytes);
        let mut blanks = memmem::find_iter(written, BETWEEN).map(|at| at.saturating_add(1));
        let mut all = Vec::new();
        let mut end = 0;
        // A blank line ends the text of a note, another one its signatures.
        while let Some(signed) = blanks.next().and_then(|_| blanks.next()) {
            all.extend(written.get(end..signed));
            end = signed.saturating_add(1);
        }
        let (whole, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        let begin = rest.iter().position(|byte| *byte != 0).unwrap_or(rest.len());
        let last =
            rest.iter().rposition(|byte| *byte != 0).map_or(begin, |last| last.saturating_add(1));
        Self { all, whole, rest: rest.get(begin..last).unwrap_or_default() }
    }

    /// Whether something stands behind the whole notes that is not what a crash leaves there: parts of one
    /// note, in any of its blocks.
    pub(super) fn is_damaged(&self) -> bool {
        self.rest.len() > LONGEST || memmem::find_iter(self.rest, BETWEEN).count() > 2
    }
}

/// The checkpoint that a whole note is, if it is one.
pub(super) fn parse(note: &[u8]) -> Option<SignedCheckpoint> {
    str::from_utf8(note).ok().and_then(SignedCheckpoint::parse)
}

/// Where the checkpoints lie.
pub(super) fn folder(tree: &Path) -> PathBuf {
    tree.join("checkpoints")
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::Checkpoint;
    use super::super::hash::Hash;
    use super::super::note::{Signer, sign};
    use super::*;

    fn note(size: u64) -> String {
        let signer = Signer::new("gate", &[1; 32]).unwrap();
        let checkpoint = Checkpoint { origin: "gate".to_owned(), size, root: Hash::empty() };
        sign(&checkpoint.to_string(), &[&signer, &signer])
    }

    #[test]
    fn what_was_appended_is_there_again_and_a_torn_note_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (mut history, none) = History::open(folder.path()).unwrap();
        assert_eq!(none, None);
        for size in 1..=10_002 {
            history.append(&note(size), size).unwrap();
        }
        let all = files(folder.path()).unwrap();
        assert_eq!(all.len(), 2);
        let expected = [note(10_001), note(10_002)].map(|note| note + "\n").concat();
        let laid = fs::read(&all[1]).unwrap();
        assert!(laid.starts_with(expected.as_bytes()));
        assert_eq!(u64::try_from(laid.len()).unwrap(), AHEAD);
        history.close().unwrap();
        assert_eq!(fs::read_to_string(&all[1]).unwrap(), expected);
        for (zeros, torn) in [0, 5000]
            .into_iter()
            .flat_map(|zeros| (1..note(10_002).len()).map(move |torn| (zeros, torn)))
        {
            let mut bytes = expected.as_bytes()[..expected.len() - torn].to_vec();
            bytes.extend(vec![0; zeros]);
            assert!(!Notes::of(&bytes).is_damaged(), "{torn}");
            fs::write(&all[1], bytes).unwrap();
            let (_, last) = History::open(folder.path()).unwrap();
            assert_eq!(last.map(|last| last.checkpoint.size), Some(10_001), "{torn}");
        }
        let (mut history, _) = History::open(folder.path()).unwrap();
        history.append(&note(10_002), 10_002).unwrap();
        history.close().unwrap();
        assert_eq!(fs::read_to_string(&all[1]).unwrap(), expected);
    }

    /// A file of so many notes, and where each of them ends.
    fn written(count: u64) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = Vec::new();
        let ends = (1..=count).map(|size| {
            bytes.extend_from_slice((note(size) + "\n").as_bytes());
            bytes.len()
        });
        let ends = ends.collect();
        (bytes, ends)
    }

    #[test]
    fn a_note_of_which_the_disk_kept_any_of_its_blocks_is_torn_and_no_damage() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, ends) = written(40);
        // Blocks of any size, as no note is as long as those of disks.
        for block in [16, 64, 100] {
            for kept in 0..1_u32 << (note(40).len() / block + 1).min(10) {
                let mut bytes = whole.clone();
                let last = ends[38]..ends[39];
                for at in last.clone() {
                    let index = (at - last.start) / block;
                    if kept & (1 << index) == 0 {
                        bytes[at] = 0;
                    }
                }
                bytes.extend([0; 4096]);
                if bytes[..whole.len()] == whole {
                    continue;
                }
                assert!(!Notes::of(&bytes).is_damaged(), "{block} {kept:b}");
                let path = super::folder(folder.path()).join("00000000000000000001.notes");
                fs::create_dir_all(super::folder(folder.path())).unwrap();
                fs::write(&path, &bytes).unwrap();
                let (_, last) = History::open(folder.path()).unwrap();
                assert_eq!(last.map(|last| last.checkpoint.size), Some(39));
                assert_eq!(fs::read(&path).unwrap(), whole[..ends[38]]);
            }
        }
    }

    #[test]
    fn zeros_hide_no_note_that_stands_behind_them_and_such_a_file_is_left_as_it_is() {
        let (whole, ends) = written(3);
        for at in 0..ends[1] {
            let mut bytes = whole.clone();
            bytes[at] = 0;
            bytes.extend([0; 4096]);
            assert!(Notes::of(&bytes).is_damaged(), "{at}");
        }
        let folder = tempfile::tempdir().unwrap();
        let (mut history, _) = History::open(folder.path()).unwrap();
        let path = super::folder(folder.path()).join("00000000000000000001.notes");
        let mut bytes = whole;
        bytes[ends[0] + 3] = 0;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(history.find_end().unwrap().map(|last| last.checkpoint.size), Some(1));
        history.append(&note(4), 4).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert_eq!(files(folder.path()).unwrap().len(), 2);
    }

    #[test]
    fn after_a_failure_it_goes_on_behind_what_the_disk_holds() {
        let folder = tempfile::tempdir().unwrap();
        let (mut history, _) = History::open(folder.path()).unwrap();
        history.append(&note(1), 1).unwrap();
        // The next note came on the disk in part, and the write said no.
        let path = files(folder.path()).unwrap().remove(0);
        let torn = [note(1).as_bytes(), b"\n", &note(2).as_bytes()[..60]].concat();
        fs::write(&path, torn).unwrap();
        history.is_unknown = true;

        history.append(&note(3), 3).unwrap();
        history.close().unwrap();

        let expected = [note(1), note(3)].map(|note| note + "\n").concat();
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    }
}
