//! Every text of the console, in both languages side by side: one that is missing in a language does not
//! compile.

pub(super) use super::lang::Lang;

macro_rules! texts {
    ($($name:ident: $chinese:literal, $english:literal;)*) => {
        /// The texts of one language.
        #[derive(Debug)]
        pub(super) struct Texts {
            $(pub(super) $name: &'static str,)*
        }

        impl Texts {
            /// All texts in a language.
            pub(super) fn of(lang: Lang) -> &'static Self {
                lang.of(&CHINESE, &ENGLISH)
            }
        }

        static CHINESE: Texts = Texts { $($name: $chinese,)* };
        static ENGLISH: Texts = Texts { $($name: $english,)* };

        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $chinese, $english),)*];
    };
}

texts! {
    product: "贺兰数据共享开放监管", "Helan data supervision";
    skip: "跳到正文", "Skip to the content";
    node: "节点", "node";
    menu: "栏目", "Sections";
    log_in: "登录", "Log in";
    log_out: "退出", "Log out";
    log_in_title: "登录监管页面", "Log in";
    login_how: "请输入本人的管理令牌。登录、登录失败和查看记录都会留下记录。",
        "Enter your own admin token. Logins, failed logins and looks at records are put on record.";
    login_token: "令牌由节点的密钥生成，每个令牌只有一种角色：",
        "Tokens are made of the node's keys; each has one role:";
    login_wrong: "令牌无效，或已失效。", "The token is not valid here, or no longer.";
    login_limited: "失败次数过多，请一分钟后再试。", "Too many logins failed. Try again in a minute.";
    login_unrecorded: "登录无法留下记录，因此未予登录；请查看节点日志。",
        "The login could not be put on record, so it was not carried out; see the node's log.";
    token: "管理令牌", "Admin token";
    roles: "三种角色", "Three roles";
    role_system: "系统管理员", "System administrator";
    role_system_may: "查看节点与日志健康，重载，清除缓存。", "Sees the health of node and log; reloads; purges.";
    role_security: "安全管理员", "Security administrator";
    role_security_may: "查看监管页面，冻结与解冻，确认或排除疑点。",
        "Sees the supervision pages; freezes and thaws; confirms or dismisses findings.";
    role_audit: "审计管理员", "Auditor";
    role_audit_may: "查看一切，包括访问记录；不能更改任何内容。",
        "Reads everything, access records included; changes nothing.";
    times_are: "时间均为北京时间（Asia/Shanghai，UTC+8）。", "All times are in Asia/Shanghai (UTC+8).";
    page_of: "生成于", "Made at";
    back: "返回", "Go back";
    overview: "总览", "Overview";
    organizations: "单位", "Organizations";
    entries: "目录条目", "Catalog entries";
    grants: "授权", "Grants";
    findings: "疑点", "Findings";
    records: "访问记录", "Access records";
    health: "日志健康", "Log health";
    figures: "关键数字", "Key figures";
    facts: "基本情况", "Facts";
    what: "事项", "What";
    none: "无", "None";
    calls: "调用次数", "Calls";
    share: "占比", "Share";
    hour: "时", "Hour";
    day: "日", "Day";
    as_table: "以表格显示", "As a table";
    answered: "已答复", "Answered";
    refused: "已拒绝", "Refused";
    broke_off: "中断", "Broke off";
    calls_today: "今日调用", "Calls today";
    refused_today: "今日拒绝", "Refused today";
    bytes_today: "今日流出", "Sent today";
    open_findings: "待处理疑点", "Open findings";
    stale_count: "超期未更新", "Stale entries";
    journal_state: "记录状态", "Journal";
    journal_healthy: "正常", "Healthy";
    journal_failing: "无法落盘", "Cannot be made durable";
    committed_up_to: "已落盘至第", "Durable up to no.";
    of_calls: "占调用", "of calls";
    today_by_hour: "今日调用（按小时）", "Calls today, by hour";
    last_days: "近七日调用（按日）", "Calls of the last seven days";
    calls_by_day: "近三十日调用（按日）", "Calls of the last thirty days";
    refusals_by_reason: "拒绝原因（近七日）", "Refusals by reason, seven days";
    no_refusals: "近七日没有拒绝。", "Nothing was refused in the last seven days.";
    findings_open: "待处理疑点", "Open findings";
    no_findings: "没有疑点。", "No findings.";
    all_findings: "查看全部疑点", "All findings";
    finding: "疑点", "Finding";
    about: "涉及", "About";
    found: "发现时间", "Found";
    due: "应更新于", "due";
    days_late: "超期天数", "Days overdue";
    first_listed: "只保留并列出最先的记录，条数：", "Only the first are kept and listed:";
    one_of: "（以下之一）", "(one of these)";
    busiest_entries: "调用最多的目录（近七日）", "Busiest entries, seven days";
    busiest_consumers: "调用最多的单位（近七日）", "Busiest consumers, seven days";
    no_entry: "未指明目录", "No entry";
    the_public: "社会公众", "The public";
    not_proved: "身份未证明", "Not proved";
    nobody_known: "社会公众与身份未证明者", "The public and whoever was not proved";
    no_calls: "没有调用。", "No calls.";
    stale_entries: "超期未更新的目录", "Stale entries";
    no_stale: "没有超期未更新的目录。", "No entry is known to be stale.";
    newest_data: "最近数据时间", "Newest data";
    ends_soon: "六十日内到期", "Ending within sixty days";
    nothing_ends: "没有即将到期的授权、协议或备案。", "No grant, agreement or filing ends soon.";
    last_day: "最后一日", "Last day";
    days_left: "剩余天数", "Days left";
    frozen_now: "已冻结", "Frozen";
    nothing_frozen: "没有冻结。", "Nothing is frozen.";
    since: "自", "Since";
    by: "操作人", "By";
    reason: "原因", "Reason";
    is_frozen: "已冻结", "Frozen";
    freeze: "冻结", "Freeze";
    thaw: "解冻", "Thaw";
    freeze_note: "立即生效：新的调用被拒绝，进行中的答复在五秒内中断。重启后仍有效，并留下记录。",
        "At once: new calls are refused and running answers are cut within five seconds. It outlives a restart and is put on record.";
    thaw_note: "解冻后按授权恢复调用，并留下记录。", "Calls are allowed again as granted; this is put on record.";
    organization: "单位", "Organization";
    organizations_note: "提供与调用为近七日次数；备案指现任数据资源管理员的备案（第二十七条）。",
        "Calls served and made are of the last seven days; the filing is that of the data steward in office (§27).";
    kind: "类型", "Kind";
    state: "状态", "State";
    grants_given: "给出的授权", "Grants given";
    grants_held: "持有的授权", "Grants held";
    steward: "管理员备案", "Steward's filing";
    stewards: "数据资源管理员", "Data stewards";
    filed: "有效", "In force";
    not_filed: "失效", "Lapsed";
    served_week: "提供", "Served";
    called_week: "调用", "Called";
    served: "作为提供方（近三十日）", "As provider, thirty days";
    called: "作为使用方（近三十日）", "As consumer, thirty days";
    applications: "应用系统", "Applications";
    application: "应用系统", "Application";
    proves_by: "凭证", "Credentials";
    person: "人员代码", "Person";
    filing: "备案号", "Filing";
    term: "期限", "Term";
    uscc: "统一社会信用代码", "Unified social credit code";
    region: "行政区划", "Division";
    identifier: "标识", "Id";
    entry: "目录条目", "Entry";
    provider: "提供方", "Provider";
    consumer: "使用方", "Consumer";
    sharing_class: "共享类型", "Sharing";
    opening_class: "开放属性", "Opening";
    update_cycle: "更新周期", "Update cycle";
    interface: "挂接", "Interface";
    not_mounted: "未挂接", "Not mounted";
    offline: "已下线", "Offline";
    calls_week: "近七日调用", "Calls, 7 days";
    latency: "耗时", "Latency";
    latency_note: "中位 / 95 分位，近七日", "median / 95th percentile, 7 days";
    freshness: "更新", "Freshness";
    drift: "结构偏差", "Drift";
    drift_note: "目录之外的字段，近七日", "members not described, 7 days";
    unknown: "未知", "unknown";
    fresh: "按期", "in time";
    stale: "超期", "stale";
    who_uses: "谁在使用（近七日）", "Who uses it, seven days";
    items: "信息项", "Items";
    item: "信息项", "Item";
    sensitivity: "敏感性", "Sensitivity";
    mask: "脱敏", "Mask";
    metadata: "核心元数据", "Core metadata";
    code: "信息资源代码", "Resource code";
    summary: "摘要", "Summary";
    domain: "领域", "Domain";
    format: "格式", "Format";
    grade: "分级", "Grade";
    published: "发布日期", "Published";
    conditions: "共享条件", "Conditions";
    withheld_reason: "不予共享理由", "Why withheld";
    basis: "依据", "Legal basis";
    modes: "共享模式", "Modes";
    purposes: "使用用途", "Purposes";
    upstream: "部门接口", "Department's interface";
    version: "版本", "Version";
    grant: "授权", "Grant";
    authorization: "授权依据", "Authorization";
    negotiation: "协商或协调", "Negotiation";
    parties: "授权内容", "What is granted";
    matters: "事项", "Matters";
    scope: "范围", "Scope";
    use_and_limits: "使用量与限额", "Use against limits";
    limit: "限额", "Limit";
    used: "已用", "Used";
    allowed: "上限", "Allowed";
    per_day: "今日", "Today";
    per_month: "本月", "This month";
    per_second: "速率", "Rate";
    not_limited: "不限", "not limited";
    items_granted: "授权的信息项与使用情况", "Items granted and their use";
    item_use: "近三十日使用", "Use, thirty days";
    never_used: "从未使用", "Never used";
    is_used: "有使用", "Used";
    agreement: "安全保密协议", "Confidentiality agreement";
    no_agreement: "没有协议。", "No agreement.";
    in_force_now: "有效", "In force";
    not_in_force: "不在有效期", "Not in force";
    approvals: "批准", "Approvals";
    approved_by: "批准方", "Approved by";
    date: "日期", "Date";
    document: "文号", "Document";
    severity: "程度", "Severity";
    show: "显示", "Show";
    all: "全部", "All";
    last_seen: "最近一次", "Seen last";
    times: "次数", "Count";
    rule_version: "规则版本", "Version of the rule";
    evidence: "证据", "Evidence";
    evidence_note: "证据由记录编号、规则版本与参数构成，可复核。查看证据会留下记录。",
        "Evidence is the numbers of records, the version of the rule and its parameters, so that anybody can check. Looking at it is put on record.";
    parameters: "参数", "Parameters";
    judge: "处理", "Judge it";
    judged: "处理经过", "How it was judged";
    judge_security: "确认或排除疑点由安全管理员办理。", "A finding is confirmed or dismissed by the security administrator.";
    confirm: "确认属实", "Confirm";
    order: "责令整改", "Order its mending";
    order_note: "整改要求（必填）", "What has to be mended (required)";
    dismiss: "排除（误报）", "Dismiss as false";
    confirm_note: "说明（选填）", "Remark (optional)";
    dismiss_note: "排除理由（必填）", "Why it is none (required)";
    transaction: "事务号", "Transaction";
    outcome: "结果", "Outcome";
    time: "时间", "Time";
    status: "状态码", "Status";
    bytes: "字节", "Bytes";
    milliseconds: "毫秒", "ms";
    from: "起", "From";
    until: "止", "Until";
    search: "查询", "Search";
    older: "更早的记录", "Older records";
    look_recorded: "查看访问记录本身会留下记录。", "Looking at access records is itself put on record.";
    no_records: "没有符合条件的记录。", "No record fits.";
    looked_at: "已查看记录", "Records looked at:";
    looked_back: "，回溯至", ", back to";
    looked_all: "，已至最早的记录", ", back to the first there is";
    time_wrong: "时间无法识别，请用 2026-02-01T08:00 的形式。", "The time cannot be read; write it as 2026-02-01T08:00.";
    transaction_wrong: "这不是事务号：应为带连字符的 UUID。", "This is no transaction: it is a UUID with hyphens.";
    id_wrong: "标识无法识别：", "This id cannot be read:";
    transaction_unknown: "没有这一事务的记录。超过一定数量的同类拒绝只计数，不单独记录。",
        "There is no record of this transaction. Like refusals beyond a bound are only counted.";
    records_unreadable: "记录文件夹无法读取，请查看节点日志。", "The records cannot be read; see the node's log.";
    record: "访问记录详情", "Access record";
    decided: "判定", "Decision";
    finished: "结束", "End";
    not_finished: "没有结束的记录。", "Its end is not on record.";
    why: "判定依据", "Why it was decided so";
    no_articles: "这一结果不由法条判定。", "No article of law decided this.";
    rules_changed: "规则文件此后有更改；下面的命令以当时的文件重新判定。",
        "The rules have changed since; the command below decides by the files of that time.";
    replay: "以当时的目录、授权和规则重新判定，并与记录核对：",
        "Decide it again by the catalog, grants and rules of that time, and compare with the record:";
    as_written: "记录原文", "As written";
    number: "编号", "No.";
    remedy: "怎样办理", "What to do next";
    zone: "平台", "Zone";
    proof: "凭证方式", "Proved by";
    network: "来源网段", "From the network";
    method: "方法与路径模板", "Method and path template";
    names_sent: "参数名", "Parameters";
    operator: "经办人", "Operator";
    subjects: "数据主体", "Data subjects";
    hashed: "仅存带密钥的摘要", "kept as a keyed hash only";
    profile: "规则", "Profile";
    checks: "逐次核验", "Checks of each call";
    items_left: "流出的信息项", "Items that left";
    items_masked: "其中脱敏", "Masked among them";
    rows: "行数", "Rows";
    cache: "缓存", "Cache";
    upstream_status: "部门接口状态码", "Department's status";
    duration: "耗时", "Duration";
    quota: "额度", "Quota";
    checkpoint: "最新检查点", "Latest checkpoint";
    checkpoint_note: "请在本机之外保存一份；之后任何改动都能由它查出。",
        "Keep a copy elsewhere: whatever is changed before it can then be found.";
    no_checkpoint: "本节点尚无检查点。", "This node has no checkpoint yet.";
    tree_size: "所签记录数", "Records signed";
    age: "签署时间", "Signed at";
    not_signed: "尚未签署的记录", "Records not signed yet";
    unprovable: "不再签署检查点：", "No further checkpoint is signed:";
    journal: "记录", "Journal";
    committed: "已落盘编号", "Durable up to number";
    events: "启动以来落盘事件", "Events made durable since start";
    syncs: "落盘次数", "Syncs";
    last_sync: "最近一次落盘", "Last sync";
    failures: "落盘失败", "Outages of the disk";
    pending: "等待落盘", "Waiting to be durable";
    uncounted: "仅计数的答复", "Answers that are only counted";
    difference: "答复与记录之差", "Answered minus recorded";
    difference_note: "空闲时应为 0", "0 when idle";
    ready: "就绪", "Readiness";
    is_ready: "接受调用", "Takes calls";
    is_not_ready: "不接受调用", "Takes no calls";
    in_force: "生效的策略", "Policies in force";
    law_notice: "法律状态", "State of the law";
    files: "文件", "files";
    segments: "记录文件", "Segments";
    segment: "文件", "File";
    first_number: "首个编号", "First number";
    begun: "开始", "Begun";
    segments_all: "个文件，已写入", "segments, written:";
    segments_ahead: "，预先占用", ", laid out ahead:";
    segments_last: "下表为最近的", "The last are shown:";
    run_the_node: "运行操作", "Run the node";
    reload: "重载", "Reload";
    reload_note: "重新读取策略、证书和密钥；不可用的内容不会替换现有内容。",
        "Reads policies, certificates and keys again; what cannot be used replaces nothing.";
    purge: "清除缓存", "Purge";
    purge_entry: "清除其缓存答复的目录条目", "Entry whose kept answers are forgotten";
    done: "已办理", "Done";
    refused_title: "未办理", "Refused";
    refused_role: "您的角色不能办理此事。可以办理的角色：", "Your role may not do this. The role that may:";
    no_section: "您的角色不能查看此页。可以查看的角色：", "Your role may not see this page. Roles that may:";
    form_old: "表单已失效：请返回，重新打开页面后再提交。", "The form is out of date: go back, open the page again, then send it.";
    not_found: "没有此页", "No such page";
    not_found_text: "本节点的策略中没有它。", "The policies in force hold nothing of that name.";
    trouble: "暂时无法显示", "Cannot be shown now";
    trouble_text: "请稍后再试；如持续出现，请查看节点日志。", "Try again later; if it lasts, see the node's log.";
    unrecorded: "查看无法留下记录，因此不予显示；请查看节点日志。",
        "The look could not be put on record, so nothing is shown; see the node's log.";
    busy: "查询过多，请稍后再试。", "Too many searches at once; try again shortly.";
    no_rollups: "统计数据暂不可用，请查看节点日志。", "Figures are not available now; see the node's log.";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_chinese(c: char) -> bool {
        ('\u{4e00}'..='\u{9fff}').contains(&c)
    }

    #[test]
    fn each_text_is_in_its_own_language() {
        for (name, chinese, english) in ALL {
            assert!(!english.trim().is_empty() && !english.chars().any(is_chinese), "{name}");
            assert!(chinese.chars().any(is_chinese), "{name}: {chinese}");
        }
    }
}
