//! Every refusal there is, for the committed table and for readers.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Described, Refusal, Whose};
use crate::domain::{ApplicationId, Denial, IssuerId, ItemName, OrganizationId};
use crate::gateway::identify::{IdentifyError, TokenFault};
use crate::gateway::limit::{Exceeded, Left};
use crate::gateway::listen::HeadProblem;
use crate::policy::Denied;
use crate::shape::ShapeError;
use crate::upstream::{Stage, UpstreamError};

/// What every refusal means.
pub fn meanings() -> impl Iterator<Item = Described> {
    every().into_iter().map(|refusal| refusal.described())
}

/// The table of refusals: code, status, whose fault, text and remedy; sorted by code.
pub fn table() -> String {
    let mut described: Vec<Described> = every().iter().map(Refusal::described).collect();
    described.sort_by_key(|described| described.code);
    described.dedup();
    let mut text = String::new();
    for Described { code, status, blame, text: sentence, remedy } in described {
        let written = writeln!(
            text,
            "{code}\n  {} · {}\n  {} {}\n  → {} {}\n",
            status.as_u16(),
            blame.as_str(),
            sentence[0],
            sentence[1],
            remedy[0],
            remedy[1],
        );
        debug_assert!(written.is_ok(), "a string takes everything");
    }
    text
}

/// One refusal of every kind.
fn every() -> Vec<Refusal> {
    let wait = Duration::from_secs(1);
    let left = Left { policy: "", limit: 1, remaining: 0, window: 1, reset: 1 };
    let mut all: Vec<Refusal> = HeadProblem::ALL
        .into_iter()
        .filter(|problem| *problem != HeadProblem::BodyTooLarge)
        .map(|problem| Refusal::Malformed { problem })
        .collect();
    all.extend(proofs().into_iter().map(|cause| Refusal::NotProved { cause }));
    all.extend(
        Denial::ALL.iter().map(|denial| Refusal::Denied { denial: *denial, articles: Vec::new() }),
    );
    all.extend([Denied::Withdrawn, Denied::Frozen].into_iter().map(|how| Refusal::Stopped { how }));
    all.extend(
        [Whose::Grant, Whose::Application, Whose::Address, Whose::Entry]
            .into_iter()
            .map(|whose| Refusal::RateExceeded(Exceeded { whose, wait, left })),
    );
    all.extend(ItemName::parse("item").ok().map(|item| Refusal::OutOfScope { item }));
    all.extend(upstream(wait));
    all.extend([
        Refusal::PathAmbiguous,
        Refusal::TargetTooLong,
        Refusal::HeaderNotValid { name: "Helan-Matter" },
        Refusal::HeaderForged,
        Refusal::NetworkNotAllowed,
        Refusal::NoSuchEntry,
        Refusal::NotMounted,
        Refusal::NoSuchOperation,
        Refusal::MethodNotOffered { allow: String::new() },
        Refusal::ParameterNotDescribed,
        Refusal::ParameterRepeated,
        Refusal::ParameterMissing { name: String::new() },
        Refusal::ParameterNotValid,
        Refusal::BodyNotDescribed,
        Refusal::BodyTooLong,
        Refusal::BodyStalled,
        Refusal::BodyNotValid,
        Refusal::NoSuchGrant,
        Refusal::QuotaSpent { wait, left },
        Refusal::ConditionNotOffered,
        Refusal::NotKept,
        Refusal::RecordFailed,
        Refusal::RecordBudgetSpent,
        Refusal::Internal { what: "" },
    ]);
    all
}

fn upstream(wait: Duration) -> [Refusal; 7] {
    let failed = |cause| Refusal::UpstreamFailed { cause };
    [
        Refusal::UpstreamBusy { wait },
        failed(UpstreamError::Open { retry_after: wait }),
        failed(UpstreamError::Timeout { stage: Stage::Answer, limit: wait }),
        failed(UpstreamError::Protocol { reason: "", cause: None }),
        Refusal::AnswerNotDescribed { status: 500 },
        Refusal::AnswerNotShaped { cause: ShapeError::NotDescribed },
        Refusal::AnswerTooLong,
    ]
}

fn proofs() -> Vec<IdentifyError> {
    let mut all = vec![
        IdentifyError::CredentialMissing,
        IdentifyError::CredentialMalformed,
        IdentifyError::CredentialUnknown,
        IdentifyError::CredentialLapsed,
        IdentifyError::CredentialConflict,
        IdentifyError::TokenExpired,
        IdentifyError::TokenNotValid(TokenFault::Form),
        IdentifyError::KeyNotValid,
        IdentifyError::CertificateUnknown,
        IdentifyError::CertificateExpired,
        IdentifyError::CertificateRevoked,
    ];
    if let Ok(issuer) = IssuerId::parse("issuer") {
        all.push(IdentifyError::UnknownKey { issuer: issuer.clone() });
        all.push(IdentifyError::KeysUnavailable { issuer });
    }
    all.extend(ApplicationId::parse("a/b").ok().map(IdentifyError::ApplicationNotLive));
    all.extend(OrganizationId::parse("a").ok().map(IdentifyError::OrganizationNotLive));
    all
}
