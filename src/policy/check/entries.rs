//! Catalog entries: metadata, classes, items and masks.

use std::collections::{BTreeSet, HashMap};

use super::{Checking, Subject, interface, law, paths};
use crate::domain::{
    Entry, EntryId, MaskId, OpeningClass, OpeningReview, Sensitivity, SharingClass, Timestamp, Zone,
};
use crate::policy::pace::give_way;
use crate::policy::rules::Profile;

pub(super) fn check(checking: &mut Checking<'_>) {
    let sources = checking.sources;
    let mut codes: HashMap<&str, &EntryId> = HashMap::new();
    for (id, source) in &sources.entries {
        give_way();
        let subject = Subject::Entry(id.clone());
        let entry = &source.entry;
        if !sources.organizations.contains_key(&id.organization()) {
            let message = format!("there is no organization `{}`", id.organization());
            checking.error(&subject, "/id", message, "add its file under `organizations/`");
        }
        if let Some(other) = codes.insert(&entry.code, id) {
            let message = format!("`{other}` has the same code (I13)");
            checking.error(&subject, "/code", message, "give each entry a code of its own");
        }
        items(checking, &subject, entry);
        paths::check(checking, &subject, entry);
        sharing(checking, &subject, entry);
        opening(checking, &subject, entry);
        if entry.interface.is_some() {
            interface::check(checking, &subject, source);
        } else if entry.sharing.class != SharingClass::Withheld {
            let message = "the entry is listed but cannot be called (未挂接)";
            let mend = "add `interface:` with the upstream and its description";
            checking.breach(law::measures("§14"), (&subject, "/interface#"), message, mend);
        }
        if entry.cache.as_ref().is_some_and(|cache| !cache.shared) {
            let mend =
                "write `shared: true` if the answer is the same for everybody, else remove `cache`";
            let message = "answers that depend on who asks are not kept";
            checking.error(&subject, "/cache/shared", message, mend);
        }
    }
}

fn items(checking: &mut Checking<'_>, subject: &Subject, entry: &Entry) {
    let mut seen = BTreeSet::new();
    for (at, item) in entry.items.iter().enumerate() {
        if !seen.insert(&item.name) {
            let message = format!("the item `{}` is written twice", item.name);
            checking.error(subject, format!("/items/{at}/name"), message, "give one another name");
        }
        if item.sensitivity == Sensitivity::Secret {
            let message = format!("`{}` is a state or work secret", item.name);
            let mend = "secrets are never registered: take the item out of the interface as well";
            let finding = super::Finding::error(
                subject.clone(),
                format!("/items/{at}/sensitivity"),
                message,
                mend,
            );
            checking.findings.push(finding.citing(law::order("§3")));
        }
        if let Some(mask) = &item.mask {
            exists(checking, subject, &format!("/items/{at}/mask"), mask);
        }
    }
}

fn exists(checking: &mut Checking<'_>, subject: &Subject, pointer: &str, mask: &MaskId) {
    if !checking.sources.masks.contains_key(mask) {
        let message = format!("there is no mask `{mask}`");
        checking.error(subject, pointer, message, "add it to `masks.yaml`, or correct the name");
    }
}

fn sharing(checking: &mut Checking<'_>, subject: &Subject, entry: &Entry) {
    let sharing = &entry.sharing;
    let own = sharing.class == SharingClass::Withheld;
    let withheld = |class: Option<SharingClass>| class == Some(SharingClass::Withheld);
    let item = entry.items.iter().position(|item| withheld(item.sharing));
    if (own || item.is_some()) && sharing.basis.is_empty() {
        let pointer = match item {
            Some(at) if !own => format!("/items/{at}/sharing"),
            Some(_) | None => "/sharing/class".to_owned(),
        };
        let mend = "add `basis:` with the rule of law, or choose `conditional`";
        let message = "withheld, and no legal basis is given";
        let finding = super::Finding::error(subject.clone(), pointer, message, mend);
        checking.findings.push(finding.citing(law::measures("§16")));
    }
    if let (true, Some(profile)) = (own || item.is_some(), checking.profile(Zone::Sharing)) {
        withholding(checking, subject, entry, &profile);
    }
    let conditions = sharing.conditions.as_deref().unwrap_or("").trim();
    if sharing.class == SharingClass::Conditional && conditions.is_empty() {
        let message = "conditional, and no conditions are given (I2)";
        let mend = "write under which conditions and for what it is shared";
        checking.breach(law::order("§15"), (subject, "/sharing/conditions#"), message, mend);
    }
    if sharing.class == SharingClass::Conditional && sharing.purposes.is_empty() {
        let message = "conditional, and no purposes are given (I2)";
        let mend = "write under `sharing.purposes` what it may be used for";
        checking.breach(law::order("§15"), (subject, "/sharing/purposes#"), message, mend);
    }
    if entry.needs_api() && !entry.offers_api() {
        let message =
            "renewed at once or used in parallel approval, and not shared by interface (I6)";
        let mend = "add `api` to `sharing.modes`";
        checking.breach(law::measures("§18"), (subject, "/sharing/modes"), message, mend);
    }
}

fn withholding(checking: &mut Checking<'_>, subject: &Subject, entry: &Entry, profile: &Profile) {
    let sharing = &entry.sharing;
    let article = law::withholding(profile.id);
    if !profile.lets_withhold(entry) && !sharing.basis.is_empty() {
        let message =
            format!("no basis given has a rank on which {} lets data be withheld (I1)", profile.id);
        let mend = "cite a rule of higher rank, or choose `conditional`";
        checking.breach(article, (subject, "/sharing/basis"), message, mend);
    }
    if !entry.says_why() {
        let message = "withheld, and no reason is given (I1)";
        let mend = "write the reason under `sharing.reason`";
        checking.breach(article, (subject, "/sharing/reason#"), message, mend);
    }
}

/// Whoever reviewed was a filed steward of the provider on that day.
fn reviewed(checking: &mut Checking<'_>, subject: &Subject, entry: &Entry, review: &OpeningReview) {
    let Some(provider) = checking.sources.organizations.get(&entry.id.organization()) else {
        return;
    };
    let day = Timestamp::start_of(review.date);
    let mut stewards = provider.stewards.iter();
    if !stewards.any(|steward| steward.person == review.person && steward.term.contains(day)) {
        let message = format!(
            "`{}` was no filed steward of `{}` on that day (I16)",
            review.person, provider.id
        );
        let mend = "correct the person or the day, or file the steward";
        checking.breach(law::measures("§27"), (subject, "/opening/review/person"), message, mend);
    }
}

fn opening(checking: &mut Checking<'_>, subject: &Subject, entry: &Entry) {
    let opening = &entry.opening;
    for (name, mask) in &opening.masks {
        let pointer = format!("/opening/masks/{name}");
        exists(checking, subject, &pointer, mask);
        let Some(item) = entry.items.iter().find(|item| item.name == *name) else {
            let message = format!("there is no item `{name}`");
            checking.error(subject, format!("{pointer}#"), message, "correct or remove it");
            continue;
        };
        let partial = checking.sources.masks.get(mask).is_some_and(crate::domain::Mask::is_partial);
        if partial && item.is_sensitive() && opening.class != OpeningClass::Closed {
            let message = format!(
                "the mask `{mask}` leaves part of `{name}`, which is sensitive, to the public"
            );
            let mend =
                "generalize it (`year`, `address`, `band`, `round`), or remove the mask to drop it";
            checking.error(subject, pointer, message, mend);
        }
    }
    let telling = entry.items.iter().position(crate::domain::Item::is_sensitive);
    if let (OpeningClass::Open, Some(at)) = (opening.class, telling) {
        let message = "open, and this item is sensitive (I4)";
        let mend = "write `desensitized` under `opening.class`: sensitive items are then dropped";
        let pointer = format!("/items/{at}/sensitivity");
        checking.error(subject, pointer, message, mend);
    }
    if opening.class != OpeningClass::Closed && opening.review.is_none() {
        let message = "opened, and no confidentiality review is recorded (I4)";
        let mend = "add `review:` with person, date and document";
        checking.breach(law::measures("§28"), (subject, "/opening/class"), message, mend);
    }
    if let Some(review) = &opening.review {
        reviewed(checking, subject, entry, review);
    }
    if let Some(upstream) = &opening.upstream {
        interface::upstream(checking, subject, "/opening/upstream", (&entry.id, upstream));
    }
}
