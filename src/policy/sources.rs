//! What was read from the policy folder: checked, but not yet compiled. Where it came from (files
//! today, a registry later) no longer matters here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pace::drop_in_steps;
use crate::domain::{
    Agreement, AgreementId, Entry, EntryId, Grant, GrantId, IssuerId, Mask, MaskId, MatterCode,
    NetworkId, Organization, OrganizationId, Zone,
};

/// Everything one node needs to know, in the words of the law.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Organizations by id.
    pub organizations: BTreeMap<OrganizationId, Arc<Organization>>,
    /// Entries by id, each with its interface description.
    pub entries: BTreeMap<EntryId, Arc<EntrySource>>,
    /// Grants by id.
    pub grants: BTreeMap<GrantId, Arc<Grant>>,
    /// Agreements by id.
    pub agreements: BTreeMap<AgreementId, Arc<Agreement>>,
    /// Masks by id, from `masks.yaml`.
    pub masks: BTreeMap<MaskId, Mask>,
    /// Token issuers by id, from `issuers.yaml`.
    pub issuers: BTreeMap<IssuerId, Issuer>,
    /// Named networks, from `networks.yaml`.
    pub networks: BTreeMap<NetworkId, Vec<IpNet>>,
    /// Kinds of matter, from `matters.yaml`.
    pub matters: BTreeMap<MatterCode, Matter>,
    /// SHA-256 in hexadecimal of every file that this was read from, by its path under the folder:
    /// documents, interface descriptions, key sets and authorities; never a secret.
    pub files: BTreeMap<PathBuf, String>,
}

impl Sources {
    /// Drops them in steps.
    pub(super) fn let_go(self) {
        let Self { organizations, entries, grants, agreements, files, .. } = self;
        drop_in_steps(organizations);
        drop_in_steps(entries);
        drop_in_steps(grants);
        drop_in_steps(agreements);
        drop_in_steps(files);
    }
}

/// An entry and how the department's interface is described.
#[derive(Clone, Debug)]
pub struct EntrySource {
    /// The catalog entry.
    pub entry: Entry,
    /// SHA-256 of the entry's file and its description, first 16 hexadecimal digits.
    pub version: Arc<str>,
    /// What its interface offers; empty if the entry has none.
    pub description: Description,
}

/// The parts of an OpenAPI 3 description that decide what may be forwarded.
#[derive(Clone, Debug, Default)]
pub struct Description {
    /// Every method of every path.
    pub operations: Vec<Operation>,
}

/// One method of one path.
#[derive(Clone, Debug)]
pub struct Operation {
    /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// The path under the entry's base, such as `/{uscc}/licences`; `/` is the base itself.
    pub template: String,
    /// Its parameters.
    pub parameters: Vec<OperationParameter>,
    /// Media types its request body may have; none means that it takes no body.
    pub bodies: Vec<String>,
    /// Statuses it may answer with, as written: `200`, `4XX`, `default`.
    pub statuses: Vec<String>,
}

/// A parameter of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationParameter {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// Whether a call without it is refused.
    pub required: bool,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
}

/// Who may issue tokens, and how they are verified.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// The `iss` claim.
    pub issuer: String,
    /// The `aud` claim a token must carry.
    pub audience: String,
    /// Zones it counts in.
    pub zones: Vec<Zone>,
    /// Signature algorithms accepted, such as `ES256`.
    #[schemars(length(min = 1))]
    pub algorithms: Vec<String>,
    /// Where its keys are: a file under the policy folder, or an `https` address.
    pub keys: KeySet,
    /// Longest life of a token in seconds, from `iat` to `exp`.
    #[serde(default = "default_life")]
    pub life: u32,
    /// Whether tokens must be bound to the client certificate (`cnf`, RFC 8705).
    #[serde(default)]
    pub bound: bool,
}

fn default_life() -> u32 {
    3_600
}

/// Where a JSON Web Key Set is (RFC 7517).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum KeySet {
    /// A file, relative to the policy folder.
    File(PathBuf),
    /// An address, fetched at start, on a schedule and once for an unknown `kid`.
    Url(String),
}

/// A kind of administrative matter (事项).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Matter {
    /// Its name in Chinese.
    pub name: String,
    /// Pattern its case numbers must fit, if they are checked: digits `#`, letters `@`, else itself.
    #[serde(default)]
    pub case: Option<String>,
}
