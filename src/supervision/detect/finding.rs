//! A finding: what a rule saw, on what evidence, and what people made of it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Scene;
use crate::domain::{OrganizationId, Timestamp};

macro_rules! detectors {
    ($($name:ident, $id:literal, $severity:ident, $english:literal, $chinese:literal;)*) => {
        /// A detector, by its number in the rules of supervision.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        pub enum Detector {
            $(#[doc = $english] #[serde(rename = $id)] $name,)*
        }

        impl Detector {
            /// Every detector that runs here.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its number, such as `V-04`.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// How grave what it finds is.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// What it is called, in Chinese and English.
            pub const fn title(self) -> [&'static str; 2] {
                match self { $(Self::$name => [$chinese, $english],)* }
            }
        }
    };
}

detectors! {
    Unmounted, "V-03", Medium, "Published, but nothing mounted", "已发布目录未挂接资源";
    Stale, "V-04", Medium, "Stale data", "数据超期未更新";
    Withheld, "V-08", High, "Withheld without a valid basis", "不予共享依据不合规";
    Drift, "V-12", Medium, "Answers differ from their description", "接口应答与目录不符";
    ApiRequired, "V-13", Medium, "Must be an interface, and is none", "应接口化未接口化";
    OverGrant, "V-14", High, "Calls beyond the grant", "无授权或超授权调用";
    Probing, "V-16", High, "Enumeration of persons or businesses", "枚举或批量爬取";
    Hygiene, "V-18", Low, "Idle or over-wide grant", "闲置或过宽授权";
    Agreement, "V-19", High, "Gap in the confidentiality agreement", "安全保密协议缺口";
    Personal, "V-21", High, "Personal information in open data", "开放数据含个人信息";
    Steward, "V-25", Medium, "Filing of the data steward has lapsed", "数据资源管理员备案失效";
    Integrity, "V-26", High, "Integrity of the records", "访问记录完整性异常";
}

impl fmt::Display for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// To be put in order.
    Low,
    /// To be mended.
    Medium,
    /// To be stopped.
    High,
}

impl Severity {
    /// As it is written, in Chinese and English.
    pub const fn name(self) -> [&'static str; 2] {
        match self {
            Self::Low => ["低", "low"],
            Self::Medium => ["中", "medium"],
            Self::High => ["高", "high"],
        }
    }
}

/// What people made of a finding.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nobody looked at it yet.
    #[default]
    New,
    /// It is so.
    Confirmed,
    /// It is not so, or it is lawful.
    FalsePositive,
    /// Its mending was ordered (责令整改).
    Ordered,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::New, Self::Confirmed, Self::FalsePositive, Self::Ordered];

    /// As it is written in records and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Confirmed => "confirmed",
            Self::FalsePositive => "false-positive",
            Self::Ordered => "ordered",
        }
    }

    /// As it is shown, in Chinese and English.
    pub const fn name(self) -> [&'static str; 2] {
        match self {
            Self::New => ["待核实", "new"],
            Self::Confirmed => ["已确认", "confirmed"],
            Self::FalsePositive => ["误报", "false positive"],
            Self::Ordered => ["已责令整改", "ordered"],
        }
    }
}

/// Who said what of a finding, last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What it is since.
    pub state: State,
    /// When.
    pub time: Timestamp,
    /// Who.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When somebody first said anything of it.
    pub first: Timestamp,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// `entry`, `grant`, `application`, `organization` or `node`.
    pub kind: String,
    /// Which.
    pub id: String,
}

impl Subject {
    pub(super) fn new(kind: &str, id: impl fmt::Display) -> Self {
        Self { kind: kind.to_owned(), id: id.to_string() }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}

/// What a finding rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// A record.
    Record {
        /// Its number.
        seq: u64,
        /// The call it is about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        transaction: Option<Uuid>,
    },
    /// A policy file, as it stood.
    File {
        /// Its path under the policy folder.
        path: String,
        /// SHA-256 of its content.
        hash: String,
    },
    /// A place in the records that cannot be read.
    Place {
        /// `segment:offset`, or the numbers between which records are missing.
        place: String,
    },
}

/// Names a finding for good: by its detector, what it is about, and the period or cause.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct FindingId(String);

impl FindingId {
    /// The id of what this detector found of this subject in this period or for this cause.
    pub fn of(detector: Detector, subject: &Subject, period: &str) -> Self {
        let text = format!("{detector}\n{}\n{}\n{period}", subject.kind, subject.id);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        let short = crate::net::hex(digest.as_ref().get(..8).unwrap_or_default());
        let number = detector.id().trim_start_matches("V-");
        Self(format!("v{number}-{short}"))
    }

    /// Reads one, refusing what is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, digest) = text.strip_prefix('v')?.split_once('-')?;
        let is_known =
            Detector::ALL.iter().any(|detector| detector.id().strip_prefix("V-") == Some(number));
        let is_hex = digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (is_known && digest.len() == 16 && is_hex).then(|| Self(text.to_owned()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FindingId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is no id of a finding"))
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a rule found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its name for good.
    pub id: FindingId,
    /// Who found it.
    pub detector: Detector,
    /// The version of the rule.
    pub version: String,
    /// The parameters it was judged by.
    pub parameters: BTreeMap<String, u64>,
    /// The articles it rests on, such as `yc-2018 §18`.
    pub articles: Vec<String>,
    /// What it is about.
    pub subject: Subject,
    /// The organization that has to answer for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// The hour (`2026-11-27T20`), the day, or the cause it is about.
    pub period: String,
    /// Since when it is so.
    pub first_seen: Timestamp,
    /// When it was seen last.
    pub last_seen: Timestamp,
    /// How many calls, values or days it counts.
    pub count: u64,
    /// How grave it is.
    pub severity: Severity,
    /// What is the case, in Chinese and English.
    pub detail: [String; 2],
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// What people made of it.
    pub state: State,
    /// Who said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
}

impl Finding {
    /// What a rule found of this subject, for the period or cause named: seen at the moment judged, on
    /// no evidence yet.
    pub(super) fn new(
        scene: &Scene<'_>,
        detector: Detector,
        subject: Subject,
        period: impl Into<String>,
    ) -> Self {
        let period = period.into();
        Self {
            id: FindingId::of(detector, &subject, &period),
            detector,
            version: super::VERSION.to_owned(),
            parameters: BTreeMap::new(),
            articles: super::law::articles(detector, scene.law()),
            subject,
            organization: None,
            period,
            first_seen: scene.now,
            last_seen: scene.now,
            count: 1,
            severity: detector.severity(),
            detail: [String::new(), String::new()],
            evidence: Vec::new(),
            state: State::New,
            mark: None,
        }
    }

    /// With a parameter it was judged by.
    pub(super) fn by(mut self, name: &str, value: impl Into<u64>) -> Self {
        self.parameters.insert(name.to_owned(), value.into());
        self
    }

    /// Answered for by this organization.
    pub(super) fn of(self, organization: OrganizationId) -> Self {
        Self { organization: Some(organization), ..self }
    }

    /// Said so, in Chinese and English.
    pub(super) fn saying(self, chinese: impl Into<String>, english: impl Into<String>) -> Self {
        Self { detail: [chinese.into(), english.into()], ..self }
    }

    /// Resting on a policy file; so since `moment`, or since the file was put in force if that is later.
    pub(super) fn written(mut self, scene: &Scene<'_>, path: &str, moment: Timestamp) -> Self {
        self.first_seen = moment.max(Timestamp::default());
        if let Some(hash) = scene.sources.files.get(std::path::Path::new(path)) {
            self.evidence.push(Evidence::File { path: path.to_owned(), hash: hash.clone() });
        }
        if let Some(since) = scene.ledger.in_force_since(path) {
            self.first_seen = self.first_seen.max(since);
        }
        if self.first_seen == Timestamp::default() {
            self.first_seen = scene.now;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_depends_on_detector_subject_and_period_and_on_nothing_else() {
        let entry = Subject::new("entry", "tax/payers");
        let id = FindingId::of(Detector::Drift, &entry, "2026-11-27");

        assert_eq!(id, FindingId::of(Detector::Drift, &entry, "2026-11-27"));
        assert_ne!(id, FindingId::of(Detector::Stale, &entry, "2026-11-27"));
        assert_ne!(id, FindingId::of(Detector::Drift, &entry, "2026-11-28"));
        assert_ne!(id, FindingId::of(Detector::Drift, &Subject::new("grant", "tax/payers"), ""));
        assert_eq!(FindingId::parse(id.as_str()), Some(id));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for bad in ["", "v12", "v12-", "v99-0011223344556677", "v12-00112233445566zz", "V-12"] {
            assert_eq!(FindingId::parse(bad), None, "{bad}");
        }
    }
}
