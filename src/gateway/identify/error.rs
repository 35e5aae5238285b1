//! Why nobody is proved to be calling.

use crate::domain::{ApplicationId, IssuerId, OrganizationId};

/// Why a caller is not identified. The texts are for the caller; none shows what it sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentifyError {
    /// Nothing was shown where something is needed.
    #[error("no credential: send a client certificate, `Authorization: Bearer` or `Helan-Key`")]
    CredentialMissing,
    /// A credential that can be read in two ways, or in none.
    #[error(
        "the credential cannot be read: send one `Authorization: Bearer` token, or one \
         `Helan-Key`, once"
    )]
    CredentialMalformed,
    /// It is sound, but belongs to no application.
    #[error("the token is sound but names no application: have its subject registered")]
    CredentialUnknown,
    /// Its `until` has passed.
    #[error("the credential was in force until a moment that has passed: use its successor")]
    CredentialLapsed,
    /// Two credentials, two applications.
    #[error("the credentials name two applications: send those of one")]
    CredentialConflict,
    /// Its `exp` has passed.
    #[error("the token has expired: fetch another")]
    TokenExpired,
    /// It is no token of ours.
    #[error("the token is not valid: {0}")]
    TokenNotValid(TokenFault),
    /// Its `kid` is in no key set we have. Worth one bounded refetch.
    #[error("the token names a key that its issuer does not publish: fetch another token")]
    UnknownKey {
        /// Who should publish it.
        issuer: IssuerId,
    },
    /// The issuer's keys could not be fetched yet.
    #[error("the keys of the token's issuer cannot be had at present: try again later")]
    KeysUnavailable {
        /// Whose keys.
        issuer: IssuerId,
    },
    /// An unknown id or a wrong secret; which of them is not told.
    #[error("the key is not valid")]
    KeyNotValid,
    /// The authority vouches for it, but no application does.
    #[error("the certificate names no application: have its thumbprint or DNS name registered")]
    CertificateUnknown,
    /// The certificate's own end has passed while the connection stayed open.
    #[error("the certificate has expired: connect with its successor")]
    CertificateExpired,
    /// It was believed once, but trust has changed since.
    #[error("the certificate is no longer vouched for: connect with a valid one")]
    CertificateRevoked,
    /// The application is suspended or closed.
    #[error("the application `{0}` is not live: ask the bureau")]
    ApplicationNotLive(ApplicationId),
    /// Its organization is suspended or closed.
    #[error("the organization `{0}` is not live: ask the bureau")]
    OrganizationNotLive(OrganizationId),
}

impl IdentifyError {
    /// The name that callers and reports know it by. Never renamed, never reused.
    pub fn code(&self) -> &'static str {
        match self {
            Self::CredentialMissing => "credential-missing",
            Self::CredentialMalformed => "credential-malformed",
            Self::CredentialUnknown => "credential-unknown",
            Self::CredentialLapsed => "credential-lapsed",
            Self::CredentialConflict => "credential-conflict",
            Self::TokenExpired => "token-expired",
            Self::TokenNotValid(_) => "token-not-valid",
            Self::UnknownKey { .. } => "token-key-unknown",
            Self::KeysUnavailable { .. } => "token-keys-unavailable",
            Self::KeyNotValid => "key-not-valid",
            Self::CertificateUnknown => "certificate-unknown",
            Self::CertificateExpired => "certificate-expired",
            Self::CertificateRevoked => "certificate-revoked",
            Self::ApplicationNotLive(_) => "application-not-live",
            Self::OrganizationNotLive(_) => "organization-not-live",
        }
    }

    /// The issuer whose keys, fetched again, might help.
    pub(super) fn issuer_to_ask(&self) -> Option<&IssuerId> {
        match self {
            Self::UnknownKey { issuer } | Self::KeysUnavailable { issuer } => Some(issuer),
            Self::CredentialMissing
            | Self::CredentialMalformed
            | Self::CredentialUnknown
            | Self::CredentialLapsed
            | Self::CredentialConflict
            | Self::TokenExpired
            | Self::TokenNotValid(_)
            | Self::KeyNotValid
            | Self::CertificateUnknown
            | Self::CertificateExpired
            | Self::CertificateRevoked
            | Self::ApplicationNotLive(_)
            | Self::OrganizationNotLive(_) => None,
        }
    }
}

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// More bytes than a token may have.
    #[error("it is longer than 8 KiB")]
    TooLong,
    /// Not three parts of base64url with a JSON object each in the first two.
    #[error("it is no signed JSON Web Token (RFC 7519)")]
    Form,
    /// A header that would let the token choose its own key, or that must be understood.
    #[error("its header may not have `jku`, `jwk`, `x5u`, `x5c`, `crit` or `b64`")]
    Header,
    /// A `typ` of something else.
    #[error("its `typ` is neither `JWT` nor `at+jwt`")]
    Type,
    /// An algorithm the issuer may not use.
    #[error("its algorithm is not one that the issuer may use")]
    Algorithm,
    /// An issuer that does not count here.
    #[error("its issuer is not trusted in this zone")]
    Issuer,
    /// Meant for somebody else.
    #[error("its audience is another")]
    Audience,
    /// Signed by somebody else, or changed.
    #[error("its signature does not fit")]
    Signature,
    /// `nbf` or `iat` in the future.
    #[error("it is not valid yet")]
    NotYet,
    /// Longer from `iat` to `exp` than the issuer may make it.
    #[error("it lives longer than its issuer may make it")]
    Life,
    /// Bound to another certificate, or to none where it must be.
    #[error("it is not bound to the certificate of this connection (RFC 8705)")]
    Binding,
}
