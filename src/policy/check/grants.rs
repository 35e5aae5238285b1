//! Grants: what they refer to, and what the law asks of them.

use std::collections::BTreeSet;

use super::{Checking, Subject, law};
use crate::domain::{
    Agreement, AgreementState, Authority, Entry, Grant, GrantState, OrganizationKind, ProfileId,
    SharingClass, Timestamp, Zone,
};
use crate::policy::pace::give_way;
use crate::policy::rules::Needs;

/// Longest term, in days: 24 months, the longest of them.
const LONGEST: u32 = 731;

pub(super) fn check(checking: &mut Checking<'_>) {
    let sources = checking.sources;
    for (id, grant) in &sources.grants {
        give_way();
        let subject = Subject::Grant(id.clone());
        parties(checking, &subject, grant);
        let entry = sources.entries.get(&grant.entry).map(|source| &source.entry);
        match entry {
            Some(entry) => items(checking, &subject, grant, entry),
            None => {
                let message = format!("there is no entry `{}`", grant.entry);
                checking.error(&subject, "/entry", message, "correct the id, or add its file");
            }
        }
        for (at, matter) in grant.matters.iter().enumerate() {
            if !sources.matters.contains_key(matter) {
                let message = format!("there is no matter `{matter}`");
                let mend = "add it to `matters.yaml`, or correct the code";
                checking.error(&subject, format!("/matters/{at}"), message, mend);
            }
        }
        let agreement = agreement(checking, &subject, grant);
        let live = matches!(grant.state, GrantState::Active) && grant.term.until > checking.now;
        if let (Some(entry), true) = (entry, live) {
            law_of(checking, &subject, grant, entry);
            secrecy(checking, &subject, grant, (entry, agreement));
        }
        let stopped = matches!(grant.state, GrantState::Suspended | GrantState::Terminated);
        if stopped && grant.reason.as_deref().unwrap_or("").trim().is_empty() {
            let message = "stopped, and no reason is given (I12)";
            checking.breach(law::order("§21"), (&subject, "/state"), message, "add `reason: …`");
        }
    }
}

fn parties(checking: &mut Checking<'_>, subject: &Subject, grant: &Grant) {
    let sources = checking.sources;
    let consumer = sources.organizations.get(&grant.consumer);
    if consumer.is_none() {
        let message = format!("there is no organization `{}`", grant.consumer);
        checking.error(subject, "/consumer", message, "correct the id, or add its file");
    }
    for (at, application) in grant.applications.iter().enumerate() {
        let pointer = format!("/applications/{at}");
        let known = consumer.is_none_or(|consumer| {
            consumer.applications.iter().any(|known| known.id == *application)
        });
        if application.organization() != grant.consumer {
            let message = format!("the application `{application}` is not `{}`'s", grant.consumer);
            checking.error(subject, pointer, message, "name applications of the consumer only");
        } else if !known {
            let message = format!("`{}` has no application `{application}`", grant.consumer);
            checking.error(subject, pointer, message, "correct the id, or add it to its file");
        }
    }
    for (at, approval) in grant.approvals.iter().enumerate() {
        let pointer = format!("/approvals/{at}/organization");
        if !sources.organizations.contains_key(&approval.organization) {
            let message = format!("there is no organization `{}`", approval.organization);
            checking.error(subject, pointer, message, "correct the id, or add its file");
        }
    }
}

fn items(checking: &mut Checking<'_>, subject: &Subject, grant: &Grant, entry: &Entry) {
    let known: BTreeSet<_> = entry.items.iter().map(|item| &item.name).collect();
    let named = grant.items.iter().enumerate().map(|(at, name)| (format!("/items/{at}"), name));
    let scoped = grant
        .scope
        .iter()
        .enumerate()
        .map(|(at, scope)| (format!("/scope/{at}/item"), &scope.item));
    let masked = grant.masks.keys().map(|name| (format!("/masks/{name}#"), name));
    for (pointer, name) in named.chain(scoped).chain(masked) {
        if !known.contains(name) {
            let message = format!("`{}` has no item `{name}`", entry.id);
            checking.error(subject, pointer, message, "correct or remove it");
        }
    }
    for (name, mask) in &grant.masks {
        if !checking.sources.masks.contains_key(mask) {
            let message = format!("there is no mask `{mask}`");
            let mend = "add it to `masks.yaml`, or correct the name";
            checking.error(subject, format!("/masks/{name}"), message, mend);
        }
        if known.contains(name) && !grant.items.contains(name) {
            let message = format!("`{name}` is masked, and not granted");
            checking.error(
                subject,
                format!("/masks/{name}#"),
                message,
                "grant it, or remove the mask",
            );
        }
    }
}

/// The agreement named, if there is one between the same parties about the same entry.
fn agreement<'s>(
    checking: &mut Checking<'s>,
    subject: &Subject,
    grant: &Grant,
) -> Option<&'s Agreement> {
    let id = grant.agreement.as_ref()?;
    let Some(agreement) = checking.sources.agreements.get(id) else {
        let message = format!("there is no agreement `{id}`");
        checking.error(subject, "/agreement", message, "correct the id, or add its file");
        return None;
    };
    let same = agreement.consumer == grant.consumer && agreement.entry == grant.entry;
    if !same {
        let message = format!(
            "the agreement `{id}` is between `{}` and `{}` about `{}`",
            agreement.provider, agreement.consumer, agreement.entry
        );
        let mend = "name the agreement between this consumer and the provider about this entry";
        checking.error(subject, "/agreement", message, mend);
    }
    same.then_some(agreement)
}

fn law_of(checking: &mut Checking<'_>, subject: &Subject, grant: &Grant, entry: &Entry) {
    for (at, mode) in grant.modes.iter().enumerate() {
        if !entry.sharing.modes.contains(mode) {
            let message = format!("`{}` is not shared by `{}`", entry.id, mode.as_str());
            let mend = "choose a mode of the entry, or have the provider add it";
            checking.breach(
                law::measures("§18"),
                (subject, &format!("/modes/{at}")),
                message,
                mend,
            );
        }
    }
    for (at, purpose) in grant.purposes.iter().enumerate() {
        if !entry.sharing.purposes.is_empty() && !entry.sharing.purposes.contains(purpose) {
            let message = format!("`{}` is not shared for `{purpose}`", entry.id);
            let mend = "choose a purpose of the entry, or have the provider add it";
            checking.breach(
                law::measures("§16"),
                (subject, &format!("/purposes/{at}")),
                message,
                mend,
            );
        }
    }
    if !grant.runs_at_most(LONGEST) {
        let message = "the term is longer than 24 months (I22)";
        let mend = "end it earlier, and renew it by an explicit act";
        checking.breach(law::measures("§16"), (subject, "/term"), message, mend);
    }
    let consumer = checking.sources.organizations.get(&grant.consumer).map(|known| known.kind);
    let outsider =
        matches!(consumer, Some(OrganizationKind::Institution | OrganizationKind::Enterprise));
    if outsider && grant.authorization.is_none() {
        let message = "an institution or enterprise consumes only with a cited authorization (I21)";
        let mend = "add `authorization:` with title and article";
        checking.breach(law::order("§2"), (subject, "/consumer"), message, mend);
    }
    if let Some(profile) = checking.profile(Zone::Sharing) {
        needs(checking, (subject, grant), profile.needs(strictest(entry, grant)), profile.id);
        approvals(checking, subject, grant, (entry, profile.id));
    }
}

/// The strictest class among the items granted: what the profile asks for depends on it.
fn strictest(entry: &Entry, grant: &Grant) -> SharingClass {
    let granted = entry.items.iter().filter(|item| grant.items.contains(&item.name));
    granted.map(|item| entry.class_of(item)).max().unwrap_or(entry.sharing.class)
}

/// What the profile asks of a written grant for items of this class.
fn needs(
    checking: &mut Checking<'_>,
    (subject, grant): (&Subject, &Grant),
    needs: &Needs,
    profile: ProfileId,
) {
    for by in &needs.approvals {
        if !grant.approvals.iter().any(|approval| approval.by == *by) {
            let name = match by {
                Authority::Provider => "provider",
                Authority::Bureau => "bureau",
            };
            let message = format!("the approval of the {name} is missing");
            let mend = format!("add an approval `by: {name}`");
            checking.breach(law::approval(profile), (subject, "/approvals#"), message, mend);
        }
    }
    if !needs.basis.contains(&grant.basis.rank) {
        let message = format!("{profile} lets no use of these items rest on a rule of this rank");
        let mend = "cite a rule of higher rank";
        checking.breach(law::basis(profile), (subject, "/basis/rank"), message, mend);
    }
    let negotiation = grant.negotiation.as_ref();
    if needs.negotiation && negotiation.is_none() {
        let message = "items are withheld, and no negotiation is recorded";
        let mend = "add `negotiation:` with date and document";
        checking.breach(law::negotiation(profile), (subject, "/items"), message, mend);
    } else if needs.coordination && negotiation.is_some_and(|negotiation| !negotiation.coordinated)
    {
        let message = "items are withheld, and the bureau did not coordinate";
        let mend = "have the bureau coordinate, and add `coordinated: true`";
        checking.breach(law::negotiation(profile), (subject, "/negotiation"), message, mend);
    }
}

fn approvals(
    checking: &mut Checking<'_>,
    subject: &Subject,
    grant: &Grant,
    (entry, profile): (&Entry, ProfileId),
) {
    for (at, approval) in grant.approvals.iter().enumerate() {
        let pointer = format!("/approvals/{at}/organization");
        let Some(organization) = checking.sources.organizations.get(&approval.organization) else {
            continue;
        };
        let right = match approval.by {
            Authority::Provider => organization.id == entry.id.organization(),
            Authority::Bureau => organization.kind == OrganizationKind::Bureau,
        };
        if !right {
            let message = format!("`{}` cannot approve in this part (I10)", organization.id);
            let mend = "have the provider or the bureau approve it";
            checking.breach(law::approval(profile), (subject, &pointer), message, mend);
        }
        let day = Timestamp::start_of(approval.date);
        let filed = organization
            .stewards
            .iter()
            .any(|steward| steward.person == approval.person && steward.term.contains(day));
        if !filed {
            let message = format!(
                "`{}` was no filed steward of `{}` on that day (I16)",
                approval.person, organization.id
            );
            let mend = "correct the person or the day, or file the steward";
            let pointer = format!("/approvals/{at}/person");
            checking.breach(law::measures("§27"), (subject, &pointer), message, mend);
        }
    }
}

/// Sensitive items need an agreement that covers them for the whole term (I3, I22).
fn secrecy(
    checking: &mut Checking<'_>,
    subject: &Subject,
    grant: &Grant,
    (entry, agreement): (&Entry, Option<&Agreement>),
) {
    let telling: Vec<_> = grant.sensitive_items(entry).collect();
    let Some(first) = telling.first() else { return };
    let article = law::measures("§16");
    let Some(agreement) = agreement else {
        if grant.agreement.is_none() {
            let message = format!("`{first}` is sensitive, and no agreement is named (I3)");
            let mend = "sign a confidentiality agreement and name it under `agreement`";
            checking.breach(article, (subject, "/agreement#"), message, mend);
        }
        return;
    };
    let mut say = |message: String, mend: &str| {
        checking.breach(article, (subject, "/agreement"), message, mend);
    };
    if agreement.state != AgreementState::Effective {
        say(format!("the agreement `{}` is not in force (I3)", agreement.id), "sign or renew it");
    }
    if !agreement.term.covers(&grant.term) {
        let message =
            format!("the agreement `{}` does not last as long as the grant (I22)", agreement.id);
        say(message, "renew the agreement, or shorten the grant");
    }
    for item in telling.iter().filter(|item| !agreement.items.contains(item)) {
        say(
            format!("the agreement `{}` does not cover `{item}` (I3)", agreement.id),
            "add the item to it",
        );
    }
}
