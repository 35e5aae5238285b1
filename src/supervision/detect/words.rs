//! What detectors call what they count, what they go by and what they are about, for people who read
//! Chinese or English and no ids.

use super::Subject;
use crate::policy::Sources;

/// What a kind of refusal (V-14), of value (V-21) or of break (V-26) is called in Chinese; else its code.
fn chinese(code: &str) -> &str {
    match code {
        "no-grant" => "没有授权",
        "withheld" => "不予共享的目录",
        "item-withheld" => "不予共享的信息项",
        "item-conditional" => "未经授权的有条件共享信息项",
        "item-not-granted" => "授权之外的信息项",
        "purpose-not-granted" => "授权之外的用途",
        "matter-not-granted" => "授权之外的事项",
        "mode-not-granted" => "授权之外的共享模式",
        "application-not-granted" => "授权之外的应用系统",
        "out-of-scope" => "授权范围之外",
        "grant-suspended" => "授权已暂停",
        "grant-terminated" => "授权已终止",
        "grant-lapsed" => "授权已到期",
        "grant-pending" => "授权待决",
        "grant-not-started" => "授权尚未生效",
        "identity" => "居民身份证号",
        "mobile" => "手机号",
        "card" => "银行卡号",
        "plate" => "车牌号",
        "unreadable" => "无法读取",
        "gap" => "编号缺失",
        "clock step" => "时钟回拨",
        "recovered" => "重启恢复时发现",
        _ => code,
    }
}

/// Codes as a list, in Chinese and English.
pub(super) fn listed(codes: &[&str]) -> [String; 2] {
    let words: Vec<_> = codes.iter().map(|code| chinese(code)).collect();
    [words.join("、"), codes.join(", ")]
}

/// What a parameter of a detector says and in which unit, in Chinese and English.
pub fn parameter(name: &str) -> Option<[&'static str; 2]> {
    Some(match name {
        "mount_days" => {
            ["V-03 发布后应挂接的期限（日）", "V-03 days from publication until it must be mounted"]
        }
        "stale_percent" => {
            ["V-04 更新宽限占通常宽限的比例（%）", "V-04 grace for renewal, percent of the usual"]
        }
        "grace_seconds" => ["更新宽限（秒）", "grace for renewal (seconds)"],
        "drift_members" => {
            ["V-12 目录外或类型不符的字段数（处）", "V-12 members undescribed or mistyped"]
        }
        "over_grant_calls" => {
            ["V-14 一小时内超授权调用（次）", "V-14 calls beyond a grant in an hour"]
        }
        "probe_calls" => [
            "V-16 判断查无结果前的一小时查询数（次）",
            "V-16 questions in an hour before misses count",
        ],
        "probe_miss_percent" => ["V-16 查无结果的比例（%）", "V-16 percent that find nothing"],
        "probe_subjects" => {
            ["V-16 一小时内查询的不同主体（个）", "V-16 different subjects asked about in an hour"]
        }
        "night_subjects" => [
            "V-16 夜间（22时至6时）一小时内查询的不同主体（个）",
            "V-16 different subjects in an hour of the night, 22:00 to 6:00",
        ],
        "idle_days" => ["V-18 未调用视为闲置（日）", "V-18 days without a call: idle"],
        "unused_calls" => {
            ["V-18 判断信息项未用前的调用数（次）", "V-18 calls before an item counts as unused"]
        }
        "longest_days" => ["V-18 授权最长期限（日）", "V-18 days a grant may run"],
        "agreement_days" => {
            ["V-19 协议到期前提示（日）", "V-19 days before its end to renew an agreement"]
        }
        "personal_values" => [
            "V-21 一目录一日疑似个人信息的值（个）",
            "V-21 values that look personal, an entry and day",
        ],
        "clock_ms" => ["V-26 时钟允许回拨（毫秒）", "V-26 how far the clock may step back (ms)"],
        _ => return None,
    })
}

impl Subject {
    /// What it is called: an entry, organization or application by its name, a grant by whom it lets
    /// call what; nothing if the policies do not hold it.
    pub fn name(&self, sources: &Sources) -> Option<String> {
        let id = self.id.as_str();
        match self.kind.as_str() {
            "entry" => sources.entries.get(id).map(|source| source.entry.name.clone()),
            "organization" => sources.organizations.get(id).map(|one| one.name.clone()),
            "application" => {
                let organizations = sources.organizations.values();
                organizations
                    .flat_map(|one| &one.applications)
                    .find(|application| application.id.as_str() == id)
                    .map(|application| application.name.clone())
            }
            "grant" => {
                let grant = sources.grants.get(id)?;
                let consumer = sources.organizations.get(&grant.consumer)?;
                let source = sources.entries.get(&grant.entry)?;
                Some(format!("{} · {}", consumer.name, source.entry.name))
            }
            _ => None,
        }
    }

    /// What sort of thing it is, in Chinese and English.
    pub fn sort(&self) -> [&str; 2] {
        let chinese = match self.kind.as_str() {
            "entry" => "目录",
            "grant" => "授权",
            "application" => "应用系统",
            "organization" => "单位",
            "node" => "节点",
            other => other,
        };
        [chinese, &self.kind]
    }
}

#[cfg(test)]
mod tests {
    use super::super::v14::CODES;
    use super::*;
    use crate::domain::{Personal, Thresholds};

    #[test]
    fn everything_counted_and_every_parameter_has_words() {
        let kinds = Personal::default();
        let kinds = kinds.counts().map(|(kind, _)| kind);
        for code in CODES.into_iter().chain(kinds) {
            assert_ne!(chinese(code), code);
        }
        let all = serde_json::to_value(Thresholds::default()).unwrap();
        for name in all.as_object().unwrap().keys() {
            assert!(parameter(name).is_some(), "{name}");
        }
    }
}
