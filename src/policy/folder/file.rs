//! One file of the policy folder: read, hashed, and turned into the things it holds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::layout::{Role, role};
use crate::config::form::{Form, FormError};
use crate::config::problem::Problem;
use crate::config::yaml::{self, Fault, Node, Position};
use crate::domain::{
    Agreement, Entry, Grant, IssuerId, Mask, MaskId, MatterCode, NetworkId, Organization,
};
use crate::policy::openapi;
use crate::policy::{Description, Issuer, Matter};

/// A thing that a document holds.
#[derive(Clone, Debug)]
pub(crate) enum Thing {
    /// An organization.
    Organization(Arc<Organization>),
    /// A catalog entry.
    Entry(Arc<Entry>),
    /// An interface description.
    Description(Arc<Description>),
    /// A grant.
    Grant(Arc<Grant>),
    /// An agreement.
    Agreement(Arc<Agreement>),
    /// All masks.
    Masks(Arc<BTreeMap<MaskId, Mask>>),
    /// All token issuers.
    Issuers(Arc<BTreeMap<IssuerId, Issuer>>),
    /// All named networks.
    Networks(Arc<BTreeMap<NetworkId, Vec<IpNet>>>),
    /// All kinds of matter.
    Matters(Arc<BTreeMap<MatterCode, Matter>>),
}

/// A thing, and where its id stands in the file.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The thing.
    pub(crate) thing: Thing,
    /// The place of its id.
    pub(crate) at: Position,
    /// Which document of the file it is, from 0.
    pub(crate) document: usize,
}

/// What is known of a file.
#[derive(Clone, Debug)]
pub(crate) struct FileContent {
    /// SHA-256 in hexadecimal.
    pub(crate) hash: Arc<str>,
    /// By which a later change is noticed.
    pub(crate) stamp: Option<Stamp>,
    /// What it holds, one for each document; empty if it cannot be read.
    pub(crate) things: Vec<Found>,
    /// What is wrong with it.
    pub(crate) problems: Vec<Problem>,
}

impl FileContent {
    /// Whether every document of it could be read.
    pub(crate) fn is_whole(&self) -> bool {
        self.problems.iter().all(|problem| !problem.is_error())
    }
}

/// Tells a changed file from an unchanged one without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp([i64; 6]);

impl Stamp {
    /// Of a file as it stands.
    pub(crate) fn of(meta: &Metadata) -> Self {
        let signed = |value: u64| i64::from_ne_bytes(value.to_ne_bytes());
        Self([
            signed(meta.size()),
            meta.mtime(),
            meta.mtime_nsec(),
            meta.ctime(),
            meta.ctime_nsec(),
            signed(meta.ino()),
        ])
    }

    /// Whether the file changed so lately that another change could bear the same stamp.
    pub(crate) fn is_fresh(&self, now: crate::domain::Timestamp) -> bool {
        let [.., seconds, nanos, _] = self.0;
        let changed = seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000);
        now.millis().saturating_sub(changed) < 1_000
    }
}

/// A network of `networks.yaml`.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
struct Network(#[schemars(with = "String")] IpNet);

/// How documents of each kind must look.
#[derive(Debug)]
pub(crate) struct Forms {
    organization: Form<Organization>,
    entry: Form<Entry>,
    grant: Form<Grant>,
    agreement: Form<Agreement>,
    masks: Form<BTreeMap<MaskId, Mask>>,
    issuers: Form<BTreeMap<IssuerId, Issuer>>,
    networks: Form<BTreeMap<NetworkId, Vec<Network>>>,
    matters: Form<BTreeMap<MatterCode, Matter>>,
}

impl Forms {
    /// Prepares them.
    pub(crate) fn new() -> Result<Self, FormError> {
        Ok(Self {
            organization: Form::new()?,
            entry: Form::new()?,
            grant: Form::new()?,
            agreement: Form::new()?,
            masks: Form::new()?,
            issuers: Form::new()?,
            networks: Form::new()?,
            matters: Form::new()?,
        })
    }

    /// Turns the bytes of a file into what it holds. `shown` is how problems name the file.
    pub(crate) fn read(&self, relative: &Path, shown: &Path, bytes: &[u8]) -> FileContent {
        let hash = hash(bytes);
        let (things, problems) = match std::str::from_utf8(bytes) {
            Ok(text) => self.documents(relative, shown, text),
            Err(error) => {
                let start = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let line = memchr::memchr_iter(b'\n', start).count() + 1;
                let at = Position { line: u32::try_from(line).unwrap_or(u32::MAX), column: 1 };
                let fault = Fault::new(at, "this is no UTF-8", "save the file as UTF-8");
                (Vec::new(), vec![Problem::at(shown, "", fault)])
            }
        };
        FileContent { hash, stamp: None, things, problems }
    }

    fn documents(&self, relative: &Path, shown: &Path, text: &str) -> (Vec<Found>, Vec<Problem>) {
        let problem = |fault| Problem::at(shown, text, fault);
        let nodes = match openapi::parse(relative, text) {
            Ok(nodes) => nodes,
            Err(faults) => return (Vec::new(), faults.into_iter().map(problem).collect()),
        };
        let role = role(relative);
        let several = matches!(role, Role::Grants | Role::Agreements);
        let mut faults = Vec::new();
        if nodes.is_empty() {
            let mend = "delete the file, or write something into it";
            faults.push(Fault::new(Position::START, "the file holds nothing", mend));
        } else if let (false, Some(second)) = (several, nodes.get(1)) {
            let mend = "move the second document into a file of its own";
            faults.push(Fault::new(second.at, "one document is allowed in this file", mend));
        }
        let mut things = Vec::new();
        for (document, node) in nodes.iter().enumerate() {
            match self.thing(&role, node) {
                Ok(thing) => {
                    faults.extend(misplaced(relative, node, &thing));
                    things.push(Found { thing, at: node.place("/id"), document });
                }
                Err(found) => faults.extend(found),
            }
        }
        (things, faults.into_iter().map(problem).collect())
    }

    fn thing(&self, role: &Role, node: &Node) -> Result<Thing, Vec<Fault>> {
        match role {
            Role::Organization => one(&self.organization, node, Thing::Organization),
            Role::Catalog if !openapi::is_description(node) => one(&self.entry, node, Thing::Entry),
            Role::Catalog | Role::Beside | Role::Ignored | Role::Stray(_) => {
                openapi::read(node).map(|read| Thing::Description(Arc::new(read)))
            }
            Role::Grants => one(&self.grant, node, Thing::Grant),
            Role::Agreements => one(&self.agreement, node, Thing::Agreement),
            Role::Masks => one(&self.masks, node, Thing::Masks),
            Role::Issuers => one(&self.issuers, node, Thing::Issuers),
            Role::Matters => one(&self.matters, node, Thing::Matters),
            Role::Networks => {
                let written = self.networks.read(node)?;
                let plain = |nets: Vec<Network>| nets.into_iter().map(|net| net.0).collect();
                let networks = written.into_iter().map(|(id, nets)| (id, plain(nets))).collect();
                Ok(Thing::Networks(Arc::new(networks)))
            }
        }
    }
}

fn one<T: DeserializeOwned + JsonSchema>(
    form: &Form<T>,
    node: &Node,
    thing: fn(Arc<T>) -> Thing,
) -> Result<Thing, Vec<Fault>> {
    form.read(node).map(|read| thing(Arc::new(read)))
}

/// A thing whose id says that it belongs in another file.
fn misplaced(relative: &Path, node: &Node, thing: &Thing) -> Option<Fault> {
    let (id, place) = match thing {
        Thing::Organization(organization) => {
            let id = organization.id.as_str();
            (id, format!("organizations/{id}.yaml"))
        }
        Thing::Entry(entry) => (entry.id.as_str(), format!("catalog/{}.yaml", entry.id)),
        Thing::Description(_)
        | Thing::Grant(_)
        | Thing::Agreement(_)
        | Thing::Masks(_)
        | Thing::Issuers(_)
        | Thing::Networks(_)
        | Thing::Matters(_) => return None,
    };
    (relative != Path::new(&place)).then(|| {
        Fault::new(
            node.place("/id"),
            format!("the id `{id}` is not the one this file is named for"),
            format!("move the file to `{place}`, or correct the id"),
        )
    })
}

/// SHA-256 in hexadecimal.
pub(crate) fn hash(bytes: &[u8]) -> Arc<str> {
    let digest = digest::digest(&digest::SHA256, bytes);
    let mut text = String::with_capacity(64);
    for byte in digest.as_ref() {
        let written = write!(text, "{byte:02x}");
        debug_assert!(written.is_ok(), "writing to a text does not fail");
    }
    text.into()
}

/// Largest file, one more than is read, so that a longer one is seen to be too long.
pub(crate) const BOUND: u64 = 1 + yaml::LARGEST as u64;
