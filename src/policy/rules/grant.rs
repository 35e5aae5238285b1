//! The facts of a written grant and its agreement.

use cedar_policy::RestrictedExpression;

use super::case::Case;
use super::consent::consent;
use super::facts::{FactsError, flag, moment, record, text, words};
use crate::domain::{
    Agreement, AgreementState, ApplicationId, Authority, Grant, Item, MatterCode, PurposeId,
    SharingClass,
};

/// The strictest class of what is granted, and all facts.
pub(super) fn grant_facts(
    case: &Case<'_>,
    grant: &Grant,
    agreement: Option<&Agreement>,
) -> Result<(SharingClass, RestrictedExpression), FactsError> {
    let granted: Vec<&Item> =
        case.entry.items.iter().filter(|item| grant.items.contains(&item.name)).collect();
    let class = strictest(case, &granted);
    let agreement = agreement
        .map(|agreement| agreement_facts(case, grant, agreement, &granted))
        .transpose()?
        .map(|facts| ("agreement", facts));
    let facts = standing_of(case, grant)
        .into_iter()
        .chain(limits_of(case, grant))
        .chain([
            ("class", text(class.as_str())),
            ("sensitive", flag(granted.iter().any(|item| item.is_sensitive()))),
        ])
        .chain(agreement);
    Ok((class, record(facts)?))
}

/// Whose it is, where it stands and who agreed.
fn standing_of(case: &Case<'_>, grant: &Grant) -> [(&'static str, RestrictedExpression); 10] {
    let caller = case.caller.map(|caller| &caller.organization.id);
    let ours = caller == Some(&grant.consumer)
        && grant.entry == case.entry.id
        && case.entry.id.organization() == case.provider.id;
    let negotiation = grant.negotiation.as_ref().filter(|held| held.date <= case.now.day());
    [
        ("ours", flag(ours)),
        ("state", text(grant.state.as_str())),
        ("from", moment(grant.term.from.millis())),
        ("until", moment(grant.term.until.millis())),
        ("rank", text(grant.basis.rank.as_str())),
        ("provider", text(consent(case, grant, Authority::Provider).as_str())),
        ("bureau", text(consent(case, grant, Authority::Bureau).as_str())),
        ("authorization", flag(grant.authorization.is_some())),
        ("negotiated", flag(negotiation.is_some())),
        ("coordinated", flag(negotiation.is_some_and(|held| held.coordinated))),
    ]
}

/// What it is limited to.
fn limits_of(case: &Case<'_>, grant: &Grant) -> [(&'static str, RestrictedExpression); 7] {
    [
        ("applications", words(grant.applications.iter().map(ApplicationId::as_str))),
        ("purposes", words(grant.purposes.iter().map(PurposeId::as_str))),
        ("declare", flag(grant.declare_purpose)),
        ("single", flag(grant.purposes.len() == 1)),
        ("matters", words(grant.matters.iter().map(MatterCode::as_str))),
        ("modes", words(grant.modes.iter().map(|mode| mode.as_str()))),
        ("items", flag(case.items.iter().all(|item| grant.items.contains(&item.name)))),
    ]
}

/// The strictest class among the items granted, the entry's own if none of them is left.
fn strictest(case: &Case<'_>, granted: &[&Item]) -> SharingClass {
    let classes = granted.iter().map(|item| case.entry.class_of(item));
    classes.max().unwrap_or(case.entry.sharing.class)
}

fn agreement_facts(
    case: &Case<'_>,
    grant: &Grant,
    agreement: &Agreement,
    granted: &[&Item],
) -> Result<RestrictedExpression, FactsError> {
    let covers = grant.agreement.as_ref() == Some(&agreement.id)
        && agreement.provider == case.provider.id
        && agreement.consumer == grant.consumer
        && agreement.entry == grant.entry
        && granted
            .iter()
            .filter(|item| item.is_sensitive())
            .all(|item| agreement.items.contains(&item.name));
    record([
        ("covers", flag(covers)),
        ("effective", flag(agreement.state == AgreementState::Effective)),
        ("from", moment(agreement.term.from.millis())),
        ("until", moment(agreement.term.until.millis())),
    ])
}
