//! Organizations (单位), their stewards, applications and existing interfaces.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ApplicationId, IssuerId, NetworkId, OrganizationId, PersonId, Term, Timestamp, UpstreamId,
    Uscc, Zone,
};

/// What sort of organization it is; decides which zones and flows are open to it (Measures §2, §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OrganizationKind {
    /// The competent bureau (市大数据管理服务局).
    Bureau,
    /// A government department (政务部门).
    Department,
    /// An organization authorized by law to manage public affairs (法律、法规授权的组织).
    Authorized,
    /// A public institution (事业单位).
    Institution,
    /// A state-owned enterprise (国有企业).
    Enterprise,
    /// The platform of a county or district.
    County,
}

impl OrganizationKind {
    /// The name used in files, rules and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bureau => "bureau",
            Self::Department => "department",
            Self::Authorized => "authorized",
            Self::Institution => "institution",
            Self::Enterprise => "enterprise",
            Self::County => "county",
        }
    }
}

/// Whether an organization takes part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OrganizationState {
    /// It takes part.
    #[default]
    Live,
    /// It does not, for now.
    Suspended,
    /// It no longer does.
    Closed,
}

/// An organization, as one file of `organizations/` describes it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    /// Its id, the file's name.
    pub id: OrganizationId,
    /// Its name in Chinese.
    pub name: String,
    /// Its unified social credit code (GB 32100-2015).
    pub uscc: Uscc,
    /// What sort of organization it is.
    pub kind: OrganizationKind,
    /// Administrative division code, six digits.
    #[schemars(extend("pattern" = "^[0-9]{6}$"))]
    pub region: String,
    /// Whether it takes part.
    #[serde(default)]
    pub state: OrganizationState,
    /// Filed persons who may submit and decide for it (数据资源管理员, §27).
    #[serde(default)]
    pub stewards: Vec<Steward>,
    /// Its programs that call (应用系统).
    #[serde(default)]
    pub applications: Vec<Application>,
    /// Its own interfaces, which entries point at (部门既有接口).
    #[serde(default)]
    pub upstreams: Vec<Upstream>,
}

/// A filed data steward (数据资源管理员).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steward {
    /// The code of the person; no name and no number.
    pub person: PersonId,
    /// Number of the filing with the bureau (备案号).
    pub filing: String,
    /// How long the filing holds.
    pub term: Term,
}

impl Steward {
    /// Whether the bureau has the filing.
    pub fn is_filed(&self) -> bool {
        !self.filing.trim().is_empty()
    }

    /// Whether this person may submit and decide at this moment.
    pub fn may_decide(&self, now: Timestamp) -> bool {
        self.is_filed() && self.term.contains(now)
    }
}

/// Whether an application may call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApplicationState {
    /// It may call.
    #[default]
    Live,
    /// It may not, for now.
    Suspended,
    /// It is gone.
    Closed,
}

/// A program of an organization that calls.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Its id, `organization/name`.
    pub id: ApplicationId,
    /// Its name in Chinese.
    pub name: String,
    /// Whether it may call.
    #[serde(default)]
    pub state: ApplicationState,
    /// Networks it calls from; anywhere if none is named.
    #[serde(default)]
    pub networks: Vec<NetworkId>,
    /// Calls a second that this application may make over all its grants.
    #[serde(default)]
    pub rate: Option<super::Rate>,
    /// How it proves itself: up to two live ones of each kind, so that they can be rotated.
    pub credentials: Vec<Credential>,
}

/// A way for an application to prove itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, tag = "kind")]
pub enum Credential {
    /// A client certificate, by the SHA-256 of its DER form (RFC 8705 §3.1).
    Certificate {
        /// 64 hexadecimal digits.
        #[schemars(extend("pattern" = "^[0-9a-f]{64}$"))]
        thumbprint: String,
        /// When it stops being accepted, if before the certificate's own end.
        #[serde(default)]
        #[schemars(with = "Option<String>", extend("format" = "date-time"))]
        until: Option<Timestamp>,
    },
    /// A client certificate that the listener's CA signed, by a DNS name in it.
    Name {
        /// The `dNSName` of its subject alternative names.
        dns: String,
        /// When it stops being accepted.
        #[serde(default)]
        #[schemars(with = "Option<String>", extend("format" = "date-time"))]
        until: Option<Timestamp>,
    },
    /// A token of an issuer in `issuers.yaml`, by its subject.
    Token {
        /// The issuer.
        issuer: IssuerId,
        /// The `sub` claim.
        subject: String,
        /// When it stops being accepted.
        #[serde(default)]
        #[schemars(with = "Option<String>", extend("format" = "date-time"))]
        until: Option<Timestamp>,
    },
    /// A key sent in `Helan-Key`, written `id.secret`.
    Key {
        /// The public part, by which it is found.
        #[schemars(extend("pattern" = "^[a-z0-9]{8,32}$"))]
        id: String,
        /// `key-id:hex` of HMAC-SHA-256 over the whole key, under a key of purpose `credential`.
        hash: String,
        /// When it stops being accepted.
        #[serde(default)]
        #[schemars(with = "Option<String>", extend("format" = "date-time"))]
        until: Option<Timestamp>,
    },
}

/// How an interface speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamProtocol {
    /// HTTP/2 where TLS offers it (ALPN), else HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only; without TLS by prior knowledge (RFC 9113 §3.3).
    Http2,
}

/// A department's own interface (部门既有接口).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Its id within the organization.
    pub id: UpstreamId,
    /// `http://host:port` or `https://host:port`, without a path.
    pub url: String,
    /// How it speaks.
    #[serde(default)]
    pub protocol: UpstreamProtocol,
    /// PEM file of the authorities that may vouch for it; the system's if none is named.
    #[serde(default)]
    pub authorities: Option<PathBuf>,
    /// Credentials Helan shows to it. One issued for one zone is never used in another.
    #[serde(default)]
    pub credentials: Vec<UpstreamCredential>,
    /// Connections each worker may hold.
    #[serde(default = "default_connections")]
    #[schemars(range(min = 1, max = 4096))]
    pub connections: u32,
    /// Calls that may be under way at once, over all workers.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1, max = 65536))]
    pub concurrency: u32,
    /// Milliseconds to connect, TLS included.
    #[serde(default = "default_connect_ms")]
    #[schemars(range(min = 1, max = 60000))]
    pub connect_ms: u32,
    /// Milliseconds from the request's last byte to the answer's head.
    #[serde(default = "default_answer_ms")]
    #[schemars(range(min = 1, max = 3_600_000))]
    pub answer_ms: u32,
    /// Milliseconds the answer's body may pause between two parts.
    #[serde(default = "default_idle_ms")]
    #[schemars(range(min = 1, max = 3_600_000))]
    pub idle_ms: u32,
}

fn default_connections() -> u32 {
    64
}

fn default_concurrency() -> u32 {
    128
}

fn default_connect_ms() -> u32 {
    2_000
}

fn default_answer_ms() -> u32 {
    10_000
}

fn default_idle_ms() -> u32 {
    10_000
}

/// What Helan shows to an interface so that it is let in.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, tag = "kind")]
pub enum UpstreamCredential {
    /// A header with a secret value.
    Header {
        /// Where it may be used.
        zone: Zone,
        /// The header's name.
        name: String,
        /// Its value.
        value: Secret,
    },
    /// HTTP Basic (RFC 7617).
    Basic {
        /// Where it may be used.
        zone: Zone,
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A bearer token (RFC 6750).
    Bearer {
        /// Where it may be used.
        zone: Zone,
        /// The token.
        token: Secret,
    },
}

impl UpstreamCredential {
    /// Where it may be used.
    pub fn zone(&self) -> Zone {
        match self {
            Self::Header { zone, .. } | Self::Basic { zone, .. } | Self::Bearer { zone, .. } => {
                *zone
            }
        }
    }

    /// Where the secret is kept.
    pub fn secret(&self) -> &Secret {
        match self {
            Self::Header { value, .. } => value,
            Self::Basic { password, .. } => password,
            Self::Bearer { token, .. } => token,
        }
    }
}

/// Where a secret is kept; never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Secret {
    /// A file that only its owner may read; its last newline does not count.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
}
