//! Every way a call of a department's interface fails.

use std::sync::Arc;
use std::time::Duration;

use super::http1::Http1Error;
use crate::net::DialError;

/// What a codec says.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Ours, of HTTP/1.1.
    #[error(transparent)]
    Http1(#[from] Http1Error),
    /// hyper's, of HTTP/2.
    #[error(transparent)]
    Http2(#[from] hyper::Error),
}

/// Why an interface gave no answer, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// As many calls as allowed are under way, over all workers.
    #[error("as many calls of the interface as allowed are under way")]
    Busy,
    /// It failed repeatedly and is left alone for a while.
    #[error("the interface failed repeatedly; the next attempt is due in {} ms", .retry_after.as_millis())]
    Open {
        /// When the next call has a chance.
        retry_after: Duration,
    },
    /// No connection came about.
    #[error("the interface cannot be reached")]
    Connect(#[source] DialError),
    /// It took too long.
    #[error("the interface took longer than {} ms {}", .limit.as_millis(), .stage.as_str())]
    Timeout {
        /// Over what.
        stage: Stage,
        /// What was allowed.
        limit: Duration,
    },
    /// It hung up before it began to answer.
    #[error("the interface closed the connection before it answered")]
    Closed(#[source] CodecError),
    /// It does not speak HTTP as it should.
    #[error("the interface does not speak HTTP correctly: {reason}")]
    Protocol {
        /// What is wrong.
        reason: &'static str,
        /// What the codec said.
        #[source]
        cause: Option<CodecError>,
    },
    /// The head of its answer is larger than we take.
    #[error("the head of the interface's answer is too large")]
    HeadTooLarge(#[source] CodecError),
    /// The caller's body broke off while it was being passed on: not the interface's fault.
    #[error("the caller's body broke off")]
    RequestBroke(#[source] Option<CodecError>),
    /// Its answer broke off.
    #[error("the interface's answer broke off")]
    BodyBroke(#[source] CodecError),
    /// It gave up this one call; the connection and the other calls on it go on.
    #[error("the interface gave up the call before it answered")]
    Reset(#[source] CodecError),
    /// Another call failed, and this one waited for its answer.
    #[error("{0}")]
    Shared(Arc<UpstreamError>),
}

/// What took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for one of our connections to come free.
    Queue,
    /// Waiting for the head of the answer.
    Answer,
    /// Waiting for the next part of the body.
    Body,
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "to free a connection",
            Self::Answer => "to answer",
            Self::Body => "to send the next part of its answer",
        }
    }
}

/// What sort of failure it was, for counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Concurrency is used up.
    Busy,
    /// The breaker is open.
    Open,
    /// No connection came free.
    Queue,
    /// Name, address or TCP.
    Connect,
    /// TLS.
    Tls,
    /// Connecting took too long.
    ConnectTimeout,
    /// The answer took too long.
    AnswerTimeout,
    /// A part of the body took too long.
    BodyTimeout,
    /// Closed before the answer.
    Closed,
    /// Bad HTTP.
    Protocol,
    /// The caller's body broke off.
    RequestBroke,
    /// The answer's body broke off.
    BodyBroke,
    /// One call given up.
    Reset,
}

impl Fault {
    /// Every one, in the order they are counted in.
    pub const ALL: [Self; 13] = [
        Self::Busy,
        Self::Open,
        Self::Queue,
        Self::Connect,
        Self::Tls,
        Self::ConnectTimeout,
        Self::AnswerTimeout,
        Self::BodyTimeout,
        Self::Closed,
        Self::Protocol,
        Self::RequestBroke,
        Self::BodyBroke,
        Self::Reset,
    ];

    /// The name used in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Open => "open",
            Self::Queue => "queue",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::ConnectTimeout => "connect-timeout",
            Self::AnswerTimeout => "answer-timeout",
            Self::BodyTimeout => "body-timeout",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
            Self::RequestBroke => "request-broke",
            Self::BodyBroke => "body-broke",
            Self::Reset => "reset",
        }
    }
}

impl UpstreamError {
    /// What sort of failure it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Busy => Fault::Busy,
            Self::Open { .. } => Fault::Open,
            Self::Connect(error) => match error {
                DialError::Timeout { .. } => Fault::ConnectTimeout,
                DialError::Certificate(_)
                | DialError::Alert(_)
                | DialError::Tls(_)
                | DialError::Host => Fault::Tls,
                DialError::Resolve(_)
                | DialError::NoAddress
                | DialError::Refused(_)
                | DialError::Unroutable(_)
                | DialError::Connect(_) => Fault::Connect,
            },
            Self::Timeout { stage: Stage::Queue, .. } => Fault::Queue,
            Self::Timeout { stage: Stage::Answer, .. } => Fault::AnswerTimeout,
            Self::Timeout { stage: Stage::Body, .. } => Fault::BodyTimeout,
            Self::Closed(_) => Fault::Closed,
            Self::Protocol { .. } | Self::HeadTooLarge(_) => Fault::Protocol,
            Self::RequestBroke(_) => Fault::RequestBroke,
            Self::BodyBroke(_) => Fault::BodyBroke,
            Self::Reset(_) => Fault::Reset,
            Self::Shared(error) => error.fault(),
        }
    }

    /// The error type of RFC 9209 §2.3, for `Proxy-Status`.
    pub fn proxy_error(&self) -> &'static str {
        match self {
            Self::Busy | Self::Timeout { stage: Stage::Queue, .. } => "connection_limit_reached",
            Self::Open { .. } => "destination_unavailable",
            Self::Connect(error) => error.proxy_error(),
            Self::Timeout { stage: Stage::Answer, .. } => "http_response_timeout",
            Self::Timeout { stage: Stage::Body, .. } => "connection_read_timeout",
            Self::Closed(_) => "connection_terminated",
            Self::Protocol { .. } => "http_protocol_error",
            Self::HeadTooLarge(_) => "http_response_header_section_size",
            Self::RequestBroke(_) => "http_request_error",
            Self::BodyBroke(_) | Self::Reset(_) => "http_response_incomplete",
            Self::Shared(error) => error.proxy_error(),
        }
    }

    /// When the interface will be tried again, if it is left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "only one error says when")]
        match self {
            Self::Open { retry_after } => Some(*retry_after),
            Self::Shared(error) => error.retry_after(),
            _ => None,
        }
    }

    /// Whether the breaker counts it: only what the interface itself failed at before it answered.
    pub(super) fn is_failure_of_the_interface(&self) -> bool {
        match self.fault() {
            Fault::Connect
            | Fault::Tls
            | Fault::ConnectTimeout
            | Fault::AnswerTimeout
            | Fault::Closed
            | Fault::Protocol => true,
            Fault::Busy
            | Fault::Open
            | Fault::Queue
            | Fault::BodyTimeout
            | Fault::RequestBroke
            | Fault::BodyBroke
            | Fault::Reset => false,
        }
    }

    /// What an error of HTTP/2 before the head means.
    pub(super) fn before_the_head(error: hyper::Error) -> Self {
        if error.is_parse_too_large() {
            Self::HeadTooLarge(error.into())
        } else if error.is_parse() {
            Self::Protocol { reason: "its answer cannot be read", cause: Some(error.into()) }
        } else {
            Self::Closed(error.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_interfaces_fault_does_not_open_its_breaker() {
        let limit = Duration::from_secs(1);

        assert!(!UpstreamError::Busy.is_failure_of_the_interface());
        assert!(!UpstreamError::RequestBroke(None).is_failure_of_the_interface());
        assert!(
            !UpstreamError::Timeout { stage: Stage::Queue, limit }.is_failure_of_the_interface()
        );
        assert!(
            UpstreamError::Timeout { stage: Stage::Answer, limit }.is_failure_of_the_interface()
        );
        assert!(UpstreamError::Connect(DialError::NoAddress).is_failure_of_the_interface());
    }

    #[test]
    fn faults_are_counted_in_the_order_they_are_listed_in() {
        for (at, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault as usize, at, "{}", fault.as_str());
        }
    }
}
