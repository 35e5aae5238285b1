//! Why the department gave nothing, in a form that can be told to each caller who waited for it.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::gateway::Refusal;
use crate::gateway::limit::Exceeded;
use crate::upstream::{Fault, UpstreamError};

/// How long to wait where nothing better is known.
const A_SECOND: Duration = Duration::from_secs(1);

/// Why a fetch brought nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The entry has no interface in this zone.
    #[error("no interface is mounted")]
    NotMounted,
    /// The entry's rate is used up.
    #[error("the entry's rate is used up")]
    Limited(Exceeded),
    /// As many calls as allowed are under way, or the shared fetch took too long.
    #[error("the interface bears no more calls at once")]
    Busy,
    /// The interface failed.
    #[error("the interface failed")]
    Upstream(Arc<UpstreamError>),
    /// It answered that it cannot answer.
    #[error("the interface answered {0}")]
    Answered(StatusCode),
}

impl Failure {
    pub(super) fn of(error: UpstreamError) -> Self {
        match error.fault() {
            Fault::Busy | Fault::Queue => Self::Busy,
            Fault::Open
            | Fault::Connect
            | Fault::Tls
            | Fault::ConnectTimeout
            | Fault::AnswerTimeout
            | Fault::BodyTimeout
            | Fault::Closed
            | Fault::Protocol
            | Fault::RequestBroke
            | Fault::BodyBroke
            | Fault::Reset => Self::Upstream(Arc::new(error)),
        }
    }

    /// What a caller is told.
    pub(super) fn refusal(self) -> Refusal {
        match self {
            Self::NotMounted => Refusal::NotMounted,
            Self::Limited(exceeded) => Refusal::RateExceeded(exceeded),
            Self::Busy => Refusal::UpstreamBusy { wait: A_SECOND },
            Self::Upstream(cause) if cause.fault() == Fault::RequestBroke => Refusal::BodyNotValid,
            Self::Upstream(cause) => Refusal::UpstreamFailed {
                cause: Arc::try_unwrap(cause).unwrap_or_else(UpstreamError::Shared),
            },
            Self::Answered(status) => Refusal::AnswerNotDescribed { status: status.as_u16() },
        }
    }
}
