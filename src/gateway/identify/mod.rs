//! Who is calling: by client certificate, token or key, or nobody where the public may call.
//!
//! [`identify`] is a pure function of what the caller showed, the credentials of the View and the
//! issuers' keys. A memo spares it the signatures it has seen; everything that can change between
//! two calls (expiry, binding, state, trust) is checked on every call. What is shown and wrong is
//! refused, never passed over: a caller with a bad token does not become the public.

mod credentials;
mod error;
mod key_sets;
mod memo;
mod token;

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use http::HeaderValue;

pub use self::credentials::{Credentials, CredentialsError};
pub use self::error::{IdentifyError, TokenFault};
pub use self::key_sets::{KeyFiles, KeySets, KeySetsError};
pub use self::memo::Memo;

use self::credentials::{Held, Trusted};
use self::key_sets::Sets;
use self::memo::Verified;
use self::token::{Token, Unverified};
use crate::domain::{ApplicationId, OrganizationId, Timestamp, Zone, is_key_id};
use crate::gateway::listen::Field;
use crate::net::jwks::Algorithm;

/// What a caller shows. Keys and tokens in the query are never looked at.
pub struct Evidence<'a> {
    /// `Authorization`.
    pub authorization: Field<'a>,
    /// `Helan-Key`.
    pub helan_key: Field<'a>,
    /// The client certificate of this connection, which the listener verified.
    pub certificate: Option<CertificateFacts<'a>>,
    /// Where it calls.
    pub zone: Zone,
    /// The time of the call.
    pub now: Timestamp,
}

impl fmt::Debug for Evidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence")
            .field("zone", &self.zone)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// What is known of a client certificate that the listener verified and still believes.
#[derive(Clone, Copy, Debug)]
pub struct CertificateFacts<'a> {
    /// SHA-256 of its DER form.
    pub thumbprint: &'a [u8; 32],
    /// The `dNSName`s of its subject alternative names.
    pub dns_names: &'a [String],
    /// The first moment it is no longer valid.
    pub not_after: Timestamp,
}

/// Who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// An application, proved.
    Caller(Caller),
    /// Nobody in particular; only in the opening zone.
    Anonymous,
}

/// An application that is proved to be calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its organization.
    pub organization: OrganizationId,
    /// The application.
    pub application: ApplicationId,
    /// How it was proved; the first of several in the order of [`Proved`].
    pub proved: Proved,
    /// How by each of its credentials, in the order of `credentials`.
    pub proofs: Vec<Proved>,
    /// When the first of its credentials ends.
    pub expires: Timestamp,
    /// The names of all credentials it showed ([`crate::domain::Credential::name`]), so that a
    /// withdrawal can be held against them.
    pub credentials: Vec<Arc<str>>,
    /// How its token was signed, if it showed one: an issuer can lose an algorithm, too.
    pub signed: Option<Algorithm>,
}

/// How a caller was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Proved {
    /// By the thumbprint of its certificate.
    Certificate,
    /// By a DNS name in its certificate.
    Name,
    /// By a token.
    Token,
    /// By a `Helan-Key`.
    Key,
}

impl Proved {
    /// The name used in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Name => "name",
            Self::Token => "token",
            Self::Key => "key",
        }
    }
}

/// Finds out who is calling.
pub fn identify(
    evidence: &Evidence<'_>,
    credentials: &Credentials,
    key_sets: &KeySets,
    memo: &mut Memo,
) -> Result<Identity, IdentifyError> {
    // Applications do not call other gateways; peers are known by their contracts.
    if evidence.zone == Zone::Peering {
        return Err(IdentifyError::CredentialMissing);
    }
    let mut proof = Proof { now: evidence.now, found: None, signed: None };
    if let Some(facts) = &evidence.certificate {
        by_certificate(facts, evidence.now, credentials, &mut proof)?;
    }
    let certificate = evidence.certificate.map(|facts| facts.thumbprint);
    if let Some(value) = single(evidence.authorization)? {
        let text = bearer(value.as_bytes()).ok_or(IdentifyError::CredentialMalformed)?;
        let call = TokenCall { text, certificate, zone: evidence.zone, now: evidence.now };
        let (held, token) = by_token(&call, credentials, &key_sets.current(), memo)?;
        proof.add(held, Proved::Token, Some(token.expires))?;
        proof.signed = Some(token.algorithm);
    }
    if let Some(value) = single(evidence.helan_key)? {
        let held = by_key(value.as_bytes(), credentials).ok_or(IdentifyError::KeyNotValid)?;
        proof.add(held, Proved::Key, None)?;
    }
    match (proof.caller()?, evidence.zone, certificate) {
        (Some(caller), _, _) => Ok(Identity::Caller(caller)),
        (None, Zone::Opening, _) => Ok(Identity::Anonymous),
        (None, Zone::Sharing | Zone::Peering, Some(_)) => Err(IdentifyError::CertificateUnknown),
        (None, Zone::Sharing | Zone::Peering, None) => Err(IdentifyError::CredentialMissing),
    }
}

/// The same, but when a token names a key that is not known, its issuer is asked once for its keys,
/// as often and as long as [`KeySets`] allows.
pub async fn identify_or_ask(
    evidence: &Evidence<'_>,
    credentials: &Credentials,
    key_sets: &KeySets,
    memo: &RefCell<Memo>,
) -> Result<Identity, IdentifyError> {
    let first = identify(evidence, credentials, key_sets, &mut memo.borrow_mut());
    match &first {
        Err(error) => match error.issuer_to_ask() {
            Some(issuer) if Box::pin(key_sets.ask(issuer)).await => {
                identify(evidence, credentials, key_sets, &mut memo.borrow_mut())
            }
            Some(_) | None => first,
        },
        Ok(_) => first,
    }
}

/// What was proved so far. All of it must name one application.
struct Proof<'a> {
    now: Timestamp,
    found: Option<Found<'a>>,
    signed: Option<Algorithm>,
}

struct Found<'a> {
    held: &'a Held,
    proofs: Vec<Proved>,
    expires: Timestamp,
    credentials: Vec<Arc<str>>,
}

impl<'a> Proof<'a> {
    fn add(
        &mut self,
        held: &'a Held,
        proved: Proved,
        end: Option<Timestamp>,
    ) -> Result<(), IdentifyError> {
        if !is_live(held, self.now) {
            return Err(IdentifyError::CredentialLapsed);
        }
        let end =
            end.into_iter().chain(held.until).min().unwrap_or(Timestamp::from_millis(i64::MAX));
        match &mut self.found {
            Some(found) if found.held.seat.application != held.seat.application => {
                Err(IdentifyError::CredentialConflict)
            }
            Some(found) => {
                found.expires = found.expires.min(end);
                found.credentials.push(Arc::clone(&held.name));
                found.proofs.push(proved);
                Ok(())
            }
            None => {
                let credentials = vec![Arc::clone(&held.name)];
                let proofs = vec![proved];
                self.found = Some(Found { held, proofs, expires: end, credentials });
                Ok(())
            }
        }
    }

    fn caller(self) -> Result<Option<Caller>, IdentifyError> {
        let Some(found) = self.found else { return Ok(None) };
        let Some(proved) = found.proofs.first().copied() else { return Ok(None) };
        let seat = &found.held.seat;
        if !seat.organization_is_live {
            return Err(IdentifyError::OrganizationNotLive(seat.organization.clone()));
        }
        if !seat.application_is_live {
            return Err(IdentifyError::ApplicationNotLive(seat.application.clone()));
        }
        Ok(Some(Caller {
            organization: seat.organization.clone(),
            application: seat.application.clone(),
            proved,
            proofs: found.proofs,
            expires: found.expires,
            credentials: found.credentials,
            signed: self.signed,
        }))
    }
}

fn is_live(held: &Held, now: Timestamp) -> bool {
    held.until.is_none_or(|until| now < until)
}

fn by_certificate<'a>(
    facts: &CertificateFacts<'_>,
    now: Timestamp,
    credentials: &'a Credentials,
    proof: &mut Proof<'a>,
) -> Result<(), IdentifyError> {
    if facts.not_after <= now {
        return Err(IdentifyError::CertificateExpired);
    }
    let by_thumbprint = credentials.certificates.get(facts.thumbprint);
    let by_name = facts.dns_names.iter().filter_map(|name| {
        let name = if name.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            Cow::Borrowed(name.as_str())
        };
        credentials.names.get(name.as_ref())
    });
    let matches = by_thumbprint
        .map(|held| (held, Proved::Certificate))
        .into_iter()
        .chain(by_name.map(|held| (held, Proved::Name)));
    // A credential that has lapsed counts no longer, but its successor may fit the same certificate.
    let mut lapsed = false;
    for (held, proved) in matches {
        if is_live(held, now) {
            proof.add(held, proved, Some(facts.not_after))?;
        } else {
            lapsed = true;
        }
    }
    if lapsed && proof.found.is_none() { Err(IdentifyError::CredentialLapsed) } else { Ok(()) }
}

/// The one value of a header. Two could be read by two programs in two ways.
fn single(field: Field<'_>) -> Result<Option<&HeaderValue>, IdentifyError> {
    if field.repeated { Err(IdentifyError::CredentialMalformed) } else { Ok(field.first) }
}

/// The token of `Bearer 1*SP b64token` (RFC 6750 §2.1); the scheme without case (RFC 9110 §11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"bearer") || !rest.starts_with(b" ") {
        return None;
    }
    let spaces = rest.iter().take_while(|&&b| b == b' ').count();
    rest.get(spaces..).filter(|token| !token.is_empty())
}

/// Whether a token has the characters that one may have.
fn is_b64token(token: &[u8]) -> bool {
    token.iter().all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(b))
}

/// `id.secret`, the secret of 128 bits or more in base64url.
fn by_key<'a>(value: &[u8], credentials: &'a Credentials) -> Option<&'a Held> {
    let text = std::str::from_utf8(value).ok()?;
    let (id, secret) = text.split_once('.')?;
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !is_key_id(id) || !(22..=128).contains(&secret.len()) || !secret.bytes().all(fits) {
        return None;
    }
    credentials.key(id, value)
}

/// A token and what it is held against.
struct TokenCall<'a> {
    text: &'a [u8],
    certificate: Option<&'a [u8; 32]>,
    zone: Zone,
    now: Timestamp,
}

fn by_token<'a>(
    call: &TokenCall<'_>,
    credentials: &'a Credentials,
    sets: &Sets,
    memo: &mut Memo,
) -> Result<(&'a Held, Arc<Token>), IdentifyError> {
    if let Some(Verified { token, generation }) = memo.find(call.text) {
        let trusted = trusted(&token, call, credentials)?;
        if sets.get(&trusted.id).is_some_and(|kept| kept.generation == generation) {
            return Ok((holder(&token, trusted)?, token));
        }
    }
    // What is remembered was looked at when it came first.
    if !is_b64token(call.text) {
        return Err(IdentifyError::CredentialMalformed);
    }
    let unverified = Unverified::parse(call.text).map_err(IdentifyError::TokenNotValid)?;
    // The cheap questions first: a stranger should not make us verify signatures or ask an issuer.
    let trusted = trusted(&unverified.token, call, credentials)?;
    let kept = sets.get(&trusted.id);
    let Some((keys, generation)) =
        kept.and_then(|kept| Some((kept.keys.as_ref()?, kept.generation)))
    else {
        return Err(IdentifyError::KeysUnavailable { issuer: trusted.id.clone() });
    };
    unverified
        .is_signed_by(keys)
        .ok_or_else(|| IdentifyError::UnknownKey { issuer: trusted.id.clone() })?
        .map_err(IdentifyError::TokenNotValid)?;
    let token = Arc::new(unverified.token);
    memo.remember(call.text, Verified { token: Arc::clone(&token), generation });
    Ok((holder(&token, trusted)?, token))
}

/// Whom the token says it is from, if that issuer may say all it says, here and now.
fn trusted<'a>(
    token: &Token,
    call: &TokenCall<'_>,
    credentials: &'a Credentials,
) -> Result<&'a Trusted, IdentifyError> {
    let trusted = credentials
        .issuers
        .get(token.issuer.as_str())
        .filter(|trusted| trusted.zones.contains(&call.zone))
        .ok_or(IdentifyError::TokenNotValid(TokenFault::Issuer))?;
    let fault = if !trusted.algorithms.contains(&token.algorithm) {
        TokenFault::Algorithm
    } else if !token.is_for(&trusted.audience) {
        TokenFault::Audience
    } else if token.expires <= call.now {
        return Err(IdentifyError::TokenExpired);
    } else if !token.has_begun(call.now) {
        TokenFault::NotYet
    } else if !token.lives_at_most(trusted.life) {
        TokenFault::Life
    } else if !token.fits(call.certificate, trusted.bound) {
        TokenFault::Binding
    } else {
        return Ok(trusted);
    };
    Err(IdentifyError::TokenNotValid(fault))
}

fn holder<'a>(token: &Token, trusted: &'a Trusted) -> Result<&'a Held, IdentifyError> {
    trusted.subjects.get(token.subject.as_str()).ok_or(IdentifyError::CredentialUnknown)
}
