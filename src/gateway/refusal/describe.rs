//! What every refusal is called, whose fault it is, what it says and what to do next.

use http::StatusCode;

use super::{Blame, Refusal, Whose};
use crate::gateway::limit::Exceeded;
use crate::policy::Denied;

/// A refusal in the words of the contract. Codes are never renamed and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// The name callers and reports know it by.
    pub code: &'static str,
    /// The status it is sent with.
    pub status: StatusCode,
    /// Who has to act.
    pub blame: Blame,
    /// What happened, for the caller.
    pub text: [&'static str; 2],
    /// What to do next.
    pub remedy: [&'static str; 2],
}

const fn caller(
    code: &'static str,
    status: StatusCode,
    text: [&'static str; 2],
    remedy: [&'static str; 2],
) -> Described {
    Described { code, status, blame: Blame::Caller, text, remedy }
}

const fn upstream(
    code: &'static str,
    status: StatusCode,
    text: [&'static str; 2],
    remedy: [&'static str; 2],
) -> Described {
    Described { code, status, blame: Blame::Upstream, text, remedy }
}

const fn ours(code: &'static str, text: [&'static str; 2], remedy: [&'static str; 2]) -> Described {
    Described { code, status: StatusCode::SERVICE_UNAVAILABLE, blame: Blame::Us, text, remedy }
}

const READ_DESCRIPTION: [&str; 2] = [
    "Read the entry's interface at /catalog/{organization}/{entry}/openapi.json and send only what it describes.",
    "请查阅 /catalog/{单位}/{目录条目}/openapi.json，只发送接口说明中列出的内容。",
];
const TELL_DEPARTMENT: [&str; 2] = [
    "Try again later; if it lasts, tell the department that provides the entry and name the transaction.",
    "请稍后再试；如持续出现，请将事务号告知数据提供方。",
];
const TELL_OPERATOR: [&str; 2] = [
    "Try again in a few seconds; if it lasts, tell the operator and name the transaction.",
    "请数秒后再试；如持续出现，请将事务号告知平台运维人员。",
];
const SLOW_DOWN: [&str; 2] = [
    "Wait as Retry-After says, and spread calls evenly.",
    "请按 Retry-After 等待，并均匀安排调用。",
];

const CONDITION_NOT_OFFERED: Described = caller(
    "condition-not-offered",
    StatusCode::PRECONDITION_FAILED,
    [
        "The call depends on a condition that the gateway does not check.",
        "请求附有网关不支持的前提条件。",
    ],
    [
        "Leave out If-Match and If-Unmodified-Since; If-None-Match is offered for GET and HEAD.",
        "请去掉 If-Match 和 If-Unmodified-Since；If-None-Match 仅用于 GET 和 HEAD。",
    ],
);

impl Refusal {
    /// The refusal in the words of the contract.
    pub fn described(&self) -> Described {
        match self {
            Self::Malformed { .. }
            | Self::PathAmbiguous
            | Self::TargetTooLong
            | Self::HeaderNotValid { .. }
            | Self::HeaderForged => self.head(),
            Self::NotProved { cause } => super::problem::not_proved(cause),
            Self::Denied { denial, .. } => super::problem::denied(*denial),
            Self::NetworkNotAllowed
            | Self::NoSuchEntry
            | Self::NotMounted
            | Self::NoSuchGrant
            | Self::OutOfScope { .. }
            | Self::Stopped { .. } => self.not_allowed(),
            Self::NoSuchOperation
            | Self::MethodNotOffered { .. }
            | Self::ParameterNotDescribed
            | Self::ParameterRepeated
            | Self::ParameterMissing { .. }
            | Self::ParameterNotValid => self.interface(),
            Self::BodyNotDescribed | Self::BodyTooLong | Self::BodyStalled | Self::BodyNotValid => {
                self.body()
            }
            Self::RateExceeded(_) | Self::QuotaSpent { .. } => self.too_many(),
            Self::UpstreamBusy { .. }
            | Self::UpstreamFailed { .. }
            | Self::AnswerNotDescribed { .. }
            | Self::AnswerNotShaped { .. }
            | Self::AnswerTooLong => self.upstream(),
            Self::ConditionNotOffered => CONDITION_NOT_OFFERED,
            Self::NotKept => caller(
                "not-kept",
                StatusCode::GATEWAY_TIMEOUT,
                [
                    "No kept answer is fresh, and the call asked for nothing else.",
                    "缓存中没有可用的应答，而请求只要缓存。",
                ],
                [
                    "Leave `only-if-cached` out of Cache-Control.",
                    "请去掉 Cache-Control 中的 only-if-cached。",
                ],
            ),
            Self::RecordFailed | Self::RecordBudgetSpent | Self::Internal { .. } => self.ours(),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`described` sorts the variants")]
    fn head(&self) -> Described {
        const MEND: [&str; 2] = [
            "Send a request that follows RFC 9110, 9112 and 9113; most HTTP libraries do by themselves.",
            "请按 RFC 9110、9112、9113 发送请求；常用 HTTP 库默认即符合。",
        ];
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::PathAmbiguous => caller(
                "path-ambiguous",
                bad,
                ["The path could be read in more than one way.", "路径存在歧义。"],
                [
                    "Leave out dot segments, doubled or encoded slashes, backslashes and control characters.",
                    "路径中不得有点段、重复或编码的斜杠、反斜杠和控制字符。",
                ],
            ),
            Self::TargetTooLong => caller(
                "target-too-long",
                StatusCode::URI_TOO_LONG,
                ["The request target is too long.", "请求地址过长。"],
                ["Send fewer or shorter parameters.", "请减少或缩短参数。"],
            ),
            Self::HeaderNotValid { .. } => caller(
                "header-not-valid",
                bad,
                ["A Helan header could not be read.", "Helan 请求头格式不正确。"],
                [
                    "Helan-Purpose, Helan-Grant and Helan-Operator are single words; Helan-Matter is written \"code\";case=\"number\" (RFC 9651).",
                    "Helan-Purpose、Helan-Grant、Helan-Operator 为单个词；Helan-Matter 写作 \"事项编码\";case=\"办件号\"（RFC 9651）。",
                ],
            ),
            Self::HeaderForged => caller(
                "header-forged",
                bad,
                [
                    "The request carries a header that only the gateway may send.",
                    "请求带有仅限网关使用的请求头。",
                ],
                ["Leave that header out.", "请去掉该请求头。"],
            ),
            Self::Malformed { problem } => caller(
                problem.code(),
                problem.status(),
                [
                    "The request breaks HTTP or a bound of this gateway.",
                    "请求不符合 HTTP 规范或超出网关限制。",
                ],
                MEND,
            ),
            _ => self.ours(),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        clippy::too_many_lines,
        reason = "a table; `described` sorts the variants"
    )]
    fn not_allowed(&self) -> Described {
        let forbidden = StatusCode::FORBIDDEN;
        match self {
            Self::NetworkNotAllowed => caller(
                "network-not-allowed",
                forbidden,
                ["The application may not call from this network.", "该应用系统不得从此网络调用。"],
                [
                    "Call from a registered network, or have this one registered.",
                    "请从已登记的网络调用，或申请登记本网络。",
                ],
            ),
            Self::NotMounted => caller(
                "entry-not-mounted",
                StatusCode::NOT_FOUND,
                [
                    "The entry is listed, but no interface is mounted on it yet.",
                    "目录条目尚未挂接接口。",
                ],
                [
                    "Ask the department that provides it when it will be (Measures §14).",
                    "请向数据提供方询问挂接时间（办法第十四条）。",
                ],
            ),
            Self::NoSuchGrant => caller(
                "no-such-grant",
                forbidden,
                [
                    "No grant by that id covers this entry for you.",
                    "没有以该编号授予您此条目的授权。",
                ],
                [
                    "Leave Helan-Grant out, or name a grant that /catalog shows.",
                    "请去掉 Helan-Grant，或填写 /catalog 中列出的授权编号。",
                ],
            ),
            Self::OutOfScope { .. } => caller(
                "out-of-scope",
                forbidden,
                [
                    "The call asks for rows outside the granted scope.",
                    "所查数据超出授权的共享范围。",
                ],
                [
                    "Ask only for values within the scope that /catalog shows.",
                    "请在 /catalog 所示的共享范围内查询。",
                ],
            ),
            Self::Stopped { how: Denied::Frozen } => caller(
                "frozen",
                forbidden,
                ["The operator has frozen this access.", "该访问已被紧急冻结。"],
                [
                    "Ask the bureau for the reason and the way forward (Measures §29).",
                    "请向市大数据管理服务局了解原因和后续办理（办法第二十九条）。",
                ],
            ),
            Self::Stopped { how: Denied::Withdrawn } => caller(
                "withdrawn",
                forbidden,
                ["What this access rested on was just withdrawn.", "该访问所依据的授权刚被撤回。"],
                ["See /catalog for what is granted now.", "请在 /catalog 查看当前授权。"],
            ),
            _ => caller(
                "no-such-entry",
                StatusCode::NOT_FOUND,
                ["The catalog has no such entry for you.", "目录中没有您可见的该条目。"],
                [
                    "Look at /catalog for what exists; apply for what is missing (Measures §17, §23).",
                    "请在 /catalog 查看现有条目；没有的可提出申请（办法第十七条、第二十三条）。",
                ],
            ),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`described` sorts the variants")]
    fn interface(&self) -> Described {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::MethodNotOffered { .. } => caller(
                "method-not-described",
                StatusCode::METHOD_NOT_ALLOWED,
                ["The interface does not offer this method here.", "接口未提供该方法。"],
                ["Use a method that Allow names.", "请使用 Allow 所列的方法。"],
            ),
            Self::ParameterNotDescribed => caller(
                "parameter-not-described",
                bad,
                ["A parameter is not in the interface description.", "参数未在接口说明中列出。"],
                READ_DESCRIPTION,
            ),
            Self::ParameterRepeated => caller(
                "parameter-repeated",
                bad,
                ["A parameter stands more than once.", "参数重复出现。"],
                ["Send each parameter once.", "每个参数只能出现一次。"],
            ),
            Self::ParameterMissing { .. } => caller(
                "parameter-missing",
                bad,
                ["A required parameter is missing.", "缺少必填参数。"],
                READ_DESCRIPTION,
            ),
            Self::ParameterNotValid => caller(
                "parameter-not-valid",
                bad,
                ["A parameter's value cannot be read.", "参数值无法解析。"],
                READ_DESCRIPTION,
            ),
            _ => caller(
                "no-such-operation",
                StatusCode::NOT_FOUND,
                ["The interface has no such path.", "接口中没有该路径。"],
                READ_DESCRIPTION,
            ),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`described` sorts the variants")]
    fn body(&self) -> Described {
        match self {
            Self::BodyTooLong => caller(
                "body-too-large",
                StatusCode::PAYLOAD_TOO_LARGE,
                ["The request body is too long.", "请求体过长。"],
                ["Send less in one call.", "请减少单次发送的内容。"],
            ),
            Self::BodyStalled => caller(
                "body-paused",
                StatusCode::REQUEST_TIMEOUT,
                ["The request body did not arrive in time.", "请求体未能及时到达。"],
                ["Send the body without long pauses.", "请连续发送请求体。"],
            ),
            Self::BodyNotDescribed => caller(
                "body-not-described",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                [
                    "The interface describes no body of this type here.",
                    "接口说明未列出此类请求体。",
                ],
                READ_DESCRIPTION,
            ),
            _ => caller(
                "body-not-valid",
                StatusCode::BAD_REQUEST,
                [
                    "The request body cannot be read, or holds a member that is not described.",
                    "请求体无法解析，或含有未列出的成员。",
                ],
                READ_DESCRIPTION,
            ),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`described` sorts the variants")]
    fn too_many(&self) -> Described {
        let (code, text) = match self {
            Self::RateExceeded(Exceeded { whose: Whose::Grant, .. }) => {
                ("grant-rate", ["Too many calls under this grant.", "该授权的调用过于频繁。"])
            }
            Self::RateExceeded(Exceeded { whose: Whose::Application, .. }) => (
                "application-rate",
                ["Too many calls by this application.", "该应用系统的调用过于频繁。"],
            ),
            Self::RateExceeded(Exceeded { whose: Whose::Address, .. }) => {
                ("address-rate", ["Too many calls from this address.", "该地址的调用过于频繁。"])
            }
            Self::RateExceeded(Exceeded { whose: Whose::Entry, .. }) => (
                "entry-rate",
                [
                    "Too many calls toward this department's interface.",
                    "对该部门接口的调用过于频繁。",
                ],
            ),
            _ => {
                ("quota-spent", ["The quota of this grant is used up.", "该授权的调用额度已用完。"])
            }
        };
        caller(code, StatusCode::TOO_MANY_REQUESTS, text, SLOW_DOWN)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`described` sorts the variants")]
    fn upstream(&self) -> Described {
        match self {
            Self::UpstreamBusy { .. } => upstream(
                "upstream-busy",
                StatusCode::SERVICE_UNAVAILABLE,
                ["The department's interface bears no more calls at once.", "部门接口并发已满。"],
                SLOW_DOWN,
            ),
            Self::UpstreamFailed { cause } => super::problem::upstream_failed(cause),
            Self::AnswerNotDescribed { .. } => upstream(
                "answer-not-described",
                StatusCode::BAD_GATEWAY,
                [
                    "The department's interface answered in a way its description does not name.",
                    "部门接口的应答不在其接口说明之内。",
                ],
                TELL_DEPARTMENT,
            ),
            Self::AnswerTooLong => upstream(
                "answer-too-long",
                StatusCode::BAD_GATEWAY,
                [
                    "The department's answer is longer than the entry allows.",
                    "部门接口的应答超过条目允许的长度。",
                ],
                [
                    "Ask for less in one call, such as a smaller page.",
                    "请减少单次请求的数据量，例如减小分页。",
                ],
            ),
            _ => upstream(
                "answer-not-shaped",
                StatusCode::BAD_GATEWAY,
                [
                    "The department's answer could not be reduced to what is granted.",
                    "部门接口的应答无法按授权裁剪。",
                ],
                TELL_DEPARTMENT,
            ),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`described` sorts the variants")]
    fn ours(&self) -> Described {
        match self {
            Self::RecordFailed => ours(
                "record-failed",
                [
                    "Accesses cannot be recorded now, so none is allowed.",
                    "当前无法留存访问记录，暂停一切访问。",
                ],
                TELL_OPERATOR,
            ),
            Self::RecordBudgetSpent => ours(
                "record-budget-spent",
                ["This zone may record no more calls for the moment.", "本区的记录额度暂时用完。"],
                TELL_OPERATOR,
            ),
            _ => Described {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                ..ours(
                    "internal",
                    ["Something in the gateway broke.", "网关内部出错。"],
                    TELL_OPERATOR,
                )
            },
        }
    }
}

/// Texts of refusals that other files describe.
pub(super) const TEXTS: ([&str; 2], [&str; 2]) = (TELL_DEPARTMENT, SLOW_DOWN);
