//! What a schema cannot say: each value is read by its own type, wherever the schema names one.

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Found;
use crate::config::yaml::{Error, Fault, Kind, Node};
use crate::domain::{
    AgreementId, ApplicationId, EntryId, GrantId, IssuerId, ItemName, MaskId, MatterCode,
    NetworkId, OrganizationId, PersonId, PurposeId, Term, UpstreamId, Uscc,
};

type Probe = fn(&Node) -> Result<(), Error>;

/// By the name the type has in a schema.
const TEXTS: &[(&str, Probe)] = &[
    ("AgreementId", reads::<AgreementId>),
    ("ApplicationId", reads::<ApplicationId>),
    ("EntryId", reads::<EntryId>),
    ("GrantId", reads::<GrantId>),
    ("IssuerId", reads::<IssuerId>),
    ("ItemName", reads::<ItemName>),
    ("MaskId", reads::<MaskId>),
    ("MatterCode", reads::<MatterCode>),
    ("Network", reads::<IpNet>),
    ("NetworkId", reads::<NetworkId>),
    ("OrganizationId", reads::<OrganizationId>),
    ("PersonId", reads::<PersonId>),
    ("PurposeId", reads::<PurposeId>),
    ("UpstreamId", reads::<UpstreamId>),
    ("Uscc", reads::<Uscc>),
];

fn reads<T: DeserializeOwned>(node: &Node) -> Result<(), Error> {
    T::deserialize(node).map(drop)
}

/// Reads every value whose type has a say of its own.
pub(super) fn walk(root: &Value, schema: &Value, node: &Node, found: &mut Vec<Found>) {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let name = name.rsplit('/').next().unwrap_or(name);
        probe(name, node, found);
        if let Some(target) = root.get("$defs").and_then(|defs| defs.get(name)) {
            walk(root, target, node, found);
        }
    }
    for form in ["anyOf", "oneOf"] {
        for branch in schema.get(form).and_then(Value::as_array).into_iter().flatten() {
            if is_meant(branch, node) {
                walk(root, branch, node, found);
            }
        }
    }
    match &node.kind {
        Kind::List(elements) => {
            if let Some(schema) = schema.get("items") {
                for element in elements {
                    walk(root, schema, element, found);
                }
            }
        }
        Kind::Map(members) => {
            for member in members {
                let named = schema.get("properties").and_then(|all| all.get(&member.key));
                let other = || schema.get("additionalProperties").or_else(|| any_pattern(schema));
                if let Some(schema) = named.or_else(other) {
                    walk(root, schema, &member.value, found);
                }
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {}
    }
}

/// The schema of values under keys of a pattern; a map of ours has one such pattern.
fn any_pattern(schema: &Value) -> Option<&Value> {
    schema.get("patternProperties")?.as_object()?.values().next()
}

fn probe(name: &str, node: &Node, found: &mut Vec<Found>) {
    let result = match &node.kind {
        Kind::Text(_) => {
            TEXTS.iter().find(|(of, _)| *of == name).map_or(Ok(()), |(_, probe)| probe(node))
        }
        Kind::Map(_) if name == "Term" => {
            let whole = ["from", "until"]
                .iter()
                .all(|key| node.get(key).is_some_and(|v| v.text().is_some()));
            if whole && node.members().len() == 2 {
                Term::deserialize(node).map(drop)
            } else {
                Ok(())
            }
        }
        Kind::Map(_) | Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::List(_) => Ok(()),
    };
    if let Err(error) = result {
        let at = error.at.unwrap_or(node.at);
        let fault = Fault { at, message: error.message, mend: None };
        found.push(Found { fault, vague: false });
    }
}

/// Whether one of several forms is the one this value was meant to have.
fn is_meant(branch: &Value, node: &Node) -> bool {
    let kind = branch.pointer("/properties/kind/const").and_then(Value::as_str);
    kind.is_none_or(|kind| node.get("kind").and_then(Node::text) == Some(kind))
}
