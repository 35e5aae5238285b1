//! The calls that show what the gateway does, ready to paste.

use std::path::Path;

use serde::Serialize;

use super::Shown;
use crate::domain::Role;

/// One call and how it ends.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) command: String,
    pub(super) status: Option<u16>,
    pub(super) code: Option<&'static str>,
    /// What it shows, in English and in Chinese.
    #[serde(skip)]
    pub(super) shows: (&'static str, &'static str),
    /// What it is printed under.
    #[serde(skip)]
    pub(super) chapter: Chapter,
}

/// What calls are printed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chapter {
    Opening,
    Sharing,
    Operator,
    Supervision,
    Local,
}

impl Chapter {
    /// Its title for people.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Opening => "The public calls · 公众调用（开放平台）",
            Self::Sharing => "Departments call · 部门调用（共享平台）",
            Self::Operator => "The operator freezes and thaws · 运行人员冻结与解冻",
            Self::Supervision => "What supervision finds · 监管发现",
            Self::Local => "On this machine · 本机命令",
        }
    }
}

const fn call(
    name: &'static str,
    command: String,
    (status, code): (u16, Option<&'static str>),
    shows: (&'static str, &'static str),
) -> Call {
    Call { name, command, status: Some(status), code, shows, chapter: Chapter::Opening }
}

/// All calls, in the order in which they make sense.
pub(super) fn all(shown: &Shown, program: &Path) -> Vec<Call> {
    let under =
        |chapter, calls: Vec<Call>| calls.into_iter().map(move |call| Call { chapter, ..call });
    under(Chapter::Opening, open_calls(shown))
        .chain(under(Chapter::Sharing, sharing_calls(shown)))
        .chain(under(Chapter::Operator, freeze_calls(shown)))
        .chain(under(Chapter::Supervision, supervision_calls(shown, program)))
        .chain(under(Chapter::Local, local_calls(shown, program)))
        .collect()
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn open(shown: &Shown, path: &str) -> String {
    format!("curl -sS -i {}", quote(&format!("{}{path}", shown.opening)))
}

/// A call with a client certificate.
fn certified(shown: &Shown, application: &str, path: &str, extra: &str) -> String {
    let Some(credentials) = shown.applications.get(application) else { return String::new() };
    format!(
        "curl -sS -i --cacert {} --cert {} --key {} {extra}{}",
        quote(&shown.ca.display().to_string()),
        quote(&credentials.certificate.display().to_string()),
        quote(&credentials.key.display().to_string()),
        quote(&format!("{}{path}", shown.sharing)),
    )
}

/// A call with a token.
fn with_token(shown: &Shown, application: &str, path: &str) -> String {
    let Some(credentials) = shown.applications.get(application) else { return String::new() };
    format!(
        "curl -sS -i --cacert {} -H {} {}",
        quote(&shown.ca.display().to_string()),
        quote(&format!("Authorization: Bearer {}", credentials.token)),
        quote(&format!("{}{path}", shown.sharing)),
    )
}

#[expect(clippy::too_many_lines, reason = "one part after the other, nothing to share")]
fn open_calls(shown: &Shown) -> Vec<Call> {
    let burst = format!(
        "for i in 1 2 3 4; do curl -sS -i {}; echo; done",
        quote(&format!("{}/weather/warnings", shown.opening))
    );
    vec![
        call(
            "catalog",
            open(shown, "/catalog"),
            (200, None),
            ("What the public may find.", "公众能查到哪些目录。"),
        ),
        call(
            "open",
            open(shown, "/market/enterprises"),
            (200, None),
            (
                "Anybody may call; the representative's number and the phone are dropped.",
                "任何人可调用；法定代表人证件号和电话被去除。",
            ),
        ),
        call(
            "open-drift",
            open(shown, "/transport/road-traffic"),
            (200, None),
            (
                "The interface sends a member its description does not name: it never leaves, and is counted.",
                "部门接口多发了描述中没有的字段：不放行，并计数。",
            ),
        ),
        call(
            "open-file",
            open(shown, "/civil-affairs/care-homes"),
            (200, None),
            ("A CSV file, every item of which is open.", "CSV 文件，每一项都已开放。"),
        ),
        call(
            "open-personal",
            open(shown, "/human-resources/job-offers"),
            (200, None),
            (
                "A department left a mobile number in an open entry: it is counted, and found (V-21).",
                "部门在开放目录中误留手机号：计数并被监管发现（V-21）。",
            ),
        ),
        call(
            "file-not-whole",
            open(shown, "/bus-company/passenger-flow"),
            (403, Some("item-not-open")),
            (
                "A file passes whole or not at all, and the revenue in this one is a business secret.",
                "文件要么整体放行，要么不放行；其中营收属商业秘密。",
            ),
        ),
        call(
            "closed-to-the-public",
            open(shown, "/civil-affairs/marriage"),
            (404, Some("no-such-entry")),
            (
                "For the public, what is closed does not even exist.",
                "未开放的目录对公众视同不存在。",
            ),
        ),
        call(
            "cache-fill",
            open(shown, "/transport/bus-stops"),
            (200, None),
            ("Fetched and kept.", "取回并缓存。"),
        ),
        call(
            "cache-hit",
            open(shown, "/transport/bus-stops"),
            (200, None),
            (
                "Cache-Status says `hit`; the call is decided and recorded all the same.",
                "Cache-Status 为 hit；仍逐次判定并留存记录。",
            ),
        ),
        call(
            "too-many",
            burst,
            (429, Some("address-rate")),
            (
                "Three at once, then 429 with Retry-After.",
                "可连续三次，随后 429 并给出 Retry-After。",
            ),
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "one part after the other, nothing to share")]
fn sharing_calls(shown: &Shown) -> Vec<Call> {
    let marriage = "/civil-affairs/marriage?cert_num=640106198507150024";
    vec![
        call(
            "not-proved",
            format!(
                "curl -sS -i --cacert {} {}",
                quote(&shown.ca.display().to_string()),
                quote(&format!("{}/ecology/air-quality", shown.sharing))
            ),
            (401, Some("credential-missing")),
            (
                "In the sharing zone everybody proves who is calling.",
                "共享平台的调用方必须证明身份。",
            ),
        ),
        call(
            "unconditional",
            certified(shown, "xingqing/approval", "/ecology/air-quality", ""),
            (200, None),
            (
                "Unconditional sharing: every department may call (Measures §16).",
                "无条件共享：各部门均可调用（办法第十六条）。",
            ),
        ),
        call(
            "token",
            with_token(shown, "human-resources/insurance-registration", "/market/revocations"),
            (200, None),
            ("The same with a token instead of a certificate.", "同样的调用，以令牌代替证书。"),
        ),
        call(
            "conditional",
            certified(
                shown,
                "natural-resources/registration",
                marriage,
                "-H 'Helan-Purpose: data-verification' -H 'Helan-Matter: \"estate-transfer\";case=\"YC-2026-0042\"' ",
            ),
            (200, None),
            (
                "A grant of three items, for one purpose and matter; the identity number is masked.",
                "授权三项、限定用途和事项；身份号码已遮蔽。",
            ),
        ),
        call(
            "purpose-missing",
            certified(shown, "natural-resources/registration", marriage, ""),
            (403, Some("purpose-missing")),
            ("The same call without its purpose.", "同一调用，未申明用途。"),
        ),
        call(
            "item-not-granted",
            certified(
                shown,
                "human-resources/insurance-registration",
                "/market/enterprises?phone=13895001234",
                "",
            ),
            (403, Some("item-not-granted")),
            (
                "A filter on an item that is not granted would tell what it hides.",
                "按未授权的项筛选会泄露其内容。",
            ),
        ),
        call(
            "withheld",
            certified(
                shown,
                "human-resources/insurance-registration",
                "/health/infectious-cases?onset=2026-05-01",
                "",
            ),
            (403, Some("withheld")),
            ("A refusal cites the article and says what to do.", "拒绝时引用条款并说明怎样办理。"),
        ),
        call(
            "slow",
            certified(
                shown,
                "housing-fund/withdrawal",
                "/natural-resources/real-estate?unit_no=640106001001GB00012F00010001",
                "-H 'Helan-Purpose: business-collaboration' -H 'Helan-Matter: \"fund-withdrawal\"' ",
            ),
            (200, None),
            (
                "A slow interface; the record was durable long before it answered.",
                "慢接口；答复之前记录早已落盘。",
            ),
        ),
    ]
}

fn freeze_calls(shown: &Shown) -> Vec<Call> {
    let token = shown.admin_tokens.get(&Role::Security).map_or("", String::as_str);
    let admin = |action: &str, body: &str| {
        format!(
            "curl -sS -i -X POST -H {} -d {} {}",
            quote(&format!("Authorization: Bearer {token}")),
            quote(body),
            quote(&format!("{}/{action}", shown.admin)),
        )
    };
    let order = r#"{"kind":"entry","id":"ecology/air-quality","reason":"demonstration"}"#;
    let again = || certified(shown, "xingqing/approval", "/ecology/air-quality", "");
    vec![
        call(
            "freeze",
            admin("freeze", order),
            (200, None),
            ("The operator freezes an entry.", "运行人员冻结一个目录。"),
        ),
        call(
            "frozen",
            again(),
            (403, Some("frozen")),
            ("At once nobody may call it.", "立即无人可以调用。"),
        ),
        call("thaw", admin("thaw", order), (200, None), ("Freed again.", "解除冻结。")),
        call("thawed", again(), (200, None), ("And it works as before.", "恢复如常。")),
    ]
}

/// Calls that detectors speak up about, and where what they say is read.
#[expect(clippy::too_many_lines, reason = "one part after the other, nothing to share")]
fn supervision_calls(shown: &Shown, program: &Path) -> Vec<Call> {
    let repeated = |command: &str, times: u32| {
        format!("for i in $(seq 10 {}); do {command}; echo; done", times.saturating_add(9))
    };
    let beyond = certified(
        shown,
        "human-resources/insurance-registration",
        "/market/enterprises?phone=13895001234",
        "",
    );
    // The shell puts the number in: the quotes around the address are left for it.
    let probing = certified(
        shown,
        "health/birth-issue",
        "/police/population-check?id_no=6401041990010100NUMBER&name=%E5%BC%A0%E4%B8%89",
        "-H 'Helan-Matter: \"birth-certificate-issue\"' -H 'Helan-Operator: operator-7' ",
    )
    .replace("NUMBER", "'$i'");
    let token = shown.admin_tokens.get(&Role::Audit).map_or("", String::as_str);
    let findings = format!(
        "curl -sS -H {} {}",
        quote(&format!("Authorization: Bearer {token}")),
        quote(&format!("{}/findings", shown.admin))
    );
    let config = shown.records.with_file_name("helan.yaml");
    let page = shown.records.with_file_name("report.html");
    let (config, page) = (quote(&config.display().to_string()), quote(&page.display().to_string()));
    let year = crate::journal::Clock::system().now().day().year();
    let report = format!(
        "{} report --year {year} --config {config} --out {page} && ls -l {page}",
        quote(&program.display().to_string())
    );
    vec![
        call(
            "beyond-the-grant",
            repeated(&beyond, 12),
            (403, Some("item-not-granted")),
            (
                "An application that keeps asking for what it was not granted is found (V-14).",
                "反复超授权调用的应用系统会被发现（V-14）。",
            ),
        ),
        call(
            "probing",
            repeated(&probing, 24),
            (200, None),
            (
                "Guessing identity numbers is found by how little it finds (V-16).",
                "批量试探身份号码会因查无结果过多而被发现（V-16）。",
            ),
        ),
        Call {
            status: None,
            ..call(
                "findings",
                findings,
                (0, None),
                (
                    "Everything found, with its evidence; also what policies breach.",
                    "全部发现及证据，含策略中的违规。",
                ),
            )
        },
        Call {
            status: None,
            ..call(
                "report",
                report,
                (0, None),
                (
                    "The yearly evaluation as a page that prints (§30).",
                    "年度评估报告，可打印（办法第三十条）。",
                ),
            )
        },
    ]
}

fn local_calls(shown: &Shown, program: &Path) -> Vec<Call> {
    let program = quote(&program.display().to_string());
    let records = quote(&shown.records.display().to_string());
    let policies = quote(&shown.policies.display().to_string());
    let local =
        |name, command, shows| Call { status: None, ..call(name, command, (0, None), shows) };
    vec![
        local(
            "records",
            format!("{program} records query --records {records}"),
            ("Every call above, allowed and refused.", "以上每次调用，放行与拒绝都在。"),
        ),
        local(
            "records-refused",
            format!("{program} records query --records {records} --outcome withheld --json"),
            ("One refusal, with the articles that decided.", "一次拒绝及其依据的条款。"),
        ),
        local(
            "check",
            format!("{program} check --policies {policies}"),
            ("Is the city in order?", "检查策略目录是否有误。"),
        ),
        local(
            "explain",
            format!(
                "{program} explain --policies {policies} --zone sharing --profile yc-2018 --application natural-resources/registration --entry civil-affairs/marriage --purpose data-verification --matter estate-transfer"
            ),
            ("The same decision, offline.", "离线作出同一判定。"),
        ),
    ]
}
