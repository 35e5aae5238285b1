//! The closed list of measures, with their names and formulas.

use serde::Serialize;

use super::{Ratio, Scope, catalog, response, supply, usage};

/// How a measure comes about.
#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// From policies and records.
    Told(fn(&Scope<'_>) -> Ratio),
    /// Not here.
    Untold(Need),
}

/// What a measure needs that a gateway's policies and records do not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// The dates on which a catalog had to change.
    Changes,
    /// Applications for sharing and the answers to them.
    Applications,
    /// Feedback on wrong data and what came of it.
    Feedback,
    /// The register of data elements and their sources.
    Elements,
    /// Comparisons between departments.
    Comparisons,
    /// Runs over the departments' data itself.
    QualityRuns,
    /// What consumers report of their use.
    UsageReports,
    /// Requests for opening and their reviews.
    OpenRequests,
    /// Orders to mend, and whether they were followed.
    Orders,
}

impl Need {
    /// In Chinese and English.
    pub const fn name(self) -> [&'static str; 2] {
        match self {
            Self::Changes => ["需目录变更触发日期", "needs the dates of catalog changes"],
            Self::Applications => ["需共享申请办理数据", "needs applications and their answers"],
            Self::Feedback => ["需校核反馈数据", "needs feedback and corrections"],
            Self::Elements => ["需数据元与数源登记", "needs the register of data elements"],
            Self::Comparisons => ["需比对结果", "needs comparisons between departments"],
            Self::QualityRuns => ["需数据质量检测结果", "needs runs over the data itself"],
            Self::UsageReports => ["需使用方填报的应用成效", "needs consumers' reports of use"],
            Self::OpenRequests => ["需开放申请与复核数据", "needs requests for opening"],
            Self::Orders => ["需整改通知及办结情况", "needs orders and their closure"],
        }
    }
}

/// One measure.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Its number.
    pub id: &'static str,
    /// What it is called, in Chinese and English.
    pub title: [&'static str; 2],
    /// How it is computed, in Chinese and English.
    pub formula: [&'static str; 2],
    pub(super) how: How,
}

const fn told(
    id: &'static str,
    title: [&'static str; 2],
    formula: [&'static str; 2],
    compute: fn(&Scope<'_>) -> Ratio,
) -> Definition {
    Definition { id, title, formula, how: How::Told(compute) }
}

const fn untold(id: &'static str, title: [&'static str; 2], need: Need) -> Definition {
    Definition { id, title, formula: ["", ""], how: How::Untold(need) }
}

/// All of them, in order.
pub const MEASURES: [Definition; 26] = [
    told(
        "M01",
        ["目录完整率", "catalog completeness"],
        ["必填元数据齐全的目录数 ÷ 目录数", "entries with all mandatory metadata / entries"],
        catalog::complete,
    ),
    untold("M02", ["目录及时率", "timely catalog"], Need::Changes),
    told(
        "M03",
        ["资源挂接率", "mount rate"],
        [
            "已挂接在线资源的可共享目录数 ÷ 可共享目录数",
            "mounted entries / entries that are shared",
        ],
        catalog::mounted,
    ),
    told(
        "M04",
        ["共享率", "sharing rate"],
        ["（无条件共享＋有条件共享）目录数 ÷ 目录数", "(unconditional + conditional) / entries"],
        catalog::shared,
    ),
    told(
        "M05",
        ["不予共享合规率", "lawful withholding"],
        ["依据与理由合规的不予共享目录数 ÷ 不予共享目录数", "withheld on a valid basis / withheld"],
        catalog::lawful,
    ),
    told(
        "M06",
        ["接口化率", "interface rate"],
        ["已接口在线的应接口目录数 ÷ 应接口目录数", "served by interface / must be an interface"],
        supply::by_interface,
    ),
    told(
        "M07",
        ["更新及时率", "freshness"],
        [
            "数据时间未超更新周期宽限的目录·日数 ÷ 有观测的目录·日数",
            "entry-days within cycle and grace / entry-days on which a call told the data's time",
        ],
        supply::fresh,
    ),
    told(
        "M08",
        ["可用率", "availability"],
        [
            "1 − 提供方原因失败调用数 ÷ 获准调用数",
            "1 − calls failed by the provider / calls allowed",
        ],
        supply::available,
    ),
    untold("M09", ["按时答复率", "timely answers"], Need::Applications),
    untold("M10", ["同意率／拒绝率／无理由拒绝数", "consents and refusals"], Need::Applications),
    untold("M11", ["按时供给率", "timely supply"], Need::Applications),
    untold("M12", ["校核及时率、差错确认率", "corrections"], Need::Feedback),
    untold("M13", ["一数一源率", "one source a datum"], Need::Elements),
    untold("M14", ["比对一致率", "agreement of comparisons"], Need::Comparisons),
    untold("M15", ["数据质量", "quality of data"], Need::QualityRuns),
    told(
        "M16",
        ["共享使用率", "use of what is shared"],
        ["期内被调用的已授权目录数 ÷ 已授权目录数", "entries called / entries granted"],
        usage::used,
    ),
    untold("M17", ["应用成效", "effect of use"], Need::UsageReports),
    told(
        "M18",
        ["协议覆盖率", "agreement coverage"],
        [
            "协议有效且覆盖的敏感授权数 ÷ 敏感授权数",
            "sensitive grants under agreement / sensitive grants",
        ],
        usage::agreed,
    ),
    told(
        "M19",
        ["最小化指数", "minimization"],
        [
            "1 − 平均（授权而从未使用的信息项数 ÷ 授权信息项数）",
            "1 − mean(items granted but never used / items granted)",
        ],
        usage::minimal,
    ),
    told(
        "M20",
        ["异常处置及时率", "timely triage"],
        [
            "一个工作日内研判的告警数 ÷ 到期告警数（工作日不含周末，未扣法定节假日）",
            "findings judged within a working day / findings due (weekends are no working days; holidays are)",
        ],
        response::triaged,
    ),
    told(
        "M21",
        ["开放率", "opening rate"],
        ["已开放目录数 ÷ 可开放目录数", "open entries / entries with an item fit for the public"],
        catalog::open,
    ),
    untold("M22", ["开放申请答复率、复核推翻率", "requests for opening"], Need::OpenRequests),
    untold("M23", ["开放数据质量／一致性", "quality of open data"], Need::QualityRuns),
    told(
        "M24",
        ["备案有效率", "valid filings"],
        [
            "有在任数据资源管理员的单位数 ÷ 单位数",
            "organizations with a steward in term / organizations",
        ],
        response::filed,
    ),
    untold("M25", ["整改完成率、重复违规率", "mending"], Need::Orders),
    told(
        "M26",
        ["审计完整性", "integrity of records"],
        ["未见断裂的记录分段数 ÷ 记录分段数", "segments of records without a break / segments"],
        response::unbroken,
    ),
];
