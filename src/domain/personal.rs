//! How many values looked like personal information, by kind; never the values.

use serde::{Deserialize, Serialize};

/// Counts of what left to the public and looks personal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Personal {
    /// Resident identity numbers: a date and a checksum that are right.
    #[serde(skip_serializing_if = "is_zero")]
    pub identity: u64,
    /// Mobile numbers.
    #[serde(skip_serializing_if = "is_zero")]
    pub mobile: u64,
    /// Bank cards: a checksum that is right.
    #[serde(skip_serializing_if = "is_zero")]
    pub card: u64,
    /// Vehicle plates.
    #[serde(skip_serializing_if = "is_zero")]
    pub plate: u64,
}

impl Personal {
    /// The counts by the names they have in records.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("identity", self.identity),
            ("mobile", self.mobile),
            ("card", self.card),
            ("plate", self.plate),
        ]
        .into_iter()
    }

    /// These counts, if there is anything in them.
    pub fn seen(self) -> Option<Self> {
        self.counts().any(|(_, count)| count > 0).then_some(self)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
