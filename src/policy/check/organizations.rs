//! Organizations: codes, stewards, applications and upstreams.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Checking, RESERVED, Subject, law, secrets};
use crate::domain::{Organization, OrganizationId, Zone};
use crate::policy::pace::give_way;

pub(super) fn check(checking: &mut Checking<'_>) {
    let sources = checking.sources;
    let mut codes: HashMap<&str, &OrganizationId> = HashMap::new();
    let providers: BTreeSet<OrganizationId> =
        sources.entries.keys().map(crate::domain::EntryId::organization).collect();
    for (id, organization) in &sources.organizations {
        give_way();
        let subject = Subject::Organization(id.clone());
        if RESERVED.contains(&id.as_str()) {
            let message = format!("`{id}` is a name the gateway itself answers to");
            checking.error(&subject, "/id", message, "choose another id");
        }
        if let Some(other) = codes.insert(organization.uscc.as_str(), id) {
            let message = format!("the organization `{other}` has the same code");
            checking.error(&subject, "/uscc", message, "correct the one that is wrong");
        }
        stewards(checking, &subject, organization, providers.contains(id));
        applications(checking, &subject, organization);
        upstreams(checking, &subject, organization);
    }
}

fn stewards(
    checking: &mut Checking<'_>,
    subject: &Subject,
    organization: &Organization,
    provides: bool,
) {
    let now = checking.now;
    let mut seen = BTreeSet::new();
    for (at, steward) in organization.stewards.iter().enumerate() {
        let pointer = format!("/stewards/{at}");
        if !seen.insert(&steward.person) {
            let message = format!("the steward `{}` is written twice", steward.person);
            checking.error(subject, format!("{pointer}/person"), message, "keep one of the two");
        }
        if !steward.is_filed() {
            let pointer = format!("{pointer}/filing");
            let message = format!("the steward `{}` is not filed", steward.person);
            let mend = "file the steward with the bureau and write the number here";
            checking.breach(law::measures("§27"), (subject, &pointer), message, mend);
        }
        if steward.term.until <= now {
            let pointer = format!("{pointer}/term");
            let message = format!("the filing of the steward `{}` has lapsed", steward.person);
            let mend = "renew the filing, or remove the steward";
            checking.breach(law::measures("§27"), (subject, &pointer), message, mend);
        }
    }
    if provides && !organization.stewards.iter().any(|steward| steward.may_decide(now)) {
        let message = "this organization has catalog entries and no steward in term";
        let mend = "add a filed steward under `stewards`";
        checking.breach(law::measures("§27"), (subject, "/stewards#"), message, mend);
    }
}

fn applications(checking: &mut Checking<'_>, subject: &Subject, organization: &Organization) {
    let sources = checking.sources;
    let mut seen = BTreeSet::new();
    for (at, application) in organization.applications.iter().enumerate() {
        let pointer = format!("/applications/{at}");
        let id = &application.id;
        if id.organization() != organization.id {
            let message = format!("the application `{id}` is not this organization's");
            let mend = format!("write `{}/{}`", organization.id, id.name());
            checking.error(subject, format!("{pointer}/id"), message, mend);
        }
        if !seen.insert(id) {
            let message = format!("the application `{id}` is written twice");
            checking.error(subject, format!("{pointer}/id"), message, "give one another id");
        }
        for (index, network) in application.networks.iter().enumerate() {
            if !sources.networks.contains_key(network) {
                let message = format!("there is no network `{network}`");
                let mend = "add it to `networks.yaml`, or correct the name";
                checking.error(subject, format!("{pointer}/networks/{index}"), message, mend);
            }
        }
    }
}

fn upstreams(checking: &mut Checking<'_>, subject: &Subject, organization: &Organization) {
    let mut seen = BTreeSet::new();
    let mut shown = BTreeMap::new();
    for (at, upstream) in organization.upstreams.iter().enumerate() {
        let pointer = format!("/upstreams/{at}");
        if !seen.insert(&upstream.id) {
            let message = format!("the upstream `{}` is written twice", upstream.id);
            checking.error(subject, format!("{pointer}/id"), message, "give one another id");
        }
        if !is_origin(&upstream.url) {
            let message = format!("`{}` is no address of an interface", upstream.url);
            let mend = "write `http://host:port` or `https://host:port`, without a path";
            checking.error(subject, format!("{pointer}/url"), message, mend);
        }
        for (index, credential) in upstream.credentials.iter().enumerate() {
            let pointer = format!("{pointer}/credentials/{index}");
            let secret = credential.secret();
            let zone = credential.zone();
            let other = *shown.entry(format!("{secret:?}")).or_insert(zone);
            if other != zone && (other == Zone::Opening || zone == Zone::Opening) {
                let message = format!("the same secret is used in the zones {other} and {zone}");
                let mend = "have the department issue a credential of its own for each zone";
                checking.error(subject, pointer.clone(), message, mend);
            }
            secrets::check(checking, (subject, &pointer), secret);
        }
    }
}

/// Whether a text is a scheme, a host and perhaps a port, and nothing more.
fn is_origin(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else {
        return false;
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    !rest.contains(['/', '?', '#', '@'])
        && rest.parse::<http::uri::Authority>().is_ok_and(|authority| !authority.host().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_an_origin_and_nothing_more() {
        for good in ["http://10.0.0.1:80", "https://a.example", "https://[::1]:8443/"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in ["10.0.0.1:80", "http://a/b", "http://u:p@a", "ftp://a", "http://", "http://a?b"]
        {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
