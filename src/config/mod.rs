//! What the operator of a node writes in `--config`: as a file, then checked.

pub mod form;
pub mod keys;
mod load;
pub mod problem;
pub mod yaml;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::load::{load, parse, places, problem_at, read, read_yaml};
use crate::domain::{Budget, ProfileId, Rate, Thresholds, Zone};

/// The configuration of one node.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The sides of the gate that this node serves.
    pub zones: BTreeMap<Zone, ZoneConfig>,
    /// Serve more than one zone in this process. Meant for a demonstration: write
    /// `yes-in-one-process` only where a breach of one zone may reach the other.
    #[serde(default)]
    pub zones_together: Option<Together>,
    /// Where operators look and act.
    pub admin: AdminConfig,
    /// Folder of catalog, grants and rules.
    pub policies: PathBuf,
    /// Folder of records.
    pub records: PathBuf,
    /// Folder of freezes, roll-ups, the last good copy and the archive.
    pub state: PathBuf,
    /// Folder of keys, one file per purpose and id.
    pub keys: PathBuf,
    /// Name of this node in records and `Via`.
    #[serde(default = "default_node")]
    pub node: String,
    /// Threads that serve requests; one a core if absent.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1024))]
    pub workers: Option<u16>,
    /// How records reach the disk.
    #[serde(default)]
    pub journal: JournalConfig,
    /// From where on the detectors of supervision speak up.
    #[serde(default)]
    pub detectors: Thresholds,
    /// How long `/readyz` fails on stop before connections are turned away, in milliseconds: as long
    /// as a load balancer needs to see it.
    #[serde(default = "default_unready_ms")]
    pub unready_ms: u32,
    /// How long to finish on stop, in milliseconds.
    #[serde(default = "default_drain_ms")]
    pub drain_ms: u32,
}

impl Config {
    /// The name of the records in checkpoints.
    pub fn origin(&self) -> String {
        self.journal.origin.clone().unwrap_or_else(|| format!("{}/records", self.node))
    }
}

/// The words a reviewer notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Together {
    /// Zones share this process and its memory.
    YesInOneProcess,
}

/// One side of the gate.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZoneConfig {
    /// The rules it follows.
    pub profile: ProfileId,
    /// Where it is reached.
    #[schemars(length(min = 1))]
    pub listeners: Vec<Listener>,
    /// Bytes of answers kept in memory.
    #[serde(default = "default_cache_bytes")]
    pub cache_bytes: u64,
    /// What this zone may ask of the journal.
    #[serde(default)]
    pub journal: Budget,
    /// Calls per address (IPv4 /32, IPv6 /64) in the opening zone, whoever calls; an entry may say less.
    #[serde(default)]
    pub address_rate: Option<Rate>,
    /// Origins that pages in a browser may call from, in the opening zone; `*` for all.
    #[serde(default)]
    pub origins: Vec<String>,
}

/// Where a zone is reached, and what it bears.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Address and port.
    pub address: SocketAddr,
    /// TLS; plain HTTP without it.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
    /// Proxies whose `Forwarded` header is believed.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub trusted_proxies: Vec<IpNet>,
    /// What one connection and one request may use.
    #[serde(default)]
    pub bounds: Bounds,
}

/// Certificates of a listener. Files are read again when they change.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM file with the certificate and its chain.
    pub certificate: PathBuf,
    /// PEM file with the private key, mode 0600.
    pub key: PathBuf,
    /// Whose client certificates are believed; none are asked for without it.
    #[serde(default)]
    pub clients: Option<ClientCertificates>,
}

/// Which client certificates are believed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificates {
    /// PEM file of the authorities.
    pub authorities: PathBuf,
    /// PEM file of their revocation lists.
    #[serde(default)]
    pub revoked: Option<PathBuf>,
    /// Whether a connection without a certificate is turned away.
    #[serde(default)]
    pub required: bool,
}

/// Bounds of a listener.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// Connections at once.
    pub connections: u32,
    /// Connections at once from one address (IPv4 /32, IPv6 /64).
    pub connections_per_address: u32,
    /// HTTP/2 streams at once on one connection.
    pub streams: u32,
    /// Bytes of request line and headers.
    pub header_bytes: u32,
    /// Header lines.
    pub headers: u16,
    /// Milliseconds for a TLS handshake.
    pub handshake_ms: u32,
    /// Milliseconds for a request's head to arrive.
    pub header_ms: u32,
    /// Milliseconds a connection may be idle.
    pub idle_ms: u32,
    /// Bytes of a request body.
    pub body_bytes: u64,
    /// Milliseconds a request body may pause.
    pub body_ms: u32,
    /// Milliseconds within which a request body that is read to be checked must be whole.
    pub body_total_ms: u32,
    /// Milliseconds a caller may leave an answer unread.
    pub write_ms: u32,
    /// Bytes a second that a caller has to read of an answer on the whole, besides `write_ms`.
    pub read_bytes_per_second: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_address: 1_000,
            streams: 128,
            header_bytes: 16 * 1024,
            headers: 64,
            handshake_ms: 10_000,
            header_ms: 10_000,
            idle_ms: 75_000,
            body_bytes: 8 << 20,
            body_ms: 15_000,
            body_total_ms: 30_000,
            write_ms: 30_000,
            read_bytes_per_second: 8 * 1024,
        }
    }
}

/// Where operators look and act.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminConfig {
    /// Address and port for metrics, health and admin calls. Keep it on loopback.
    pub address: SocketAddr,
    /// Unix socket for admin calls, allowed by its permissions (mode 0600).
    #[serde(default)]
    pub socket: Option<PathBuf>,
}

/// How records reach the disk.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// Bytes of one segment, zeroed ahead.
    pub segment_bytes: u64,
    /// Least milliseconds between two syncs while calls come as a crowd, sixteen or more within that
    /// time; 0 never waits.
    pub sync_ms: u32,
    /// Bytes of disk that must stay free; below it calls are refused.
    pub free_bytes: u64,
    /// The name of these records in checkpoints, for all time: best a domain and a name, as
    /// `gate.example.gov.cn/records`. `{node}/records` if absent.
    pub origin: Option<String>,
    /// Folder that gets a copy of the latest checkpoint, best on another machine.
    pub checkpoints: Option<PathBuf>,
    /// Days that records are kept, where that is longer than the profiles of the zones demand.
    pub keep_days: Option<u32>,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            sync_ms: 1,
            free_bytes: 256 << 20,
            origin: None,
            checkpoints: None,
            keep_days: None,
        }
    }
}

fn default_node() -> String {
    "helan".to_owned()
}

fn default_cache_bytes() -> u64 {
    64 << 20
}

fn default_unready_ms() -> u32 {
    1_000
}

fn default_drain_ms() -> u32 {
    4_000
}
