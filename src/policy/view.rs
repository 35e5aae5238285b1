//! The immutable state a request reads, one per zone; swapped whole.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem::take;
use std::path::PathBuf;
use std::sync::Arc;

use foldhash::fast::RandomState;
use ipnet::IpNet;

use crate::domain::{
    Agreement, Application, ApplicationId, Entry, EntryId, EntryState, Grant, GrantId, IssuerId,
    Mask, MaskId, MatterCode, NetworkId, OpeningClass, Organization, OrganizationId,
    OrganizationKind, PurposeId, Zone,
};

use super::pace::{drop_in_steps, give_way};
use super::{EntrySource, Issuer, Matter, Rules, Sources};

type Map<K, V> = HashMap<K, V, RandomState>;

/// Everything the path of a request may know about law, catalog and grants in one zone.
///
/// An opening View holds no closed entry and no written grant: what the process of a public node
/// does not know, nobody can take from it.
#[derive(Debug)]
pub struct View {
    /// The zone it is for.
    pub zone: Zone,
    /// Rises with every swap.
    pub generation: u64,
    /// SHA-256 over the names and hashes of all files it was built from.
    pub hash: Arc<str>,
    /// SHA-256 of each of them, by its path under the policy folder.
    pub files: BTreeMap<PathBuf, String>,
    /// The rules in force.
    pub rules: Arc<Rules>,
    entries: Map<Box<str>, Arc<EntrySource>>,
    organizations: Map<OrganizationId, Arc<Organization>>,
    bureaus: Vec<Arc<Organization>>,
    applications: Map<ApplicationId, Arc<Registered>>,
    grants: Map<(OrganizationId, EntryId), Arc<[Arc<Written>]>>,
    by_grant: Map<GrantId, Arc<Written>>,
    masks: BTreeMap<MaskId, Mask>,
    matters: Map<MatterCode, Matter>,
    purposes: HashSet<PurposeId, RandomState>,
    /// Token issuers; each says in which zones it counts.
    pub issuers: BTreeMap<IssuerId, Issuer>,
}

/// An application, its organization and the networks it may call from.
#[derive(Debug)]
pub struct Registered {
    /// As registered.
    pub application: Application,
    /// Whose it is.
    pub organization: Arc<Organization>,
    /// Where it may call from; anywhere if empty.
    pub networks: Vec<IpNet>,
}

/// A written grant with what belongs to it.
#[derive(Debug)]
pub struct Written {
    /// As written.
    pub grant: Arc<Grant>,
    /// SHA-256 of its content, first 16 hexadecimal digits; records cite it.
    pub version: Arc<str>,
    /// Its agreement, if it names one that exists.
    pub agreement: Option<Arc<Agreement>>,
}

impl View {
    /// Compiles one zone's View.
    pub fn compile(zone: Zone, sources: &Sources, rules: Arc<Rules>, generation: u64) -> Self {
        let organizations: Map<_, _> = sources
            .organizations
            .iter()
            .map(|(id, organization)| (id.clone(), Arc::clone(organization)))
            .collect();
        let (grants, by_grant) =
            if zone == Zone::Opening { (Map::default(), Map::default()) } else { written(sources) };
        let mut files = BTreeMap::new();
        for (path, hash) in sources.files.iter().chain(rules.files()) {
            give_way();
            files.insert(path.clone(), hash.clone());
        }
        Self {
            zone,
            generation,
            hash: content_hash(&files).into(),
            files,
            rules,
            entries: entries(zone, sources),
            applications: applications(sources, &organizations),
            bureaus: sources
                .organizations
                .values()
                .filter(|organization| organization.kind == OrganizationKind::Bureau)
                .cloned()
                .collect(),
            organizations,
            grants,
            by_grant,
            masks: sources.masks.clone(),
            matters: sources.matters.iter().map(|(id, m)| (id.clone(), m.clone())).collect(),
            purposes: purposes(sources),
            issuers: sources.issuers.clone(),
        }
    }

    /// The entry of this path, written `organization/entry`.
    pub fn entry(&self, id: &str) -> Option<&Arc<EntrySource>> {
        self.entries.get(id)
    }

    /// All entries, in no order.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<EntrySource>> {
        self.entries.values()
    }

    /// An organization.
    pub fn organization(&self, id: &OrganizationId) -> Option<&Arc<Organization>> {
        self.organizations.get(id)
    }

    /// All organizations, in no order.
    pub fn organizations(&self) -> impl Iterator<Item = &Arc<Organization>> {
        self.organizations.values()
    }

    /// The competent bureaus (主管部门).
    pub fn bureaus(&self) -> impl Iterator<Item = &Arc<Organization>> {
        self.bureaus.iter()
    }

    /// An application.
    pub fn application(&self, id: &ApplicationId) -> Option<&Arc<Registered>> {
        self.applications.get(id)
    }

    /// All applications, in no order.
    pub fn applications(&self) -> impl Iterator<Item = &Arc<Registered>> {
        self.applications.values()
    }

    /// The written grants of a consumer for an entry, in the order of their ids.
    pub fn grants(&self, consumer: &OrganizationId, entry: &EntryId) -> &[Arc<Written>] {
        self.grants.get(&(consumer.clone(), entry.clone())).map_or(&[], |grants| grants)
    }

    /// A written grant.
    pub fn grant(&self, id: &GrantId) -> Option<&Arc<Written>> {
        self.by_grant.get(id)
    }

    /// All masks.
    pub fn masks(&self) -> &BTreeMap<MaskId, Mask> {
        &self.masks
    }

    /// A purpose that an entry or a grant names.
    pub fn purpose(&self, name: &str) -> Option<&PurposeId> {
        self.purposes.get(name)
    }

    /// A registered kind of matter.
    pub fn matter(&self, code: &str) -> Option<(&MatterCode, &Matter)> {
        self.matters.get_key_value(code)
    }
}

/// A province's View is dropped in steps, wherever that is.
impl Drop for View {
    fn drop(&mut self) {
        drop_in_steps(take(&mut self.files));
        drop_in_steps(take(&mut self.entries));
        drop_in_steps(take(&mut self.applications));
        drop_in_steps(take(&mut self.grants));
        drop_in_steps(take(&mut self.by_grant));
    }
}

/// Whether this zone may know of the entry at all.
fn belongs(zone: Zone, entry: &Entry) -> bool {
    zone != Zone::Opening
        || (entry.opening.class != OpeningClass::Closed && entry.state == EntryState::Live)
}

fn entries(zone: Zone, sources: &Sources) -> Map<Box<str>, Arc<EntrySource>> {
    sources
        .entries
        .iter()
        .inspect(|_| give_way())
        .filter(|(_, source)| belongs(zone, &source.entry))
        .map(|(id, source)| (id.as_str().into(), Arc::clone(source)))
        .collect()
}

fn applications(
    sources: &Sources,
    organizations: &Map<OrganizationId, Arc<Organization>>,
) -> Map<ApplicationId, Arc<Registered>> {
    let networks_of = |application: &Application| -> Vec<IpNet> {
        let named = |id: &NetworkId| sources.networks.get(id).cloned().unwrap_or_default();
        application.networks.iter().flat_map(named).collect()
    };
    organizations
        .values()
        .flat_map(|organization| {
            organization.applications.iter().map(move |application| {
                give_way();
                let registered = Registered {
                    application: application.clone(),
                    organization: Arc::clone(organization),
                    networks: networks_of(application),
                };
                (application.id.clone(), Arc::new(registered))
            })
        })
        .collect()
}

fn purposes(sources: &Sources) -> HashSet<PurposeId, RandomState> {
    let of_entries = sources.entries.values().flat_map(|source| &source.entry.sharing.purposes);
    let grants = sources.grants.values().inspect(|_| give_way());
    let of_grants = grants.flat_map(|grant| &grant.purposes);
    of_entries.chain(of_grants).cloned().collect()
}

type Grants = Map<(OrganizationId, EntryId), Arc<[Arc<Written>]>>;

fn written(sources: &Sources) -> (Grants, Map<GrantId, Arc<Written>>) {
    // Tables that grow move everything at once.
    let count = sources.grants.len();
    let mut grouped: Map<(OrganizationId, EntryId), Vec<Arc<Written>>> =
        Map::with_capacity_and_hasher(count, RandomState::default());
    let mut by_grant = Map::with_capacity_and_hasher(count, RandomState::default());
    for grant in sources.grants.values() {
        give_way();
        let agreement = grant.agreement.as_ref().and_then(|id| sources.agreements.get(id));
        let written = Arc::new(Written {
            version: version(grant, agreement.map(AsRef::as_ref)).into(),
            grant: Arc::clone(grant),
            agreement: agreement.cloned(),
        });
        by_grant.insert(grant.id.clone(), Arc::clone(&written));
        let key = (grant.consumer.clone(), grant.entry.clone());
        grouped.entry(key).or_default().push(written);
    }
    let grouped = grouped.into_iter().inspect(|_| give_way());
    (grouped.map(|(key, grants)| (key, grants.into())).collect(), by_grant)
}

/// A name for exactly this content, so that a record can be judged by what was in force.
fn version(grant: &Grant, agreement: Option<&Agreement>) -> String {
    let text = serde_json::to_vec(&(grant, agreement)).unwrap_or_default();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &text);
    crate::net::hex(digest.as_ref().get(..8).unwrap_or_default())
}

fn content_hash(files: &BTreeMap<PathBuf, String>) -> String {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for (path, hash) in files {
        give_way();
        context.update(path.as_os_str().as_encoded_bytes());
        context.update(b"\0");
        context.update(hash.as_bytes());
        context.update(b"\n");
    }
    crate::net::hex(context.finish().as_ref())
}
