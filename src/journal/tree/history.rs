//! Every checkpoint that was signed, in order, on disk before anybody hears of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::super::segment::sync_folder;
use super::checkpoint::SignedCheckpoint;

/// Checkpoints in one file.
const IN_A_FILE: u32 = 10_000;

/// What stands between notes.
const BETWEEN: &str = "\n\n";

/// The folder of checkpoints, open at its end.
#[derive(Debug)]
pub(super) struct History {
    folder: PathBuf,
    file: Option<File>,
    /// Checkpoints in it.
    count: u32,
}

impl History {
    /// Opens the folder and gives its last checkpoint. A torn note at the end is cut: nobody heard of it.
    pub(super) fn open(tree: &Path) -> io::Result<(Self, Option<SignedCheckpoint>)> {
        let folder = folder(tree);
        fs::create_dir_all(&folder)?;
        let mut history = Self { folder, file: None, count: 0 };
        let mut last = None;
        for path in files(tree)?.iter().rev() {
            let text = read(path)?;
            let (notes, whole) = notes(&text);
            if whole < text.len() {
                let file = OpenOptions::new().write(true).open(path)?;
                file.set_len(u64::try_from(whole).unwrap_or(u64::MAX))?;
                file.sync_all()?;
            }
            last = notes.last().and_then(|note| SignedCheckpoint::parse(note));
            if last.is_some() {
                history.file = Some(OpenOptions::new().append(true).open(path)?);
                history.count = u32::try_from(notes.len()).unwrap_or(IN_A_FILE);
                break;
            }
        }
        Ok((history, last))
    }

    /// Makes a note durable at the end; it covers so many events.
    pub(super) fn append(&mut self, note: &str, size: u64) -> io::Result<()> {
        if self.count >= IN_A_FILE {
            self.file = None;
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let mut open = OpenOptions::new();
                open.append(true).create(true).mode(0o600);
                let file = open.open(self.folder.join(format!("{size:020}.notes")))?;
                sync_folder(&self.folder)?;
                self.count = 0;
                none.insert(file)
            }
        };
        file.write_all(format!("{note}\n").as_bytes())?;
        file.sync_data()?;
        self.count = self.count.saturating_add(1);
        Ok(())
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

/// A file of checkpoints. One that is being written may end in the middle of a character, behind its
/// whole notes.
pub(super) fn read(path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

/// The whole notes of a file, and where they end.
pub(super) fn notes(text: &str) -> (Vec<&str>, usize) {
    let mut found = Vec::new();
    let mut whole = 0;
    // A blank line ends the text of a note, another one its signatures.
    while let Some(note) = text.get(whole..).and_then(|rest| {
        let signed = rest.find(BETWEEN)?.saturating_add(BETWEEN.len());
        let end = rest.get(signed..)?.find(BETWEEN)?.saturating_add(signed);
        rest.get(..=end)
    }) {
        found.push(note);
        whole = whole.saturating_add(note.len()).saturating_add(1);
    }
    (found, whole)
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
        let text = fs::read_to_string(&all[1]).unwrap();
        assert_eq!(notes(&text), (vec![note(10_001).as_str(), note(10_002).as_str()], text.len()));
        for torn in 1..note(10_002).len() {
            fs::write(&all[1], &text.as_bytes()[..text.len() - torn]).unwrap();
            let (_, last) = History::open(folder.path()).unwrap();
            assert_eq!(last.map(|last| last.checkpoint.size), Some(10_001), "{torn}");
        }
        let (mut history, _) = History::open(folder.path()).unwrap();
        history.append(&note(10_002), 10_002).unwrap();
        assert_eq!(fs::read_to_string(&all[1]).unwrap(), text);
    }
}
