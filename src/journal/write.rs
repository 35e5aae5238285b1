//! The two events of a call as JSON, as serde would write them.
//!
//! Two of them are written for every call, each of some thirty members: by hand that takes a quarter of
//! the instructions (a test holds both ways against each other).

use std::cell::Cell;
use std::thread::LocalKey;

use uuid::Uuid;

use super::call::{Decided, Finished, KeyedHash, QuotaUse};
use crate::domain::{
    ApplicationId, EntryId, GrantId, MatterCode, Mode, OrganizationId, ProfileId, PurposeId,
    Timestamp,
};

/// A comma, a name and its colon.
macro_rules! name {
    ($name:literal) => {
        concat!(",\"", $name, "\":")
    };
}

/// Writes `decided`.
pub(super) fn decided(out: &mut Vec<u8>, event: &Decided) {
    begin(out, "decided", event.time, event.transaction);
    known(out, name!("zone"), Some(event.zone.as_str()));
    known(out, name!("organization"), event.organization.as_ref().map(OrganizationId::as_str));
    known(out, name!("application"), event.application.as_ref().map(ApplicationId::as_str));
    list(out, name!("proved"), &event.proved, |out, proved| text(out, proved.as_str()));
    some(out, name!("address"), event.address.as_deref());
    known(out, name!("entry"), event.entry.as_ref().map(EntryId::as_str));
    some(out, name!("entry_version"), event.entry_version.as_deref());
    known(out, name!("grant"), event.grant.as_ref().map(GrantId::as_str));
    some(out, name!("grant_version"), event.grant_version.as_deref());
    some(out, name!("profile"), event.profile.map(ProfileId::as_str));
    some(out, name!("rules"), event.rules.as_deref());
    some(out, name!("view"), event.view.as_deref());
    plain(out, name!("method"), &event.method);
    some(out, name!("path"), event.path.as_deref());
    list(out, name!("parameters"), &event.parameters, |out, name| text(out, name));
    some(out, name!("purpose"), event.purpose.as_ref().map(PurposeId::as_str));
    hash(out, name!("purpose_hash"), event.purpose_hash.as_ref());
    some(out, name!("choice"), event.choice.as_deref());
    some(out, name!("matter"), event.matter.as_ref().map(MatterCode::as_str));
    hash(out, name!("matter_hash"), event.matter_hash.as_ref());
    hash(out, name!("case_hash"), event.case_hash.as_ref());
    hash(out, name!("operator_hash"), event.operator_hash.as_ref());
    list(out, name!("subjects"), &event.subjects, keyed);
    some(out, name!("mode"), event.mode.map(Mode::as_str));
    list(out, name!("used"), &event.used, |out, item| bare(out, item.as_str()));
    list(out, name!("items"), &event.items, |out, item| bare(out, item.as_str()));
    plain(out, name!("outcome"), &event.outcome);
    list(out, name!("articles"), &event.articles, |out, article| text(out, article));
    list(out, name!("quota"), &event.quota, quota);
    if !event.checks.is_empty() {
        put(out, name!("checks"));
        let mut mark = b'{';
        for (name, passed) in &event.checks {
            out.push(mark);
            text(out, name);
            put(out, if *passed { ":true" } else { ":false" });
            mark = b',';
        }
        out.push(b'}');
    }
    out.push(b'}');
}

/// Writes `finished`.
pub(super) fn finished(out: &mut Vec<u8>, event: &Finished) {
    begin(out, "finished", event.time, event.transaction);
    known(out, name!("zone"), Some(event.zone.as_str()));
    count(out, name!("status"), event.status.map(u64::from));
    plain(out, name!("outcome"), &event.outcome);
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
    some(out, name!("cache"), event.cache.as_deref());
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

fn begin(out: &mut Vec<u8>, event: &str, moment: Timestamp, transaction: Uuid) {
    out.clear();
    for piece in ["{\"event\":\"", event, "\",\"time\":"] {
        put(out, piece);
    }
    time(out, moment, &NOW);
    let mut id = [0; uuid::fmt::Hyphenated::LENGTH];
    known(out, name!("transaction"), Some(transaction.hyphenated().encode_lower(&mut id)));
}

fn put(out: &mut Vec<u8>, piece: &str) {
    out.extend_from_slice(piece.as_bytes());
}

/// A string of JSON.
fn text(out: &mut Vec<u8>, said: &str) {
    // Nearly nothing that is recorded does.
    if needs_escape(said.as_bytes()) {
        // Writing a string to memory cannot fail.
        drop(serde_json::to_writer(out, said));
        return;
    }
    bare(out, said);
}

/// Whether a string has a control character, a quote or a backslash: eight bytes at once, which takes a
/// third of the instructions that one by one takes.
fn needs_escape(said: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let below = |word: u64, byte: u8| word.wrapping_sub(ONES * u64::from(byte)) & !word & HIGH;
    let found = |bytes: &[u8; 8]| {
        let word = u64::from_le_bytes(*bytes);
        let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
        below(word, 0x20) | is(b'"') | is(b'\\')
    };
    match said.last_chunk() {
        // The last eight overlap those before.
        Some(last) => {
            let words = said.as_chunks().0.iter();
            words.fold(found(last), |all, word| all | found(word)) != 0
        }
        None => said.iter().any(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\'),
    }
}

/// A string of JSON that by its type holds nothing to escape, such as an id.
fn bare(out: &mut Vec<u8>, said: &str) {
    out.push(b'"');
    put(out, said);
    out.push(b'"');
}

fn known(out: &mut Vec<u8>, name: &str, said: Option<&str>) {
    if let Some(said) = said {
        put(out, name);
        bare(out, said);
    }
}

fn plain(out: &mut Vec<u8>, name: &str, said: &str) {
    put(out, name);
    text(out, said);
}

fn some(out: &mut Vec<u8>, name: &str, said: Option<&str>) {
    if let Some(said) = said {
        plain(out, name, said);
    }
}

fn count(out: &mut Vec<u8>, name: &str, number: Option<u64>) {
    if let Some(number) = number {
        put(out, name);
        put(out, itoa::Buffer::new().format(number));
    }
}

fn list<T>(out: &mut Vec<u8>, name: &str, all: &[T], one: impl Fn(&mut Vec<u8>, &T)) {
    if all.is_empty() {
        return;
    }
    put(out, name);
    let mut mark = b'[';
    for element in all {
        out.push(mark);
        one(out, element);
        mark = b',';
    }
    out.push(b']');
}

fn hash(out: &mut Vec<u8>, name: &str, hash: Option<&KeyedHash>) {
    if let Some(hash) = hash {
        put(out, name);
        keyed(out, hash);
    }
}

fn keyed(out: &mut Vec<u8>, hash: &KeyedHash) {
    put(out, "{\"key\":");
    text(out, &hash.key);
    plain(out, name!("hash"), &hash.hash);
    out.push(b'}');
}

fn quota(out: &mut Vec<u8>, used: &QuotaUse) {
    put(out, "{\"key\":");
    text(out, &used.key);
    count(out, name!("number"), Some(used.number));
    out.push(b'}');
}

/// `"2026-11-25T12:00:00.` of the second that began at these milliseconds.
type Second = (i64, [u8; 21]);

thread_local! {
    /// Calls come many a second: the last second that they came in, as it is written.
    static NOW: Cell<Second> = const { Cell::new((i64::MIN, [0; 21])) };
    /// And the last moment of a department's data, which stays the same for many calls.
    static THEN: Cell<Second> = const { Cell::new((i64::MIN, [0; 21])) };
}

fn time(out: &mut Vec<u8>, moment: Timestamp, kept: &'static LocalKey<Cell<Second>>) {
    let millis = moment.millis().rem_euclid(1000);
    let second = moment.millis().saturating_sub(millis);
    let (mut last, mut written) = kept.get();
    if last != second {
        let now = format!("\"{moment}");
        let Some((before, b"Z")) = now
            .as_bytes()
            .split_first_chunk()
            .map(|(second, rest)| (second, rest.get(3..).unwrap_or_default()))
        else {
            // Of a year that is not written with four digits.
            put(out, &now);
            out.push(b'"');
            return;
        };
        (last, written) = (second, *before);
        kept.set((last, written));
    }
    out.extend_from_slice(&written);
    let digit =
        |divisor: i64| b"0123456789".get(usize::try_from(millis / divisor % 10).unwrap_or(0));
    out.extend([100, 10, 1].iter().filter_map(|divisor| digit(*divisor)));
    put(out, "Z\"");
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::domain::{ItemName, Personal, Zone};
    use crate::journal::{Event, Proved};

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
            decided(&mut out, &event);
            let expected = serde_json::to_string(&Event::Decided(Box::new(event))).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn finished_is_written_as_serde_writes_it() {
        let least = Finished::new(&least(), moment("1969-12-31T23:59:59.999Z"), "answered");
        let most = Finished {
            status: Some(200),
            bytes: 1,
            items: most().items.to_vec(),
            masked: most().used,
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

    #[test]
    fn any_byte_that_needs_an_escape_is_found_wherever_it_stands() {
        for length in 1..40 {
            for at in 0..length {
                for byte in 0..128_u8 {
                    let mut said = vec![b'a'; length];
                    *said.get_mut(at).unwrap() = byte;
                    let needs = byte < 0x20 || byte == b'"' || byte == b'\\';
                    assert_eq!(needs_escape(&said), needs, "{byte} at {at} of {length}");
                }
            }
        }
        assert!(!needs_escape("银川市不动产登记 0x7f\u{7f}".as_bytes()));
    }

    #[test]
    fn every_millisecond_of_two_seconds_is_written_as_it_is() {
        for millis in (1_795_608_000_000..1_795_608_002_000).chain([-1, 0, -62_135_596_800_000]) {
            let moment = Timestamp::from_millis(millis);
            let mut out = Vec::new();
            time(&mut out, moment, &NOW);
            assert_eq!(String::from_utf8(out).unwrap(), format!("\"{moment}\""));
        }
    }
}
