//! Token issuers, masks and matters.

use std::collections::HashMap;

use super::{Checking, Subject};
use crate::config::yaml::escape;
use crate::domain::Mask;
use crate::policy::KeySet;
use crate::policy::folder::is_inside;

/// Signature algorithms that may be allowed; `none` and shared secrets are not among them.
const ALGORITHMS: [&str; 10] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

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
        if let Some(other) = seen.insert((&issuer.issuer, &issuer.audience), id) {
            let message = format!("`{other}` has the same issuer and audience");
            checking.error(
                &Subject::Issuers,
                format!("{pointer}/issuer"),
                message,
                "keep one of the two",
            );
        }
        for (at, algorithm) in issuer.algorithms.iter().enumerate() {
            if !ALGORITHMS.contains(&algorithm.as_str()) {
                let message =
                    format!("`{algorithm}` is no signature algorithm that may be trusted");
                let mend = format!("write one of {}", ALGORITHMS.join(", "));
                checking.error(
                    &Subject::Issuers,
                    format!("{pointer}/algorithms/{at}"),
                    message,
                    mend,
                );
            }
        }
        match &issuer.keys {
            KeySet::File(file) if !checking.origins.root().join(file).is_file() => {
                let message = format!("there is no file `{}`", file.display());
                let mend =
                    "put the JSON Web Key Set there; the path is relative to the policy folder";
                checking.error(&Subject::Issuers, format!("{pointer}/keys"), message, mend);
            }
            KeySet::File(file) if !is_inside(file) => {
                let message = format!("`{}` lies outside the policy folder", file.display());
                let mend = "put it into the folder: elsewhere its changes go unnoticed and it is not archived";
                checking.warn((&Subject::Issuers, &format!("{pointer}/keys")), message, mend);
            }
            KeySet::Url(url) if !url.starts_with("https://") => {
                let message = format!("`{url}` is not fetched over TLS");
                checking.error(
                    &Subject::Issuers,
                    format!("{pointer}/keys"),
                    message,
                    "write an `https` address",
                );
            }
            KeySet::File(_) | KeySet::Url(_) => {}
        }
    }
}
