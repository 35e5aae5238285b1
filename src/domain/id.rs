//! Names of things: short, lower-case, safe in paths, metrics and logs.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

/// Longest part of an id, in bytes.
const LONGEST: usize = 63;

/// Why a text is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Wrong characters, empty, or too long.
    #[error("`{0}` is no id: use lower-case letters, digits and single hyphens, at most 63 bytes")]
    Word(String),
    /// Not `organization/name`.
    #[error("`{0}` is no id of two parts: write `organization/name`")]
    Pair(String),
    /// Not a member name.
    #[error("`{0}` is no item name: use letters, digits and underscores, at most 63 bytes")]
    Item(String),
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST
        && text.split('-').all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

fn check_word(text: &str) -> Result<(), IdError> {
    if is_word(text) { Ok(()) } else { Err(IdError::Word(text.to_owned())) }
}

fn check_pair(text: &str) -> Result<(), IdError> {
    match text.split_once('/') {
        Some((organization, name)) if is_word(organization) && is_word(name) => Ok(()),
        Some(_) | None => Err(IdError::Pair(text.to_owned())),
    }
}

fn check_item(text: &str) -> Result<(), IdError> {
    let fits = !text.is_empty()
        && text.len() <= LONGEST
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !text.starts_with(|c: char| c.is_ascii_digit());
    if fits { Ok(()) } else { Err(IdError::Item(text.to_owned())) }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $check:ident, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
        #[serde(try_from = "String")]
        #[schemars(with = "String", extend("pattern" = $pattern))]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads one, refusing what is none.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                $check(text)?;
                Ok(Self(text.into()))
            }

            /// As it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(&text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

id!(
    /// An organization (单位).
    OrganizationId, check_word, "^[a-z0-9]+(-[a-z0-9]+)*$"
);
id!(
    /// A program that calls (应用系统), as `organization/name`.
    ApplicationId, check_pair, "^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$"
);
id!(
    /// A catalog entry (目录条目), as `organization/name`.
    EntryId, check_pair, "^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$"
);
id!(
    /// A grant (授权).
    GrantId, check_word, "^[a-z0-9]+(-[a-z0-9]+)*$"
);
id!(
    /// A confidentiality agreement (安全保密协议).
    AgreementId, check_word, "^[a-z0-9]+(-[a-z0-9]+)*$"
);
id!(
    /// A filed person, by the code the bureau gave; never a name.
    PersonId, check_word, "^[a-z0-9]+(-[a-z0-9]+)*$"
);
id!(
    /// A department's own interface, unique within its organization.
    UpstreamId, check_word, "^[a-z0-9]+(-[a-z0-9]+)*$"
);
id!(
    /// What data is used for (使用用途).
    PurposeId, check_word, "^[a-z0-9]+(-[a-z0-9]+)*$"
);
id!(
    /// A kind of administrative matter (事项).
    MatterCode, check_word, "^[a-z0-9]+(-[a-z0-9]+)*$"
);
id!(
    /// A named network in `networks.yaml`.
    NetworkId, check_word, "^[a-z0-9]+(-[a-z0-9]+)*$"
);
id!(
    /// A token issuer in `issuers.yaml`.
    IssuerId, check_word, "^[a-z0-9]+(-[a-z0-9]+)*$"
);
id!(
    /// A mask in `masks.yaml`.
    MaskId, check_word, "^[a-z0-9]+(-[a-z0-9]+)*$"
);
id!(
    /// A field of an entry (信息项), unique within it.
    ItemName, check_item, "^[A-Za-z_][A-Za-z0-9_]*$"
);

impl PurposeId {
    /// Stands for every purpose that nothing in the policies names. No file can write it.
    pub fn unregistered() -> Self {
        Self("(unregistered)".into())
    }
}

macro_rules! pair {
    ($name:ident) => {
        impl $name {
            /// The organization it belongs to.
            pub fn organization(&self) -> OrganizationId {
                let (organization, _) = self.0.split_once('/').unwrap_or((&self.0, ""));
                OrganizationId(organization.into())
            }

            /// Its name within the organization.
            pub fn name(&self) -> &str {
                self.0.split_once('/').map_or("", |(_, name)| name)
            }
        }
    };
}

pair!(ApplicationId);
pair!(EntryId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_lower_case_words_joined_by_single_hyphens() {
        for good in ["a", "g-01", "civil-affairs", "0"] {
            assert!(GrantId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "A", "a_b", "a/b", "a.b", "一", &"a".repeat(64)] {
            assert!(GrantId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_entry_is_named_by_its_organization_and_a_name() {
        let entry = EntryId::parse("police/population-check").unwrap();

        assert_eq!(entry.organization().as_str(), "police");
        assert_eq!(entry.name(), "population-check");
        for bad in ["police", "police/", "/x", "a/b/c", "a/../b"] {
            assert!(EntryId::parse(bad).is_err(), "{bad}");
        }
    }
}
