//! What a kept answer was shaped to.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;

use crate::domain::Personal;
use crate::shape::Report;

/// What one costs besides its bytes.
const OVERHEAD: usize = 192;

/// What a kept answer was shaped to, whole, and what was counted meanwhile. Whoever is granted exactly the
/// same gets the same bytes: shaping depends on the answer and on the reduction alone, and a node masks with
/// one key as long as it runs.
pub struct Shaped {
    /// The name of the reduction: entry, grant, items and masks.
    pub version: Arc<str>,
    /// What leaves.
    pub bytes: Bytes,
    /// What was counted.
    pub report: Report,
    /// What looks personal in it, where that is looked for.
    pub personal: Option<Personal>,
    /// Its entity tag, if it may be kept outside.
    pub tag: Option<HeaderValue>,
}

impl Shaped {
    /// Bytes it takes, roughly.
    pub(super) fn size(&self) -> usize {
        OVERHEAD + self.bytes.len()
    }
}

impl fmt::Debug for Shaped {
    /// Without its bytes: data goes into no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shaped")
            .field("version", &self.version)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}
