//! Files with secrets: only their owner may read them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{Checking, Subject};
use crate::domain::Secret;

/// Checks where a secret is kept; the file is named relative to the policy folder.
pub(super) fn check(checking: &mut Checking<'_>, at: (&Subject, &str), secret: &Secret) {
    let Secret::File(file) = secret else { return };
    let path = checking.origins.root().join(file);
    match fs::metadata(&path) {
        Ok(meta) if meta.permissions().mode() & 0o077 != 0 => {
            let message = format!("the secret `{}` can be read by others", file.display());
            let mend = format!("chmod 600 {}", path.display());
            checking.error(at.0, at.1, message, mend);
        }
        Ok(_) => {}
        Err(error) => {
            let message = format!("the secret `{}` cannot be read here: {error}", file.display());
            let mend = "put it there, mode 0600, on the node that serves this entry";
            checking.warn(at, message, mend);
        }
    }
}
