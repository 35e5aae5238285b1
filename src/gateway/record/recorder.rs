//! What one zone records with.

use std::sync::Arc;

use super::Folds;
use crate::config::keys::{KeyPurpose, Keys};
use crate::domain::Zone;
use crate::gateway::metrics::{Metrics, ZoneMetrics};
use crate::journal::{Clock, Journal, KeyedHash};
use crate::net::hex;

/// What one zone records with; shared by its workers.
#[derive(Debug)]
pub struct Recorder {
    /// The side of the gate.
    pub zone: Zone,
    /// Where records are kept.
    pub journal: Journal,
    /// Where the time comes from.
    pub clock: Clock,
    /// Keys that turn what must not be readable into hashes.
    pub keys: Arc<Keys>,
    /// Refusals that are only counted.
    pub folds: Folds,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Counters of this zone.
    pub zone_metrics: ZoneMetrics,
}

impl Recorder {
    /// The keyed hash of something that must not be readable.
    pub fn hash(&self, purpose: KeyPurpose, text: &str) -> KeyedHash {
        let (key, mac) = self.keys.hmac(purpose, text.as_bytes());
        KeyedHash { key: key.to_owned(), hash: hex(&mac) }
    }
}
