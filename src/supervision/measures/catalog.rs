//! M01, M03, M04, M05 and M21: what the catalog itself tells.

use std::collections::BTreeSet;

use super::ratio::count;
use super::{Ratio, Scope};
use crate::domain::{Entry, EntryState, OpeningClass, Sensitivity, SharingClass};

/// The fields of public interest (§22) that the Measures name.
const DOMAINS: [&str; 19] = [
    "credit",
    "transport",
    "medical",
    "health",
    "employment",
    "social-security",
    "geography",
    "culture",
    "education",
    "science-tech",
    "resource",
    "agriculture",
    "environment",
    "work-safety",
    "finance",
    "quality",
    "statistics",
    "meteorology",
    "enterprise-reg",
];

fn live<'a>(scope: &Scope<'a>) -> impl Iterator<Item = &'a Entry> + use<'a> {
    scope.entries().filter(|entry| entry.state == EntryState::Live)
}

/// M01. What the schema asks for is there; the rest is the grade (809 §13), texts that say something,
/// conditions and purposes where sharing has conditions, a mode where it is shared, a title of every item.
pub(super) fn complete(scope: &Scope<'_>) -> Ratio {
    Ratio::of(live(scope), |entry| is_complete(entry))
}

fn is_complete(entry: &Entry) -> bool {
    let says = |text: &str| !text.trim().is_empty();
    let sharing = &entry.sharing;
    let of_class = match sharing.class {
        SharingClass::Unconditional => !sharing.modes.is_empty(),
        SharingClass::Conditional => {
            let conditions = sharing.conditions.as_deref().is_some_and(says);
            conditions && !sharing.purposes.is_empty() && !sharing.modes.is_empty()
        }
        SharingClass::Withheld => !sharing.basis.is_empty() && entry.says_why(),
    };
    of_class
        && [&entry.name, &entry.summary, &entry.format, &entry.domain]
            .into_iter()
            .all(|text| says(text))
        && entry.grade.as_deref().is_some_and(says)
        && entry.items.iter().all(|item| says(&item.title))
}

/// M03.
pub(super) fn mounted(scope: &Scope<'_>) -> Ratio {
    let shared = live(scope).filter(|entry| entry.sharing.class != SharingClass::Withheld);
    Ratio::of(shared, |entry| entry.interface.is_some())
}

/// M04.
pub(super) fn shared(scope: &Scope<'_>) -> Ratio {
    let of = |class| count(live(scope).filter(|entry| entry.sharing.class == class));
    Ratio::of(live(scope), |entry| entry.sharing.class != SharingClass::Withheld)
        .with("无条件共享", "unconditional", of(SharingClass::Unconditional))
        .with("有条件共享", "conditional", of(SharingClass::Conditional))
        .with("不予共享", "withheld", of(SharingClass::Withheld))
}

/// M05.
pub(super) fn lawful(scope: &Scope<'_>) -> Ratio {
    let profile = scope.scene.profile;
    let withheld = live(scope).filter(|entry| entry.withholds());
    Ratio::of(withheld, |entry| profile.lets_withhold(entry) && entry.says_why())
}

/// M21. Openable is what holds an item that is neither sensitive nor withheld.
pub(super) fn open(scope: &Scope<'_>) -> Ratio {
    let is_open = |entry: &Entry| entry.opening.class != OpeningClass::Closed;
    let openable = live(scope).filter(|entry| {
        is_open(entry)
            || entry.items.iter().any(|item| {
                item.sensitivity == Sensitivity::None
                    && entry.class_of(item) != SharingClass::Withheld
            })
    });
    let opened = || live(scope).filter(|entry| is_open(entry));
    let known = opened().map(|entry| entry.domain.as_str());
    let domains: BTreeSet<_> = known.filter(|domain| DOMAINS.contains(domain)).collect();
    Ratio::of(openable, |entry| is_open(entry))
        .with("覆盖重点领域（共19）", "of 19 fields covered", count(domains.iter()))
        .with("优先开放", "opened first", count(opened().filter(|entry| entry.opening.priority)))
}
