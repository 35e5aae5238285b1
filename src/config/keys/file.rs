//! Key files: how they are named, written and read.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{KeyPurpose, from_hex};
use crate::net::hex;

/// What the first line of a key file begins with.
const FORMAT: &str = "helan-key-v1";
/// Bytes of the largest key file; a sound one has far fewer.
const LARGEST: u64 = 4096;

/// Why keys could not be read or made. Never shows what stands in a key file.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file system said no.
    #[error("{} cannot be used as a key file or folder", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What it said.
        #[source]
        cause: io::Error,
    },
    /// Files that others may read, or that hold no key.
    #[error("{}", .0.join("\n"))]
    Files(Vec<String>),
    /// No key for a purpose.
    #[error(
        "{} has no key for: {purposes}; make them with `helan keys make --folder {}`",
        folder.display(),
        folder.display()
    )]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// What has no key.
        purposes: String,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random,
}

/// A key as it stands in its file.
pub(super) struct Written {
    pub(super) purpose: KeyPurpose,
    pub(super) id: String,
    pub(super) bytes: [u8; 32],
}

/// Makes a key file with 32 random bytes, readable by its owner only. Never overwrites one.
pub fn make(folder: &Path, purpose: KeyPurpose, id: &str) -> Result<PathBuf, KeyError> {
    let path = folder.join(format!("{purpose}-{id}.key"));
    if !is_id(id) {
        return Err(KeyError::Files(vec![format!(
            "`{id}` is no key id: use lower-case letters and digits, 1 to 32"
        )]));
    }
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |cause| KeyError::Io { path, cause }
    };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))?;
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyError::Random)?;
    let text = format!("{FORMAT} {purpose} {id}\n{}\n", hex(&bytes));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .map_err(failed(&path))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed(&path))?;
    Ok(path)
}

/// Purpose and id of every key of a folder, in order; the files are checked, too.
pub fn list(folder: &Path) -> Result<Vec<(KeyPurpose, String)>, KeyError> {
    let keys = read_all(folder)?;
    let mut names: Vec<_> = keys.into_iter().map(|key| (key.purpose, key.id)).collect();
    names.sort();
    Ok(names)
}

/// Reads every `*.key` of a folder; other files are none of ours.
pub(super) fn read_all(folder: &Path) -> Result<Vec<Written>, KeyError> {
    let failed = |cause| KeyError::Io { path: folder.to_owned(), cause };
    let mut keys = Vec::new();
    let own = fs::metadata(folder).map_err(failed)?;
    // Whoever may write to the folder can put a key of his own in the place of ours.
    let mut problems: Vec<String> = ours(&own, 0o022, "700", folder)
        .err()
        .map(|problem| format!("{}: {problem}", folder.display()))
        .into_iter()
        .collect();
    for found in fs::read_dir(folder).map_err(failed)? {
        let path = found.map_err(failed)?.path();
        if path.extension().is_none_or(|extension| extension != "key") {
            continue;
        }
        match read(&path) {
            Ok(key) => keys.push(key),
            Err(problem) => problems.push(format!("{}: {problem}", path.display())),
        }
    }
    if problems.is_empty() {
        Ok(keys)
    } else {
        problems.sort();
        Err(KeyError::Files(problems))
    }
}

/// Whether only the user we run as, or root, could have put this here, and nobody else has the rights
/// of `others`.
fn ours(found: &Metadata, others: u32, mend: &str, path: &Path) -> Result<(), String> {
    let (mode, path) = (found.mode() & 0o777, path.display());
    if mode & others != 0 {
        let what = if others & 0o044 == 0 { "write here" } else { "read this key" };
        return Err(format!(
            "others may {what} (mode {mode:o}); mend it with `chmod {mend} {path}`"
        ));
    }
    let user = rustix::process::geteuid().as_raw();
    if found.uid() != user && found.uid() != 0 {
        return Err(format!(
            "it belongs to the user {}, who could change it; mend it with `chown {user} {path}`",
            found.uid()
        ));
    }
    Ok(())
}

/// The text of a key file. Its rights are those of the file that was opened, so that nobody can put
/// another in its place in between.
fn text(path: &Path) -> Result<String, String> {
    let said = |error: io::Error| error.to_string();
    // A pipe would keep us waiting.
    if !fs::metadata(path).map_err(said)?.is_file() {
        return Err("this is no plain file".to_owned());
    }
    let file = File::open(path).map_err(said)?;
    let found = file.metadata().map_err(said)?;
    ours(&found, 0o077, "600", path)?;
    if found.len() > LARGEST {
        return Err("too large for a key file".to_owned());
    }
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).map_err(|error| error.kind().to_string())?;
    Ok(text)
}

fn read(path: &Path) -> Result<Written, String> {
    let text = text(path)?;
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let (purpose, id) = name
        .split_once('-')
        .and_then(|(purpose, id)| Some((KeyPurpose::parse(purpose)?, id)))
        .filter(|(_, id)| is_id(id))
        .ok_or_else(|| {
            let purposes = KeyPurpose::ALL.map(KeyPurpose::as_str).join(", ");
            format!("name it `purpose-id.key`, where purpose is one of {purposes}")
        })?;
    let bytes = text
        .strip_prefix(&format!("{FORMAT} {purpose} {id}\n"))
        .ok_or_else(|| {
            format!(
                "its first line is not `{FORMAT} {purpose} {id}`: a key keeps its purpose and id"
            )
        })
        .and_then(|rest| {
            from_hex(rest.trim_end()).ok_or_else(|| {
                "its second line is not 64 hexadecimal digits; make another with `helan keys make`"
                    .to_owned()
            })
        })?;
    Ok(Written { purpose, id: id.to_owned(), bytes })
}

/// Whether a text can be the id of a key.
pub(super) fn is_id(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}
