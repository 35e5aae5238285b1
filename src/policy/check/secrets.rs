//! Secrets: only their owner may read them, and a node that lacks one does not call the interface.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{Checking, Subject};
use crate::domain::Secret;

/// Checks where a secret is kept; the file is named relative to the policy folder.
pub(super) fn check(checking: &mut Checking<'_>, at: (&Subject, &str), secret: &Secret) {
    let file = match secret {
        Secret::File(file) => file,
        Secret::Environment(name) if std::env::var_os(name).is_none() => {
            let message = format!("the environment variable `{name}` is not set here");
            checking.warn(
                at,
                message,
                "set it for the node that serves this entry; until then it is not called",
            );
            return;
        }
        Secret::Environment(_) => return,
    };
    let path = checking.origins.root().join(file);
    match fs::metadata(&path) {
        Ok(meta) if meta.permissions().mode() & 0o077 != 0 => {
            let message = format!("the secret `{}` can be read by others", file.display());
            let mend = format!("chmod 600 {}", path.display());
            checking.error(at.0, at.1, message, mend);
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let message = format!("there is no secret `{}` here", file.display());
            let mend = "put it there, mode 0600, on the node that serves this entry; until then it is not called";
            checking.warn(at, message, mend);
        }
        Err(error) => {
            let message = format!("the secret `{}` cannot be read: {error}", file.display());
            let mend = "make it readable for the user Helan runs as, and for nobody else";
            checking.error(at.0, at.1, message, mend);
        }
    }
}
