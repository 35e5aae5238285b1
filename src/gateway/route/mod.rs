//! Finds what a request is for: an entry, one operation of its interface, and what each parameter
//! works on. What was compared here is what is forwarded.

mod body;

mod path;

mod query;

use std::sync::Arc;

use http::{HeaderMap, Method, header};

use crate::domain::{ItemName, Parameter, ParameterUse};
use crate::gateway::Refusal;
use crate::gateway::listen::Fields;
use crate::gateway::prepare::{Prepared, PreparedOperation, PreparedView};
use crate::policy::Place;

pub use self::body::check_body;
pub use self::path::{Path, normalize};

/// Most uses of items in one request; a body could name them without end.
const USES: usize = 1024;

/// Most data subjects in one request, so that each of them is on record.
const SUBJECTS: usize = 64;

/// What a request is for.
#[derive(Debug)]
pub struct Target {
    /// The entry, with what was prepared for it.
    pub entry: Arc<Prepared>,
    /// Which operation of its interface, by position.
    pub operation: usize,
    /// The method, as it will be sent.
    pub method: Method,
    /// Path and query at the department, encoded anew from what was compared.
    pub forward: String,
    /// Items that parameters and body members work on, with the value where there is one.
    pub uses: Vec<Use>,
    /// Names of the parameters sent, sorted.
    pub names: Vec<Arc<str>>,
    /// The values that name data subjects, each once; kept only as keyed hashes.
    pub subjects: Vec<String>,
    /// Entity tags the caller holds already (`If-None-Match`).
    pub if_none_match: Vec<String>,
}

/// One item that the request selects, filters or sorts by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The item.
    pub item: ItemName,
    /// The value it must have, where the request gives one.
    pub value: Option<String>,
}

impl Target {
    /// The operation.
    pub fn operation(&self) -> Option<&PreparedOperation> {
        self.entry.operations.get(self.operation)
    }

    /// The path as the description writes it, without any value.
    pub fn template(&self) -> Option<&Arc<str>> {
        self.operation().map(|operation| &operation.template)
    }

    /// Notes what a parameter works on.
    fn note(&mut self, rule: &Parameter, value: &str) -> Result<(), Refusal> {
        if self.uses.len() >= USES {
            return Err(Refusal::ParameterNotValid);
        }
        if rule.names {
            for name in value.split(',') {
                let item = listed_item(&self.entry, name).ok_or(Refusal::ParameterNotValid)?;
                self.uses.push(Use { item, value: None });
            }
        } else if let Some(item) = &rule.item {
            let value = (rule.usage == ParameterUse::Filter).then(|| value.to_owned());
            self.uses.push(Use { item: item.clone(), value });
        }
        if rule.subject && !self.subjects.iter().any(|known| known == value) {
            if self.subjects.len() >= SUBJECTS {
                return Err(Refusal::ParameterNotValid);
            }
            self.subjects.push(value.to_owned());
        }
        Ok(())
    }
}

/// Reads an item name out of a list such as `-price`, `+name` or `name:desc`.
fn listed_item(entry: &Prepared, written: &str) -> Option<ItemName> {
    let name = written.trim().trim_start_matches(['-', '+']);
    let name = name.strip_suffix(":desc").or_else(|| name.strip_suffix(":asc")).unwrap_or(name);
    entry.source.entry.items.iter().find(|item| item.name.as_str() == name).map(|i| i.name.clone())
}

/// Finds what a request is for.
///
/// The first two segments name the entry; one look-up, however many entries there are.
pub fn route(view: &PreparedView, fields: &Fields<'_>, path: &Path) -> Result<Target, Refusal> {
    let head = fields.head;
    let entry = view.entry(path.entry()).ok_or(Refusal::NoSuchEntry)?;
    if entry.operations.is_empty() || entry.upstream.is_none() {
        return Err(Refusal::NotMounted);
    }
    let operation = find(entry, &head.method, path)?;
    let mut target = Target {
        entry: Arc::clone(entry),
        operation,
        method: head.method.clone(),
        forward: String::with_capacity(128),
        uses: Vec::new(),
        names: Vec::new(),
        subjects: Vec::new(),
        if_none_match: tags(fields),
    };
    target.forward.push_str(&entry.base);
    path::write_rest(path, &mut target.forward);
    path_parameters(&mut target, path)?;
    query::read(&mut target, head.uri.query())?;
    header_parameters(&mut target, &head.headers)?;
    target.names.sort_unstable();
    refuse_undescribed_body(&target, fields)?;
    Ok(target)
}

fn tags(fields: &Fields<'_>) -> Vec<String> {
    if !fields.if_none_match.is_there() {
        return Vec::new();
    }
    let values = fields.head.headers.get_all(header::IF_NONE_MATCH).iter();
    values.filter_map(|value| value.to_str().ok().map(str::to_owned)).collect()
}

/// The operation for this method and path; a literal segment beats a parameter.
fn find(entry: &Prepared, method: &Method, path: &Path) -> Result<usize, Refusal> {
    let mut best: Option<(usize, usize)> = None;
    let mut allow: Vec<&str> = Vec::new();
    for (at, operation) in entry.operations.iter().enumerate() {
        let Some(literals) = operation.fit(path) else { continue };
        // HEAD asks for what GET would answer (RFC 9110 §9.3.2).
        let same = operation.method == *method
            || (*method == Method::HEAD && operation.method == Method::GET);
        if !same {
            allow.push(operation.method.as_str());
        } else if best.is_none_or(|(_, most)| literals > most) {
            best = Some((at, literals));
        }
    }
    match best {
        Some((at, _)) => Ok(at),
        None if allow.is_empty() => Err(Refusal::NoSuchOperation),
        None => {
            if allow.contains(&"GET") {
                allow.push("HEAD");
            }
            allow.sort_unstable();
            allow.dedup();
            Err(Refusal::MethodNotOffered { allow: allow.join(", ") })
        }
    }
}

fn path_parameters(target: &mut Target, path: &Path) -> Result<(), Refusal> {
    let entry = Arc::clone(&target.entry);
    let Some(operation) = entry.operations.get(target.operation) else {
        return Err(Refusal::NoSuchOperation);
    };
    for (name, value) in operation.captured(path.rest()) {
        let rule = operation.rule(name, Place::Path).ok_or(Refusal::ParameterNotDescribed)?;
        target.names.push(Arc::clone(&rule.name));
        if let Some(meaning) = &rule.meaning {
            target.note(meaning, value)?;
        }
    }
    Ok(())
}

fn header_parameters(target: &mut Target, headers: &HeaderMap) -> Result<(), Refusal> {
    let entry = Arc::clone(&target.entry);
    let Some(operation) = entry.operations.get(target.operation) else { return Ok(()) };
    for rule in operation.rules.iter().filter(|rule| rule.place == Place::Header) {
        let fixed =
            rule.meaning.as_ref().is_some_and(|meaning| meaning.usage == ParameterUse::Fixed);
        let mut values = headers.get_all(rule.name.as_ref()).iter();
        let Some(value) = values.next() else {
            if rule.required && !fixed {
                return Err(Refusal::ParameterMissing { name: rule.name.to_string() });
            }
            continue;
        };
        if fixed {
            return Err(Refusal::ParameterNotDescribed);
        }
        if values.next().is_some() {
            return Err(Refusal::ParameterRepeated);
        }
        let value = value.to_str().map_err(|_| Refusal::ParameterNotValid)?;
        target.names.push(Arc::clone(&rule.name));
        if let Some(meaning) = &rule.meaning {
            target.note(meaning, value)?;
        }
    }
    Ok(())
}

/// Refuses a body where none is described, or one of another type.
fn refuse_undescribed_body(target: &Target, fields: &Fields<'_>) -> Result<(), Refusal> {
    let announced = fields.transfer_encoding.is_there()
        || fields.content_length.first.is_some_and(|length| length != "0");
    let Some(operation) = target.operation() else { return Ok(()) };
    let kind = fields.content_type.first.and_then(|value| value.to_str().ok());
    let described = match kind {
        Some(kind) => operation.bodies.iter().any(|known| same_type(known, kind)),
        None => false,
    };
    if described || (!announced && kind.is_none()) {
        Ok(())
    } else {
        Err(Refusal::BodyNotDescribed)
    }
}

/// Whether a media type is JSON (RFC 8259, RFC 6839 §3.1).
pub(super) fn is_json(given: &str) -> bool {
    let essence = given.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

/// Whether two media types are the same but for parameters (RFC 9110 §8.3.1).
pub(super) fn same_type(known: &str, given: &str) -> bool {
    fn essence(text: &str) -> &str {
        text.split(';').next().unwrap_or("").trim()
    }
    // Most are written alike.
    known == given || essence(known).eq_ignore_ascii_case(essence(given))
}
