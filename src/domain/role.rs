//! Who may do what with the gateway itself: three roles kept apart (三员分立), so that nobody who runs it
//! also judges, and nobody who judges also checks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The role of an operator. A token carries one, and none of them includes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the node (系统管理员): reload, purge, its health.
    System,
    /// Guards it (安全管理员): freeze, thaw, findings, the supervision pages.
    Security,
    /// Checks both (审计管理员): reads everything, records included, and changes nothing.
    Audit,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::System, Self::Security, Self::Audit];

    /// The name used in tokens and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Security => "security",
            Self::Audit => "audit",
        }
    }

    /// The role of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
