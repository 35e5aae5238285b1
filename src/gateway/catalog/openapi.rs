//! An entry's interface as this caller may use it, as an OpenAPI 3.1 document.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::domain::{Item, ItemName, ItemType, ParameterUse, Timestamp};
use crate::gateway::Refusal;
use crate::gateway::decide::{Asker, preview};
use crate::gateway::prepare::{Prepared, PreparedOperation, PreparedView, Rule};
use crate::policy::Place;

/// The document: granted items and the parameters that work on them, nothing else.
pub(super) fn document(
    view: &PreparedView,
    asker: &Asker,
    prepared: &Arc<Prepared>,
    now: Timestamp,
) -> Result<Vec<u8>, Refusal> {
    let entry = &prepared.source.entry;
    let granted: Vec<ItemName> = preview(view, asker, prepared, now)
        .iter()
        .filter(|decision| decision.outcome.is_ok())
        .flat_map(|decision| decision.items.iter().cloned())
        .collect();
    let mut paths = Map::new();
    for operation in &prepared.operations {
        let suffix = if operation.template.as_ref() == "/" { "" } else { &operation.template };
        let path = paths.entry(format!("/{}{suffix}", entry.id)).or_insert_with(|| json!({}));
        if let Value::Object(methods) = path {
            let method = operation.method.as_str().to_ascii_lowercase();
            methods.insert(method, described(prepared, operation, &granted));
        }
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": entry.name,
            "summary": entry.summary,
            "version": prepared.source.version,
        },
        "paths": paths,
        "components": {"securitySchemes": {
            "certificate": {"type": "mutualTLS"},
            "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            "key": {"type": "apiKey", "in": "header", "name": "Helan-Key"},
        }},
    });
    super::json(&document)
}

fn described(prepared: &Prepared, operation: &PreparedOperation, granted: &[ItemName]) -> Value {
    let parameters: Vec<Value> = operation
        .rules
        .iter()
        .filter(|rule| may_send(rule, granted))
        .map(|rule| {
            let place = match rule.place {
                Place::Path => "path",
                Place::Query => "query",
                Place::Header => "header",
            };
            json!({
                "name": rule.name,
                "in": place,
                "required": rule.required,
                "schema": {"type": "string"},
            })
        })
        .collect();
    let items = prepared.source.entry.items.iter().filter(|item| granted.contains(&item.name));
    let properties: Map<String, Value> =
        items.map(|item| (item.name.to_string(), schema(item))).collect();
    json!({
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "Only granted items and rows.",
                "x-helan-items": properties,
            },
            "default": {
                "description": "A refusal: code, basis and remedy (RFC 9457).",
                "content": {"application/problem+json": {"schema": {"type": "object"}}},
            },
        },
    })
}

fn may_send(rule: &Rule, granted: &[ItemName]) -> bool {
    rule.meaning.as_ref().is_none_or(|meaning| {
        meaning.usage != ParameterUse::Fixed
            && meaning.item.as_ref().is_none_or(|item| granted.contains(item))
    })
}

fn schema(item: &Item) -> Value {
    let (kind, format) = match item.kind {
        ItemType::String => ("string", None),
        ItemType::Integer => ("integer", None),
        ItemType::Number => ("number", None),
        ItemType::Boolean => ("boolean", None),
        ItemType::Date => ("string", Some("date")),
        ItemType::DateTime => ("string", Some("date-time")),
        ItemType::Any => return json!({"title": item.title}),
    };
    match format {
        Some(format) => json!({"type": kind, "format": format, "title": item.title}),
        None => json!({"type": kind, "title": item.title}),
    }
}
