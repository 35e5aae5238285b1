//! What supervision reads of a record. Of the two kinds that nearly all records are, only the members
//! that roll-ups and detectors need, borrowed from its line: reading whole events would cost several
//! times as much, and it is done for every call.

use std::borrow::Cow;

use uuid::Uuid;

use super::members::{Members, Raw};
use crate::domain::{Personal, Timestamp};
use crate::journal::Event;

/// A record of a form that this program does not know.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unknown {
    /// A member of a call that is missing or is not what it should be.
    #[error("the member `{0}` is missing or of another form")]
    Member(&'static str),
    /// An event that serde does not read.
    #[error(transparent)]
    Event(#[from] serde_json::Error),
}

/// Reads a record; none, and said so, if it is of a form that this program does not know.
pub(super) fn read(seq: u64, json: &[u8]) -> Option<Line<'_>> {
    Line::read(json)
        .inspect_err(|error| {
            tracing::warn!(seq, %error, "a record of an unknown form is in no figure");
        })
        .ok()
}

/// Something that must not be readable, as its keyed hash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hidden<'l> {
    pub(super) key: Cow<'l, str>,
    pub(super) hash: Cow<'l, str>,
}

/// A call was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Decided<'l> {
    pub(super) time: Timestamp,
    pub(super) transaction: Uuid,
    pub(super) zone: Cow<'l, str>,
    pub(super) organization: Cow<'l, str>,
    pub(super) application: Cow<'l, str>,
    pub(super) entry: Cow<'l, str>,
    pub(super) grant: Cow<'l, str>,
    pub(super) matter: Cow<'l, str>,
    pub(super) operator_hash: Option<Hidden<'l>>,
    pub(super) subjects: Vec<Hidden<'l>>,
    pub(super) used: Vec<Cow<'l, str>>,
    pub(super) outcome: Cow<'l, str>,
}

/// A call ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Finished<'l> {
    pub(super) time: Timestamp,
    pub(super) transaction: Uuid,
    pub(super) zone: Cow<'l, str>,
    pub(super) outcome: Cow<'l, str>,
    pub(super) bytes: u64,
    pub(super) items: Items<'l>,
    pub(super) masked: Items<'l>,
    pub(super) rows: Option<u64>,
    pub(super) drift: u64,
    pub(super) mistyped: u64,
    pub(super) mask_failures: u64,
    pub(super) personal: Option<Personal>,
    pub(super) cache: Cow<'l, str>,
    pub(super) last_modified: Option<Timestamp>,
    pub(super) newest: Option<Timestamp>,
    pub(super) upstream_status: Option<u16>,
    pub(super) duration_us: u64,
}

/// A list of items as it is written, which is the same for many calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Items<'l>(&'l [u8]);

impl<'l> Items<'l> {
    #[cfg(test)]
    pub(super) fn written_as(array: &'l [u8]) -> Self {
        Self(array)
    }

    /// As it is written.
    pub(super) fn written(self) -> &'l [u8] {
        self.0
    }

    /// One by one.
    pub(super) fn iter(self) -> impl Iterator<Item = Cow<'l, str>> {
        Raw::written(self.0).elements().filter_map(Raw::text)
    }
}

/// What a record says.
#[derive(Debug)]
pub(super) enum Line<'l> {
    Decided(Decided<'l>),
    Finished(Finished<'l>),
    Other(Event),
}

impl<'l> Line<'l> {
    /// Reads a record's JSON.
    pub(super) fn read(json: &'l [u8]) -> Result<Self, Unknown> {
        let kind = Members::of(json).find(|(name, _)| *name == b"event");
        Ok(match kind.map(|(_, raw)| raw.bytes()) {
            Some(b"\"decided\"") => Self::Decided(decided(json)?),
            Some(b"\"finished\"") => Self::Finished(finished(json)?),
            Some(_) | None => Self::Other(serde_json::from_slice(json)?),
        })
    }

    /// When it happened.
    pub(super) fn time(&self) -> Timestamp {
        match self {
            Self::Decided(line) => line.time,
            Self::Finished(line) => line.time,
            Self::Other(event) => event.time(),
        }
    }
}

fn decided(json: &[u8]) -> Result<Decided<'_>, Unknown> {
    let mut read = Decided::default();
    let (mut time, mut transaction) = (None, None);
    let mut members = Members::of(json);
    for (name, raw) in members.by_ref() {
        match name {
            b"time" => time = Some(moment(raw).ok_or(Unknown::Member("time"))?),
            b"transaction" => transaction = uuid(raw),
            b"zone" => read.zone = text(raw, "zone")?,
            b"organization" => read.organization = text(raw, "organization")?,
            b"application" => read.application = text(raw, "application")?,
            b"entry" => read.entry = text(raw, "entry")?,
            b"grant" => read.grant = text(raw, "grant")?,
            b"matter" => read.matter = text(raw, "matter")?,
            b"operator_hash" => {
                read.operator_hash = Some(hidden(raw).ok_or(Unknown::Member("operator_hash"))?);
            }
            b"subjects" => read.subjects.extend(raw.elements().filter_map(hidden)),
            b"used" => read.used.extend(raw.elements().filter_map(Raw::text)),
            b"outcome" => read.outcome = text(raw, "outcome")?,
            _ => {}
        }
    }
    check(&members, (&read.zone, &read.outcome))?;
    read.time = time.ok_or(Unknown::Member("time"))?;
    read.transaction = transaction.ok_or(Unknown::Member("transaction"))?;
    Ok(read)
}

fn finished(json: &[u8]) -> Result<Finished<'_>, Unknown> {
    let mut read = Finished::default();
    let (mut time, mut transaction) = (None, None);
    let mut members = Members::of(json);
    for (name, raw) in members.by_ref() {
        match name {
            b"time" => time = moment(raw),
            b"transaction" => transaction = uuid(raw),
            b"zone" => read.zone = text(raw, "zone")?,
            b"outcome" => read.outcome = text(raw, "outcome")?,
            b"bytes" => read.bytes = number(raw, "bytes")?,
            b"items" => read.items = Items(raw.bytes()),
            b"masked" => read.masked = Items(raw.bytes()),
            b"rows" => read.rows = Some(number(raw, "rows")?),
            b"drift" => read.drift = number(raw, "drift")?,
            b"mistyped" => read.mistyped = number(raw, "mistyped")?,
            b"mask_failures" => read.mask_failures = number(raw, "mask_failures")?,
            b"personal" => read.personal = Some(serde_json::from_slice(raw.bytes())?),
            b"cache" => read.cache = text(raw, "cache")?,
            b"last_modified" => {
                read.last_modified = Some(moment(raw).ok_or(Unknown::Member("last_modified"))?);
            }
            b"newest" => read.newest = Some(moment(raw).ok_or(Unknown::Member("newest"))?),
            b"upstream_status" => {
                let status = number(raw, "upstream_status")?;
                let status = u16::try_from(status);
                read.upstream_status =
                    Some(status.map_err(|_| Unknown::Member("upstream_status"))?);
            }
            b"duration_us" => read.duration_us = number(raw, "duration_us")?,
            _ => {}
        }
    }
    check(&members, (&read.zone, &read.outcome))?;
    read.time = time.ok_or(Unknown::Member("time"))?;
    read.transaction = transaction.ok_or(Unknown::Member("transaction"))?;
    Ok(read)
}

/// Every call has these, and a record ends where its line does.
fn check(members: &Members<'_>, (zone, outcome): (&str, &str)) -> Result<(), Unknown> {
    let missing =
        [(members.is_whole(), "}"), (!zone.is_empty(), "zone"), (!outcome.is_empty(), "outcome")];
    match missing.into_iter().find(|(is_there, _)| !is_there) {
        Some((_, name)) => Err(Unknown::Member(name)),
        None => Ok(()),
    }
}

fn text<'l>(raw: Raw<'l>, name: &'static str) -> Result<Cow<'l, str>, Unknown> {
    raw.text().ok_or(Unknown::Member(name))
}

fn number(raw: Raw<'_>, name: &'static str) -> Result<u64, Unknown> {
    raw.number().ok_or(Unknown::Member(name))
}

fn moment(raw: Raw<'_>) -> Option<Timestamp> {
    Timestamp::parse(&raw.text()?).ok()
}

fn uuid(raw: Raw<'_>) -> Option<Uuid> {
    Uuid::try_parse(&raw.text()?).ok()
}

fn hidden(raw: Raw<'_>) -> Option<Hidden<'_>> {
    let mut read = Hidden::default();
    for (name, raw) in raw.members() {
        match name {
            b"key" => read.key = raw.text()?,
            b"hash" => read.hash = raw.text()?,
            _ => {}
        }
    }
    Some(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ApplicationId, EntryId, GrantId, ItemName, MatterCode, OrganizationId, Zone,
    };
    use crate::journal::{self, FoldPhase, Folded, KeyedHash};

    fn json(event: &Event) -> Vec<u8> {
        let body = serde_json::to_string(event).unwrap();
        let members = body.strip_prefix('{').unwrap();
        format!("{{\"seq\":7,\"node\":\"n\\\"1\",{members}").into_bytes()
    }

    fn hash(key: &str) -> KeyedHash {
        KeyedHash { key: key.into(), hash: "ab".repeat(32) }
    }

    fn items(names: &[&str]) -> Vec<ItemName> {
        names.iter().map(|name| ItemName::parse(name).unwrap()).collect()
    }

    fn call() -> (journal::Decided, journal::Finished) {
        let time = Timestamp::parse("2026-11-23T10:00:00.250Z").unwrap();
        let mut decided = journal::Decided::new(time, Uuid::from_u128(9), Zone::Sharing);
        decided.organization = OrganizationId::parse("tax").ok();
        decided.application = ApplicationId::parse("tax/desk").ok();
        decided.entry = EntryId::parse("police/residents").ok();
        decided.grant = GrantId::parse("g-1").ok();
        decided.matter = MatterCode::parse("m-1").ok();
        decided.path = Some("/{a}\"},{\"zone\":\"x".into());
        decided.operator_hash = Some(hash("k-1"));
        decided.subjects = vec![hash("s-1"), hash("s-\"2")];
        decided.used = items(&["id_no"]);
        decided.items = items(&["name", "age"]).into();
        decided.checks = [("network".into(), true)].into();
        let mut finished = journal::Finished::new(&decided, time.plus_millis(3), "answered");
        finished.status = Some(200);
        finished.bytes = 700;
        finished.items = items(&["name", "age"]).into();
        finished.masked = items(&["age"]).into();
        finished.rows = Some(2);
        (finished.drift, finished.mistyped, finished.mask_failures) = (3, 1, 4);
        finished.personal = Some(Personal { mobile: 2, ..Personal::default() });
        finished.cache = Some("miss".into());
        finished.last_modified = Some(time.plus_millis(-9));
        finished.newest = Some(time.plus_millis(-8));
        finished.upstream_status = Some(200);
        finished.duration_us = 5_000;
        (decided, finished)
    }

    #[test]
    fn of_a_call_is_read_what_was_written() {
        let (decided, finished) = call();
        let written = json(&Event::Decided(Box::new(decided.clone())));
        let Ok(Line::Decided(read)) = Line::read(&written) else { panic!("not read") };
        let hidden = |hash: &KeyedHash| Hidden {
            key: hash.key.to_string().into(),
            hash: hash.hash.clone().into(),
        };
        let said = |text: &str| Cow::<str>::from(text.to_owned());
        let expected = Decided {
            time: decided.time,
            transaction: decided.transaction,
            zone: said("sharing"),
            organization: said("tax"),
            application: said("tax/desk"),
            entry: said("police/residents"),
            grant: said("g-1"),
            matter: said("m-1"),
            operator_hash: decided.operator_hash.as_ref().map(hidden),
            subjects: decided.subjects.iter().map(hidden).collect(),
            used: vec![said("id_no")],
            outcome: said("allowed"),
        };
        assert_eq!(read, expected);

        let written = json(&Event::Finished(Box::new(finished.clone())));
        let Ok(Line::Finished(read)) = Line::read(&written) else { panic!("not read") };
        assert_eq!(read.items.iter().collect::<Vec<_>>(), ["name", "age"]);
        assert_eq!(read.masked.iter().collect::<Vec<_>>(), ["age"]);
        let expected = Finished {
            time: finished.time,
            transaction: finished.transaction,
            zone: said("sharing"),
            outcome: said("answered"),
            bytes: 700,
            items: read.items,
            masked: read.masked,
            rows: Some(2),
            drift: 3,
            mistyped: 1,
            mask_failures: 4,
            personal: finished.personal,
            cache: said("miss"),
            last_modified: finished.last_modified,
            newest: finished.newest,
            upstream_status: Some(200),
            duration_us: 5_000,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn of_a_call_that_says_the_least_nothing_more_is_read() {
        let time = Timestamp::from_millis(1_000);
        let decided = journal::Decided::new(time, Uuid::from_u128(9), Zone::Opening);
        let finished = journal::Finished::new(&decided, time, "answered");
        let written = json(&Event::Decided(Box::new(decided)));
        let Ok(Line::Decided(read)) = Line::read(&written) else { panic!("not read") };
        assert_eq!((&*read.entry, read.subjects.len(), read.operator_hash), ("", 0, None));
        let written = json(&Event::Finished(Box::new(finished)));
        let Ok(Line::Finished(read)) = Line::read(&written) else { panic!("not read") };
        assert_eq!((read.rows, read.items.iter().count(), &*read.cache), (None, 0, ""));
    }

    #[test]
    fn other_events_are_read_whole_and_other_forms_are_named() {
        let folded = Event::Folded(Folded {
            time: Timestamp::from_millis(1_000),
            fold: Uuid::from_u128(3),
            zone: Zone::Opening,
            phase: FoldPhase::Closed,
            code: "no-grant".to_owned(),
            organization: None,
            application: None,
            address: None,
            count: 12,
        });
        let written = json(&folded);
        assert!(matches!(Line::read(&written), Ok(Line::Other(read)) if read == folded));

        let (_, finished) = call();
        let written = String::from_utf8(json(&Event::Finished(Box::new(finished)))).unwrap();
        for (from, to, member) in [
            ("\"bytes\":700", "\"bytes\":\"700\"", "bytes"),
            ("\"bytes\":700", "\"bytes\":-1", "bytes"),
            ("\"zone\":\"sharing\",", "", "zone"),
            ("T10:00:00.253Z", "T10:00", "time"),
            ("\"upstream_status\":200", "\"upstream_status\":70000", "upstream_status"),
            ("5000}", "5000", "}"),
        ] {
            assert!(written.contains(from), "{from}");
            let other = written.replace(from, to);
            let error = Line::read(other.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(&format!("`{member}`")), "{error} for {to}");
        }
        assert!(Line::read(b"{\"event\":\"of-tomorrow\"}").is_err());
        assert!(Line::read(b"rubbish").is_err());
    }
}
