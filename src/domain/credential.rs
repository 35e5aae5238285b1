//! What holds for the credentials of applications, whoever reads them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Application, Credential, Organization, OrganizationId, Timestamp};

/// Live credentials of one kind that an application may have, so that one can replace the other.
const MOST_LIVE: usize = 2;

impl Credential {
    /// The kind, as it is written.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Certificate { .. } => "certificate",
            Self::Name { .. } => "name",
            Self::Token { .. } => "token",
            Self::Key { .. } => "key",
        }
    }

    /// When it stops being accepted, if that was said.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Certificate { until, .. }
            | Self::Name { until, .. }
            | Self::Token { until, .. }
            | Self::Key { until, .. } => *until,
        }
    }

    /// What it is known by in records and withdrawals. Nothing in it is secret.
    pub fn name(&self) -> String {
        match self {
            Self::Certificate { thumbprint, .. } => format!("certificate:{thumbprint}"),
            Self::Name { dns, .. } => format!("name:{}", dns.to_ascii_lowercase()),
            Self::Token { issuer, subject, .. } => format!("token:{issuer}:{subject}"),
            Self::Key { id, .. } => format!("key:{id}"),
        }
    }

    /// What is wrong with how it is written.
    fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Certificate { thumbprint, .. } => (!is_hex(thumbprint, 64))
                .then_some("a thumbprint is 64 lower-case hexadecimal digits (SHA-256 of the DER)"),
            Self::Name { dns, .. } => (!is_host(dns))
                .then_some("a DNS name is written in full, in lower case, without a wildcard"),
            Self::Token { subject, .. } => (subject.is_empty() || subject.len() > 255)
                .then_some("a subject has 1 to 255 bytes"),
            Self::Key { id, hash, .. } => {
                if !is_key_id(id) {
                    return Some("a key's id is 8 to 32 lower-case letters and digits");
                }
                let digest = hash.split_once(':').map_or("", |(_, digest)| digest);
                (!is_hex(digest, 64))
                    .then_some("a key's hash is `key-id:hex`, as `helan keys credential` prints it")
            }
        }
    }
}

/// Whether a text can be the public part of a `Helan-Key`.
pub fn is_key_id(text: &str) -> bool {
    (8..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// What is wrong with the credentials of one application; nothing if the list is empty.
pub fn check_credentials(application: &Application, now: Timestamp) -> Vec<String> {
    let mut problems = Vec::new();
    let mut live: BTreeMap<&str, usize> = BTreeMap::new();
    for credential in &application.credentials {
        if let Some(fault) = credential.fault() {
            problems.push(format!(
                "application `{}`: {} credential: {fault}",
                application.id,
                credential.kind()
            ));
        }
        if credential.until().is_none_or(|until| now < until) {
            let count = live.entry(credential.kind()).or_default();
            *count = count.saturating_add(1);
        }
    }
    for (kind, count) in live {
        if count > MOST_LIVE {
            problems.push(format!(
                "application `{}` has {count} live credentials of kind `{kind}`: at most \
                 {MOST_LIVE}, so that one can replace the other; end one with `until`, or delete it",
                application.id
            ));
        }
    }
    problems
}

/// Credentials that stand more than once, over all applications: each must name one application.
pub fn check_doubles(organizations: &BTreeMap<OrganizationId, Arc<Organization>>) -> Vec<String> {
    let mut seen = HashMap::new();
    let mut problems = Vec::new();
    let applications = organizations.values().flat_map(|organization| &organization.applications);
    for application in applications {
        for credential in &application.credentials {
            if let Some(other) = seen.insert(credential.name(), &application.id) {
                problems.push(format!(
                    "a {} credential of application `{}` also stands at `{other}`: a credential \
                     names one application, once; issue another",
                    credential.kind(),
                    application.id
                ));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn application(id: &str, credentials: &str) -> Application {
        serde_json::from_str(&format!(
            r#"{{"id":"{id}","name":"测试","credentials":[{credentials}]}}"#
        ))
        .unwrap()
    }

    fn key(id: &str, until: &str) -> String {
        format!(r#"{{"kind":"key","id":"{id}","hash":"k1:{}","until":"{until}"}}"#, "0".repeat(64))
    }

    #[test]
    fn an_application_has_two_live_credentials_of_a_kind_at_most() {
        let now = Timestamp::parse("2026-06-01T00:00:00Z").unwrap();
        let live = "2027-01-01T00:00:00Z";
        let two = [key("aaaaaaaa", live), key("bbbbbbbb", live)].join(",");
        let lapsed = key("cccccccc", "2026-05-31T00:00:00Z");
        let other = r#"{"kind":"name","dns":"app.example.gov.cn"}"#;

        let fine = application("tax/app", &format!("{two},{lapsed},{other}"));
        assert_eq!(check_credentials(&fine, now), Vec::<String>::new());
        let third = key("dddddddd", live);
        let many = application("tax/app", &format!("{two},{third}"));
        assert_eq!(check_credentials(&many, now).len(), 1);
        // At the very moment of `until` it no longer counts.
        let end = Timestamp::parse(live).unwrap();
        assert_eq!(check_credentials(&many, end), Vec::<String>::new());
    }

    #[test]
    fn a_credential_that_could_never_match_is_a_problem() {
        for bad in [
            r#"{"kind":"certificate","thumbprint":"AB"}"#,
            r#"{"kind":"name","dns":"*.gov.cn"}"#,
            r#"{"kind":"name","dns":"App.gov.cn"}"#,
            r#"{"kind":"token","issuer":"idp","subject":""}"#,
            r#"{"kind":"key","id":"short","hash":"k1:00"}"#,
            r#"{"kind":"key","id":"aaaaaaaa","hash":"00"}"#,
        ] {
            let problems = check_credentials(&application("tax/app", bad), Timestamp::default());
            assert_eq!(problems.len(), 1, "{bad}: {problems:?}");
        }
    }

    #[test]
    fn a_credential_names_one_application() {
        let organization = |id: &str, credentials: &str| {
            let applications = vec![application(&format!("{id}/app"), credentials)];
            let text = format!(
                r#"{{"id":"{id}","name":"局","uscc":"11640100MB9T00011X","kind":"department","region":"640100"}}"#
            );
            let mut organization: Organization = serde_json::from_str(&text).unwrap();
            organization.applications = applications;
            (organization.id.clone(), Arc::new(organization))
        };
        let shared = r#"{"kind":"name","dns":"app.gov.cn"}"#;

        let doubled = BTreeMap::from([organization("tax", shared), organization("police", shared)]);
        assert_eq!(check_doubles(&doubled).len(), 1);
        let other = r#"{"kind":"name","dns":"other.gov.cn"}"#;
        let fine = BTreeMap::from([organization("tax", shared), organization("police", other)]);
        assert_eq!(check_doubles(&fine), Vec::<String>::new());
    }
}
