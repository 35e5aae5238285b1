//! What the words of the trade are called in each language. A new word breaks these matches.

use super::texts::Lang;
use crate::domain::{
    ApplicationState, Authority, Credential, EntryState, GrantState, ItemType, LegalBasis, Mode,
    OpeningClass, OrganizationKind, OrganizationState, Rank, Role, Sensitivity, SharingClass,
    UpdateCycle, Zone,
};
use crate::journal::Proved;

/// What something is called.
pub(super) trait Word {
    /// In Chinese and English.
    fn both(&self) -> (&'static str, &'static str);

    /// In this language.
    fn word(&self, lang: Lang) -> &'static str {
        let (chinese, english) = self.both();
        lang.of(chinese, english)
    }
}

macro_rules! words {
    ($($of:ident { $($name:ident: $chinese:literal, $english:literal;)* })*) => {
        $(impl Word for $of {
            fn both(&self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$name { .. } => ($chinese, $english),)*
                }
            }
        })*
    };
}

words! {
    Role {
        System: "系统管理员", "system";
        Security: "安全管理员", "security";
        Audit: "审计管理员", "audit";
    }
    Zone {
        Sharing: "共享平台", "sharing";
        Opening: "开放平台", "opening";
        Peering: "级联", "peering";
    }
    OrganizationKind {
        Bureau: "主管部门", "bureau";
        Department: "政务部门", "department";
        Authorized: "授权组织", "authorized organization";
        Institution: "事业单位", "institution";
        Enterprise: "国有企业", "enterprise";
        County: "县区平台", "county platform";
    }
    OrganizationState {
        Live: "正常", "live";
        Suspended: "暂停", "suspended";
        Closed: "已退出", "closed";
    }
    ApplicationState {
        Live: "正常", "live";
        Suspended: "暂停", "suspended";
        Closed: "已停用", "closed";
    }
    Credential {
        Certificate: "客户端证书", "client certificate";
        Name: "证书域名", "name in a certificate";
        Token: "令牌", "token";
        Key: "密钥", "key";
    }
    Proved {
        Certificate: "客户端证书", "client certificate";
        Token: "令牌", "token";
        Key: "密钥", "key";
        Anonymous: "匿名", "anonymous";
    }
    EntryState {
        Live: "在线", "live";
        Offline: "已下线", "offline";
    }
    SharingClass {
        Unconditional: "无条件共享", "unconditional";
        Conditional: "有条件共享", "conditional";
        Withheld: "不予共享", "withheld";
    }
    OpeningClass {
        Open: "开放", "open";
        Desensitized: "脱敏后开放", "desensitized";
        Closed: "不开放", "closed";
    }
    UpdateCycle {
        Realtime: "实时", "real time";
        Daily: "每日", "daily";
        Weekly: "每周", "weekly";
        Monthly: "每月", "monthly";
        Quarterly: "每季度", "quarterly";
        HalfYearly: "每半年", "half-yearly";
        Yearly: "每年", "yearly";
        Other: "其他", "other";
    }
    Sensitivity {
        None: "非敏感", "not sensitive";
        Personal: "个人信息", "personal";
        Sensitive: "敏感个人信息", "sensitive personal";
        Business: "商业秘密", "business secret";
        Secret: "国家秘密或工作秘密", "state or work secret";
    }
    ItemType {
        String: "字符", "text";
        Integer: "整数", "integer";
        Number: "数值", "number";
        Boolean: "逻辑", "yes or no";
        Date: "日期", "date";
        DateTime: "日期时间", "date and time";
        Any: "通用", "any";
    }
    GrantState {
        Pending: "待决", "pending";
        Active: "有效", "active";
        Suspended: "暂停", "suspended";
        Terminated: "终止", "terminated";
        Expired: "到期", "expired";
    }
    Authority {
        Provider: "数据提供方", "provider";
        Bureau: "主管部门", "bureau";
    }
}

impl Word for Mode {
    fn both(&self) -> (&'static str, &'static str) {
        self.name().into()
    }
}

impl Word for Rank {
    fn both(&self) -> (&'static str, &'static str) {
        self.name().into()
    }
}

/// How a call ended, where it is no refusal.
pub(super) fn ending(outcome: &str, lang: Lang) -> Option<&'static str> {
    let (chinese, english) = match outcome {
        "allowed" => ("已允许", "allowed"),
        "answered" => ("已答复", "answered"),
        "unfinished" => ("未结束", "unfinished"),
        "aborted-by-caller" => ("调用方中断", "caller hung up"),
        "upstream-broke" => ("部门接口中断", "department's answer broke"),
        "stalled" => ("调用方不再读取", "nobody read on"),
        "drain" => ("节点停止", "the node stopped"),
        "permit-lapsed" => ("许可失效而中断", "permit lapsed"),
        _ => return None,
    };
    Some(lang.of(chinese, english))
}

/// A purpose of the exchange template (使用要求), else its id.
pub(super) fn purpose(id: &str, lang: Lang) -> &str {
    let chinese = match id {
        "administrative-basis" => "行政依据",
        "work-reference" => "工作参考",
        "data-verification" => "数据校核",
        "business-collaboration" => "业务协同",
        _ => id,
    };
    lang.of(chinese, id)
}

/// A field of public interest (§22), else its id.
pub(super) fn field(id: &str, lang: Lang) -> &str {
    let chinese = match id {
        "credit" => "信用",
        "transport" => "交通",
        "medical" => "医疗",
        "health" => "卫生",
        "employment" => "就业",
        "social-security" => "社保",
        "geography" => "地理",
        "culture" => "文化",
        "education" => "教育",
        "science-tech" => "科技",
        "resource" => "资源",
        "agriculture" => "农业",
        "environment" => "环境",
        "work-safety" => "安监",
        "finance" => "金融",
        "quality" => "质量",
        "statistics" => "统计",
        "meteorology" => "气象",
        "enterprise-reg" => "企业登记监管",
        "other" => "其他",
        _ => id,
    };
    lang.of(chinese, id)
}

/// A rule of law, cited.
pub(super) fn basis(basis: &LegalBasis, lang: Lang) -> String {
    format!("《{}》{}（{}）", basis.title, basis.article, basis.rank.word(lang))
}

/// Words joined as a list.
pub(super) fn list<I>(words: I, lang: Lang) -> String
where
    I: IntoIterator,
    I::Item: Into<String>,
{
    let all: Vec<String> = words.into_iter().map(Into::into).collect();
    if all.is_empty() { lang.texts().none.to_owned() } else { all.join(lang.of("、", ", ")) }
}
