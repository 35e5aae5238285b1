//! Which side of the gate, and under which dated rules.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A side of the gate; a listener belongs to one.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Zone {
    /// Departments among themselves (共享平台).
    Sharing,
    /// The public (开放平台).
    Opening,
    /// Other gateways (级联).
    Peering,
}

impl Zone {
    /// The name used in files, records and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sharing => "sharing",
            Self::Opening => "opening",
            Self::Peering => "peering",
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A dated set of rules, chosen per zone.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum ProfileId {
    /// 《银川市城市数据共享开放管理办法》, 2018-04-22 to 2023-04-21.
    #[serde(rename = "yc-2018")]
    Yc2018,
    /// 《政务数据共享条例》, State Council Order 809, in force since 2025-08-01.
    #[serde(rename = "sc-809-2025")]
    Sc809,
}

impl ProfileId {
    /// Every profile.
    pub const ALL: [Self; 2] = [Self::Yc2018, Self::Sc809];

    /// The name used in files, records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yc2018 => "yc-2018",
            Self::Sc809 => "sc-809-2025",
        }
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
