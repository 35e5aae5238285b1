//! Policy files kept by content hash, as long as records cite them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::segment::sync_folder;

/// Keeps `bytes` under `hash` (hexadecimal), durably; does nothing if they are there already.
pub fn archive(folder: &Path, hash: &str, bytes: &[u8]) -> io::Result<()> {
    if hash.is_empty() || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("`{hash}` is no content hash: give hexadecimal digits"),
        ));
    }
    let path = folder.join(hash);
    if path.exists() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!(".{hash}"));
    let mut file: File =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, &path)?;
    sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_once_and_only_under_a_hash() {
        let folder = tempfile::tempdir().unwrap();

        archive(folder.path(), "abc123", b"id: g-001\n").unwrap();
        archive(folder.path(), "abc123", b"other").unwrap();

        assert_eq!(fs::read(folder.path().join("abc123")).unwrap(), b"id: g-001\n");
        assert!(archive(folder.path(), "../escape", b"").is_err());
        assert!(archive(folder.path(), "", b"").is_err());
    }
}
