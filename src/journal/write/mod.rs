//! The two events of a call as JSON, as serde would write them.
//!
//! Two of them are written for every call, each of some thirty members: by hand that takes a quarter of
//! the instructions (a test holds both ways against each other).

mod member;

mod time;

use uuid::Uuid;

use super::call::{Decided, Finished};
use crate::domain::{
    ApplicationId, EntryId, GrantId, MatterCode, Mode, OrganizationId, ProfileId, PurposeId,
    Timestamp,
};

use self::member::{bare, count, hash, keyed, known, list, name, put, quota, some, text, word};
use self::time::{NOW, THEN, time};

/// What `decided` says alike of every call that one decision allows, as it is written: most of the
/// event, so that a worker writes it once a decision and not once a call.
#[derive(Debug)]
pub struct Common {
    who: Box<[u8]>,
    what: Box<[u8]>,
    may: Box<[u8]>,
}

impl Common {
    /// Of all calls that agree with this one in who asks, in the grant, the View and the outcome.
    pub fn new(decided: &Decided) -> Self {
        let written = |write: fn(&mut Vec<u8>, &Decided)| {
            let mut out = Vec::new();
            write(&mut out, decided);
            out.into_boxed_slice()
        };
        Self { who: written(who), what: written(what), may: written(may) }
    }
}

/// Writes `decided`, with what is written of it already.
pub(super) fn decided(out: &mut Vec<u8>, event: &Decided, common: Option<&Common>) {
    begin(out, "{\"event\":\"decided\",\"time\":", event.time, event.transaction);
    match common {
        Some(common) => out.extend_from_slice(&common.who),
        None => who(out, event),
    }
    list(out, name!("proved"), &event.proved, |out, proved| bare(out, proved.as_str()));
    some(out, name!("address"), event.address.as_deref());
    match common {
        Some(common) => out.extend_from_slice(&common.what),
        None => what(out, event),
    }
    put(out, name!("method"));
    word(out, &event.method);
    some(out, name!("path"), event.path.as_deref());
    list(out, name!("parameters"), &event.parameters, |out, name| text(out, name));
    known(out, name!("purpose"), event.purpose.as_ref().map(PurposeId::as_str));
    hash(out, name!("purpose_hash"), event.purpose_hash.as_ref());
    some(out, name!("choice"), event.choice.as_deref());
    known(out, name!("matter"), event.matter.as_ref().map(MatterCode::as_str));
    hash(out, name!("matter_hash"), event.matter_hash.as_ref());
    hash(out, name!("case_hash"), event.case_hash.as_ref());
    hash(out, name!("operator_hash"), event.operator_hash.as_ref());
    list(out, name!("subjects"), &event.subjects, keyed);
    known(out, name!("mode"), event.mode.map(Mode::as_str));
    list(out, name!("used"), &event.used, |out, item| bare(out, item.as_str()));
    match common {
        Some(common) => out.extend_from_slice(&common.may),
        None => may(out, event),
    }
    list(out, name!("quota"), &event.quota, quota);
    if !event.checks.is_empty() {
        put(out, name!("checks"));
        let mut mark = b'{';
        for (name, passed) in &event.checks {
            out.push(mark);
            word(out, name);
            put(out, if *passed { ":true" } else { ":false" });
            mark = b',';
        }
        out.push(b'}');
    }
    out.push(b'}');
    debug_assert!(common.is_none() || *out == whole(event), "another decision's call: {event:?}");
}

/// `decided` with nothing written of it already.
fn whole(event: &Decided) -> Vec<u8> {
    let mut out = Vec::new();
    decided(&mut out, event, None);
    out
}

fn who(out: &mut Vec<u8>, event: &Decided) {
    known(out, name!("zone"), Some(event.zone.as_str()));
    known(out, name!("organization"), event.organization.as_ref().map(OrganizationId::as_str));
    known(out, name!("application"), event.application.as_ref().map(ApplicationId::as_str));
}

fn what(out: &mut Vec<u8>, event: &Decided) {
    known(out, name!("entry"), event.entry.as_ref().map(EntryId::as_str));
    some(out, name!("entry_version"), event.entry_version.as_deref());
    known(out, name!("grant"), event.grant.as_ref().map(GrantId::as_str));
    some(out, name!("grant_version"), event.grant_version.as_deref());
    known(out, name!("profile"), event.profile.map(ProfileId::as_str));
    some(out, name!("rules"), event.rules.as_deref());
    some(out, name!("view"), event.view.as_deref());
}

fn may(out: &mut Vec<u8>, event: &Decided) {
    list(out, name!("items"), &event.items, |out, item| bare(out, item.as_str()));
    put(out, name!("outcome"));
    word(out, &event.outcome);
    list(out, name!("articles"), &event.articles, |out, article| text(out, article));
}

/// Writes `finished`.
pub(super) fn finished(out: &mut Vec<u8>, event: &Finished) {
    begin(out, "{\"event\":\"finished\",\"time\":", event.time, event.transaction);
    known(out, name!("zone"), Some(event.zone.as_str()));
    count(out, name!("status"), event.status.map(u64::from));
    put(out, name!("outcome"));
    word(out, &event.outcome);
    count(out, name!("bytes"), Some(event.bytes));
    list(out, name!("items"), &event.items, |out, item| bare(out, item.as_str()));
    list(out, name!("masked"), &event.masked, |out, item| bare(out, item.as_str()));
    count(out, name!("rows"), event.rows);
    count(out, name!("drift"), Some(event.drift));
    count(out, name!("mistyped"), Some(event.mistyped).filter(|count| *count > 0));
    count(out, name!("mask_failures"), Some(event.mask_failures).filter(|count| *count > 0));
    if let Some(personal) = &event.personal {
        put(out, name!("personal"));
        let mut mark = "{\"";
        for (kind, number) in personal.counts().filter(|(_, number)| *number > 0) {
            for piece in [mark, kind, "\":", itoa::Buffer::new().format(number)] {
                put(out, piece);
            }
            mark = ",\"";
        }
        put(out, if mark == ",\"" { "}" } else { "{}" });
    }
    if let Some(cache) = &event.cache {
        put(out, name!("cache"));
        word(out, cache);
    }
    for (name, moment) in
        [(name!("last_modified"), event.last_modified), (name!("newest"), event.newest)]
    {
        if let Some(moment) = moment {
            put(out, name);
            time(out, moment, &THEN);
        }
    }
    count(out, name!("upstream_status"), event.upstream_status.map(u64::from));
    count(out, name!("duration_us"), Some(event.duration_us));
    out.push(b'}');
}

/// Writes what both events begin with.
fn begin(out: &mut Vec<u8>, event: &str, moment: Timestamp, transaction: Uuid) {
    out.clear();
    put(out, event);
    time(out, moment, &NOW);
    let mut id = [0; uuid::fmt::Hyphenated::LENGTH];
    known(out, name!("transaction"), Some(transaction.hyphenated().encode_lower(&mut id)));
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::{ItemName, Personal, Zone};
    use crate::journal::{Event, KeyedHash, Proved, QuotaUse};

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn least() -> Decided {
        Decided::new(moment("2026-11-25T12:00:00.007Z"), Uuid::from_u128(7), Zone::Opening)
    }

    fn most() -> Decided {
        let hash = |key: &str| Some(KeyedHash { key: key.into(), hash: "00ff".to_owned() });
        let item = |name: &str| ItemName::parse(name).unwrap();
        Decided {
            organization: Some(OrganizationId::parse("tax").unwrap()),
            application: Some(ApplicationId::parse("tax/desk").unwrap()),
            proved: vec![Proved::Certificate, Proved::Token, Proved::Key, Proved::Anonymous],
            address: Some("192.0.2.0/24".to_owned()),
            entry: Some(EntryId::parse("tax/payers").unwrap()),
            entry_version: Some("v1".into()),
            grant: Some(GrantId::parse("g-1").unwrap()),
            grant_version: Some("v2".into()),
            profile: Some(ProfileId::Sc809),
            rules: Some("r".into()),
            view: Some("v".into()),
            method: Cow::Borrowed("POST"),
            path: Some("/payers/{\"id\\no\"}\n".into()),
            parameters: vec!["姓名".into(), "b".into()],
            purpose: Some(PurposeId::parse("data-verification").unwrap()),
            purpose_hash: hash("1"),
            choice: Some("standing".to_owned()),
            matter: serde_json::from_str("\"estate-transfer\"").unwrap(),
            matter_hash: hash("2"),
            case_hash: hash("3"),
            operator_hash: hash("4"),
            subjects: hash("5").into_iter().chain(hash("6")).collect(),
            mode: Some(Mode::Api),
            used: vec![item("id_no")],
            items: [item("id_no"), item("name")].into(),
            articles: ["办法 第十五条".into()].into(),
            quota: vec![QuotaUse { key: "grant:g-1:day:2026-11-25".into(), number: u64::MAX }],
            checks: [(Cow::Borrowed("scope"), true), (Cow::Borrowed("case"), false)].into(),
            ..least()
        }
    }

    #[test]
    fn decided_is_written_as_serde_writes_it() {
        for event in [least(), most()] {
            let mut out = b"what was there".to_vec();
            decided(&mut out, &event, None);
            let expected = serde_json::to_string(&Event::Decided(Box::new(event))).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_written_of_another_call_of_the_decision_changes_nothing() {
        let first = most();
        let other = Decided {
            time: moment("2026-11-25T12:00:01Z"),
            transaction: Uuid::from_u128(8),
            proved: Vec::new(),
            address: None,
            method: Cow::Borrowed("GET"),
            path: None,
            quota: Vec::new(),
            checks: BTreeMap::new(),
            ..most()
        };
        let nobody = least();
        for (first, event) in [(&first, &first), (&first, &other), (&nobody, &nobody)] {
            let mut out = Vec::new();
            decided(&mut out, event, Some(&Common::new(first)));
            let expected = serde_json::to_string(&Event::Decided(Box::new(event.clone()))).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "another decision's call")]
    fn another_decisions_call_is_noticed() {
        decided(&mut Vec::new(), &least(), Some(&Common::new(&most())));
    }

    #[test]
    fn finished_is_written_as_serde_writes_it() {
        let least = Finished::new(&least(), moment("1969-12-31T23:59:59.999Z"), "answered");
        let most = Finished {
            status: Some(200),
            bytes: 1,
            items: most().items,
            masked: most().used.into(),
            rows: Some(0),
            drift: 2,
            mistyped: 3,
            mask_failures: 4,
            personal: Some(Personal { identity: 1, card: 2, ..Personal::default() }),
            cache: Some(Cow::Borrowed("hit")),
            last_modified: Some(moment("2026-11-25T13:55:53Z")),
            newest: Some(moment("9999-01-31T23:59:59.100Z")),
            upstream_status: Some(304),
            duration_us: 5,
            ..least.clone()
        };
        let nothing = Finished { personal: Some(Personal::default()), ..least.clone() };
        for event in [least, most, nothing] {
            let mut out = Vec::new();
            finished(&mut out, &event);
            let expected = serde_json::to_string(&Event::Finished(Box::new(event))).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
