//! The policy folder as things with their places, and all that is wrong with it.
//!
//! A reader remembers what it read: a file that did not change is neither read nor parsed again.

mod file;
mod gather;
mod layout;
mod origins;
mod walk;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::file::{BOUND, Forms};
pub(crate) use self::file::{FileContent, Stamp, Thing, hash};
use self::gather::Versions;
pub use self::origins::Origins;
pub(crate) use self::origins::{Finding, Subject};
use crate::config::form::FormError;
use crate::config::problem::{self, Problem};
use crate::domain::Timestamp;
use crate::policy::Sources;

/// What each file holds, by its path under the folder.
pub(crate) type Contents = BTreeMap<PathBuf, Arc<FileContent>>;

/// How often a folder that keeps changing is read again, before it is taken as it was found.
const AGAIN: usize = 5;

/// Reads a policy folder, again and again.
#[derive(Debug)]
pub struct Reader {
    root: PathBuf,
    forms: Arc<Forms>,
    memory: HashMap<PathBuf, Arc<FileContent>>,
    versions: Versions,
}

/// What one reading found.
#[derive(Debug)]
pub struct Reading {
    /// Everything that could be read.
    pub sources: Sources,
    /// Where each thing stands.
    pub origins: Origins,
    /// What is wrong with the files themselves.
    pub problems: Vec<Problem>,
    /// What each file holds.
    pub(crate) contents: Contents,
}

impl Reader {
    /// A reader of this folder. Problems name files as `root` is written.
    pub fn new(root: impl Into<PathBuf>) -> Result<Self, FormError> {
        Ok(Self {
            root: root.into(),
            forms: Arc::new(Forms::new()?),
            memory: HashMap::new(),
            versions: Versions::default(),
        })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A reader of single files, for other threads.
    pub(crate) fn files(&self) -> FileReader {
        FileReader { root: self.root.clone(), forms: Arc::clone(&self.forms) }
    }

    /// Reads the whole folder, and reads it again if it changed meanwhile: half of a change and half of
    /// what was before is something that nobody wrote.
    pub fn read(&mut self, now: Timestamp) -> Reading {
        let mut reading = self.read_once(now);
        for _ in 0..AGAIN {
            if self.is_as_read(&reading.contents) {
                break;
            }
            reading = self.read_once(now);
        }
        reading
    }

    /// Whether the files are still those that were read, and no others.
    fn is_as_read(&self, contents: &Contents) -> bool {
        let (walked, _) = walk::files(&self.root);
        let walked: HashMap<_, _> =
            walked.iter().map(|(path, meta)| (path, Stamp::of(meta))).collect();
        let files = self.files();
        walked.keys().all(|path| contents.contains_key(*path))
            && contents.iter().all(|(path, content)| {
                let now = walked.get(path).copied().or_else(|| files.stamp(path));
                // One that could not be read has no stamp.
                content.stamp.is_none() || content.stamp == now
            })
    }

    fn read_once(&mut self, now: Timestamp) -> Reading {
        let (files, mut problems) = walk::files(&self.root);
        let mut contents = Contents::new();
        let mut memory = HashMap::with_capacity(files.len());
        let reader = self.files();
        for (relative, meta) in files {
            let stamp = Stamp::of(&meta);
            let remembered = self.memory.remove(&relative);
            let content = match remembered.filter(|content| content.stamp == Some(stamp)) {
                Some(content) => content,
                None => match reader.read(&relative) {
                    Some(content) => Arc::new(content),
                    None => continue,
                },
            };
            if !stamp.is_fresh(now) {
                memory.insert(relative.clone(), Arc::clone(&content));
            }
            contents.insert(relative, content);
        }
        self.memory = memory;
        let (sources, origins) =
            gather::gather(&self.root, &contents, &mut self.versions, &mut problems);
        problem::sort(&mut problems);
        Reading { sources, origins, problems, contents }
    }
}

/// The same from bytes that are at hand, such as an archive's. Problems name files under `root`.
pub(crate) fn read_from(
    root: &Path,
    files: impl Iterator<Item = (PathBuf, Vec<u8>)>,
) -> Result<Reading, FormError> {
    let mut reader = Reader::new(root)?;
    let contents: Contents = files
        .map(|(relative, bytes)| {
            let content = reader.forms.read(&relative, &root.join(&relative), &bytes);
            (relative, Arc::new(content))
        })
        .collect();
    let mut problems = Vec::new();
    let (sources, origins) = gather::gather(root, &contents, &mut reader.versions, &mut problems);
    problem::sort(&mut problems);
    Ok(Reading { sources, origins, problems, contents })
}

/// Reads a whole folder once.
pub fn read(root: &Path, now: Timestamp) -> Result<Reading, FormError> {
    Ok(Reader::new(root)?.read(now))
}

/// Reads single files of a policy folder.
#[derive(Clone, Debug)]
pub(crate) struct FileReader {
    pub(crate) root: PathBuf,
    forms: Arc<Forms>,
}

impl FileReader {
    /// By what a change of a file would be noticed; nothing if it is gone.
    pub(crate) fn stamp(&self, relative: &Path) -> Option<Stamp> {
        std::fs::metadata(self.root.join(relative)).ok().map(|meta| Stamp::of(&meta))
    }

    /// What a file holds now; nothing if it is gone.
    pub(crate) fn read(&self, relative: &Path) -> Option<FileContent> {
        let shown = self.root.join(relative);
        let mut bytes = Vec::new();
        let read = File::open(&shown).and_then(|file| {
            // Before the bytes, so that a change while they are read is noticed later.
            let stamp = Stamp::of(&file.metadata()?);
            file.take(BOUND).read_to_end(&mut bytes).map(|_| stamp)
        });
        match read {
            Ok(stamp) => {
                let content = self.forms.read(relative, &shown, &bytes);
                Some(FileContent { stamp: Some(stamp), ..content })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => Some(FileContent {
                hash: "".into(),
                stamp: None,
                things: Vec::new(),
                problems: vec![Problem::of_file(
                    &shown,
                    format!("it cannot be read: {error}"),
                    "make it readable for the user Helan runs as",
                )],
            }),
        }
    }
}
