//! Credentials of applications: each names one application, and few enough are live.

use std::collections::{BTreeMap, HashMap};

use super::{Checking, Subject};
use crate::domain::{Application, ApplicationId, Credential};
use crate::policy::pace::give_way;

/// Live credentials of one kind, so that they can be rotated.
const LIVE: usize = 2;

pub(super) fn check(checking: &mut Checking<'_>) {
    let sources = checking.sources;
    let mut owners: HashMap<String, &ApplicationId> = HashMap::new();
    for (id, organization) in &sources.organizations {
        let subject = Subject::Organization(id.clone());
        for (at, application) in organization.applications.iter().enumerate() {
            give_way();
            let pointer = format!("/applications/{at}/credentials");
            few(checking, (&subject, &pointer), application);
            for (index, credential) in application.credentials.iter().enumerate() {
                let pointer = format!("{pointer}/{index}");
                if let Credential::Token { issuer, .. } = credential
                    && !sources.issuers.contains_key(issuer)
                {
                    let message = format!("there is no issuer `{issuer}`");
                    let mend = "add it to `issuers.yaml`, or correct the name";
                    checking.error(&subject, format!("{pointer}/issuer"), message, mend);
                }
                if let Credential::Key { hash, .. } = credential
                    && !is_keyed_hash(hash)
                {
                    let mend =
                        "write what `helan keys` printed: `key-id:` and 64 hexadecimal digits";
                    checking.error(
                        &subject,
                        format!("{pointer}/hash"),
                        "this is no keyed hash",
                        mend,
                    );
                }
                if let Some(owner) = owners.insert(identity(credential), &application.id) {
                    let message = format!("`{owner}` has the same credential");
                    let mend = "give each application a credential of its own";
                    checking.error(&subject, pointer, message, mend);
                }
            }
        }
    }
}

fn few(
    checking: &mut Checking<'_>,
    (subject, pointer): (&Subject, &str),
    application: &Application,
) {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, credential) in application.credentials.iter().enumerate() {
        let kind = kind(credential);
        if credential.until().is_some_and(|until| until <= checking.now) {
            continue;
        }
        let live = kinds.entry(kind).or_default();
        *live += 1;
        if *live == LIVE + 1 {
            let message =
                format!("`{}` has more than {LIVE} live credentials of a kind", application.id);
            let mend = "remove the ones no longer used, or give them an `until`";
            checking.error(subject, format!("{pointer}/{index}"), message, mend);
        }
    }
}

fn kind(credential: &Credential) -> &'static str {
    match credential {
        Credential::Certificate { .. } => "certificate",
        Credential::Name { .. } => "name",
        Credential::Token { .. } => "token",
        Credential::Key { .. } => "key",
    }
}

/// What a caller shows to be taken for the application, as one text.
pub fn identity(credential: &Credential) -> String {
    credential.name()
}

fn is_keyed_hash(text: &str) -> bool {
    text.split_once(':').is_some_and(|(id, hex)| {
        !id.is_empty()
            && hex.len() == 64
            && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}
