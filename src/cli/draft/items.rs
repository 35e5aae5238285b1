//! Finds the items in the schema of the answer.

use std::collections::BTreeSet;

use crate::config::yaml::{Kind, Node};
use crate::domain::{Format, ItemName, ItemType};
use crate::policy::openapi::follow;

/// Deepest nesting that is looked into.
const DEEPEST: usize = 6;

/// Most items of an entry.
const MOST: usize = 300;

/// What an answer is made of.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// How it is written.
    pub(super) format: Format,
    /// Path to the rows.
    pub(super) rows: Option<String>,
    /// Paths around the rows.
    pub(super) envelope: Vec<String>,
    /// The items of a row.
    pub(super) items: Vec<Item>,
}

/// A field of the answer.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) name: ItemName,
    pub(super) path: String,
    pub(super) title: String,
    pub(super) kind: ItemType,
    pub(super) length: Option<u64>,
}

/// Looks into the first answer of a `GET` that is described, else of any operation.
pub(super) fn find(root: &Node) -> Found {
    let Some((format, schema)) = answer(root, &["get"]).or_else(|| answer(root, &["post", "put"]))
    else {
        return Found::default();
    };
    let mut found = Found { format, ..Found::default() };
    let row = match rows(root, schema, "", 0) {
        Some((path, row)) => {
            envelope(root, schema, ("", &path), &mut found.envelope);
            found.rows = Some(path);
            row
        }
        None => schema,
    };
    let mut walk = Walk { root, open: Vec::new(), names: BTreeSet::new(), items: Vec::new() };
    walk.object(row, "", 0);
    found.items = walk.items;
    found
}

/// Format and schema of the first successful answer.
fn answer<'n>(root: &'n Node, methods: &[&str]) -> Option<(Format, &'n Node)> {
    let paths = root.get("paths")?.members().iter();
    let mut operations = paths.filter_map(|member| {
        let item = follow(root, &member.value).ok()?;
        methods.iter().find_map(|method| item.get(method))
    });
    operations.find_map(|operation| {
        let mut good = operation
            .get("responses")?
            .members()
            .iter()
            .filter(|member| member.key.starts_with('2'))
            .filter_map(|member| follow(root, &member.value).ok()?.get("content"));
        good.next()?.members().iter().find_map(|media| {
            let schema = media.value.get("schema")?;
            Some((format_of(&media.key)?, plain(root, schema)?))
        })
    })
}

fn format_of(media: &str) -> Option<Format> {
    let media = media.to_ascii_lowercase();
    if media.contains("ndjson") {
        Some(Format::Ndjson)
    } else if media.contains("json") || media == "*/*" {
        // Some generators write `*/*` for what is JSON.
        Some(Format::Json)
    } else if media.starts_with("text/csv") {
        Some(Format::Csv)
    } else {
        None
    }
}

/// The nearest array of objects, and its path.
fn rows<'n>(
    root: &'n Node,
    schema: &'n Node,
    path: &str,
    depth: usize,
) -> Option<(String, &'n Node)> {
    if let Some(items) = schema.get("items") {
        let row = plain(root, items)?;
        return (!properties(root, row).is_empty()).then(|| (format!("{path}[]"), row));
    }
    if depth > DEEPEST {
        return None;
    }
    let inner: Vec<(String, &Node)> = properties(root, schema)
        .into_iter()
        .map(|(name, schema)| (join(path, name), schema))
        .collect();
    let near = inner
        .iter()
        .filter(|(_, schema)| schema.get("items").is_some())
        .find_map(|(path, schema)| rows(root, schema, path, depth + 1));
    near.or_else(|| inner.iter().find_map(|(path, schema)| rows(root, schema, path, depth + 1)))
}

/// What stands beside the way to the rows.
fn envelope(root: &Node, schema: &Node, (path, rows): (&str, &str), envelope: &mut Vec<String>) {
    for (name, schema) in properties(root, schema) {
        let here = join(path, name);
        if rows == format!("{here}[]") {
            continue;
        }
        let on_the_way = rows.strip_prefix(here.as_str()).is_some_and(|rest| rest.starts_with('.'));
        if on_the_way {
            self::envelope(root, schema, (&here, rows), envelope);
        } else if properties(root, schema).is_empty() && schema.get("items").is_none() {
            envelope.push(here);
        }
    }
}

/// The members of an object, with those of what it is composed of; each once.
fn properties<'n>(root: &'n Node, schema: &'n Node) -> Vec<(&'n str, &'n Node)> {
    let mut members = Vec::new();
    gather(root, schema, 0, &mut members);
    members
}

fn gather<'n>(
    root: &'n Node,
    schema: &'n Node,
    depth: usize,
    members: &mut Vec<(&'n str, &'n Node)>,
) {
    let own = schema.get("properties").map(Node::members).unwrap_or_default();
    for member in own {
        if let Some(value) = plain(root, &member.value)
            && !members.iter().any(|(known, _)| *known == member.key)
        {
            members.push((member.key.as_str(), value));
        }
    }
    if depth < DEEPEST {
        for key in ["allOf", "oneOf", "anyOf"] {
            for part in schema.get(key).map(Node::elements).unwrap_or_default() {
                if let Some(part) = plain(root, part) {
                    gather(root, part, depth + 1, members);
                }
            }
        }
    }
}

/// A schema with its reference followed; of one that is something or null, the something.
fn plain<'n>(root: &'n Node, node: &'n Node) -> Option<&'n Node> {
    let schema = follow(root, node).ok()?;
    for key in ["anyOf", "oneOf", "allOf"] {
        let parts = schema.get(key).map(Node::elements).unwrap_or_default();
        let mut telling =
            parts.iter().filter(|part| part.get("type").and_then(Node::text) != Some("null"));
        if let (Some(only), None) = (telling.next(), telling.next())
            && schema.get("properties").is_none()
        {
            return follow(root, only).ok();
        }
    }
    Some(schema)
}

/// The members of a JSON request body, by their path.
pub(super) fn members(root: &Node) -> Vec<String> {
    let mut members = Vec::new();
    for path in root.get("paths").map(Node::members).unwrap_or_default() {
        let Ok(item) = follow(root, &path.value) else { continue };
        for method in ["post", "put", "patch"] {
            let schema = item
                .get(method)
                .and_then(|operation| follow(root, operation.get("requestBody")?).ok())
                .and_then(|body| body.get("content")?.get("application/json")?.get("schema"))
                .and_then(|schema| plain(root, schema));
            if let Some(schema) = schema {
                leaves(root, schema, ("", 0), &mut members);
            }
        }
    }
    members.sort();
    members.dedup();
    members
}

fn leaves(root: &Node, schema: &Node, (path, depth): (&str, usize), out: &mut Vec<String>) {
    for (name, schema) in properties(root, schema) {
        let here = join(path, name);
        if depth < DEEPEST && !properties(root, schema).is_empty() {
            leaves(root, schema, (&here, depth + 1), out);
        } else if out.len() < MOST {
            out.push(here);
        }
    }
}

struct Walk<'n> {
    root: &'n Node,
    /// The objects that are being looked into: one within itself, as in a tree, leaves whole.
    open: Vec<&'n Node>,
    names: BTreeSet<ItemName>,
    items: Vec<Item>,
}

impl<'n> Walk<'n> {
    fn object(&mut self, schema: &'n Node, path: &str, depth: usize) {
        self.open.push(schema);
        for (name, schema) in properties(self.root, schema) {
            self.value(schema, &join(path, name), depth);
        }
        self.open.pop();
    }

    fn value(&mut self, schema: &'n Node, path: &str, depth: usize) {
        let inner = schema.get("items").and_then(|items| plain(self.root, items));
        let again = |node: &Node| self.open.iter().any(|open| std::ptr::eq(*open, node));
        let deeper = depth < DEEPEST && !again(schema) && !inner.is_some_and(again);
        if deeper && !properties(self.root, schema).is_empty() {
            self.object(schema, path, depth + 1);
        } else if let (Some(inner), true) = (inner, deeper) {
            self.value(inner, &format!("{path}[]"), depth + 1);
        } else if self.items.len() < MOST
            && let Some(name) = self.name(path)
        {
            let title = ["title", "description"]
                .iter()
                .find_map(|key| schema.get(key).and_then(Node::text))
                .unwrap_or(path);
            self.items.push(Item {
                name,
                path: path.to_owned(),
                title: title.lines().next().unwrap_or(path).to_owned(),
                kind: kind(schema),
                length: schema.get("maxLength").and_then(number),
            });
        }
    }

    /// A name from a path, unlike all others.
    fn name(&mut self, path: &str) -> Option<ItemName> {
        let plain: String = path
            .replace("[]", "")
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .take(56)
            .collect();
        let digit = plain.starts_with(|c: char| c.is_ascii_digit());
        let plain = if digit { format!("_{plain}") } else { plain };
        let name = (1..1_000).find_map(|turn| {
            let text = if turn == 1 { plain.clone() } else { format!("{plain}_{turn}") };
            ItemName::parse(&text).ok().filter(|name| !self.names.contains(name))
        })?;
        self.names.insert(name.clone());
        Some(name)
    }
}

fn kind(schema: &Node) -> ItemType {
    // OpenAPI 3.1 may write `type: [string, "null"]`.
    let written = schema.get("type");
    let first = written.map(Node::elements).unwrap_or_default().iter();
    let first = first.filter_map(Node::text).find(|name| *name != "null");
    let name = written.and_then(Node::text).or(first).unwrap_or("");
    match (name, schema.get("format").and_then(Node::text)) {
        ("string", Some("date")) => ItemType::Date,
        ("string", Some("date-time")) => ItemType::DateTime,
        ("string", _) => ItemType::String,
        ("integer", _) => ItemType::Integer,
        ("number", _) => ItemType::Number,
        ("boolean", _) => ItemType::Boolean,
        _ => ItemType::Any,
    }
}

fn number(node: &Node) -> Option<u64> {
    match &node.kind {
        Kind::Number(number) => number.as_u64().filter(|number| u32::try_from(*number).is_ok()),
        Kind::Null | Kind::Bool(_) | Kind::Text(_) | Kind::List(_) | Kind::Map(_) => None,
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
