//! A refusal as the caller sees it (RFC 9457), and what stands in our log.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::denials::text_of;
use super::describe::{Described, TEXTS};
use super::{Blame, Refusal};
use crate::domain::Denial;
use crate::gateway::answer::{Body, common, limits};
use crate::gateway::identify::IdentifyError;
use crate::gateway::limit::whole_seconds;
use crate::gateway::record::Trail;
use crate::gateway::worker::Worker;
use crate::policy::Citation;
use crate::upstream::{Fault, UpstreamError};

/// `application/problem+json` with Helan's members.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    title_zh: &'a str,
    status: u16,
    code: &'a str,
    transaction: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    basis: Vec<Basis<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<&'a str>,
    remedy: &'a str,
    remedy_zh: &'a str,
}

#[derive(Serialize)]
struct Basis<'a> {
    profile: &'a str,
    law: &'a str,
    article: &'a str,
    text: &'a str,
}

/// What identity failures say.
pub(super) fn not_proved(cause: &IdentifyError) -> Described {
    const PROVE: [&str; 2] = [
        "Present a registered client certificate, a token of a listed issuer, or a Helan-Key.",
        "请出示已登记的客户端证书、认可签发者的令牌或 Helan-Key。",
    ];
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others: not proved")]
    let (status, blame) = match cause {
        // Known, and not allowed: the same as when the rules say so.
        IdentifyError::OrganizationNotLive(_) => return denied(Denial::OrganizationNotLive),
        IdentifyError::ApplicationNotLive(_) => (StatusCode::FORBIDDEN, Blame::Caller),
        IdentifyError::KeysUnavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, Blame::Us),
        _ => (StatusCode::UNAUTHORIZED, Blame::Caller),
    };
    Described {
        code: cause.code(),
        status,
        blame,
        text: ["The caller did not prove who it is.", "调用方身份未得到证明。"],
        remedy: PROVE,
    }
}

/// What denials of the rules say.
pub(super) fn denied(denial: Denial) -> Described {
    let (text, remedy_zh) = text_of(denial);
    let ours = denial == Denial::RulesFailed;
    Described {
        code: denial.code(),
        status: if ours { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::FORBIDDEN },
        blame: if ours { Blame::Us } else { Blame::Caller },
        text,
        remedy: [denial.remedy(), remedy_zh],
    }
}

/// What failures of a department's interface say.
pub(super) fn upstream_failed(cause: &UpstreamError) -> Described {
    let (code, status, text) = match cause.fault() {
        Fault::ConnectTimeout | Fault::AnswerTimeout | Fault::BodyTimeout => (
            "upstream-timeout",
            StatusCode::GATEWAY_TIMEOUT,
            ["The department's interface did not answer in time.", "部门接口未能及时应答。"],
        ),
        Fault::Open => (
            "upstream-resting",
            StatusCode::SERVICE_UNAVAILABLE,
            [
                "The department's interface failed several times and is left alone for a moment.",
                "部门接口连续出错，暂停转发。",
            ],
        ),
        Fault::Busy
        | Fault::Queue
        | Fault::Connect
        | Fault::Tls
        | Fault::Closed
        | Fault::Protocol
        | Fault::RequestBroke
        | Fault::BodyBroke => (
            "upstream-failed",
            StatusCode::BAD_GATEWAY,
            ["The department's interface gave no usable answer.", "部门接口未能给出可用的应答。"],
        ),
    };
    Described { code, status, blame: Blame::Upstream, text, remedy: TEXTS.0 }
}

impl Refusal {
    /// The answer the caller sees.
    pub fn to_response(&self, trail: &Trail, worker: &Worker) -> Response<Body> {
        let described = self.described();
        let profile = worker.side.profile.as_str();
        let notice = self.articles().and(worker.side.notice.as_deref());
        let problem = Problem {
            kind: format!("urn:helan:refusal:{}", described.code),
            title: described.text[0],
            title_zh: described.text[1],
            status: described.status.as_u16(),
            code: described.code,
            transaction: trail.transaction().to_string(),
            detail: self.detail(),
            basis: self.articles().unwrap_or_default().iter().map(|c| basis(profile, c)).collect(),
            notice,
            remedy: described.remedy[0],
            remedy_zh: described.remedy[1],
        };
        let bytes = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = Response::new(Body::plain(Bytes::from(bytes)));
        *response.status_mut() = described.status;
        let head = response.headers_mut();
        common(head, trail, worker);
        limits(head, trail.left().into_iter().chain(self.left()));
        head.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        head.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.headers(head, described.status);
        response
    }

    fn headers(&self, head: &mut http::HeaderMap, status: StatusCode) {
        if let Some(wait) = self.wait() {
            // Rounded up: a caller that obeys must not come back too early.
            head.insert(header::RETRY_AFTER, whole_seconds(wait).into());
        }
        if status == StatusCode::UNAUTHORIZED {
            head.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer, Helan-Key"));
        }
        if let Self::MethodNotOffered { allow } = self
            && let Ok(allow) = HeaderValue::from_str(allow)
        {
            head.insert(header::ALLOW, allow);
        }
        if let Self::UpstreamFailed { cause } = self
            && let Ok(value) =
                HeaderValue::try_from(format!("helan; error={}", cause.proxy_error()))
        {
            head.insert("proxy-status", value);
        }
    }

    /// The articles that decided, for denials.
    pub fn articles(&self) -> Option<&[std::sync::Arc<Citation>]> {
        if let Self::Denied { articles, .. } = self { Some(articles) } else { None }
    }

    /// What in particular, in words that hold no value of the caller's and nothing of our inside.
    fn detail(&self) -> Option<String> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "few refusals have more to say")]
        match self {
            Self::Malformed { problem } => Some(problem.to_string()),
            Self::HeaderNotValid { name } => Some(format!("{name} could not be read.")),
            Self::ParameterMissing { name } => Some(format!("`{name}` is required.")),
            Self::OutOfScope { item } => Some(format!("The values of `{item}` are limited.")),
            Self::NotProved { cause } => Some(cause.to_string()),
            _ => None,
        }
    }

    /// One line for the operator, with the cause that the caller does not see.
    pub fn log(&self, trail: &Trail) {
        let described = self.described();
        let (transaction, code) = (trail.transaction(), described.code);
        match (described.blame, self) {
            (_, Self::UpstreamFailed { cause }) => {
                tracing::warn!(%transaction, code, cause = %cause, "a department's interface failed");
            }
            (_, Self::AnswerNotShaped { cause }) => {
                tracing::warn!(%transaction, code, cause = %cause, "an answer could not be shaped");
            }
            (_, Self::Internal { what }) => tracing::error!(%transaction, code, what, "refused"),
            (Blame::Us | Blame::Upstream | Blame::Peer, _) => {
                tracing::warn!(%transaction, code, "refused");
            }
            (Blame::Caller, _) => tracing::debug!(%transaction, code, "refused"),
        }
    }
}

fn basis<'a>(profile: &'a str, citation: &'a Citation) -> Basis<'a> {
    Basis { profile, law: &citation.law, article: &citation.article, text: &citation.text }
}
