//! A schema's complaint, said to the person who wrote the file.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use super::Found;
use crate::config::yaml::{Fault, Kind, Node, Position, escape};

/// Adds what an error means to what was found.
#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum, which grows")]
pub(super) fn explain(
    schema: &Value,
    error: &ValidationError<'_>,
    document: &Node,
    found: &mut Vec<Found>,
) {
    let pointer = error.instance_path().as_str();
    let at = document.place(pointer);
    let Some(node) = document.find(pointer) else { return };
    let fault = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = known_keys(schema, error);
            let pattern = key_pattern(schema, error);
            for key in unexpected {
                let at = document.key_place(&format!("{pointer}/{}", escape(key)));
                let fault = match &pattern {
                    Some(pattern) => Fault::new(
                        at,
                        format!("`{key}` cannot be a key here"),
                        format!("write a name of the form {pattern}"),
                    ),
                    None => {
                        let message = format!("the key `{key}` is not known here");
                        Fault::new(at, message, one_of(key, &known))
                    }
                };
                found.push(Found { fault, vague: false });
            }
            return;
        }
        ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context } => {
            choose(schema, context, (document, pointer), found);
            return;
        }
        ValidationErrorKind::Required { property } => missing(schema, error, property, at),
        ValidationErrorKind::Type { kind } => wrong_type(kind, node),
        ValidationErrorKind::Constant { expected_value } => names(node, at, &[expected_value]),
        ValidationErrorKind::Enum { options } => {
            let options: Vec<&Value> = options.as_array().into_iter().flatten().collect();
            names(node, at, &options)
        }
        ValidationErrorKind::Pattern { pattern } => Fault {
            at,
            message: format!("{} does not have the form {pattern}", shown(node)),
            mend: description(schema, error),
        },
        ValidationErrorKind::Format { format } => wrong_format(format, node),
        ValidationErrorKind::Minimum { limit } => {
            Fault::new(at, format!("{} is too small", shown(node)), format!("at least {limit}"))
        }
        ValidationErrorKind::Maximum { limit } => {
            Fault::new(at, format!("{} is too large", shown(node)), format!("at most {limit}"))
        }
        ValidationErrorKind::MinItems { limit } => {
            Fault::new(at, format!("at least {limit} is needed here"), "add one to the list")
        }
        ValidationErrorKind::MinLength { .. } => {
            Fault::new(at, "this must not be empty", "write something here")
        }
        ValidationErrorKind::MaxLength { limit } => {
            Fault::new(at, format!("this is longer than {limit} characters"), "write it shorter")
        }
        _ => Fault { at, message: error.to_string(), mend: None },
    };
    let vague = matches!(error.kind(), ValidationErrorKind::Pattern { .. });
    found.push(Found { fault, vague });
}

/// Of several forms, explains the one that was meant.
#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum")]
fn choose(
    schema: &Value,
    branches: &[Vec<ValidationError<'static>>],
    (document, pointer): (&Node, &str),
    found: &mut Vec<Found>,
) {
    let node = document.find(pointer).unwrap_or(document);
    if let Some(known) = alternatives(branches, pointer) {
        let fault = match node.members().first() {
            Some(member) => {
                let message = format!("the key `{}` is not known here", member.key);
                Fault::new(member.at, message, one_of(&member.key, &known))
            }
            None => Fault::new(node.at, "a key is missing here", one_of("", &known)),
        };
        found.push(Found { fault, vague: false });
        return;
    }
    let mut constants: Vec<(&str, &Value)> = Vec::new();
    let mut meant: Option<&Vec<ValidationError<'static>>> = None;
    for branch in branches {
        let constant = branch.iter().find_map(|error| match error.kind() {
            ValidationErrorKind::Constant { expected_value } => {
                Some((error.instance_path().as_str(), expected_value.as_ref()))
            }
            _ => None,
        });
        if let Some(constant) = constant {
            constants.push(constant);
            continue;
        }
        let foreign = branch.iter().any(|error| {
            error.instance_path().as_str() == pointer
                && matches!(error.kind(), ValidationErrorKind::Type { .. })
        });
        let best = meant.is_none_or(|meant| branch.len() < meant.len());
        if best && !(foreign && branches.len() > 1 && only_null(branch)) {
            meant = Some(branch);
        }
    }
    if let Some(branch) = meant {
        for error in branch {
            explain(schema, error, document, found);
        }
    } else if let Some((at, _)) = constants.first() {
        let options: Vec<&Value> = constants.iter().map(|(_, value)| *value).collect();
        let node = document.find(at).unwrap_or(node);
        let fault = names(node, document.place(at), &options);
        found.push(Found { fault, vague: false });
    }
}

/// The keys of which one is needed, if each form lacks a key of its own.
#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum")]
fn alternatives(branches: &[Vec<ValidationError<'static>>], pointer: &str) -> Option<Vec<String>> {
    let mut keys: Vec<String> = Vec::new();
    for branch in branches {
        let mut lacking = branch.iter().filter_map(|error| match error.kind() {
            ValidationErrorKind::Required { property } => {
                (error.instance_path().as_str() == pointer).then(|| property.as_str())?
            }
            _ => None,
        });
        let (Some(key), None) = (lacking.next(), lacking.next()) else { return None };
        if keys.iter().any(|known| known == key) {
            return None;
        }
        keys.push(key.to_owned());
    }
    (keys.len() > 1).then_some(keys)
}

/// Whether a branch only says that `null` was possible.
#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum")]
fn only_null(branch: &[ValidationError<'static>]) -> bool {
    branch.iter().all(|error| match error.kind() {
        ValidationErrorKind::Type { kind: TypeKind::Single(kind) } => kind.as_str() == "null",
        _ => false,
    })
}

fn names(node: &Node, at: Position, options: &[&Value]) -> Fault {
    let known: Vec<String> = options
        .iter()
        .map(|option| option.as_str().map_or_else(|| option.to_string(), str::to_owned))
        .collect();
    let message = match node.text() {
        Some(text) => format!("`{text}` is not one of the names known here"),
        None => format!("one of the names known here is needed, and this is {}", kind(node)),
    };
    Fault::new(at, message, one_of(node.text().unwrap_or(""), &known))
}

fn missing(schema: &Value, error: &ValidationError<'_>, property: &Value, at: Position) -> Fault {
    let name = property.as_str().unwrap_or("");
    let of = object(schema, error)
        .and_then(|object| object.get("properties")?.get(name)?.get("description")?.as_str())
        .map(|text| format!(": {text}"))
        .unwrap_or_default();
    Fault::new(at, format!("the key `{name}` is missing"), format!("add `{name}: …`{of}"))
}

fn wrong_type(wanted: &TypeKind, node: &Node) -> Fault {
    let mut wanted: Vec<&str> = match wanted {
        TypeKind::Single(kind) => vec![kind.as_str()],
        TypeKind::Multiple(set) => set.iter().map(jsonschema::JsonType::as_str).collect(),
    };
    wanted.retain(|name| *name != "null");
    let needed: Vec<&str> = wanted
        .iter()
        .map(|name| match *name {
            "string" => "a text",
            "integer" => "a whole number",
            "number" => "a number",
            "boolean" => "true or false",
            "array" => "a list",
            "object" => "a mapping",
            other => other,
        })
        .collect();
    let message = format!("{} is needed here, and this is {}", needed.join(" or "), kind(node));
    let mend = match (&node.kind, wanted.as_slice()) {
        (Kind::Number(number), ["string"]) => Some(format!("put quotes around it: \"{number}\"")),
        (Kind::Bool(value), ["string"]) => Some(format!("put quotes around it: \"{value}\"")),
        (Kind::Text(text), ["array"]) => Some(format!("write a list: [{text}]")),
        (Kind::Text(text), ["integer" | "number"]) if text.parse::<f64>().is_ok() => {
            Some(format!("remove the quotes: {text}"))
        }
        (
            Kind::Null
            | Kind::Bool(_)
            | Kind::Number(_)
            | Kind::Text(_)
            | Kind::List(_)
            | Kind::Map(_),
            _,
        ) => None,
    };
    Fault { at: node.at, message, mend }
}

fn wrong_format(format: &str, node: &Node) -> Fault {
    let (what, mend) = match format {
        "date" => ("day", "write a day such as 2026-02-01"),
        "date-time" => ("time", "write a moment such as 2026-02-01T08:00:00+08:00"),
        other => (other, "correct it"),
    };
    Fault::new(node.at, format!("{} is no {what}", shown(node)), mend)
}

/// The names there are, the likeliest first.
fn one_of(written: &str, known: &[String]) -> String {
    let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let list = list.join(", ");
    let near = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(written, name), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().max(3) / 3);
    match near {
        Some((_, name)) => format!("write `{name}`; known are {list}"),
        None => format!("known are {list}"),
    }
}

fn known_keys(schema: &Value, error: &ValidationError<'_>) -> Vec<String> {
    object(schema, error)
        .and_then(|object| object.get("properties")?.as_object())
        .map(|properties| properties.keys().cloned().collect())
        .unwrap_or_default()
}

/// The form of keys, where any name of that form may be one.
fn key_pattern(schema: &Value, error: &ValidationError<'_>) -> Option<String> {
    object(schema, error)?.get("patternProperties")?.as_object()?.keys().next().cloned()
}

/// The schema whose keyword complained.
fn object<'s>(schema: &'s Value, error: &ValidationError<'_>) -> Option<&'s Value> {
    let path = error.schema_path().as_str();
    schema.pointer(path.rsplit_once('/')?.0)
}

/// What the schema says a value is.
fn description(schema: &Value, error: &ValidationError<'_>) -> Option<String> {
    let text = object(schema, error)?.get("description")?.as_str()?;
    Some(text.replace('\n', " "))
}

fn kind(node: &Node) -> &'static str {
    match &node.kind {
        Kind::Null => "empty",
        Kind::Bool(_) => "a truth value",
        Kind::Number(_) => "a number",
        Kind::Text(_) => "a text",
        Kind::List(_) => "a list",
        Kind::Map(_) => "a mapping",
    }
}

fn shown(node: &Node) -> String {
    match &node.kind {
        Kind::Text(text) => {
            let short: String = text.chars().take(60).collect();
            format!("`{short}`")
        }
        Kind::Number(number) => number.to_string(),
        Kind::Bool(value) => value.to_string(),
        Kind::Null | Kind::List(_) | Kind::Map(_) => kind(node).to_owned(),
    }
}
