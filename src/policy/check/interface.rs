//! How an entry is fetched, held against its interface description.

use std::collections::BTreeSet;

use http::HeaderName;

use super::{Checking, Subject, paths};
use crate::config::yaml::escape;
use crate::domain::{Entry, EntryId, Interface, Parameter, ParameterUse, UpstreamId};
use crate::net::headers::{goes_no_further, never_leaves};
use crate::policy::{EntrySource, Operation, Place};

pub(super) fn check(checking: &mut Checking<'_>, subject: &Subject, source: &EntrySource) {
    let entry = &source.entry;
    let Some(interface) = &entry.interface else { return };
    upstream(checking, subject, "/interface/upstream", (&entry.id, &interface.upstream));
    let base = interface.base.as_str();
    let plain = base.is_empty() || (base.starts_with('/') && !base.ends_with('/'));
    if !plain
        || base.contains(['?', '#', '%', '\\', ' '])
        || base.contains("//")
        || base.contains("/.")
    {
        let message = format!("`{base}` is no base path");
        let mend = "write a path such as `/api/v1`, without a `/` at the end";
        checking.error(subject, "/interface/base", message, mend);
    }
    described(checking, subject, interface, &source.description.operations);
    for (name, parameter) in &interface.parameters {
        let pointer = format!("/interface/parameters/{}", escape(name));
        meaning(checking, (subject, &pointer), entry, (name, parameter));
    }
    body(checking, subject, entry, &source.description.operations);
    headers(checking, subject, source);
    overlaps(checking, &entry.id, &source.description.operations);
}

/// Whether the provider has this upstream.
pub(super) fn upstream(
    checking: &mut Checking<'_>,
    subject: &Subject,
    pointer: &str,
    (entry, upstream): (&EntryId, &UpstreamId),
) {
    let Some(organization) = checking.sources.organizations.get(&entry.organization()) else {
        return;
    };
    if !organization.upstreams.iter().any(|known| known.id == *upstream) {
        let message = format!("`{}` has no upstream `{upstream}`", organization.id);
        let mend =
            format!("add it to `organizations/{}.yaml`, or correct the name", organization.id);
        checking.error(subject, pointer, message, mend);
    }
}

/// Every parameter of the description has a meaning, and every meaning a parameter.
fn described(
    checking: &mut Checking<'_>,
    subject: &Subject,
    interface: &Interface,
    operations: &[Operation],
) {
    let all = || operations.iter().flat_map(|operation| &operation.parameters);
    let mut said = BTreeSet::new();
    for parameter in all() {
        let stopped = parameter.place == Place::Header && goes_no_further(&parameter.name);
        let known = stopped || interface.parameters.contains_key(&parameter.name);
        if !known && said.insert(&parameter.name) {
            let message = format!("it is not said what the parameter `{}` means", parameter.name);
            let mend = format!(
                "add `{}: {{use: …}}`: filter, select, sort, page, format or fixed",
                parameter.name
            );
            checking.error(subject, "/interface/parameters#", message, mend);
        }
    }
    for (name, meaning) in &interface.parameters {
        let pointer = format!("/interface/parameters/{}", escape(name));
        let mut places = all().filter(|parameter| parameter.name == *name).peekable();
        if places.peek().is_none() && !operations.is_empty() {
            let message = format!("the description has no parameter `{name}`");
            checking.error(subject, format!("{pointer}#"), message, "correct or remove it");
        }
        if meaning.usage == ParameterUse::Fixed && places.any(|p| p.place == Place::Path) {
            let message = format!("`{name}` stands in the path, and cannot be fixed");
            let mend = "write the value into the path of the description";
            checking.error(subject, format!("{pointer}/use"), message, mend);
        }
    }
}

/// What a parameter or body member is said to do makes sense.
fn meaning(
    checking: &mut Checking<'_>,
    (subject, pointer): (&Subject, &str),
    entry: &Entry,
    (name, parameter): (&str, &Parameter),
) {
    if let Some(item) = &parameter.item
        && !entry.items.iter().any(|known| known.name == *item)
    {
        let message = format!("`{name}` works on the item `{item}`, and there is none");
        checking.error(subject, format!("{pointer}/item"), message, "correct or remove it");
    }
    let bound = parameter.item.is_some() || parameter.names;
    match (parameter.usage, &parameter.value) {
        (ParameterUse::Fixed, None) => {
            let message = format!("`{name}` is fixed, and no value is given");
            checking.error(subject, pointer, message, "add `value: \"…\"`");
        }
        (ParameterUse::Filter, None) if parameter.item.is_none() => {
            let message = format!("`{name}` filters, and it is not said by which item");
            checking.error(subject, pointer, message, "add `item: …`");
        }
        (ParameterUse::Select | ParameterUse::Sort, None) if !bound => {
            let message = format!("`{name}` chooses items, and it is not said which");
            let mend = "add `names: true` if its value lists item names, or `item: …`";
            checking.error(subject, pointer, message, mend);
        }
        (
            ParameterUse::Filter
            | ParameterUse::Select
            | ParameterUse::Sort
            | ParameterUse::Page
            | ParameterUse::Format,
            Some(_),
        ) => {
            let message = format!("`{name}` has a value, and only a fixed parameter may");
            let mend = "write `use: fixed`, or remove the value";
            checking.error(subject, format!("{pointer}/value"), message, mend);
        }
        (
            ParameterUse::Filter
            | ParameterUse::Select
            | ParameterUse::Sort
            | ParameterUse::Page
            | ParameterUse::Format,
            None,
        )
        | (ParameterUse::Fixed, Some(_)) => {}
    }
}

/// Bodies: JSON is checked member by member, another kind passes only if it is said to select nothing.
fn body(checking: &mut Checking<'_>, subject: &Subject, entry: &Entry, operations: &[Operation]) {
    let Some(interface) = &entry.interface else { return };
    let taken: BTreeSet<&str> =
        operations.iter().flat_map(|operation| &operation.bodies).map(String::as_str).collect();
    let json = taken.iter().any(|kind| is_json(kind));
    match &interface.body {
        None if json => {
            let message = "the description takes JSON bodies, and it is not said what they hold";
            let mend = "add `body:` with its members; until then such calls are refused";
            checking.warn((subject, "/interface"), message, mend);
        }
        Some(_) if !json && !operations.is_empty() => {
            let message = "no operation of the description takes a JSON body";
            checking.error(subject, "/interface/body#", message, "remove it, or describe the body");
        }
        Some(body) => {
            for (name, parameter) in &body.members {
                let pointer = format!("/interface/body/members/{}", escape(name));
                if !paths::is_path(name) {
                    let mend = "write member names joined by `.`, such as `filter.id_no`";
                    let message = format!("`{name}` is no path");
                    checking.error(subject, format!("{pointer}#"), message, mend);
                }
                meaning(checking, (subject, &pointer), entry, (name, parameter));
            }
        }
        None => {}
    }
    let opaque = |kind: &str| interface.opaque.iter().any(|known| known.eq_ignore_ascii_case(kind));
    for kind in taken.iter().filter(|kind| !is_json(kind) && !opaque(kind)) {
        let message =
            format!("calls with a body of `{kind}` are refused: only JSON can be checked");
        let mend = format!("add `opaque: [{kind}]` if such a body selects nothing");
        checking.warn((subject, "/interface"), message, mend);
    }
    for (at, kind) in interface.opaque.iter().enumerate() {
        let pointer = format!("/interface/opaque/{at}");
        if is_json(kind) {
            let message = format!("`{kind}` is JSON, which is checked member by member");
            checking.error(subject, pointer, message, "describe its members under `body` instead");
        } else if !operations.is_empty() && !taken.contains(kind.to_ascii_lowercase().as_str()) {
            let message = format!("no operation of the description takes a body of `{kind}`");
            checking.error(subject, pointer, message, "remove it, or describe the body");
        }
    }
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// Header fields that the gate keeps to itself, whatever a description or an entry asks for.
fn headers(checking: &mut Checking<'_>, subject: &Subject, source: &EntrySource) {
    let description = Subject::Description(source.entry.id.clone());
    for operation in &source.description.operations {
        let headers = operation.parameters.iter().filter(|known| known.place == Place::Header);
        for parameter in headers.filter(|parameter| goes_no_further(&parameter.name)) {
            let message = format!(
                "the header `{}` of {} {} ends at the gate, and the department never gets it",
                parameter.name, operation.method, operation.template
            );
            let mend = "remove it from the description, or have the interface take it in the query";
            let pointer = format!("/paths/{}#", escape(&operation.template));
            checking.error(&description, pointer, message, mend);
        }
    }
    let asked = source.entry.interface.iter().flat_map(|interface| &interface.headers);
    for (at, name) in asked.enumerate() {
        let (message, mend) = if HeaderName::from_bytes(name.as_bytes()).is_err() {
            (format!("`{name}` is no header name"), "write a name such as `x-total-count`")
        } else if never_leaves(name) {
            let message =
                format!("the department's `{name}` never leaves: the gate says it itself");
            (message, "remove it")
        } else {
            continue;
        };
        checking.error(subject, format!("/interface/headers/{at}"), message, mend);
    }
}

/// Two operations of which neither is the more specific for a path that both fit.
fn overlaps(checking: &mut Checking<'_>, entry: &EntryId, operations: &[Operation]) {
    let subject = Subject::Description(entry.clone());
    for (at, operation) in operations.iter().enumerate() {
        for other in operations.iter().skip(at + 1) {
            if operation.method == other.method && overlap(&operation.template, &other.template) {
                let message =
                    format!("`{}` and `{}` fit the same path", operation.template, other.template);
                let mend = "rename one, or describe both as one path";
                let pointer = format!("/paths/{}#", escape(&other.template));
                checking.error(&subject, pointer, format!("{}: {message}", other.method), mend);
            }
        }
    }
}

fn overlap(a: &str, b: &str) -> bool {
    if a.split('/').count() != b.split('/').count() {
        return false;
    }
    let is_parameter = |segment: &str| segment.starts_with('{');
    let (mut a_closer, mut b_closer) = (false, false);
    for (a, b) in a.split('/').zip(b.split('/')) {
        match (is_parameter(a), is_parameter(b)) {
            (false, false) if a != b => return false,
            (false, true) => a_closer = true,
            (true, false) => b_closer = true,
            (false, false) | (true, true) => {}
        }
    }
    a_closer == b_closer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_overlap_if_neither_is_closer() {
        for (a, b, expected) in [
            ("/a/{x}", "/a/{y}", true),
            ("/a/{x}", "/a/b", false),
            ("/a/{x}/c", "/a/b/{y}", true),
            ("/a/{x}/c", "/a/{x}/d", false),
            ("/a", "/a/b", false),
            ("/a", "/a", true),
        ] {
            assert_eq!(overlap(a, b), expected, "{a} {b}");
            assert_eq!(overlap(b, a), expected, "{b} {a}");
        }
    }
}
