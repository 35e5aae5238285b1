//! What is recorded of one call: `decided` before it is answered, `finished` after.
//!
//! Never values and never identifiers of persons: templates, names, codes and keyed hashes only.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{
    ApplicationId, EntryId, GrantId, ItemName, MatterCode, Mode, OrganizationId, Personal,
    ProfileId, PurposeId, Timestamp, Zone,
};

/// How a caller was proved; the kind of credential, never its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proved {
    /// A client certificate.
    Certificate,
    /// A signed token.
    Token,
    /// A `Helan-Key`.
    Key,
    /// Not at all: the public.
    Anonymous,
}

impl Proved {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Token => "token",
            Self::Key => "key",
            Self::Anonymous => "anonymous",
        }
    }
}

/// Something that must not be readable, as its HMAC and the id of the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedHash {
    /// Id of the key.
    pub key: Arc<str>,
    /// The HMAC, in hexadecimal.
    pub hash: String,
}

/// One use of a quota.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaUse {
    /// Which counter, such as `grant:g-002:day:2026-11-23` or `grant:g-002:month:2026-11`.
    pub key: Arc<str>,
    /// The number of this use, from 1.
    pub number: u64,
}

/// The outcome of a call that may go on.
pub const ALLOWED: &str = "allowed";

/// The outcome of a call whose answer left whole.
pub const ANSWERED: &str = "answered";

/// What was decided about a call, after decision and limits and before anything is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// When it was decided; a replay asks about this moment.
    pub time: Timestamp,
    /// The call.
    pub transaction: Uuid,
    /// The side of the gate.
    pub zone: Zone,
    /// Who asked, once proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// With which program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationId>,
    /// How that was proved; two credentials may have been shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proved: Vec<Proved>,
    /// Where from, cut to a network by [`network_of`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryId>,
    /// The entry's content version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_version: Option<Arc<str>>,
    /// The grant that allowed it or was looked at last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<GrantId>,
    /// The grant's content version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_version: Option<Arc<str>>,
    /// The rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileId>,
    /// Their content version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Arc<str>>,
    /// Hash of the View.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view: Option<Arc<str>>,
    /// The method.
    pub method: Cow<'static, str>,
    /// The path template of the interface description, never the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Arc<str>>,
    /// Names of described parameters that were sent, never of others: a name can carry a value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Arc<str>>,
    /// The declared purpose, if the entry or a grant names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<PurposeId>,
    /// The declared purpose, if none names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose_hash: Option<KeyedHash>,
    /// The grant that the caller chose, or `standing`; none that is not the caller's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choice: Option<String>,
    /// The declared matter, if it is registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matter: Option<MatterCode>,
    /// The declared matter, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matter_hash: Option<KeyedHash>,
    /// The case number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case_hash: Option<KeyedHash>,
    /// The person at the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator_hash: Option<KeyedHash>,
    /// The persons or businesses asked about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<KeyedHash>,
    /// How data is to be shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Items that its parameters and body members select, filter or sort by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<ItemName>,
    /// Items that may leave.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub items: Arc<[ItemName]>,
    /// [`ALLOWED`] or the code of a refusal.
    pub outcome: Cow<'static, str>,
    /// The articles that decided.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub articles: Arc<[Arc<str>]>,
    /// Quotas this call used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quota: Vec<QuotaUse>,
    /// Verdicts of the checks made outside the memo, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<Cow<'static, str>, bool>,
}

impl Decided {
    /// The least there is to say; the rest is filled in by field.
    pub fn new(time: Timestamp, transaction: Uuid, zone: Zone) -> Self {
        Self {
            time,
            transaction,
            zone,
            organization: None,
            application: None,
            proved: Vec::new(),
            address: None,
            entry: None,
            entry_version: None,
            grant: None,
            grant_version: None,
            profile: None,
            rules: None,
            view: None,
            method: Cow::Borrowed("GET"),
            path: None,
            parameters: Vec::new(),
            purpose: None,
            purpose_hash: None,
            choice: None,
            matter: None,
            matter_hash: None,
            case_hash: None,
            operator_hash: None,
            subjects: Vec::new(),
            mode: None,
            used: Vec::new(),
            items: Arc::default(),
            outcome: Cow::Borrowed(ALLOWED),
            articles: Arc::default(),
            quota: Vec::new(),
            checks: BTreeMap::new(),
        }
    }
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// When.
    pub time: Timestamp,
    /// The call.
    pub transaction: Uuid,
    /// The side of the gate.
    pub zone: Zone,
    /// The status that was sent; none if nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// [`ANSWERED`], the code of a refusal, or how it broke off: `aborted-by-caller`, `upstream-broke`,
    /// or by the gateway itself, `stalled` (nobody read on), `drain` (it stopped), `permit-lapsed`.
    pub outcome: Cow<'static, str>,
    /// Bytes of body sent.
    pub bytes: u64,
    /// Items that left.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub items: Arc<[ItemName]>,
    /// Items that left masked.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub masked: Arc<[ItemName]>,
    /// Rows that left, where the answer has rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Members the upstream sent that the entry does not describe, or describes as of another type.
    #[serde(default)]
    pub drift: u64,
    /// Those of another type among them.
    #[serde(default, skip_serializing_if = "is_none_of_them")]
    pub mistyped: u64,
    /// Values that did not leave because their mask could not read them.
    #[serde(default, skip_serializing_if = "is_none_of_them")]
    pub mask_failures: u64,
    /// Values that look like personal information in what left to the public; never looked for in the
    /// sharing zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<Personal>,
    /// What the cache did (`hit`, `miss`, `stale`, `bypass`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cow<'static, str>>,
    /// The upstream's `Last-Modified`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<Timestamp>,
    /// The newest value of the entry's timestamp item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<Timestamp>,
    /// The upstream's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_status: Option<u16>,
    /// From the request's head to the last byte.
    pub duration_us: u64,
}

impl Finished {
    /// The least there is to say; the rest is filled in by field.
    pub fn new(decided: &Decided, time: Timestamp, outcome: impl Into<Cow<'static, str>>) -> Self {
        Self {
            time,
            transaction: decided.transaction,
            zone: decided.zone,
            status: None,
            outcome: outcome.into(),
            bytes: 0,
            items: Arc::default(),
            masked: Arc::default(),
            rows: None,
            drift: 0,
            mistyped: 0,
            mask_failures: 0,
            personal: None,
            cache: None,
            last_modified: None,
            newest: None,
            upstream_status: None,
            duration_us: 0,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_none_of_them(count: &u64) -> bool {
    *count == 0
}

/// The network an address belongs to, coarse enough not to be one person: /24 or /48.
pub fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let mut text = String::with_capacity("255.255.255.0/24".len());
            let [first, second, third, _] = address.octets();
            for part in [first, second, third] {
                text.push_str(itoa::Buffer::new().format(part));
                text.push('.');
            }
            text.push_str("0/24");
            text
        }
        IpAddr::V6(address) => ipnet::Ipv6Net::new(address, 48)
            .map_or_else(|_| "unknown".to_owned(), |network| network.trunc().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_recorded_as_its_network() {
        assert_eq!(network_of("192.0.2.77".parse().unwrap()), "192.0.2.0/24");
        assert_eq!(network_of("::ffff:192.0.2.77".parse().unwrap()), "192.0.2.0/24");
        assert_eq!(network_of("2001:db8:1:2:3::4".parse().unwrap()), "2001:db8:1::/48");
    }
}
