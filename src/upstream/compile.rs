//! A department's interface as written, made ready to be called from one zone.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use rustls::ClientConfig;

use super::UpstreamError;
use super::credentials;
use super::shared::{Shared, Slot, State};
use crate::domain::{OrganizationId, Upstream, UpstreamId, UpstreamProtocol, Zone};
use crate::net::{Alpn, Endpoint, EndpointError, TrustError, client_tls};

/// Why an interface cannot be called as it is written.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamProblem {
    /// The URL is none.
    #[error(transparent)]
    Url(#[from] EndpointError),
    /// Nobody can vouch for it.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Authorities without TLS.
    #[error("`authorities` has no effect on http://: write https://, or remove it")]
    AuthoritiesWithoutTls,
    /// The secret's file cannot be read.
    #[error("cannot read the secret in {}: {cause}", .path.display())]
    SecretRead {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        cause: io::Error,
    },
    /// Others can read the secret.
    #[error("{path} has mode {mode:03o}, so others can read the secret: `chmod 600 {path}`", path = .path.display())]
    SecretExposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The environment has no such variable.
    #[error("the environment variable {name} that should hold the secret is not set")]
    SecretUnset {
        /// Its name.
        name: String,
    },
    /// The secret cannot be sent in a header.
    #[error("the secret is empty, or holds what a header cannot carry: one line of plain text")]
    SecretText,
    /// The header cannot carry a secret.
    #[error("`{name}` cannot carry a credential: it is no header name, or HTTP itself needs it")]
    HeaderName {
        /// As written.
        name: String,
    },
    /// Two credentials want the same header.
    #[error("two credentials of zone {zone} are sent in `{name}`: keep one")]
    HeaderTwice {
        /// The header.
        name: String,
        /// The zone.
        zone: Zone,
    },
    /// The user of HTTP Basic.
    #[error("`user` must not hold a colon or control characters (RFC 7617)")]
    User,
}

impl UpstreamProblem {
    /// Whether all that is wrong is that this machine does not hold the secret.
    pub fn is_absence(&self) -> bool {
        match self {
            Self::SecretUnset { .. } => true,
            Self::SecretRead { cause, .. } => cause.kind() == io::ErrorKind::NotFound,
            Self::Url(_)
            | Self::Trust(_)
            | Self::AuthoritiesWithoutTls
            | Self::SecretExposed { .. }
            | Self::SecretText
            | Self::HeaderName { .. }
            | Self::HeaderTwice { .. }
            | Self::User => false,
        }
    }
}

/// A department's interface, ready to be called from one zone.
#[derive(Debug)]
pub struct UpstreamConfig {
    pub(super) identity: Arc<Identity>,
    origin: String,
    pub(super) tls: Option<Arc<ClientConfig>>,
    pub(super) state: Arc<State>,
    credentials: Vec<(HeaderName, HeaderValue)>,
    pub(super) concurrency: u32,
    pub(super) connect: Duration,
    pub(super) answer: Duration,
    pub(super) idle: Duration,
}

/// What a connection depends on: where one of these differs, another's connections are not used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity {
    organization: OrganizationId,
    upstream: UpstreamId,
    zone: Zone,
    pub(super) endpoint: Endpoint,
    pub(super) protocol: UpstreamProtocol,
    pub(super) connections: u32,
    authorities: Option<Vec<u8>>,
}

impl Hash for Identity {
    /// The ids suffice to tell them apart, and authorities are long.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.organization.hash(state);
        self.upstream.hash(state);
        self.zone.hash(state);
    }
}

impl UpstreamConfig {
    /// Prepares `upstream` of `organization` for calls from `zone`. Files are looked for in `base`.
    ///
    /// Only credentials issued for `zone` are read. What must survive a reload is found in `shared`.
    pub fn compile(
        shared: &Shared,
        organization: &OrganizationId,
        upstream: &Upstream,
        zone: Zone,
        base: &Path,
    ) -> Result<Arc<Self>, UpstreamProblem> {
        let endpoint = Endpoint::parse(&upstream.url)?;
        let authorities = upstream.authorities.as_ref().map(|path| base.join(path));
        if authorities.is_some() && !endpoint.is_tls() {
            return Err(UpstreamProblem::AuthoritiesWithoutTls);
        }
        let tls = if endpoint.is_tls() {
            Some(client_tls(authorities.as_deref(), alpn(upstream.protocol))?)
        } else {
            None
        };
        Ok(Arc::new(Self {
            origin: format!("{}://{}", endpoint.scheme(), endpoint.authority()),
            tls,
            state: shared.state(organization, &upstream.id, zone),
            credentials: credentials::headers(&upstream.credentials, zone, base)?,
            concurrency: upstream.concurrency,
            connect: milliseconds(upstream.connect_ms),
            answer: milliseconds(upstream.answer_ms),
            idle: milliseconds(upstream.idle_ms),
            identity: Arc::new(Identity {
                organization: organization.clone(),
                upstream: upstream.id.clone(),
                zone,
                endpoint,
                protocol: upstream.protocol,
                connections: upstream.connections,
                authorities: authorities.and_then(|path| fs::read(path).ok()),
            }),
        }))
    }

    /// Whose it is.
    pub fn organization(&self) -> &OrganizationId {
        &self.identity.organization
    }

    /// Which of its organization's interfaces it is.
    pub fn id(&self) -> &UpstreamId {
        &self.identity.upstream
    }

    /// Where it is: `scheme://authority`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How long a call may take whose answer others wait for: to connect, to answer, and as long
    /// again as a body may pause for all of a bounded body.
    pub fn patience(&self) -> Duration {
        self.connect + self.answer + self.idle
    }

    pub(super) fn zone(&self) -> Zone {
        self.identity.zone
    }

    /// Takes one of the places for calls that may be under way at once, over all workers.
    pub fn slot(self: &Arc<Self>) -> Result<Slot, UpstreamError> {
        Slot::take(self)
    }

    /// Adds the department's credentials; what stood under the same names goes.
    pub(super) fn show_credentials(&self, headers: &mut http::HeaderMap) {
        for (name, value) in &self.credentials {
            headers.insert(name, value.clone());
        }
    }
}

fn alpn(protocol: UpstreamProtocol) -> Alpn {
    match protocol {
        UpstreamProtocol::Auto => Alpn::Either,
        UpstreamProtocol::Http1 => Alpn::Http1,
        UpstreamProtocol::Http2 => Alpn::Http2,
    }
}

fn milliseconds(count: u32) -> Duration {
    Duration::from_millis(u64::from(count))
}
