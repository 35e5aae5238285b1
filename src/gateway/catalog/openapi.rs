//! An entry's interface as this caller may use it, as an OpenAPI 3.1 document: the operations it may
//! call, the parameters and members that work on granted items, and the answer as it will look.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::domain::{
    Entry, Format, Item, ItemName, ItemType, Parameter, ParameterUse, PurposeId, Timestamp,
};
use crate::gateway::Refusal;
use crate::gateway::decide::{Asker, Preview};
use crate::gateway::prepare::{Prepared, PreparedOperation, PreparedView, Rule};
use crate::gateway::worker::Worker;
use crate::policy::Place;

/// What all claims of a caller give it together.
struct Granted {
    items: Vec<ItemName>,
    purposes: Vec<PurposeId>,
    /// Whether no claim is allowed without a declared purpose.
    must_declare: bool,
}

/// The document; without any operation if no claim of this caller is allowed.
pub(super) fn document(
    worker: &Worker,
    view: &PreparedView,
    asker: &Asker,
    (prepared, now): (&Arc<Prepared>, Timestamp),
) -> Result<Vec<u8>, Refusal> {
    let entry = &prepared.source.entry;
    let mut previews = worker.preview(view, asker, prepared, now);
    previews.retain(Preview::is_allowed);
    let granted = Granted::of(&previews);
    let mut paths = Map::new();
    for operation in prepared.operations.iter().filter(|_| !previews.is_empty()) {
        let suffix = if operation.template.as_ref() == "/" { "" } else { &operation.template };
        let path = paths.entry(format!("/{}{suffix}", entry.id)).or_insert_with(|| json!({}));
        if let Value::Object(methods) = path {
            let method = operation.method.as_str().to_ascii_lowercase();
            methods.insert(method, described(entry, operation, &granted));
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

impl Granted {
    fn of(previews: &[Preview]) -> Self {
        let mut granted = Self { items: Vec::new(), purposes: Vec::new(), must_declare: true };
        for decision in previews.iter().map(|preview| &preview.decision) {
            granted.items.extend(decision.items.iter().cloned());
            let purposes = decision.grant.as_ref().map(|written| &written.grant.purposes);
            granted.must_declare &= purposes.is_some_and(|purposes| purposes.len() > 1);
            granted.purposes.extend(purposes.into_iter().flatten().cloned());
        }
        granted.purposes.sort_unstable();
        granted.purposes.dedup();
        granted
    }
}

fn described(entry: &Entry, operation: &PreparedOperation, granted: &Granted) -> Value {
    let rules = operation.rules.iter().filter(|rule| may_send(rule.meaning.as_ref(), granted));
    let parameters: Vec<Value> = rules.map(parameter).chain([purpose(granted), matter()]).collect();
    let mut document = json!({
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "Only granted items and rows.",
                "content": answer(entry, granted),
            },
            "default": {
                "description": "A refusal: code, basis and remedy (RFC 9457).",
                "content": {"application/problem+json": {"schema": {"type": "object"}}},
            },
        },
    });
    if let (Some(body), Value::Object(members)) = (body(entry, operation, granted), &mut document) {
        members.insert("requestBody".to_owned(), body);
    }
    document
}

fn parameter(rule: &Rule) -> Value {
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
}

fn purpose(granted: &Granted) -> Value {
    let mut schema = json!({"type": "string"});
    if let (false, Value::Object(members)) = (granted.purposes.is_empty(), &mut schema) {
        members.insert("enum".to_owned(), json!(granted.purposes));
    }
    json!({
        "name": "Helan-Purpose",
        "in": "header",
        "required": granted.must_declare,
        "description": "What the data is used for (使用用途).",
        "schema": schema,
    })
}

fn matter() -> Value {
    json!({
        "name": "Helan-Matter",
        "in": "header",
        "description": "The matter and its case (事项、办件号), as \"code\";case=\"number\" (RFC 9651).",
        "schema": {"type": "string"},
    })
}

/// The JSON body that may be sent; none if the operation takes none.
fn body(entry: &Entry, operation: &PreparedOperation, granted: &Granted) -> Option<Value> {
    let described = entry.interface.as_ref()?.body.as_ref()?;
    let kind = operation.bodies.iter().find(|kind| crate::gateway::route::is_json(kind))?;
    let mut schema = json!({});
    for (path, meaning) in &described.members {
        if may_send(Some(meaning), granted) {
            place(&mut schema, path, json!({"type": ["string", "number", "boolean", "null"]}));
        }
    }
    Some(json!({"content": {kind: {"schema": schema}}}))
}

fn may_send(meaning: Option<&Parameter>, granted: &Granted) -> bool {
    meaning.is_none_or(|meaning| {
        meaning.usage != ParameterUse::Fixed
            && meaning.item.as_ref().is_none_or(|item| granted.items.contains(item))
    })
}

/// The answer: granted items at their places.
fn answer(entry: &Entry, granted: &Granted) -> Value {
    let Some(interface) = &entry.interface else { return json!({}) };
    let items: Vec<&Item> =
        entry.items.iter().filter(|item| granted.items.contains(&item.name)).collect();
    let path_of = |item: &Item| item.path.clone().unwrap_or_else(|| item.name.to_string());
    match interface.format {
        Format::File => json!({"application/octet-stream": {}}),
        Format::Csv => {
            let columns: Vec<String> = items.into_iter().map(path_of).collect();
            json!({"text/csv": {"schema": {"type": "string"}, "x-helan-columns": columns}})
        }
        Format::Json | Format::Ndjson => {
            let mut schema = json!({});
            let rows = interface.rows.as_deref();
            for item in items {
                let path = path_of(item);
                let path = match rows {
                    Some(rows) if !path.starts_with(rows) => format!("{rows}.{path}"),
                    Some(_) | None => path,
                };
                place(&mut schema, &path, value(item));
            }
            for path in &interface.envelope {
                place(&mut schema, path, json!({}));
            }
            let kind = if interface.format == Format::Json {
                "application/json"
            } else {
                "application/x-ndjson"
            };
            json!({kind: {"schema": schema}})
        }
    }
}

/// Puts a schema where a path leads: members joined by `.`, `[]` after an array.
fn place(schema: &mut Value, path: &str, leaf: Value) {
    let mut at = schema;
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let name = step.trim_end_matches("[]");
        if !name.is_empty() {
            *member(at, "type") = "object".into();
            at = member(member(at, "properties"), name);
        }
        for _ in step.matches("[]") {
            *member(at, "type") = "array".into();
            at = member(at, "items");
        }
    }
    *at = leaf;
}

/// A member of an object, made if it is not there.
fn member<'a>(object: &'a mut Value, name: &str) -> &'a mut Value {
    if !object.is_object() {
        *object = json!({});
    }
    // An object that is indexed makes what is missing.
    &mut object[name]
}

fn value(item: &Item) -> Value {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_stands_where_its_path_leads() {
        let mut schema = json!({});
        for path in ["total", "data.rows[].owner.name", "data.rows[].id"] {
            place(&mut schema, path, json!({"title": path}));
        }

        let rows = &schema["properties"]["data"]["properties"]["rows"];
        assert_eq!(rows["type"], "array");
        assert_eq!(rows["items"]["properties"]["id"]["title"], "data.rows[].id");
        let owner = &rows["items"]["properties"]["owner"];
        assert_eq!(owner["properties"]["name"]["title"], "data.rows[].owner.name");
        assert_eq!(schema["properties"]["total"]["title"], "total");
    }
}
