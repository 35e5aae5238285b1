//! `profile.yaml`: what a set of rules needs to know that is a list or a date rather than a condition.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{
    Authority, Entry, Mode, OrganizationKind, ProfileId, Rank, SharingClass, Timestamp,
};

/// One `profile.yaml`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its id, the folder's name.
    pub id: ProfileId,
    /// Title of the law.
    pub title: String,
    /// The days the law is in force.
    pub in_force: InForce,
    /// What every answer says outside those days.
    #[serde(default)]
    pub notice: Option<String>,
    /// Kinds of organization that consume by right (政务部门).
    #[schemars(length(min = 1))]
    pub government: Vec<OrganizationKind>,
    /// Whether unconditional entries are open to them without a written grant.
    #[serde(default)]
    pub standing: bool,
    /// Modes the law knows.
    #[schemars(length(min = 1))]
    pub modes: Vec<Mode>,
    /// Ranks of the rules of law that withholding may rest on.
    #[schemars(length(min = 1))]
    pub withholding: Vec<Rank>,
    /// What a written grant needs, by the strictest class of its items.
    pub classes: Classes,
    /// How many years records are kept, three at least (网络数据安全管理条例 §12). A year counts as 366
    /// days, so that none is short.
    #[serde(default = "three")]
    #[schemars(range(min = 3, max = 1000))]
    pub keep_years: u32,
    /// Cited where nothing bars a call and nothing allows it either.
    pub otherwise: Article,
    /// Other texts the rules rely on.
    #[serde(default)]
    pub references: Vec<String>,
}

fn three() -> u32 {
    3
}

/// From when until when a law is in force.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InForce {
    /// The first day.
    #[schemars(with = "String", extend("format" = "date"))]
    pub from: Date,
    /// The last day, if it is known.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub until: Option<Date>,
}

/// What a written grant needs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Classes {
    /// For unconditional items.
    pub unconditional: Needs,
    /// For conditional items.
    pub conditional: Needs,
    /// For withheld items.
    pub withheld: Needs,
}

/// What a written grant needs for items of one class.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Needs {
    /// Who must consent.
    #[schemars(length(min = 1))]
    pub approvals: Vec<Authority>,
    /// Ranks of the rules of law that use may rest on.
    #[schemars(length(min = 1))]
    pub basis: Vec<Rank>,
    /// Whether a negotiation must be on record (协商).
    #[serde(default)]
    pub negotiation: bool,
    /// Whether the bureau must have coordinated (协调).
    #[serde(default)]
    pub coordination: bool,
}

/// An article of law.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Article {
    /// The law.
    pub law: String,
    /// The article.
    pub article: String,
    /// What it says.
    pub text: String,
}

impl Profile {
    /// What every answer has to say because the law is not in force at this moment.
    pub fn notice(&self, now: Timestamp) -> Option<&str> {
        let day = now.day();
        let over = self.in_force.until.is_some_and(|until| until < day);
        if over || day < self.in_force.from { self.notice.as_deref() } else { None }
    }

    /// What pages and reports say because the law is not in force at this moment, in Chinese and English.
    pub fn out_of_force(&self, now: Timestamp) -> Option<[String; 2]> {
        let (from, day, title) = (self.in_force.from, now.day(), &self.title);
        let rules = "此处依其规则评判，供示范和既往事项使用。";
        match self.in_force.until {
            Some(until) if until < day => Some([
                format!("《{title}》有效期自{from}至{until}，现已失效；{rules}"),
                format!(
                    "The law was in force from {from} to {until} and is not now; its rules are followed here for demonstration and for matters of that time."
                ),
            ]),
            Some(_) | None if day < from => Some([
                format!("《{title}》自{from}起施行，尚未生效；{rules}"),
                format!(
                    "The law comes into force on {from}; its rules are followed here for demonstration."
                ),
            ]),
            Some(_) | None => None,
        }
    }

    /// Whether some basis of the entry has a rank that withholding may rest on (I1).
    pub fn lets_withhold(&self, entry: &Entry) -> bool {
        entry.sharing.basis.iter().any(|basis| self.withholding.contains(&basis.rank))
    }

    /// How many days records are kept.
    pub fn keep_days(&self) -> u32 {
        self.keep_years.saturating_mul(366)
    }

    /// What a written grant needs for items of this class.
    pub fn needs(&self, class: SharingClass) -> &Needs {
        match class {
            SharingClass::Unconditional => &self.classes.unconditional,
            SharingClass::Conditional => &self.classes.conditional,
            SharingClass::Withheld => &self.classes.withheld,
        }
    }
}

/// The name of an authority in rules.
pub(super) fn authority_name(authority: Authority) -> &'static str {
    match authority {
        Authority::Provider => "provider",
        Authority::Bureau => "bureau",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn records_are_kept_for_three_years_or_longer() {
        let text = include_str!("../../../policies/rules/yc-2018/profile.yaml");
        let read = |text: &str| crate::config::parse::<Profile>(Path::new("profile.yaml"), text);
        let with = |line: &str| text.replace("keep_years: 3\n", line);

        assert_eq!(read(text).unwrap().keep_days(), 1_098);
        assert_eq!(read(&with("")).unwrap().keep_days(), 1_098);
        assert_eq!(read(&with("keep_years: 10\n")).unwrap().keep_days(), 3_660);
        let problems = read(&with("keep_years: 2\n")).unwrap_err();
        assert_eq!(problems[0].mend.as_deref(), Some("at least 3"), "{problems:?}");
    }

    #[test]
    fn a_law_that_is_not_in_force_is_said_to_be_none_in_each_language() {
        let text = include_str!("../../../policies/rules/yc-2018/profile.yaml");
        let law = crate::config::parse::<Profile>(Path::new("profile.yaml"), text).unwrap();
        let said = |day: &str| law.out_of_force(Timestamp::parse(day).unwrap());

        assert_eq!(said("2023-04-21T12:00:00Z"), None);
        for day in ["2023-04-22T12:00:00Z", "2018-04-20T12:00:00Z"] {
            let [chinese, english] = said(day).unwrap();
            assert!(chinese.contains("有效期自2018-04-22") || chinese.contains("尚未生效"));
            assert!(english.is_ascii(), "{english}");
        }
    }
}
