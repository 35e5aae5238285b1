//! Catalog entries (目录条目) with the core metadata of 发改高技〔2017〕1272号, and their items.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Cache, EntryId, Interface, ItemName, LegalBasis, MaskId, PersonId, PurposeId, Rate, UpstreamId,
};

/// Whether an entry is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EntryState {
    /// Served.
    #[default]
    Live,
    /// Not served, after negotiation and filing (809 §27).
    Offline,
}

/// How an entry is shared among departments (共享类型, §9), the freest first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum SharingClass {
    /// 无条件共享.
    Unconditional,
    /// 有条件共享.
    Conditional,
    /// 不予共享.
    Withheld,
}

impl SharingClass {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Unconditional, Self::Conditional, Self::Withheld];

    /// The name used in files, rules and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unconditional => "unconditional",
            Self::Conditional => "conditional",
            Self::Withheld => "withheld",
        }
    }
}

/// Whether the public may have it (开放属性, §9, §22).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OpeningClass {
    /// 开放.
    Open,
    /// 脱敏后开放: sensitive items are dropped, generalized or aggregated.
    Desensitized,
    /// 不开放.
    Closed,
}

impl OpeningClass {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Open, Self::Desensitized, Self::Closed];

    /// The name used in files, rules and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Desensitized => "desensitized",
            Self::Closed => "closed",
        }
    }
}

/// How data may be fetched (共享模式, §18; batch: 809 §22).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// 接口交换.
    Api,
    /// 文件下载: bytes pass whole, so every item must be granted.
    File,
    /// 在线浏览.
    Browse,
    /// 批量交换.
    Batch,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Api, Self::File, Self::Browse, Self::Batch];

    /// The name used in files, rules and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::File => "file",
            Self::Browse => "browse",
            Self::Batch => "batch",
        }
    }

    /// What it is called, in Chinese and English.
    pub const fn name(self) -> [&'static str; 2] {
        match self {
            Self::Api => ["接口交换", "interface"],
            Self::File => ["文件下载", "file"],
            Self::Browse => ["在线浏览", "browse"],
            Self::Batch => ["批量交换", "batch"],
        }
    }
}

/// How telling an item is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sensitivity {
    /// Neither personal nor secret.
    #[default]
    None,
    /// Personal information (个人信息, PIPL §4).
    Personal,
    /// Sensitive personal information (敏感个人信息, PIPL §28).
    Sensitive,
    /// A business secret (商业秘密).
    Business,
    /// A state or work secret. Refused at registration (809 §3).
    Secret,
}

/// How often an entry is renewed (更新周期).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateCycle {
    /// 实时.
    Realtime,
    /// 每日.
    Daily,
    /// 每周.
    Weekly,
    /// 每月.
    Monthly,
    /// 每季度.
    Quarterly,
    /// 每半年.
    HalfYearly,
    /// 每年.
    Yearly,
    /// 其他.
    Other,
}

/// A catalog entry, one file of `catalog/`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its id; `organization/entry`, as the folder and the file are named.
    pub id: EntryId,
    /// 信息资源代码: class, 项, 目, 细目 and a running number.
    #[schemars(extend("pattern" = "^[123][0-9]{2}[0-9]{3}[0-9A-Z]*/[0-9]{1,12}$"))]
    pub code: String,
    /// 信息资源名称.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// 信息资源摘要.
    #[schemars(length(min = 1))]
    pub summary: String,
    /// Field of public interest (§22), such as `transport` or `credit`.
    pub domain: String,
    /// 信息资源格式.
    pub format: String,
    /// 数据分类分级 (809 §13), as the provider graded it.
    #[serde(default)]
    pub grade: Option<String>,
    /// 共享属性.
    pub sharing: Sharing,
    /// 开放属性.
    pub opening: Opening,
    /// 更新周期.
    pub update: UpdateCycle,
    /// Serves matters that several departments approve side by side (并联审批, §18).
    #[serde(default)]
    pub parallel_approval: bool,
    /// 发布日期, in Asia/Shanghai.
    #[schemars(with = "String", extend("format" = "date"))]
    pub published: jiff::civil::Date,
    /// 关联资源代码.
    #[serde(default)]
    pub related: Vec<String>,
    /// Whether it is served.
    #[serde(default)]
    pub state: EntryState,
    /// 信息项.
    #[schemars(length(min = 1))]
    pub items: Vec<Item>,
    /// How it is fetched; an entry without it is listed but cannot be called (未挂接).
    #[serde(default)]
    pub interface: Option<Interface>,
    /// Calls a second toward the department, over all consumers; cache hits do not count.
    #[serde(default)]
    pub rate: Option<Rate>,
    /// Whether and how the department's answers are kept.
    #[serde(default)]
    pub cache: Option<Cache>,
}

/// 共享属性.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sharing {
    /// 共享类型.
    pub class: SharingClass,
    /// 共享条件, needed if conditional.
    #[serde(default)]
    pub conditions: Option<String>,
    /// Legal basis, needed if withheld.
    #[serde(default)]
    pub basis: Vec<LegalBasis>,
    /// Why it is withheld.
    #[serde(default)]
    pub reason: Option<String>,
    /// 共享模式.
    #[serde(default)]
    pub modes: Vec<Mode>,
    /// 使用要求: what it may be used for.
    #[serde(default)]
    pub purposes: Vec<PurposeId>,
}

/// 开放属性.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Whether the public may have it.
    pub class: OpeningClass,
    /// 开放条件.
    #[serde(default)]
    pub conditions: Option<String>,
    /// Whether it is to be opened first (优先开放, §22).
    #[serde(default)]
    pub priority: bool,
    /// The confidentiality review that let it be opened (保密审查, §28).
    #[serde(default)]
    pub review: Option<OpeningReview>,
    /// The upstream that serves the public, if not the interface's own.
    #[serde(default)]
    pub upstream: Option<UpstreamId>,
    /// Masks laid over items for the public. A sensitive item without one is dropped.
    #[serde(default)]
    pub masks: BTreeMap<ItemName, MaskId>,
    /// Calls a second for each address, at most.
    #[serde(default)]
    pub rate: Option<Rate>,
}

/// A confidentiality review (保密审查).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpeningReview {
    /// The filed person who reviewed.
    pub person: PersonId,
    /// The day, in Asia/Shanghai.
    #[schemars(with = "String", extend("format" = "date"))]
    pub date: jiff::civil::Date,
    /// Number of the document.
    pub document: String,
}

/// What a value is (1272 数据类型).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ItemType {
    /// 字符型, 备注型.
    String,
    /// 整型.
    Integer,
    /// 数值型, 货币型, 双精度型, 浮点型.
    Number,
    /// 逻辑型.
    Boolean,
    /// 日期型.
    Date,
    /// 日期时间型.
    DateTime,
    /// 通用型: an object or array that leaves whole.
    Any,
}

/// A field of an entry (信息项).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Its name in grants and in the interface.
    pub name: ItemName,
    /// Its name in Chinese.
    pub title: String,
    /// Where it stands in the payload: member names joined by `.`, `[]` after an array, such as
    /// `data.rows[].owner.name`; in CSV the header. Under the interface's `rows` if that is given,
    /// and the item's own name if absent.
    #[serde(default)]
    pub path: Option<String>,
    /// What its value is.
    #[serde(rename = "type")]
    pub kind: ItemType,
    /// Characters at most.
    #[serde(default)]
    pub length: Option<u32>,
    /// How telling it is.
    #[serde(default)]
    pub sensitivity: Sensitivity,
    /// Its own class, if it differs from the entry's.
    #[serde(default)]
    pub sharing: Option<SharingClass>,
    /// The mask laid over it in the sharing zone unless a grant names another.
    #[serde(default)]
    pub mask: Option<MaskId>,
    /// Whether it tells when the row was last changed.
    #[serde(default)]
    pub timestamp: bool,
}

impl Item {
    /// Whether an agreement must be in force for it (§16).
    pub fn is_sensitive(&self) -> bool {
        self.sensitivity != Sensitivity::None
    }
}

impl Entry {
    /// Whether it must be exchanged by interface: realtime data, and what serves parallel approval (§18).
    pub fn needs_api(&self) -> bool {
        self.update == UpdateCycle::Realtime || self.parallel_approval
    }

    /// Whether it is offered by interface.
    pub fn offers_api(&self) -> bool {
        self.sharing.modes.contains(&Mode::Api)
    }

    /// Whether it, or an item of it, is withheld.
    pub fn withholds(&self) -> bool {
        let withheld = SharingClass::Withheld;
        self.sharing.class == withheld
            || self.items.iter().any(|item| item.sharing == Some(withheld))
    }

    /// Whether it says why it is withheld.
    pub fn says_why(&self) -> bool {
        !self.sharing.reason.as_deref().unwrap_or("").trim().is_empty()
    }
}
