//! How a value is made less telling before it leaves (脱敏). `shape` carries masks out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A way to hide part of a value.
///
/// A mask that cannot read its value (wrong type, wrong length) removes the value instead: a value
/// never leaves because its mask failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, tag = "kind")]
pub enum Mask {
    /// The member disappears.
    Drop,
    /// Always this text.
    Constant {
        /// What stands there instead.
        text: String,
    },
    /// Keeps the first and last characters, the rest become `*`.
    Keep {
        /// Characters kept at the start.
        #[serde(default)]
        first: u8,
        /// Characters kept at the end.
        #[serde(default)]
        last: u8,
    },
    /// A resident identity number: region digits and the last `last` stay.
    IdNumber {
        /// Characters kept at the start, 6 at most.
        first: u8,
        /// Characters kept at the end, 4 at most.
        last: u8,
    },
    /// A mobile number (3 + 4) or a fixed line (area code + 2).
    Phone,
    /// A person's name: the first character, or the first part of a name with dots.
    Name,
    /// A bank card: 4 + 4.
    Card,
    /// An address: up to the county or district.
    Address,
    /// A vehicle plate: province, letter and the last two.
    Plate,
    /// A mail address: the first character and the domain.
    Mail,
    /// A passport or permit: the first and the last two.
    Passport,
    /// A date: the year stays.
    Year,
    /// A number rounded to this many decimals; the rest is cut away.
    Round {
        /// Decimals kept, 0 to 6.
        decimals: u8,
    },
    /// A number as the band it falls in, written `low-high`.
    Band {
        /// Width of a band, above 0.
        width: u64,
    },
    /// A keyed hash, so that the same value can be recognized but not read. Not for the public.
    Hash,
}

impl Mask {
    /// Whether what remains still points at one person or business: such a mask is no
    /// desensitization (PIPL §73: de-identified is not anonymous).
    pub fn is_partial(&self) -> bool {
        match self {
            Self::Drop
            | Self::Constant { .. }
            | Self::Address
            | Self::Year
            | Self::Round { .. }
            | Self::Band { .. } => false,
            Self::Keep { .. }
            | Self::IdNumber { .. }
            | Self::Phone
            | Self::Name
            | Self::Card
            | Self::Plate
            | Self::Mail
            | Self::Passport
            | Self::Hash => true,
        }
    }
}
