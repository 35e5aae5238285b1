//! What a zone may ask of the journal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A zone's share of the journal.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Bytes that may wait to be synced.
    pub pending_bytes: u64,
    /// Bytes that may be written in a second, averaged over a minute.
    pub bytes_per_second: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { pending_bytes: 8 << 20, bytes_per_second: 32 << 20 }
    }
}
