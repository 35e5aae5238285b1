//! What goes wrong on an HTTP/1.1 connection.

use std::io;

use crate::upstream::error::UpstreamError;
use crate::upstream::request::BoxError;

/// Why a call on an HTTP/1.1 connection came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Http1Error {
    /// Nothing can be read from the connection.
    #[error("reading from the connection failed")]
    Read(#[source] io::Error),
    /// Nothing can be written to the connection.
    #[error("writing to the connection failed")]
    Write(#[source] io::Error),
    /// It ended where the head of an answer was due.
    #[error("the connection ended before the head of an answer was complete")]
    NoHead,
    /// It ended within a body (RFC 9112 §8).
    #[error("the connection ended before the body was complete (RFC 9112 §8)")]
    Cut,
    /// The head of an answer has more bytes or fields than we take.
    #[error("the head of the answer has too many bytes or fields")]
    HeadTooLarge,
    /// The head of an answer is not made as one.
    #[error("the head of the answer cannot be read (RFC 9112 §4 and §5)")]
    Head(#[source] httparse::Error),
    /// A rule is broken; the text says which.
    #[error("{0}")]
    Rule(&'static str),
    /// The body that was to be passed on failed.
    #[error("the caller's body failed")]
    Upload(#[source] BoxError),
}

impl Http1Error {
    /// Whether the caller's side failed, not the interface's.
    pub(super) fn is_of_the_caller(&self) -> bool {
        matches!(self, Self::Upload(_))
    }

    /// What it means while the head of the answer is awaited.
    pub(super) fn before_the_head(self) -> UpstreamError {
        match self {
            Self::HeadTooLarge => UpstreamError::HeadTooLarge(self.into()),
            Self::Rule(reason) => UpstreamError::Protocol { reason, cause: None },
            Self::Head(_) => {
                let reason = "its answer cannot be read";
                UpstreamError::Protocol { reason, cause: Some(self.into()) }
            }
            Self::Upload(_) => UpstreamError::RequestBroke(Some(self.into())),
            Self::Read(_) | Self::Write(_) | Self::NoHead | Self::Cut => {
                UpstreamError::Closed(self.into())
            }
        }
    }

    /// What it means once the head has come.
    pub(super) fn within_the_body(self) -> UpstreamError {
        if self.is_of_the_caller() {
            UpstreamError::RequestBroke(Some(self.into()))
        } else {
            UpstreamError::BodyBroke(self.into())
        }
    }
}
