//! Every way the gateway says no.

mod denials;

mod describe;

mod problem;

mod table;

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{Denial, ItemName};
use crate::gateway::identify::IdentifyError;
use crate::gateway::limit::{Exceeded, Left};
use crate::gateway::listen::{BodyProblem, HeadProblem};
use crate::policy::{Citation, Denied};
use crate::shape::ShapeError;
use crate::upstream::UpstreamError;

pub use self::describe::Described;
pub use self::table::{meanings, table};

/// Why a request was not answered. Closed: a new way to say no must be described before it compiles.
///
/// Texts are for the caller and name nothing inside the gateway; causes stay in our log.
#[derive(Debug)]
pub enum Refusal {
    /// The head of the request breaks HTTP (RFC 9110, 9112, 9113).
    Malformed {
        /// What is wrong with it.
        problem: HeadProblem,
    },
    /// The path could be read in more than one way.
    PathAmbiguous,
    /// The target is longer than the bound.
    TargetTooLong,
    /// A header of Helan's could not be read.
    HeaderNotValid {
        /// Which one.
        name: &'static str,
    },
    /// Only the gateway may send this header.
    HeaderForged,
    /// The caller did not prove who it is.
    NotProved {
        /// What was missing or wrong.
        cause: IdentifyError,
    },
    /// The application calls from a network that it is not registered for.
    NetworkNotAllowed,
    /// The catalog has nothing by that name for this caller.
    NoSuchEntry,
    /// The entry exists, but has no interface to call.
    NotMounted,
    /// The interface description has no such path.
    NoSuchOperation,
    /// The path exists with other methods.
    MethodNotOffered {
        /// The methods it has, as `Allow` writes them.
        allow: String,
    },
    /// A parameter that the interface description does not name.
    ParameterNotDescribed,
    /// A parameter that stands twice.
    ParameterRepeated,
    /// A parameter without which the interface cannot be called.
    ParameterMissing {
        /// Which one.
        name: String,
    },
    /// A parameter that cannot be decoded, or whose value cannot be checked.
    ParameterNotValid,
    /// A body where none is described, or of another type.
    BodyNotDescribed,
    /// A body longer than the bound.
    BodyTooLong,
    /// A body that came too slowly.
    BodyStalled,
    /// A body that is no JSON or holds members that the entry does not name.
    BodyNotValid,
    /// The rules of the profile say no.
    Denied {
        /// Their reason.
        denial: Denial,
        /// The articles that decided.
        articles: Vec<Arc<Citation>>,
    },
    /// No grant of this consumer bears the id in `Helan-Grant`.
    NoSuchGrant,
    /// A value lies outside the rows that are granted.
    OutOfScope {
        /// The item whose values are limited.
        item: ItemName,
    },
    /// What the call rests on was withdrawn or frozen a moment ago.
    Stopped {
        /// How.
        how: Denied,
    },
    /// Too many calls in a short time.
    RateExceeded(Exceeded),
    /// The quota of the day or month is used up.
    QuotaSpent {
        /// How long until a call can pass again.
        wait: Duration,
        /// What it allows.
        left: Left,
    },
    /// A condition that only the department could check, with validators the caller never saw.
    ConditionNotOffered,
    /// The department's interface bears no more calls at once.
    UpstreamBusy {
        /// How long to wait.
        wait: Duration,
    },
    /// The department's interface gave no usable answer.
    UpstreamFailed {
        /// What went wrong on the way.
        cause: UpstreamError,
    },
    /// It answered with a status or type that its description does not name.
    AnswerNotDescribed {
        /// The status it answered with.
        status: u16,
    },
    /// Its answer could not be shaped safely.
    AnswerNotShaped {
        /// Where it broke.
        cause: ShapeError,
    },
    /// Its answer is longer than the entry allows.
    AnswerTooLong,
    /// The caller wanted a kept answer only, and none is kept (RFC 9111 §5.2.1.7).
    NotKept,
    /// Records cannot be made durable now.
    RecordFailed,
    /// This zone has used up its share of the journal.
    RecordBudgetSpent,
    /// Something in the gateway broke.
    Internal {
        /// What, for the log.
        what: &'static str,
    },
}

/// Whose rate was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The grant's.
    Grant,
    /// The application's.
    Application,
    /// The address's.
    Address,
    /// The entry's, toward the department.
    Entry,
}

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The caller.
    Caller,
    /// The department that holds the data.
    Upstream,
    /// Another gateway.
    Peer,
    /// The operator of this one.
    Us,
}

impl Blame {
    /// Everybody.
    pub const ALL: [Self; 4] = [Self::Caller, Self::Upstream, Self::Peer, Self::Us];

    /// The name used in records and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Upstream => "upstream",
            Self::Peer => "peer",
            Self::Us => "us",
        }
    }
}

impl From<&BodyProblem> for Refusal {
    fn from(problem: &BodyProblem) -> Self {
        match problem {
            BodyProblem::TooLarge { .. } => Self::BodyTooLong,
            BodyProblem::Paused { .. } => Self::BodyStalled,
            BodyProblem::Broken { .. } => Self::BodyNotValid,
        }
    }
}

impl Refusal {
    /// How long until trying again can help.
    pub fn wait(&self) -> Option<Duration> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "waiting helps in few cases")]
        match self {
            Self::RateExceeded(Exceeded { wait, .. })
            | Self::QuotaSpent { wait, .. }
            | Self::UpstreamBusy { wait } => Some(*wait),
            Self::UpstreamFailed { cause } => cause.retry_after(),
            Self::RecordFailed | Self::RecordBudgetSpent => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// The limit that refused, for `RateLimit` headers.
    pub(in crate::gateway) fn left(&self) -> Option<&Left> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "limits refuse in two ways")]
        match self {
            Self::RateExceeded(Exceeded { left, .. }) | Self::QuotaSpent { left, .. } => Some(left),
            _ => None,
        }
    }
}
