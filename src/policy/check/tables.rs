//! Token issuers, masks and matters.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::{Checking, Subject};
use crate::config::yaml::escape;
use crate::domain::Mask;
use crate::net::jwks::{Algorithm, Jwks};
use crate::policy::KeySet;
use crate::policy::folder::is_inside;

pub(super) fn check(checking: &mut Checking<'_>) {
    issuers(checking);
    for (id, mask) in &checking.sources.masks {
        let wrong = match mask {
            Mask::Band { width: 0 } => {
                Some(("width", "a band must be wider than 0", "write 1 or more"))
            }
            Mask::Round { decimals: 7.. } => {
                Some(("decimals", "6 decimals at most", "write 0 to 6"))
            }
            Mask::IdNumber { first: 7.., .. } => {
                Some(("first", "6 characters at most", "write 0 to 6"))
            }
            Mask::IdNumber { last: 5.., .. } => {
                Some(("last", "4 characters at most", "write 0 to 4"))
            }
            Mask::Drop
            | Mask::Constant { .. }
            | Mask::Keep { .. }
            | Mask::IdNumber { .. }
            | Mask::Phone
            | Mask::Name
            | Mask::Card
            | Mask::Address
            | Mask::Plate
            | Mask::Mail
            | Mask::Passport
            | Mask::Year
            | Mask::Round { .. }
            | Mask::Band { .. }
            | Mask::Hash => None,
        };
        if let Some((key, message, mend)) = wrong {
            checking.error(&Subject::Masks, format!("/{id}/{key}"), message, mend);
        }
    }
}

fn issuers(checking: &mut Checking<'_>) {
    let mut seen = HashMap::new();
    for (id, issuer) in &checking.sources.issuers {
        let pointer = format!("/{}", escape(id.as_str()));
        if let Some(other) = seen.insert(&issuer.issuer, id) {
            let message = format!("`{other}` has the same issuer, and an `iss` claim names one");
            let mend = "keep one of the two";
            checking.error(&Subject::Issuers, format!("{pointer}/issuer"), message, mend);
        }
        for (at, algorithm) in issuer.algorithms.iter().enumerate() {
            if Algorithm::parse(algorithm).is_none() {
                let message =
                    format!("`{algorithm}` is no signature algorithm that may be trusted");
                let known = Algorithm::ALL.map(Algorithm::as_str);
                let mend = format!("write one of {}", known.join(", "));
                checking.error(
                    &Subject::Issuers,
                    format!("{pointer}/algorithms/{at}"),
                    message,
                    mend,
                );
            }
        }
        let wrong = match &issuer.keys {
            KeySet::File(file) => key_set(checking.origins.root(), file),
            KeySet::Url(url) if !url.starts_with("https://") => {
                Some((format!("`{url}` is not fetched over TLS"), "write an `https` address"))
            }
            KeySet::Url(_) => None,
        };
        if let KeySet::File(file) = &issuer.keys
            && !is_inside(file)
        {
            let message = format!("`{}` lies outside the policy folder", file.display());
            let mend =
                "put it into the folder: elsewhere its changes go unnoticed and it is not archived";
            checking.warn((&Subject::Issuers, &format!("{pointer}/keys")), message, mend);
        }
        if let Some((message, mend)) = wrong {
            checking.error(&Subject::Issuers, format!("{pointer}/keys"), message, mend);
        }
    }
}

/// What is wrong with a file of public keys.
fn key_set(root: &Path, file: &Path) -> Option<(String, &'static str)> {
    let shown = file.display();
    match fs::read(root.join(file)) {
        Err(error) => Some((
            format!("the key set `{shown}` cannot be read: {error}"),
            "put the JSON Web Key Set there; the path is relative to the policy folder",
        )),
        Ok(bytes) => Jwks::parse(&bytes).err().map(|error| {
            let mend = "write the public keys as `helan keys jwks` prints them";
            (format!("the key set `{shown}` cannot be used: {error}"), mend)
        }),
    }
}
