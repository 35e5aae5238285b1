//! The last good copy: every file that a View in force was made of, kept by its hash.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::durable;
use super::folder::{Reading, hash, read_from};

/// Why there is no last good copy.
#[derive(Debug, thiserror::Error)]
pub enum GoodError {
    /// The disk.
    #[error("the last good copy under {place} cannot be {what}: {cause}")]
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
    #[error("the archived file {0} is damaged")]
    Damaged(PathBuf),
    /// A fault of ours.
    #[error(transparent)]
    Form(#[from] crate::config::form::FormError),
}

/// What the copy is made of.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    /// SHA-256 of each file, by its path under the policy folder.
    files: BTreeMap<PathBuf, String>,
}

/// Stores the files of a folder, which must still be as they were read, by their hashes.
pub fn store(
    state: &Path,
    folder: &Path,
    files: &BTreeMap<PathBuf, String>,
) -> Result<(), GoodError> {
    let added = archive(state, folder, files)?;
    seal(state, files, added)
}

/// Archives the files of a folder, which must still be as they were read, by their hashes. Says whether
/// any was new; it survives a power cut only after [`seal`].
pub fn archive(
    state: &Path,
    folder: &Path,
    files: &BTreeMap<PathBuf, String>,
) -> Result<bool, GoodError> {
    let archive = state.join("archive");
    let written = |cause| GoodError::Disk { place: state.to_owned(), what: "written", cause };
    fs::create_dir_all(&archive).map_err(written)?;
    let mut added = false;
    for (relative, sum) in files {
        let place = archive.join(sum);
        if place.exists() {
            continue;
        }
        let bytes = fs::read(folder.join(relative)).map_err(written)?;
        if *hash(&bytes) != **sum {
            return Err(GoodError::Changed(relative.clone()));
        }
        let beside = archive.join(format!("{sum}.new"));
        fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, &place)).map_err(written)?;
        added = true;
    }
    Ok(added)
}

/// Makes what was archived durable, and says that these files are the last good copy.
pub fn seal(state: &Path, files: &BTreeMap<PathBuf, String>, added: bool) -> Result<(), GoodError> {
    let written = |cause| GoodError::Disk { place: state.to_owned(), what: "written", cause };
    fs::create_dir_all(state.join("last-good")).map_err(written)?;
    if added {
        // One sync for all of them; the manifest must not come before what it names.
        let archive = File::open(state.join("archive"));
        archive.and_then(|folder| Ok(rustix::fs::syncfs(folder)?)).map_err(written)?;
    }
    let manifest = Manifest { files: files.clone() };
    let text = serde_json::to_vec(&manifest).map_err(|error| written(error.into()))?;
    durable::write(&state.join("last-good/manifest.json"), &text).map_err(written)
}

/// Reads the last good copy. `folder` is where its files lay; files that were no policy sources, such as
/// rules, are left to [`file()`].
pub fn load(state: &Path, folder: &Path) -> Result<Reading, GoodError> {
    let manifest = manifest(state)?;
    let mut files = Vec::with_capacity(manifest.files.len());
    for (relative, sum) in manifest.files {
        if relative.components().next() != Some(Component::Normal("rules".as_ref())) {
            files.push((relative, archived(state, &sum)?));
        }
    }
    Ok(read_from(folder, files.into_iter())?)
}

/// One file of the last good copy.
pub fn file(state: &Path, relative: &Path) -> Result<Vec<u8>, GoodError> {
    let manifest = manifest(state)?;
    match manifest.files.get(relative) {
        Some(sum) => archived(state, sum),
        None => Err(GoodError::Damaged(relative.to_owned())),
    }
}

fn manifest(state: &Path) -> Result<Manifest, GoodError> {
    let place = state.join("last-good/manifest.json");
    let read = fs::read(&place).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
    read.map_err(|cause| GoodError::Disk { place, what: "read", cause })
}

fn archived(state: &Path, sum: &str) -> Result<Vec<u8>, GoodError> {
    let place = state.join("archive").join(sum);
    let plain = sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit());
    let bytes = fs::read(&place).map_err(|cause| GoodError::Disk {
        place: place.clone(),
        what: "read",
        cause,
    })?;
    if plain && *hash(&bytes) == *sum { Ok(bytes) } else { Err(GoodError::Damaged(place)) }
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
