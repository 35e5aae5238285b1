//! A small city in which breaches are planted: `tax` shares `tax/payers` with `housing` under `g-1`.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::{Finding, Ledger, Scene};
use crate::domain::{
    Agreement, ApplicationId, Entry, EntryId, Grant, GrantId, ItemName, LegalBasis, Organization,
    OrganizationId, Personal, ProfileId, Rank, Thresholds, Timestamp, Zone,
};
use crate::journal::{AdminWrite, Decided, Event, Finished, KeyedHash, ReadError};
use crate::policy::rules::Profile;
use crate::policy::{Description, EntrySource, Rules, Sources};
use crate::supervision::line::Line;

/// The moment at which everything is in order.
const NOW: &str = "2026-06-15T02:00:00Z";

pub(crate) struct Planted {
    pub(crate) sources: Sources,
    pub(crate) profile: Profile,
    pub(crate) ledger: Ledger,
    pub(crate) thresholds: Thresholds,
    now: Timestamp,
    seq: u64,
}

/// Findings as `detector kind id period`.
pub(crate) fn ids(found: &[Finding]) -> Vec<String> {
    let shown =
        |finding: &Finding| format!("{} {} {}", finding.detector, finding.subject, finding.period);
    found.iter().map(shown).collect()
}

fn read<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn organization(id: &str, uscc: &str) -> Arc<Organization> {
    Arc::new(read(json!({
        "id": id, "name": id, "uscc": uscc, "kind": "department", "region": "640100",
        "stewards": [{"person": format!("{id}-1"), "filing": "备1",
            "term": {"from": "2025-01-01", "until": "2027-12-31"}}],
    })))
}

impl Planted {
    pub(crate) fn new() -> Self {
        let entry: Entry = read(json!({
            "id": "tax/payers", "code": "101001001/1", "name": "纳税人", "summary": "s",
            "domain": "credit", "format": "服务接口", "grade": "一般数据",
            "sharing": {"class": "conditional", "conditions": "c", "modes": ["api"],
                "purposes": ["data-verification"]},
            "opening": {"class": "closed"}, "update": "yearly", "published": "2026-01-05",
            "items": [
                {"name": "id_no", "title": "号码", "type": "string", "sensitivity": "personal"},
                {"name": "debt", "title": "欠税", "type": "number"},
            ],
            "interface": {"upstream": "rest", "description": "payers.openapi.yaml"},
        }));
        let grant: Grant = read(json!({
            "id": "g-1", "consumer": "housing", "entry": "tax/payers", "items": ["id_no", "debt"],
            "purposes": ["data-verification"], "modes": ["api"],
            "term": {"from": "2026-01-01", "until": "2026-12-31"},
            "basis": {"rank": "law", "title": "法", "article": "1"},
            "agreement": "a-1", "state": "active",
        }));
        let agreement: Agreement = read(json!({
            "id": "a-1", "provider": "tax", "consumer": "housing", "entry": "tax/payers",
            "items": ["id_no"], "document": "d", "state": "effective",
            "term": {"from": "2026-01-01", "until": "2026-12-31"},
        }));
        let organizations = [
            organization("tax", "11640100MB9T00011X"),
            organization("housing", "11640100MB9T00038M"),
        ];
        let source =
            EntrySource { entry, version: "v".into(), description: Description::default() };
        let sources = Sources {
            organizations: organizations.map(|known| (known.id.clone(), known)).into(),
            entries: [(source.entry.id.clone(), Arc::new(source))].into(),
            grants: [(grant.id.clone(), Arc::new(grant))].into(),
            agreements: [(agreement.id.clone(), Arc::new(agreement))].into(),
            ..Sources::default()
        };
        Self {
            sources,
            profile: profile(ProfileId::Yc2018),
            ledger: Ledger::default(),
            thresholds: Thresholds::default(),
            now: Timestamp::parse(NOW).unwrap(),
            seq: 0,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn at(&mut self, moment: &str) {
        self.now = Timestamp::parse(moment).unwrap();
    }

    pub(crate) fn under_order_809(&mut self) {
        self.profile = profile(ProfileId::Sc809);
    }

    pub(crate) fn entry(&mut self, id: &str, change: impl FnOnce(&mut Entry)) {
        let id = EntryId::parse(id).unwrap();
        change(&mut Arc::make_mut(self.sources.entries.get_mut(&id).unwrap()).entry);
    }

    pub(crate) fn grant(&mut self, change: impl FnOnce(&mut Grant)) {
        let grant = self.sources.grants.values_mut().next().unwrap();
        change(Arc::make_mut(grant));
    }

    pub(crate) fn agreement(&mut self, change: impl FnOnce(&mut Agreement)) {
        let agreement = self.sources.agreements.values_mut().next().unwrap();
        change(Arc::make_mut(agreement));
    }

    pub(crate) fn organization(&mut self, id: &str, change: impl FnOnce(&mut Organization)) {
        let id = OrganizationId::parse(id).unwrap();
        change(Arc::make_mut(self.sources.organizations.get_mut(&id).unwrap()));
    }

    pub(crate) fn basis(rank: Rank) -> LegalBasis {
        LegalBasis { rank, title: "t".to_owned(), article: "1".to_owned() }
    }

    pub(crate) fn item(name: &str) -> ItemName {
        ItemName::parse(name).unwrap()
    }

    pub(crate) fn scene(&self) -> Scene<'_> {
        Scene {
            sources: &self.sources,
            profile: &self.profile,
            thresholds: &self.thresholds,
            ledger: &self.ledger,
            now: self.now,
        }
    }

    pub(crate) fn find(&self, rule: fn(&Scene<'_>) -> Vec<Finding>) -> Vec<Finding> {
        rule(&self.scene())
    }

    pub(crate) fn take(&mut self, event: &Event) {
        self.seq += 1;
        let json = serde_json::to_vec(event).unwrap();
        self.ledger.take(self.seq, &Line::read(&json).unwrap(), &self.thresholds);
    }

    pub(crate) fn complain(&mut self, error: &ReadError) {
        self.ledger.complain(error);
    }

    fn decided(&self, zone: Zone, entry: &str) -> Decided {
        let mut decided = Decided::new(self.now, Uuid::from_u128(self.seq.into()), zone);
        decided.entry = EntryId::parse(entry).ok();
        decided
    }

    fn pair(&mut self, decided: Decided, change: impl FnOnce(&mut Finished)) {
        let mut finished = Finished::new(&decided, self.now, "answered");
        change(&mut finished);
        self.take(&Event::Decided(Box::new(decided)));
        self.take(&Event::Finished(Box::new(finished)));
    }

    /// A call under `g-1` that was allowed.
    pub(crate) fn answered(&mut self, entry: &str, change: impl FnOnce(&mut Finished)) {
        let mut decided = self.decided(Zone::Sharing, entry);
        decided.grant = GrantId::parse("g-1").ok();
        decided.application = ApplicationId::parse("housing/desk").ok();
        self.pair(decided, change);
    }

    /// A call of the public.
    pub(crate) fn opened(&mut self, entry: &str, personal: Option<Personal>) {
        let decided = self.decided(Zone::Opening, entry);
        self.pair(decided, |finished| finished.personal = personal);
    }

    pub(crate) fn refused(&mut self, application: &str, entry: &str, code: &'static str) {
        let mut decided = self.decided(Zone::Sharing, entry);
        decided.application = ApplicationId::parse(application).ok();
        decided.outcome = code.into();
        self.pair(decided, |finished| finished.outcome = code.into());
    }

    /// A question about a person, with so many rows for an answer.
    pub(crate) fn asked(&mut self, application: &str, person: u32, rows: u64) {
        let hash = |hash: String| KeyedHash { key: "1".into(), hash };
        let mut decided = self.decided(Zone::Sharing, "tax/payers");
        decided.application = ApplicationId::parse(application).ok();
        decided.operator_hash = Some(hash("op".to_owned()));
        decided.subjects = vec![hash(format!("{person:016x}"))];
        self.pair(decided, |finished| finished.rows = Some(rows));
    }

    /// What somebody says of a finding.
    pub(crate) fn mark(&mut self, action: &str, finding: &str) {
        self.take(&Event::AdminWrite(AdminWrite {
            time: self.now,
            transaction: Uuid::from_u128(1),
            by: "auditor".to_owned(),
            role: None,
            action: action.to_owned(),
            target: Some(finding.to_owned()),
            reason: Some("looked at".to_owned()),
            outcome: "done".to_owned(),
            status: 200,
            count: 1,
        }));
    }
}

fn profile(id: ProfileId) -> Profile {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/rules").join(id.as_str());
    Rules::load(id, &folder).unwrap().profile().clone()
}

#[test]
fn a_city_in_order_has_no_findings() {
    let mut city = Planted::new();
    city.answered("tax/payers", |_| {});

    assert_eq!(ids(&super::findings(&city.scene())), Vec::<String>::new());
}

#[test]
fn what_people_say_stays_with_the_finding() {
    let mut city = Planted::new();
    city.grant(|grant| grant.agreement = None);
    let found = super::findings(&city.scene()).remove(0);
    assert_eq!(found.state.as_str(), "new");

    city.mark("dismiss", found.id.as_str());
    city.at("2026-06-16T02:00:00Z");
    city.mark("confirm", found.id.as_str());
    city.mark("freeze", found.id.as_str());
    let found = super::findings(&city.scene()).remove(0);

    let mark = found.mark.unwrap();
    assert_eq!((found.state.as_str(), mark.by.as_str()), ("confirmed", "auditor"));
    assert!(mark.first < mark.time);
}

#[test]
fn a_ledger_that_was_written_down_goes_on_where_it_was() {
    let mut city = Planted::new();
    city.answered("tax/payers", |end| end.drift = 1);
    for number in 0..15 {
        city.asked("housing/desk", number, 0);
    }
    let text = serde_json::to_string(&city.ledger).unwrap();
    city.ledger = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&city.ledger).unwrap(), text);

    for number in 15..20 {
        city.asked("housing/desk", number, 0);
    }
    let expected = ["V-12 entry tax/payers 2026-06", "V-16 application housing/desk 2026-06-15 op"];
    assert_eq!(ids(&super::findings(&city.scene())), expected);
}

#[test]
fn a_record_counts_once_however_often_it_is_read() {
    let mut city = Planted::new();
    city.answered("tax/payers", |end| end.drift = 1);
    let again = city.ledger.clone();
    city.seq = 0;
    city.answered("tax/payers", |end| end.drift = 1);

    let shown = |ledger: &Ledger| serde_json::to_string(ledger).unwrap();
    assert_eq!(shown(&city.ledger), shown(&again));
}

#[test]
fn every_detector_has_a_name_and_an_article() {
    let mut seen = BTreeSet::new();
    for detector in super::Detector::ALL {
        assert!(seen.insert(detector.id()));
        for profile in ProfileId::ALL {
            assert!(!super::law::articles(*detector, profile).is_empty(), "{detector}");
        }
    }
}
