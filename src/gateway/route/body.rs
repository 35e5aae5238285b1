//! JSON request bodies: read within a bound, each member described, forwarded written anew.

use serde_json::Value;

use super::Target;
use crate::gateway::Refusal;

/// Deepest nesting of a request body.
const DEEPEST: usize = 16;

/// Checks a JSON body member by member and returns the bytes to forward.
///
/// What is forwarded is written from what was read: a duplicate member, which two readers could
/// resolve differently, is refused, and nothing else of the caller's spelling survives.
pub fn check_body(target: &mut Target, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let value: Checked = serde_json::from_slice(body).map_err(|_| Refusal::BodyNotValid)?;
    walk(target, &value.0, &mut String::new(), 0)?;
    target.names.sort_unstable();
    serde_json::to_vec(&value.0).map_err(|_| Refusal::BodyNotValid)
}

fn walk(
    target: &mut Target,
    value: &Value,
    path: &mut String,
    depth: usize,
) -> Result<(), Refusal> {
    if depth > DEEPEST {
        return Err(Refusal::BodyNotValid);
    }
    let length = path.len();
    if length > 0 && !is_described(target, path, value) {
        return Err(Refusal::BodyNotValid);
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                // A path is told apart by these.
                if name.contains(['.', '[', ']']) {
                    return Err(Refusal::BodyNotValid);
                }
                if length > 0 {
                    path.push('.');
                }
                path.push_str(name);
                walk(target, member, path, depth + 1)?;
                path.truncate(length);
            }
            Ok(())
        }
        Value::Array(values) => {
            path.push_str("[]");
            for member in values {
                walk(target, member, path, depth + 1)?;
            }
            path.truncate(length);
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let interface = target.entry.source.entry.interface.as_ref();
            let rule = interface
                .and_then(|interface| interface.body.as_ref())
                .and_then(|body| body.members.get(path.as_str()))
                .cloned()
                .ok_or(Refusal::BodyNotValid)?;
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => value.to_string(),
            };
            // Once, however many elements an array has: names are written down.
            if !target.names.iter().any(|name| **name == *path.as_str()) {
                target.names.push(path.as_str().into());
            }
            target.note(&rule, &text)
        }
    }
}

/// Whether the entry names this member, or one within it: an object or array without any plain value
/// in it may say something to the department, too.
fn is_described(target: &Target, path: &str, value: &Value) -> bool {
    let within = match value {
        Value::Object(_) => ".",
        Value::Array(_) => "[]",
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => "",
    };
    let interface = target.entry.source.entry.interface.as_ref();
    let body = interface.and_then(|interface| interface.body.as_ref());
    body.is_some_and(|body| {
        body.members.keys().any(|member| {
            member.strip_prefix(path).is_some_and(|rest| match within {
                "" => rest.is_empty(),
                within => rest.starts_with(within),
            })
        })
    })
}

/// A JSON value in which no object names a member twice.
struct Checked(Value);

impl<'de> serde::Deserialize<'de> for Checked {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor).map(Self)
    }
}

struct Visitor;

impl<'de> serde::de::Visitor<'de> for Visitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Checked(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = serde_json::Map::new();
        while let Some((name, Checked(value))) = map.next_entry::<String, Checked>()? {
            if members.insert(name, value).is_some() {
                return Err(serde::de::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(members))
    }
}
