//! The policy folder as things with their places, and all that is wrong with it.
//!
//! A reader remembers what it read: a file that did not change is neither read nor parsed again.

mod file;
mod gather;
mod layout;
mod origins;
mod walk;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::file::{BOUND, Forms};
pub(crate) use self::file::{FileContent, Stamp, Thing, hash};
use self::gather::Versions;
pub use self::origins::Origins;
pub(crate) use self::origins::{Finding, Subject};
use crate::config::form::FormError;
use crate::config::problem::{self, Problem};
use crate::domain::{Secret, Timestamp};
use crate::policy::pace::{drop_in_steps, give_way};
use crate::policy::{KeySet, Sources};

/// What each file holds, by its path under the folder.
pub(crate) type Contents = BTreeMap<PathBuf, Arc<FileContent>>;

/// By what a change of each file would be noticed.
pub(crate) type Stamps = BTreeMap<PathBuf, Stamp>;

/// Reads a policy folder, again and again.
#[derive(Debug)]
pub struct Reader {
    root: PathBuf,
    forms: Arc<Forms>,
    memory: HashMap<PathBuf, Arc<FileContent>>,
    versions: Versions,
    /// What the last reading found, so that others can tell whether it is out of date.
    found: Arc<Mutex<Stamps>>,
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
            found: Arc::default(),
        })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A reader of single files, for other threads.
    pub(crate) fn files(&self) -> FileReader {
        FileReader {
            root: self.root.clone(),
            forms: Arc::clone(&self.forms),
            found: Arc::clone(&self.found),
        }
    }

    /// Reads the whole folder.
    pub fn read(&mut self, now: Timestamp) -> Reading {
        let (files, mut problems) = walk::files(&self.root);
        let stamps = stamps(&files);
        let before = std::mem::replace(&mut *lock(&self.found), stamps);
        drop_in_steps(before);
        let mut contents = Contents::new();
        let mut memory = HashMap::with_capacity(files.len());
        let reader = self.files();
        for (relative, meta) in files {
            give_way();
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
        let named = named(&contents);
        // What another file names is read wherever it lies, and is then no stray.
        problems.retain(|problem| {
            let relative = problem.file.strip_prefix(&self.root);
            problem.is_error() || relative.map_or(true, |relative| !named.contains(relative))
        });
        for relative in named {
            if !contents.contains_key(&relative)
                && let Some(content) = reader.read(&relative)
            {
                lock(&self.found).extend(content.stamp.map(|stamp| (relative.clone(), stamp)));
                contents.insert(relative, Arc::new(content));
            }
        }
        let (sources, origins) =
            gather::gather(&self.root, &contents, &mut self.versions, &mut problems);
        problem::sort(&mut problems);
        Reading { sources, origins, problems, contents }
    }
}

/// Files beside the documents that a View is made of because a document names them: key sets and
/// authorities. Secrets are not among them: what is named here is archived and cited.
fn named(contents: &Contents) -> BTreeSet<PathBuf> {
    let mut named = BTreeSet::new();
    let things = contents.values().inspect(|_| give_way()).flat_map(|content| &content.things);
    for thing in things.map(|found| &found.thing) {
        match thing {
            Thing::Issuers(issuers) => {
                named.extend(issuers.values().filter_map(|issuer| match &issuer.keys {
                    KeySet::File(file) => Some(file.clone()),
                    KeySet::Url(_) => None,
                }));
            }
            Thing::Organization(organization) => {
                let upstreams = organization.upstreams.iter();
                named.extend(upstreams.filter_map(|upstream| upstream.authorities.clone()));
            }
            Thing::Entry(_)
            | Thing::Description(_)
            | Thing::Grant(_)
            | Thing::Agreement(_)
            | Thing::Masks(_)
            | Thing::Networks(_)
            | Thing::Matters(_) => {}
        }
    }
    named.retain(|file| is_inside(file));
    named
}

/// Files that hold a secret, whatever else they are: never archived, never cited.
fn secrets(contents: &Contents) -> BTreeSet<PathBuf> {
    let things = contents.values().inspect(|_| give_way()).flat_map(|content| &content.things);
    let organizations = things.filter_map(|found| {
        let Thing::Organization(organization) = &found.thing else { return None };
        Some(organization)
    });
    organizations
        .flat_map(|organization| &organization.upstreams)
        .flat_map(|upstream| &upstream.credentials)
        .filter_map(|credential| match credential.secret() {
            Secret::File(file) => Some(file),
            Secret::Environment(_) => None,
        })
        .map(|file| file.components().filter(|part| *part != Component::CurDir).collect())
        .collect()
}

/// Whether a path stays in the folder it counts from.
pub(crate) fn is_inside(relative: &Path) -> bool {
    let mut parts = relative.components();
    relative.file_name().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
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

/// The stamps of files that are sorted by their paths.
fn stamps(files: &[(PathBuf, Metadata)]) -> Stamps {
    // One by one: `collect` sorts again and cannot be interrupted.
    let mut stamps = Stamps::new();
    for (path, meta) in files {
        give_way();
        stamps.insert(path.clone(), Stamp::of(meta));
    }
    stamps
}

/// Whether they are the same.
pub(crate) fn are_alike(one: &Stamps, other: &Stamps) -> bool {
    one.len() == other.len() && one.iter().zip(other).inspect(|_| give_way()).all(|(a, b)| a == b)
}

fn lock(found: &Mutex<Stamps>) -> MutexGuard<'_, Stamps> {
    found.lock().unwrap_or_else(PoisonError::into_inner)
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
    found: Arc<Mutex<Stamps>>,
}

impl FileReader {
    /// By what a change of a file would be noticed; nothing if it is gone.
    pub(crate) fn stamp(&self, relative: &Path) -> Option<Stamp> {
        std::fs::metadata(self.root.join(relative)).ok().map(|meta| Stamp::of(&meta))
    }

    /// The same of every file that a reading would look at.
    pub(crate) fn stamps(&self) -> Stamps {
        let (files, _) = walk::files(&self.root);
        let mut stamps = stamps(&files);
        // What documents name is read wherever it lies.
        for path in lock(&self.found).keys() {
            give_way();
            if !stamps.contains_key(path)
                && let Some(stamp) = self.stamp(path)
            {
                stamps.insert(path.clone(), stamp);
            }
        }
        stamps
    }

    /// Whether the last reading found just this.
    pub(crate) fn has_read(&self, now: &Stamps) -> bool {
        are_alike(&lock(&self.found), now)
    }

    /// The same of every file of the rules.
    pub(crate) fn rule_stamps(&self) -> Stamps {
        let rules = self.root.join("rules");
        let within = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
        within(&rules)
            .chain(within(&rules).flat_map(|entry| within(&entry.path())))
            .filter_map(|entry| {
                let meta = std::fs::metadata(entry.path()).ok().filter(Metadata::is_file)?;
                Some((entry.path(), Stamp::of(&meta)))
            })
            .collect()
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
