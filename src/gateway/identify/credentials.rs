//! Every credential of a View, found by what a caller shows. Immutable; swapped with the View.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::mem::take;
use std::sync::Arc;

use aws_lc_rs::{constant_time, hmac};
use foldhash::fast::RandomState;

use super::{Caller, is_live};
use crate::config::keys::{KeyPurpose, Keys, from_hex};
use crate::domain::{
    Application, ApplicationId, ApplicationState, Credential, IssuerId, Organization,
    OrganizationId, OrganizationState, Timestamp, Zone,
};
use crate::net::jwks::Algorithm;
use crate::policy::Issuer;
use crate::policy::pace::{drop_in_steps, give_way};

type Index<K, V> = HashMap<K, V, RandomState>;

/// Who holds which credential, and which issuers are believed.
pub struct Credentials {
    pub(super) certificates: Index<[u8; 32], Held>,
    pub(super) names: Index<Box<str>, Held>,
    /// By the `iss` claim.
    pub(super) issuers: Index<Box<str>, Trusted>,
    keys: Index<Box<str>, HeldKey>,
    /// Every credential by its name.
    held: Index<Arc<str>, Held>,
    /// What an unknown key is hashed with, so that it costs what a known one costs.
    spare: hmac::Key,
    dormant: Vec<String>,
}

/// A credential and whose it is.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) seat: Arc<Seat>,
    pub(super) until: Option<Timestamp>,
    pub(super) name: Arc<str>,
}

/// An application and whether it may call.
pub(super) struct Seat {
    pub(super) organization: OrganizationId,
    pub(super) application: ApplicationId,
    pub(super) organization_is_live: bool,
    pub(super) application_is_live: bool,
}

struct HeldKey {
    held: Held,
    hmac: hmac::Key,
    digest: [u8; 32],
}

/// An issuer whose tokens count.
pub(super) struct Trusted {
    pub(super) id: IssuerId,
    pub(super) audience: String,
    pub(super) zones: Vec<Zone>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) life: u32,
    pub(super) bound: bool,
    pub(super) subjects: Index<Box<str>, Held>,
}

/// What cannot be compiled, all at once.
#[derive(Debug, thiserror::Error)]
#[error("{}", .problems.join("\n"))]
pub struct CredentialsError {
    /// One line each.
    pub problems: Vec<String>,
}

impl Credentials {
    /// Compiles the credentials of a View. What could name two applications is an error.
    pub fn compile(
        organizations: &BTreeMap<OrganizationId, Arc<Organization>>,
        issuers: &BTreeMap<IssuerId, Issuer>,
        keys: &Keys,
    ) -> Result<Self, CredentialsError> {
        let spare =
            keys.hmac_key(KeyPurpose::Credential, None).ok_or_else(|| CredentialsError {
                problems: vec!["there is no key of purpose `credential`".to_owned()],
            })?;
        let mut builder = Builder {
            credentials: Self {
                certificates: Index::default(),
                names: Index::default(),
                issuers: Index::default(),
                keys: Index::default(),
                held: Index::default(),
                spare,
                dormant: Vec::new(),
            },
            problems: Vec::new(),
            node: keys,
        };
        for (id, issuer) in issuers {
            builder.trust(id, issuer);
        }
        for organization in organizations.values() {
            for application in &organization.applications {
                give_way();
                builder.seat(organization, application);
            }
        }
        if builder.problems.is_empty() {
            Ok(builder.credentials)
        } else {
            Err(CredentialsError { problems: builder.problems })
        }
    }

    /// Keys that cannot be verified by this node, because it lacks the key they were hashed under.
    pub fn dormant(&self) -> &[String] {
        &self.dormant
    }

    /// Whether every credential that a caller showed still proves that it is who it was.
    pub fn hold(&self, caller: &Caller, now: Timestamp) -> bool {
        caller.credentials.iter().all(|name| {
            self.held.get(name).is_some_and(|held| {
                held.seat.application == caller.application
                    && held.seat.application_is_live
                    && held.seat.organization_is_live
                    && is_live(held, now)
            })
        })
    }

    /// Who holds this `Helan-Key`. An unknown id costs as much as a known one.
    pub(super) fn key(&self, id: &str, whole: &[u8]) -> Option<&Held> {
        let found = self.keys.get(id);
        let (hmac, digest) =
            found.map_or((&self.spare, &[0; 32]), |found| (&found.hmac, &found.digest));
        let shown = hmac::sign(hmac, whole);
        let fits = constant_time::verify_slices_are_equal(shown.as_ref(), digest).is_ok();
        found.filter(|_| fits).map(|found| &found.held)
    }
}

/// Those of a province are dropped in steps.
impl Drop for Credentials {
    fn drop(&mut self) {
        drop_in_steps(take(&mut self.certificates));
        drop_in_steps(take(&mut self.names));
        for issuer in self.issuers.values_mut() {
            drop_in_steps(take(&mut issuer.subjects));
        }
        drop_in_steps(take(&mut self.keys));
        drop_in_steps(take(&mut self.held));
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("certificates", &self.certificates.len())
            .field("names", &self.names.len())
            .field("issuers", &self.issuers.len())
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

struct Builder<'a> {
    credentials: Credentials,
    problems: Vec<String>,
    node: &'a Keys,
}

impl Builder<'_> {
    fn trust(&mut self, id: &IssuerId, issuer: &Issuer) {
        let mut algorithms = Vec::new();
        for name in &issuer.algorithms {
            match Algorithm::parse(name) {
                Some(algorithm) => algorithms.push(algorithm),
                None => self.problems.push(format!(
                    "issuer `{id}`: `{name}` is no algorithm to allow: choose from {}",
                    Algorithm::ALL.map(Algorithm::as_str).join(", ")
                )),
            }
        }
        let trusted = Trusted {
            id: id.clone(),
            audience: issuer.audience.clone(),
            zones: issuer.zones.clone(),
            algorithms,
            life: issuer.life,
            bound: issuer.bound,
            subjects: Index::default(),
        };
        let other = self.credentials.issuers.insert(issuer.issuer.as_str().into(), trusted);
        if let Some(other) = other {
            self.problems.push(format!(
                "issuers `{id}` and `{}` have the same `issuer`: an `iss` claim names one",
                other.id
            ));
        }
    }

    fn seat(&mut self, organization: &Organization, application: &Application) {
        let seat = Arc::new(Seat {
            organization: organization.id.clone(),
            application: application.id.clone(),
            organization_is_live: organization.state == OrganizationState::Live,
            application_is_live: application.state == ApplicationState::Live,
        });
        for credential in &application.credentials {
            let held = Held {
                seat: Arc::clone(&seat),
                until: credential.until(),
                name: credential.name().into(),
            };
            self.credentials.held.insert(Arc::clone(&held.name), held.clone());
            if let Err(problem) = self.hold(credential, held) {
                self.problems.push(format!(
                    "application `{}`: {} credential: {problem}",
                    application.id,
                    credential.kind()
                ));
            }
        }
    }

    fn hold(&mut self, credential: &Credential, held: Held) -> Result<(), String> {
        let credentials = &mut self.credentials;
        let other = match credential {
            Credential::Certificate { thumbprint, .. } => {
                let thumbprint = from_hex(thumbprint)
                    .ok_or("a thumbprint is 64 hexadecimal digits (SHA-256 of the DER)")?;
                credentials.certificates.insert(thumbprint, held)
            }
            Credential::Name { dns, .. } => {
                credentials.names.insert(dns.to_ascii_lowercase().into(), held)
            }
            Credential::Token { issuer, subject, .. } => credentials
                .issuers
                .values_mut()
                .find(|trusted| trusted.id == *issuer)
                .ok_or_else(|| format!("`{issuer}` is no issuer in `issuers.yaml`"))?
                .subjects
                .insert(subject.as_str().into(), held),
            Credential::Key { id, hash, .. } => {
                let (key, digest) = hash
                    .split_once(':')
                    .and_then(|(key, digest)| Some((key, from_hex(digest)?)))
                    .ok_or("a key's hash is `key-id:hex`, as `helan keys credential` prints it")?;
                let Some(hmac) = self.node.hmac_key(KeyPurpose::Credential, Some(key)) else {
                    credentials.dormant.push(format!("{} under key `{key}`", held.name));
                    return Ok(());
                };
                credentials
                    .keys
                    .insert(id.as_str().into(), HeldKey { held, hmac, digest })
                    .map(|other| other.held)
            }
        };
        match other {
            Some(other) => Err(format!("it also stands at `{}`", other.seat.application)),
            None => Ok(()),
        }
    }
}
