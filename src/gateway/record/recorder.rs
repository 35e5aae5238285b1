//! What one zone records with.

use std::sync::Arc;

use super::Folds;
use crate::config::keys::{Epochs, KeyPurpose, Keys};
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

/// What a record holds as a keyed hash only. Each kind has a domain of its own, so that the hash of
/// one can never stand for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// Who sits at the application.
    Operator,
    /// A case number.
    Case,
    /// A matter that is not registered.
    Matter,
    /// The data subject.
    Subject,
    /// A purpose that nothing names.
    Purpose,
}

impl Hidden {
    fn domain(self) -> (KeyPurpose, &'static str) {
        match self {
            Self::Operator => (KeyPurpose::Operator, "operator:"),
            Self::Case => (KeyPurpose::Subject, "case:"),
            Self::Matter => (KeyPurpose::Subject, "matter:"),
            Self::Subject => (KeyPurpose::Subject, "subject:"),
            Self::Purpose => (KeyPurpose::Subject, "purpose:"),
        }
    }

    /// What the keys are for that hide it.
    pub fn purpose(self) -> KeyPurpose {
        self.domain().0
    }

    /// The keyed hashes that a text of this kind may have on record, one an epoch.
    pub fn hashes(self, epochs: &Epochs, text: &str) -> Vec<KeyedHash> {
        let said = [self.domain().1, text].concat();
        let hash = |(id, mac): (&str, [u8; 32])| KeyedHash { key: id.into(), hash: hex(&mac) };
        epochs.hmacs(said.as_bytes()).map(hash).collect()
    }

    /// The keyed hash of a text of this kind.
    pub fn hash(self, keys: &Keys, text: &str) -> KeyedHash {
        let (purpose, domain) = self.domain();
        let (key, mac) = keys.hmac(purpose, [domain, text].concat().as_bytes());
        KeyedHash { key, hash: hex(&mac) }
    }
}

impl Recorder {
    /// The keyed hash of something that must not be readable.
    pub fn hash(&self, what: Hidden, text: &str) -> KeyedHash {
        what.hash(&self.keys, text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_text_hashed_as_two_things_gives_two_hashes() {
        let keys = Keys::ephemeral();
        let all =
            [Hidden::Operator, Hidden::Case, Hidden::Matter, Hidden::Subject, Hidden::Purpose];
        let hashes: BTreeSet<_> = all.map(|what| what.hash(&keys, "x").hash).into();
        assert_eq!(hashes.len(), all.len());
    }
}
