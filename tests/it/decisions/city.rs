//! A small city, and situations in it told in words: `caller=department class=conditional …`.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};

use helan::domain::{
    Agreement, ApplicationId, Entry, Grant, Item, Mask, MaskId, MatterCode, Mode, Organization,
    ProfileId, PurposeId, Timestamp, Zone,
};
use helan::policy::rules::{CallerFacts, Case, Claim, Rules, Verdict};
use serde_json::{Value, json};

/// The moment of every situation.
pub(super) const NOW: &str = "2026-06-15T02:00:00Z";

/// Both sets of rules and whatever does not vary.
pub(super) struct City {
    rules: BTreeMap<ProfileId, Rules>,
    masks: BTreeMap<MaskId, Mask>,
    bureau: Organization,
    superior: Organization,
    made: Made,
}

/// What was made before; the table asks half a million questions about few things.
#[derive(Default)]
struct Made {
    organizations: Mutex<HashMap<String, Arc<Organization>>>,
    entries: Mutex<HashMap<String, Arc<Entry>>>,
    grants: Mutex<HashMap<String, Arc<Grant>>>,
    agreements: Mutex<HashMap<String, Arc<Option<Agreement>>>>,
}

/// Made once for the same `words`; `make` sees no others, so it cannot depend on them.
fn once<T>(
    made: &Mutex<HashMap<String, Arc<T>>>,
    told: &Situation,
    words: &[&str],
    make: impl Fn(&Situation) -> T,
) -> Arc<T> {
    let told = Situation(
        told.0
            .iter()
            .filter(|(name, _)| words.contains(name))
            .map(|(name, word)| (*name, word.clone()))
            .collect(),
    );
    let key = format!("{:?}", told.0);
    let mut made = made.lock().unwrap();
    Arc::clone(made.entry(key).or_insert_with(|| Arc::new(make(&told))))
}

const ENTRY: [&str; 10] = [
    "class",
    "opening",
    "items",
    "withholding",
    "reason",
    "review",
    "entry",
    "update",
    "modes",
    "format",
];

const GRANT: [&str; 11] = [
    "caller",
    "grant",
    "approvals",
    "agreement",
    "items",
    "purpose",
    "matter",
    "negotiation",
    "authorization",
    "rank",
    "granted-modes",
];

/// One word for every fact that a test may change; what is not said has its default.
#[derive(Clone, Debug)]
pub(super) struct Situation(BTreeMap<&'static str, String>);

/// Everything lawful: a department, a conditional entry, an active grant that both approved.
const DEFAULTS: [(&str, &str); 26] = [
    ("profile", "yc-2018"),
    ("zone", "sharing"),
    ("caller", "department"),
    ("class", "conditional"),
    ("opening", "closed"),
    ("grant", "active"),
    ("approvals", "both"),
    ("agreement", "none"),
    ("items", "plain"),
    ("mode", "api"),
    ("purpose", "declared"),
    ("matter", "free"),
    ("negotiation", "none"),
    ("authorization", "no"),
    ("rank", "law"),
    ("withholding", "law"),
    ("reason", "yes"),
    ("review", "given"),
    ("consumer", "live"),
    ("provider", "live"),
    ("entry", "live"),
    ("application", "granted"),
    ("update", "daily"),
    ("modes", "api+file+browse+batch"),
    ("granted-modes", "api+file+browse+batch"),
    ("format", "json"),
];

impl Situation {
    pub(super) fn lawful(profile: ProfileId) -> Self {
        let mut words: BTreeMap<_, _> =
            DEFAULTS.iter().map(|(name, word)| (*name, (*word).to_owned())).collect();
        words.insert("profile", profile.as_str().to_owned());
        Self(words)
    }

    /// The same with these words changed, such as `grant=late mode=file`.
    pub(super) fn but(&self, changes: &str) -> Self {
        let mut words = self.0.clone();
        for change in changes.split_whitespace() {
            let (name, word) = change.split_once('=').unwrap_or((change, ""));
            let known = words.iter_mut().find(|(known, _)| **known == name);
            *known.unwrap_or_else(|| panic!("`{name}` is no fact")).1 = word.to_owned();
        }
        Self(words)
    }

    pub(super) fn word(&self, name: &str) -> &str {
        &self.0[name]
    }

    fn is(&self, name: &str, word: &str) -> bool {
        self.word(name) == word
    }

    /// The bureau that calls is the one that decides.
    fn consumer(&self) -> &'static str {
        if self.is("caller", "bureau") { "bureau" } else { "consumer" }
    }

    fn list(&self, name: &str) -> Vec<&str> {
        self.word(name).split('+').filter(|word| !word.is_empty()).collect()
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    let shown = value.to_string();
    serde_json::from_value(value).unwrap_or_else(|error| panic!("{error} in {shown}"))
}

fn organization(id: &str, kind: &str, state: &str, person: &str) -> Organization {
    read(json!({
        "id": id, "name": "单位", "uscc": "11640100MB9T00011X", "kind": kind, "region": "640100",
        "state": state,
        "stewards": [{"person": person, "filing": "备2026-1",
            "term": {"from": "2025-01-01", "until": "2027-12-31"}}],
    }))
}

impl City {
    pub(super) fn new() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/rules");
        let rules = ProfileId::ALL.into_iter().map(|profile| {
            let loaded = Rules::load(profile, &folder.join(profile.as_str()));
            let loaded = loaded.unwrap_or_else(|problems| {
                let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
                panic!("{}", told.join("\n"))
            });
            (profile, loaded)
        });
        let masks = json!({"year": {"kind": "year"}, "phone": {"kind": "phone"}});
        Self {
            rules: rules.collect(),
            masks: read(masks),
            bureau: organization("bureau", "bureau", "live", "chief"),
            superior: organization("superior", "bureau", "live", "director"),
            made: Made::default(),
        }
    }

    pub(super) fn rules(&self, profile: ProfileId) -> &Rules {
        &self.rules[&profile]
    }

    /// The entry of a situation under the Measures.
    pub(super) fn entry(changes: &str) -> Entry {
        entry(&Situation::lawful(ProfileId::Yc2018).but(changes))
    }

    /// What the rules say to this situation.
    pub(super) fn decide(&self, told: &Situation) -> Verdict {
        let parts = Parts::of(told, &self.made);
        let bureaus = [&self.bureau, &self.superior];
        let leaves = |item: &&Item| parts.leaving.contains(&item.name.as_str());
        let items: Vec<&Item> = parts.entry.items.iter().filter(leaves).collect();
        let claim = match told.word("grant") {
            "none" => Claim::None,
            "standing" => Claim::Standing,
            _ => Claim::Written { grant: &parts.grant, agreement: (*parts.agreement).as_ref() },
        };
        let case = Case {
            zone: read::<Zone>(json!(told.word("zone"))),
            caller: parts
                .consumer
                .as_ref()
                .map(|organization| CallerFacts { organization, application: &parts.application }),
            provider: &parts.provider,
            bureaus: &bureaus,
            entry: &parts.entry,
            items: &items,
            masks: &self.masks,
            claim,
            mode: read::<Mode>(json!(told.word("mode"))),
            purpose: parts.purpose.as_ref(),
            matter: parts.matter.as_ref(),
            now: Timestamp::parse(NOW).unwrap(),
        };
        self.rules[&read::<ProfileId>(json!(told.word("profile")))].decide(&case)
    }

    /// `yes` or the code, and the article told first.
    pub(super) fn answer(&self, told: &Situation) -> (String, String) {
        let verdict = self.decide(told);
        let outcome = verdict.outcome.map_or_else(|denial| denial.to_string(), |()| "yes".into());
        (outcome, verdict.articles.first().map_or_else(String::new, |first| first.article.clone()))
    }
}

/// The things a situation is made of.
struct Parts {
    provider: Arc<Organization>,
    consumer: Option<Arc<Organization>>,
    application: ApplicationId,
    entry: Arc<Entry>,
    leaving: Vec<&'static str>,
    grant: Arc<Grant>,
    agreement: Arc<Option<Agreement>>,
    purpose: Option<PurposeId>,
    matter: Option<MatterCode>,
}

impl Parts {
    fn of(told: &Situation, made: &Made) -> Self {
        let provider = once(&made.organizations, told, &["provider"], |told| {
            organization("provider", "department", told.word("provider"), "head")
        });
        let consumer = once(&made.organizations, told, &["caller", "consumer"], |told| {
            // Nobody has a kind; what is made for the public is left out below.
            let kind = told.word("caller").trim_end_matches("-authorized");
            let kind = if kind == "public" { "enterprise" } else { kind };
            organization(told.consumer(), kind, told.word("consumer"), "clerk")
        });
        let application = if told.is("application", "granted") { "main" } else { "other" };
        let purpose = match told.word("purpose") {
            "declared" => Some("checking"),
            "wrong" => Some("selling"),
            "widened" => Some("reference"),
            _ => None,
        };
        let matter = match told.word("matter") {
            "declared" => Some("transfer"),
            "wrong" => Some("wedding"),
            _ => None,
        };
        let application = format!("{}/{application}", told.consumer());
        let parties = ["caller", "agreement", "items"];
        Self {
            provider,
            consumer: Some(consumer).filter(|_| !told.is("caller", "public")),
            application: ApplicationId::parse(&application).unwrap(),
            entry: once(&made.entries, told, &ENTRY, entry),
            leaving: items(told.word("items")).1,
            grant: once(&made.grants, told, &GRANT, grant),
            agreement: once(&made.agreements, told, &parties, agreement),
            purpose: purpose.map(|id| PurposeId::parse(id).unwrap()),
            matter: matter.map(|code| MatterCode::parse(code).unwrap()),
        }
    }
}

/// Items of the entry, which of them would leave, which are granted.
fn items(word: &str) -> (Value, Vec<&'static str>, Vec<&'static str>) {
    let plain = json!({"name": "plain", "title": "状态", "type": "string"});
    let other = |more: Value| {
        let mut item = json!({"name": "other", "title": "另一项", "type": "string"});
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([plain, item])
    };
    let (one, both) = (vec!["plain"], vec!["plain", "other"]);
    let personal = json!({"sensitivity": "personal"});
    match word {
        "plain" => (json!([plain]), one.clone(), one),
        "nothing" => (json!([plain]), vec![], one),
        "sensitive" | "masked" | "partial" => (other(personal), both.clone(), both),
        "business" => (other(json!({"sensitivity": "business"})), both.clone(), both),
        "part" => (other(personal), one.clone(), one),
        "ungranted" => (other(json!({})), both, one),
        "overridden" => (other(json!({"sharing": "conditional"})), both.clone(), both),
        "withheld" => (other(json!({"sharing": "withheld"})), both.clone(), both),
        "secret" => (other(json!({"sensitivity": "secret"})), one.clone(), one),
        other => panic!("`{other}` are no items"),
    }
}

fn entry(told: &Situation) -> Entry {
    let items = items(told.word("items")).0;
    let reason = told.is("reason", "yes").then_some("涉及个人隐私");
    let basis: Vec<Value> = told.list("withholding").into_iter().map(basis).collect();
    let masks = match told.word("items") {
        "masked" => json!({"other": "year"}),
        "partial" => json!({"other": "phone"}),
        _ => json!({}),
    };
    let review = match told.word("review") {
        "given" => json!({"person": "head", "date": "2026-01-05", "document": "审1"}),
        "unfiled" => json!({"person": "stranger", "date": "2026-01-05", "document": "审1"}),
        "future" => json!({"person": "head", "date": "2026-07-01", "document": "审1"}),
        _ => Value::Null,
    };
    read(json!({
        "id": "provider/entry", "code": "102001001/000001", "name": "条目", "summary": "摘要",
        "domain": "credit", "format": "json", "update": told.word("update"),
        "published": "2026-01-01", "state": told.word("entry"),
        "sharing": {"class": told.word("class"), "conditions": "仅限办理事项", "basis": basis,
            "reason": reason, "modes": told.list("modes"), "purposes": ["checking"]},
        "opening": {"class": told.word("opening"), "review": review, "masks": masks},
        "items": items,
        "interface": {"upstream": "main", "description": "api.yaml", "format": told.word("format")},
    }))
}

fn basis(rank: &str) -> Value {
    json!({"rank": rank, "title": "某法", "article": "第一条"})
}

fn grant(told: &Situation) -> Grant {
    let items = items(told.word("items")).2;
    let (state, from, until) = match told.word("grant") {
        "early" => ("active", "2026-07-01", "2026-12-31"),
        "late" => ("active", "2025-01-01", "2026-06-14"),
        "none" | "standing" | "foreign" => ("active", "2026-01-01", "2026-12-31"),
        state => (state, "2026-01-01", "2026-12-31"),
    };
    let purposes = match told.word("purpose") {
        "ambiguous" | "widened" => json!(["checking", "reference"]),
        _ => json!(["checking"]),
    };
    let negotiation = match told.word("negotiation") {
        "none" => Value::Null,
        kind => json!({"date": if kind == "future" { "2026-07-01" } else { "2026-01-02" },
            "document": "纪要1", "coordinated": kind == "coordinated"}),
    };
    let authorized =
        told.is("authorization", "yes") || told.word("caller").ends_with("-authorized");
    read(json!({
        "id": "g1", "entry": "provider/entry", "items": items, "purposes": purposes,
        "consumer": if told.is("grant", "foreign") { "somebody" } else { told.consumer() },
        "applications": [format!("{}/main", told.consumer())], "modes": told.list("granted-modes"),
        "declare_purpose": told.is("purpose", "required"),
        "matters": if told.is("matter", "free") { json!([]) } else { json!(["transfer"]) },
        "term": {"from": from, "until": until}, "basis": basis(told.word("rank")),
        "agreement": if told.is("agreement", "none") { Value::Null } else { json!("a1") },
        "authorization": authorized.then(|| json!({"title": "委托协议", "article": "3"})),
        "negotiation": negotiation, "state": state, "approvals": approvals(told.word("approvals")),
    }))
}

fn approvals(word: &str) -> Value {
    let sign = |by: &str, organization: &str, person: &str, date: &str| {
        json!({"by": by, "organization": organization, "person": person, "date": date,
            "document": "批1"})
    };
    let provider = sign("provider", "provider", "head", "2025-12-20");
    let bureau = sign("bureau", "bureau", "chief", "2025-12-22");
    match word {
        "none" => json!([]),
        "provider" => json!([provider]),
        "bureau" => json!([bureau]),
        "both" => json!([provider, bureau]),
        "superior" => json!([provider, sign("bureau", "superior", "director", "2025-12-22")]),
        // The consumer's own clerk signs in the provider's name.
        "own" => json!([sign("provider", "provider", "clerk", "2025-12-20"), bureau]),
        "unfiled" => json!([sign("provider", "provider", "stranger", "2025-12-20"), bureau]),
        "unfiled-bureau" => json!([provider, sign("bureau", "bureau", "stranger", "2025-12-22")]),
        "before-filing" => json!([sign("provider", "provider", "head", "2024-12-31"), bureau]),
        "future" => json!([provider, sign("bureau", "bureau", "chief", "2026-06-16")]),
        "elsewhere" => json!([sign("provider", "somebody", "head", "2025-12-20"), bureau]),
        "twice" => {
            json!([sign("provider", "provider", "stranger", "2025-12-20"), provider, bureau])
        }
        other => panic!("`{other}` are no approvals"),
    }
}

fn agreement(told: &Situation) -> Option<Agreement> {
    let items = items(told.word("items")).2;
    let whole = ("2026-01-01", "2026-12-31");
    let (state, (from, until), items) = match told.word("agreement") {
        "none" | "lost" => return None,
        "good" | "foreign" => ("effective", whole, items),
        "draft" => ("draft", whole, items),
        "ended" => ("terminated", whole, items),
        "over" => ("effective", ("2025-01-01", "2026-06-14"), items),
        "short" => ("effective", ("2026-01-01", "2026-11-30"), items),
        "narrow" => ("effective", whole, vec!["plain"]),
        other => panic!("`{other}` is no agreement"),
    };
    let consumer = if told.is("agreement", "foreign") { "somebody" } else { told.consumer() };
    Some(read(json!({
        "id": "a1", "provider": "provider", "consumer": consumer, "entry": "provider/entry",
        "items": items, "document": "协1", "term": {"from": from, "until": until}, "state": state,
    })))
}
