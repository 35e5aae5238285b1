//! Rules of law that something rests on, and their ranks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rank of a rule of law, highest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rank {
    /// 法律.
    Law,
    /// 行政法规.
    AdministrativeRegulation,
    /// 国务院决定.
    StateCouncilDecision,
    /// 地方性法规.
    LocalRegulation,
    /// 部门规章.
    DepartmentRule,
    /// 地方政府规章.
    LocalRule,
    /// 规范性文件.
    NormativeDocument,
}

impl Rank {
    /// The name used in files, rules and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Law => "law",
            Self::AdministrativeRegulation => "administrative-regulation",
            Self::StateCouncilDecision => "state-council-decision",
            Self::LocalRegulation => "local-regulation",
            Self::DepartmentRule => "department-rule",
            Self::LocalRule => "local-rule",
            Self::NormativeDocument => "normative-document",
        }
    }

    /// What it is called, in Chinese and English.
    pub const fn name(self) -> [&'static str; 2] {
        match self {
            Self::Law => ["法律", "law"],
            Self::AdministrativeRegulation => ["行政法规", "administrative regulation"],
            Self::StateCouncilDecision => ["国务院决定", "State Council decision"],
            Self::LocalRegulation => ["地方性法规", "local regulation"],
            Self::DepartmentRule => ["部门规章", "department rule"],
            Self::LocalRule => ["地方政府规章", "local rule"],
            Self::NormativeDocument => ["规范性文件", "normative document"],
        }
    }
}

/// A rule of law that something rests on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LegalBasis {
    /// Its rank.
    pub rank: Rank,
    /// Its title.
    pub title: String,
    /// Its article.
    pub article: String,
}
