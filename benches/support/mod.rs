//! The sample city of `policies/`, grown to the size of a province: its marriage register stands as
//! often as asked, each time granted to so many other consumers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use helan::config::keys::Keys;
use helan::domain::{
    AgreementId, ApplicationId, EntryId, GrantId, OrganizationId, ProfileId, Timestamp, Zone,
};
use helan::gateway::{Metrics, PreparedView, Tools};
use helan::policy::{EntrySource, Rules, Sources, View, folder};
use helan::upstream::Shared;
// As in the program itself.
use mimalloc as _;
use prometheus::Registry;

/// The moment every benchmark begins: the dates of the city are written around it.
pub(crate) fn noon() -> Timestamp {
    Timestamp::parse("2026-06-01T04:00:00Z").unwrap()
}

/// A city, and what its Views are prepared with.
pub(crate) struct City {
    pub(crate) sources: Sources,
    pub(crate) keys: Arc<Keys>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) upstreams: Arc<Shared>,
    pub(crate) policies: PathBuf,
}

impl City {
    /// A city of so many entries and other consumers. Every register among them that the sample does
    /// not have is granted to `each` of the consumers, in turn.
    pub(crate) fn new(entries: usize, consumers: usize, each: usize) -> Self {
        let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let mut sources = folder::read(&policies, noon()).unwrap().sources;
        (0..consumers).for_each(|number| consumer(&mut sources, number));
        for number in sources.entries.len()..entries {
            register(&mut sources, number);
            for granted in 0..each {
                grant(&mut sources, number, (number * each + granted) % consumers);
            }
        }
        Self {
            sources,
            keys: Arc::new(Keys::ephemeral()),
            metrics: Arc::new(Metrics::register(&Registry::new()).unwrap()),
            upstreams: Arc::default(),
            policies,
        }
    }

    /// The sharing zone under these rules.
    pub(crate) fn sharing(&self, profile: ProfileId) -> PreparedView {
        let folder = self.policies.join("rules").join(profile.as_str());
        let rules = Arc::new(Rules::load(profile, &folder).unwrap());
        let view = View::compile(Zone::Sharing, &self.sources, rules, 1);
        let tools = Tools {
            metrics: &self.metrics,
            upstreams: &self.upstreams,
            keys: &self.keys,
            folder: &self.policies,
        };
        PreparedView::prepare(view, &self.sources, &tools).unwrap()
    }
}

/// The register that all others are copies of.
pub(crate) const REGISTER: &str = "civil-affairs/marriage";

/// The id of a copy; `number` counts all entries of the city.
pub(crate) fn register_id(number: usize) -> String {
    format!("civil-affairs/register-{number}")
}

/// The id of a consumer that the sample does not have.
pub(crate) fn consumer_id(number: usize) -> String {
    format!("office-{number}")
}

fn register(sources: &mut Sources, number: usize) {
    let id = EntryId::parse(&register_id(number)).unwrap();
    let mut copy = EntrySource::clone(&sources.entries[REGISTER]);
    copy.entry.id = id.clone();
    sources.entries.insert(id, Arc::new(copy));
}

/// A department like the land registry, with one application.
fn consumer(sources: &mut Sources, number: usize) {
    let mut copy = sources.organizations["natural-resources"].as_ref().clone();
    let name = consumer_id(number);
    copy.id = OrganizationId::parse(&name).unwrap();
    copy.applications.truncate(1);
    for application in &mut copy.applications {
        application.id = ApplicationId::parse(&format!("{name}/main")).unwrap();
        // A credential names one application, and no benchmark of many consumers shows one.
        application.credentials.clear();
    }
    sources.organizations.insert(copy.id.clone(), Arc::new(copy));
}

/// What grant `g-02` and its agreement say, for another consumer of another register.
fn grant(sources: &mut Sources, register: usize, consumer: usize) {
    let entry = EntryId::parse(&register_id(register)).unwrap();
    let consumer_name = consumer_id(consumer);
    let consumer_id = OrganizationId::parse(&consumer_name).unwrap();
    let name = format!("copy-{register}-{consumer}");

    let mut agreement = sources.agreements["a-02"].as_ref().clone();
    agreement.id = AgreementId::parse(&name).unwrap();
    agreement.consumer = consumer_id.clone();
    agreement.entry = entry.clone();

    let mut grant = sources.grants["g-02"].as_ref().clone();
    grant.id = GrantId::parse(&name).unwrap();
    grant.applications = vec![ApplicationId::parse(&format!("{consumer_name}/main")).unwrap()];
    grant.consumer = consumer_id;
    grant.agreement = Some(agreement.id.clone());
    grant.entry = entry;

    sources.agreements.insert(agreement.id.clone(), Arc::new(agreement));
    sources.grants.insert(grant.id.clone(), Arc::new(grant));
}
