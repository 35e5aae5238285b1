//! The archive and the last good copy: every file that a View was made of, kept by its hash as long as
//! records cite it.
//!
//! A View is made anew from a folder that the archive's files are put back into, by the code that
//! reads any policy folder.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::durable;
use super::folder::{Reading, hash, is_inside, read_from};
use super::pace::{give_way, to_json};

/// Why there is no last good copy.
#[derive(Debug, thiserror::Error)]
pub enum GoodError {
    /// The disk.
    #[error("{place} cannot be {what}: {cause}")]
    Disk {
        /// The state folder, or a file in it.
        place: PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A file changed after it was read; the next reload will store it.
    #[error("{0} changed after it was read; the copy is not stored")]
    Changed(PathBuf),
    /// The archive does not hold what the manifest says.
    #[error("the archived file {0} is damaged, or is none")]
    Damaged(PathBuf),
    /// A fault of ours.
    #[error(transparent)]
    Form(#[from] crate::config::form::FormError),
}

/// What the copy is made of.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest<'a> {
    /// SHA-256 of each file, by its path under the policy folder.
    files: Cow<'a, BTreeMap<PathBuf, String>>,
}

/// Stores the files of a folder, which must still be as they were read, by their hashes.
pub fn store(
    state: &Path,
    folder: &Path,
    files: &BTreeMap<PathBuf, String>,
) -> Result<(), GoodError> {
    let archive = state.join("archive");
    let written = |cause| GoodError::Disk { place: state.to_owned(), what: "written", cause };
    for folder in [&archive, &state.join("last-good")] {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(written)?;
    }
    let mut added = false;
    for (relative, sum) in files {
        give_way();
        let place = archive.join(sum);
        if place.exists() {
            continue;
        }
        let bytes = fs::read(folder.join(relative)).map_err(written)?;
        if *hash(&bytes) != **sum {
            return Err(GoodError::Changed(relative.clone()));
        }
        let beside = archive.join(format!("{sum}.new"));
        write(&beside, &bytes).and_then(|()| fs::rename(&beside, &place)).map_err(written)?;
        added = true;
    }
    if added {
        // One sync for all of them; the manifest must not come before what it names.
        let synced = File::open(&archive).and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
        synced.map_err(written)?;
    }
    let manifest = Manifest { files: Cow::Borrowed(files) };
    let text = to_json(&manifest).map_err(|error| written(error.into()))?;
    durable::write(&state.join("last-good/manifest.json"), &text).map_err(written)
}

/// Keeps the list of the files that a View was made of under the View's hash, which is taken over it.
pub fn keep_list(
    state: &Path,
    view: &str,
    files: &BTreeMap<PathBuf, String>,
) -> Result<(), GoodError> {
    let place = list_of(state, view);
    let folder = state.join("archive");
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder).and_then(|()| {
        if place.exists() {
            return Ok(());
        }
        let beside = place.with_extension("new");
        write(&beside, &to_json(files)?)?;
        fs::rename(&beside, &place)
    });
    made.map_err(|cause| GoodError::Disk { place, what: "written", cause })
}

/// The files that a View was made of; none if no list was kept.
pub fn list(state: &Path, view: &str) -> Result<Option<BTreeMap<PathBuf, String>>, GoodError> {
    let place = list_of(state, view);
    match fs::read(&place) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(files) => Ok(Some(files)),
            Err(_) => Err(GoodError::Damaged(place)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(GoodError::Disk { place, what: "read", cause }),
    }
}

fn list_of(state: &Path, view: &str) -> PathBuf {
    // Names come from records, which may have come from elsewhere.
    let name: String = view.chars().filter(char::is_ascii_alphanumeric).collect();
    state.join("archive").join(format!("{name}.files"))
}

/// Reads the sources of the last good copy without putting them anywhere. `folder` is where its files
/// lay.
pub fn load(state: &Path, folder: &Path) -> Result<Reading, GoodError> {
    let manifest = manifest(state)?;
    let mut files = Vec::with_capacity(manifest.files.len());
    for (relative, sum) in manifest.files.into_owned() {
        if relative.components().next() != Some(Component::Normal("rules".as_ref())) {
            files.push((relative, archived(state, &sum)?));
        }
    }
    Ok(read_from(folder, files.into_iter())?)
}

/// Puts the last good copy back into a folder of its own and says which.
pub fn unpack(state: &Path) -> Result<PathBuf, GoodError> {
    let manifest = manifest(state)?;
    let into = state.join("last-good").join("policies");
    match fs::remove_dir_all(&into) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            return Err(GoodError::Disk { place: into, what: "removed", cause });
        }
        Ok(()) | Err(_) => {}
    }
    restore(state, &manifest.files, &into)?;
    Ok(into)
}

/// Puts archived files back into a folder, each as it was: what a View was made of, it can be made of
/// again.
pub fn restore(
    state: &Path,
    files: &BTreeMap<PathBuf, String>,
    into: &Path,
) -> Result<(), GoodError> {
    for (relative, sum) in files {
        // Names come from records, which may have come from elsewhere.
        if !is_inside(relative) {
            return Err(GoodError::Damaged(relative.clone()));
        }
        let bytes = archived(state, sum)?;
        let place = into.join(relative);
        let folder = place.parent().unwrap_or(into);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.and_then(|()| write(&place, &bytes)).map_err(|cause| GoodError::Disk {
            place,
            what: "written",
            cause,
        })?;
    }
    Ok(())
}

/// Writes a file that only its owner may read.
fn write(place: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(place)?;
    durable::write_in_steps(&mut file, bytes)
}

fn manifest(state: &Path) -> Result<Manifest<'static>, GoodError> {
    let place = state.join("last-good/manifest.json");
    let read = fs::read(&place).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
    read.map_err(|cause| GoodError::Disk { place, what: "read", cause })
}

fn archived(state: &Path, sum: &str) -> Result<Vec<u8>, GoodError> {
    let place = state.join("archive").join(sum);
    if sum.len() != 64 || !sum.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(GoodError::Damaged(place));
    }
    let bytes = fs::read(&place).map_err(|cause| GoodError::Disk {
        place: place.clone(),
        what: "read",
        cause,
    })?;
    if *hash(&bytes) == *sum { Ok(bytes) } else { Err(GoodError::Damaged(place)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASKS: &str = "id: {kind: drop}\n";

    #[test]
    fn the_last_good_copy_outlives_the_folder_and_a_damaged_one_is_refused() {
        let state = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("masks.yaml"), MASKS).unwrap();
        let sum = hash(MASKS.as_bytes()).to_string();
        let files = BTreeMap::from([(PathBuf::from("masks.yaml"), sum.clone())]);

        assert!(load(state.path(), folder.path()).is_err());
        store(state.path(), folder.path(), &files).unwrap();
        fs::remove_file(folder.path().join("masks.yaml")).unwrap();

        let reading = load(state.path(), folder.path()).unwrap();
        assert_eq!(reading.sources.masks.len(), 1);
        assert_eq!(reading.sources.files, files);

        fs::write(state.path().join("archive").join(sum), "other").unwrap();
        assert!(matches!(load(state.path(), folder.path()), Err(GoodError::Damaged(_))));
    }

    #[test]
    fn what_is_put_back_is_what_was_stored_and_stays_in_its_folder() {
        let state = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let rule = PathBuf::from("rules/yc-2018/a.cedar");
        fs::create_dir_all(folder.path().join("rules/yc-2018")).unwrap();
        fs::write(folder.path().join(&rule), "permit").unwrap();
        let sum = hash(b"permit").to_string();
        let files = BTreeMap::from([(rule.clone(), sum.clone())]);
        store(state.path(), folder.path(), &files).unwrap();
        fs::write(folder.path().join(&rule), "forbid").unwrap();

        for _ in 0..2 {
            let into = unpack(state.path()).unwrap();
            assert_eq!(fs::read_to_string(into.join(&rule)).unwrap(), "permit");
        }

        let elsewhere = BTreeMap::from([(PathBuf::from("../a"), sum)]);
        let refused = restore(state.path(), &elsewhere, &folder.path().join("b"));
        assert!(matches!(refused, Err(GoodError::Damaged(_))), "{refused:?}");
        assert!(!folder.path().join("a").exists());
    }

    #[test]
    fn the_list_of_a_view_is_found_by_its_hash_and_stays_in_the_archive() {
        let state = tempfile::tempdir().unwrap();
        let files = BTreeMap::from([(PathBuf::from("masks.yaml"), "ab".repeat(32))]);
        assert!(list(state.path(), "00ff").unwrap().is_none());
        keep_list(state.path(), "00ff", &files).unwrap();
        keep_list(state.path(), "../../00aa", &files).unwrap();

        assert_eq!(list(state.path(), "00ff").unwrap(), Some(files.clone()));
        let kept = fs::read_dir(state.path().join("archive")).unwrap().count();
        assert_eq!(kept, 2);
        fs::write(state.path().join("archive/00ff.files"), "{").unwrap();
        assert!(matches!(list(state.path(), "00ff"), Err(GoodError::Damaged(_))));
    }

    #[test]
    fn a_file_that_changed_since_it_was_read_is_not_stored() {
        let state = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("masks.yaml"), "other").unwrap();
        let sum = hash(MASKS.as_bytes()).to_string();

        let stored =
            store(state.path(), folder.path(), &BTreeMap::from([("masks.yaml".into(), sum)]));

        assert!(matches!(stored, Err(GoodError::Changed(_))));
    }
}
