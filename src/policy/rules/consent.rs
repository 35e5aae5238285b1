//! Whose signature counts: that of a filed steward, of the organization that decides, and never of the
//! one who asked (I10, I16).

use jiff::civil::Date;

use super::case::Case;
use crate::domain::{
    Approval, Authority, Grant, Organization, OrganizationKind, PersonId, Timestamp,
};

/// How good a consent is; the best one of several counts, so that a further one never hurts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Consent {
    /// Nobody competent signed yet.
    Missing,
    /// Somebody signed who was not filed on that day.
    Unfiled,
    /// The one who asked signed.
    Own,
    /// It is given.
    Given,
}

impl Consent {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unfiled => "unfiled",
            Self::Own => "own",
            Self::Given => "given",
        }
    }
}

/// The best consent of one authority to a grant.
pub(super) fn consent(case: &Case<'_>, grant: &Grant, by: Authority) -> Consent {
    let signed = grant.approvals.iter().filter(|approval| approval.by == by);
    signed.map(|approval| weigh(case, grant, approval)).max().unwrap_or(Consent::Missing)
}

fn weigh(case: &Case<'_>, grant: &Grant, approval: &Approval) -> Consent {
    let Some(decider) = decider(case, approval) else { return Consent::Missing };
    if approval.date > case.now.day() {
        return Consent::Missing;
    }
    // Somebody filed on both sides would decide on what he asked for himself.
    let asked = case.caller.map(|caller| caller.organization).is_some_and(|consumer| {
        consumer.id == grant.consumer && is_filed(consumer, &approval.person, approval.date)
    });
    if decider.id == grant.consumer || asked {
        return Consent::Own;
    }
    by_filing(decider, &approval.person, approval.date)
}

fn decider<'a>(case: &Case<'a>, approval: &Approval) -> Option<&'a Organization> {
    let competent = |organization: &&Organization| organization.id == approval.organization;
    match approval.by {
        Authority::Provider => Some(case.provider).filter(competent),
        Authority::Bureau => case
            .bureaus
            .iter()
            .copied()
            .filter(|bureau| bureau.kind == OrganizationKind::Bureau)
            .find(competent),
    }
}

/// A signature that counts if the person was filed.
pub(super) fn by_filing(organization: &Organization, person: &PersonId, day: Date) -> Consent {
    if is_filed(organization, person, day) { Consent::Given } else { Consent::Unfiled }
}

/// Whether this was a filed steward of the organization at some moment of that day.
fn is_filed(organization: &Organization, person: &PersonId, day: Date) -> bool {
    let (from, until) =
        (Timestamp::start_of(day), Timestamp::start_of(day.tomorrow().unwrap_or(day)));
    organization
        .stewards
        .iter()
        .any(|filed| filed.person == *person && filed.term.from < until && from < filed.term.until)
}
