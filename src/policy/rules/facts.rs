//! Turns a case into the facts of `facts.cedarschema`. What follows from them is said by the policies.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
    Schema,
};

use super::case::{CallerFacts, Case, Claim};
use super::consent::{self, Consent};
use super::grant::grant_facts;
use super::profile::{Profile, authority_name};
use crate::domain::{
    EntryState, Format, MatterCode, Mode, OrganizationState, PurposeId, Sensitivity, SharingClass,
    UpdateCycle, Zone,
};

/// The schema every profile is checked against.
pub(super) const SCHEMA: &str = include_str!("../../../policies/rules/facts.cedarschema");

/// The action asked for; each has the policies that name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flow {
    /// To the public.
    Open,
    /// Among departments, without a written grant.
    Share,
    /// Under a written grant.
    Use,
}

impl Flow {
    pub(super) const ALL: [Self; 3] = [Self::Open, Self::Share, Self::Use];

    pub(super) fn of(case: &Case<'_>) -> Self {
        match (case.zone, case.claim) {
            (Zone::Opening, _) => Self::Open,
            (Zone::Sharing | Zone::Peering, Claim::Written { .. }) => Self::Use,
            (Zone::Sharing | Zone::Peering, Claim::Standing | Claim::None) => Self::Share,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Share => "share",
            Self::Use => "use",
        }
    }
}

/// Facts that cannot be written down. Nothing a caller sends can bring that about.
#[derive(Debug, thiserror::Error)]
#[error("the facts of a call cannot be written down")]
pub(super) struct FactsError(#[source] Box<dyn std::error::Error + Send + Sync>);

fn broken<E: std::error::Error + Send + Sync + 'static>(cause: E) -> FactsError {
    FactsError(Box::new(cause))
}

/// What is the same in every question under one profile.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    public: EntityUid,
    organization: EntityTypeName,
    entry: EntityTypeName,
    actions: BTreeMap<Flow, EntityUid>,
    /// What the profile says, by class; prepared once, since it never changes.
    profiles: BTreeMap<SharingClass, Entity>,
    /// Facts are checked against it while debug assertions are on; in a release they fit by then.
    schema: Option<Schema>,
}

impl Frame {
    pub(super) fn new(profile: &Profile, schema: Schema) -> Result<Self, FactsError> {
        let mut actions = BTreeMap::new();
        for flow in Flow::ALL {
            actions.insert(
                flow,
                EntityUid::from_str(&format!("Action::\"{}\"", flow.name())).map_err(broken)?,
            );
        }
        let mut profiles = BTreeMap::new();
        for class in SharingClass::ALL {
            profiles.insert(class, profile_facts(profile, class)?);
        }
        Ok(Self {
            public: EntityUid::from_str("Public::\"public\"").map_err(broken)?,
            organization: EntityTypeName::from_str("Organization").map_err(broken)?,
            entry: EntityTypeName::from_str("Entry").map_err(broken)?,
            actions,
            profiles,
            schema: Some(schema).filter(|_| cfg!(debug_assertions)),
        })
    }

    /// The question and everything it is about.
    pub(super) fn ask(&self, case: &Case<'_>) -> Result<(Request, Entities), FactsError> {
        let flow = Flow::of(case);
        let caller = case.caller.filter(|_| flow != Flow::Open);
        let principal = match caller {
            Some(caller) => self.caller(caller)?,
            None => Entity::new_no_attrs(self.public.clone(), HashSet::new()),
        };
        let resource = self.resource(case)?;
        let action = self.actions.get(&flow).cloned().unwrap_or_else(|| self.public.clone());
        let (class, mut facts) = facts_of(case)?;
        let profile = self.profiles.get(&class).cloned();
        if let Some(profile) = &profile {
            let named = RestrictedExpression::new_entity_uid(profile.uid());
            facts.push(("profile".to_owned(), named));
        }
        let context = Context::from_pairs(facts).map_err(broken)?;
        let schema = self.schema.as_ref();
        let request = Request::new(principal.uid(), action, resource.uid(), context, schema)
            .map_err(broken)?;
        let entities =
            Entities::from_entities([principal, resource].into_iter().chain(profile), schema)
                .map_err(broken)?;
        Ok((request, entities))
    }

    fn caller(&self, caller: CallerFacts<'_>) -> Result<Entity, FactsError> {
        let organization = caller.organization;
        let id = EntityId::new(organization.id.as_str());
        let facts = HashMap::from([
            ("kind".to_owned(), text(organization.kind.as_str())),
            ("live".to_owned(), flag(organization.state == OrganizationState::Live)),
        ]);
        let uid = EntityUid::from_type_name_and_id(self.organization.clone(), id);
        Entity::new(uid, facts, HashSet::new()).map_err(broken)
    }

    fn resource(&self, case: &Case<'_>) -> Result<Entity, FactsError> {
        let entry = case.entry;
        let sharing = &entry.sharing;
        let secret = entry.items.iter().any(|item| item.sensitivity == Sensitivity::Secret);
        let interface_due = entry.update == UpdateCycle::Realtime || entry.parallel_approval;
        let reason = sharing.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty());
        let facts = HashMap::from([
            ("class".to_owned(), text(sharing.class.as_str())),
            ("opening".to_owned(), text(entry.opening.class.as_str())),
            ("live".to_owned(), flag(entry.state == EntryState::Live)),
            ("provider_live".to_owned(), flag(case.provider.state == OrganizationState::Live)),
            ("secret".to_owned(), flag(secret)),
            ("modes".to_owned(), words(sharing.modes.iter().map(|mode| mode.as_str()))),
            ("interface_due".to_owned(), flag(interface_due)),
            ("purposes".to_owned(), words(sharing.purposes.iter().map(PurposeId::as_str))),
            ("ranks".to_owned(), words(sharing.basis.iter().map(|basis| basis.rank.as_str()))),
            ("reason".to_owned(), flag(reason)),
            ("review".to_owned(), text(review(case).as_str())),
        ]);
        let id = EntityId::new(entry.id.as_str());
        let uid = EntityUid::from_type_name_and_id(self.entry.clone(), id);
        Entity::new(uid, facts, HashSet::new()).map_err(broken)
    }
}

/// Named facts, before they become a context.
type Facts = Vec<(String, RestrictedExpression)>;

/// The facts of the call, and the class that decides what the profile asks for.
fn facts_of(case: &Case<'_>) -> Result<(SharingClass, Facts), FactsError> {
    let mut class = case.entry.sharing.class;
    let mut facts =
        vec![("call".to_owned(), call_facts(case)?), ("items".to_owned(), item_facts(case)?)];
    if let (Flow::Use, Claim::Written { grant, agreement }) = (Flow::of(case), case.claim) {
        let (granted, written) = grant_facts(case, grant, agreement)?;
        class = granted;
        facts.push(("grant".to_owned(), written));
    }
    Ok((class, facts))
}

fn call_facts(case: &Case<'_>) -> Result<RestrictedExpression, FactsError> {
    let claim = match case.claim {
        Claim::Written { .. } => "written",
        Claim::Standing => "standing",
        Claim::None => "none",
    };
    let application = case.caller.map(|caller| caller.application.as_str());
    let stated = [
        ("purpose", case.purpose.map(PurposeId::as_str)),
        ("matter", case.matter.map(MatterCode::as_str)),
        ("application", application),
    ];
    let always = [
        ("zone", text(case.zone.as_str())),
        ("claim", text(claim)),
        ("now", moment(case.now.millis())),
        ("mode", text(case.mode.as_str())),
    ];
    record(
        always
            .into_iter()
            .chain(stated.into_iter().filter_map(|(name, value)| Some((name, text(value?))))),
    )
}

fn item_facts(case: &Case<'_>) -> Result<RestrictedExpression, FactsError> {
    let (entry, items) = (case.entry, case.items);
    let all = entry.items.iter().all(|item| items.iter().any(|one| one.name == item.name));
    let bytes = entry.interface.as_ref().is_some_and(|face| face.format == Format::File);
    let withheld = |class: Option<SharingClass>| class == Some(SharingClass::Withheld);
    record([
        ("any", flag(!items.is_empty())),
        ("all", flag(all)),
        ("opaque", flag(bytes || case.mode == Mode::File)),
        ("sensitive", flag(items.iter().any(|item| item.is_sensitive()))),
        ("overridden", flag(items.iter().any(|item| item.sharing.is_some()))),
        ("withheld", flag(items.iter().any(|item| withheld(item.sharing)))),
        ("exposed", flag(items.iter().any(|item| !entry.item_is_open(item, case.masks)))),
    ])
}

fn profile_facts(profile: &Profile, class: SharingClass) -> Result<Entity, FactsError> {
    let needs = profile.needs(class);
    let facts = HashMap::from([
        ("government".to_owned(), words(profile.government.iter().map(|kind| kind.as_str()))),
        ("modes".to_owned(), words(profile.modes.iter().map(|mode| mode.as_str()))),
        ("withholding".to_owned(), words(profile.withholding.iter().map(|rank| rank.as_str()))),
        ("basis".to_owned(), words(needs.basis.iter().map(|rank| rank.as_str()))),
        ("approvals".to_owned(), words(needs.approvals.iter().map(|by| authority_name(*by)))),
        ("negotiation".to_owned(), flag(needs.negotiation)),
        ("coordination".to_owned(), flag(needs.coordination)),
    ]);
    let name = EntityUid::from_str(&format!("Profile::\"{}\"", class.as_str())).map_err(broken)?;
    Entity::new(name, facts, HashSet::new()).map_err(broken)
}

/// The confidentiality review, as good as the person who signed it.
fn review(case: &Case<'_>) -> Consent {
    let Some(review) = &case.entry.opening.review else { return Consent::Missing };
    if review.date > case.now.day() {
        return Consent::Missing;
    }
    consent::by_filing(case.provider, &review.person, review.date)
}

pub(super) fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

pub(super) fn flag(value: bool) -> RestrictedExpression {
    RestrictedExpression::new_bool(value)
}

pub(super) fn moment(millis: i64) -> RestrictedExpression {
    RestrictedExpression::new_long(millis)
}

pub(super) fn words<'a, I: Iterator<Item = &'a str>>(values: I) -> RestrictedExpression {
    RestrictedExpression::new_set(values.map(text))
}

pub(super) fn record<'a, I: IntoIterator<Item = (&'a str, RestrictedExpression)>>(
    fields: I,
) -> Result<RestrictedExpression, FactsError> {
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    RestrictedExpression::new_record(fields).map_err(broken)
}
