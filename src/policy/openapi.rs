//! Interface descriptions (OpenAPI 3.0 and 3.1): the parts that decide what may be forwarded.
//!
//! Only references within the document are followed, so that reading a description asks nobody.

use std::path::Path;

use super::{Description, Operation, OperationParameter, Place};
use crate::config::yaml::{self, Fault, Kind, Node, Position};

/// References followed in a row.
const FOLLOWED: usize = 16;

/// Operations of one description.
const MOST: usize = 1_000;

const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// Reads the documents of a YAML file, or the one of a JSON file.
pub(crate) fn parse(name: &Path, text: &str) -> Result<Vec<Node>, Vec<Fault>> {
    let yaml = yaml::parse(text);
    if yaml.is_ok() || name.extension().is_none_or(|extension| extension != "json") {
        return yaml;
    }
    // JSON that is no YAML (a character written as two escapes): read without places.
    serde_json::from_str(text).map(|value| vec![without_places(value)]).map_err(|error| {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).max(1);
        let at = Position { line: number(error.line()), column: number(error.column()) };
        let mend = "close what is open before it, and quote names and texts";
        vec![Fault::new(at, format!("this is no JSON: {error}"), mend)]
    })
}

fn without_places(value: serde_json::Value) -> Node {
    use serde_json::Value;
    let kind = match value {
        Value::Null => Kind::Null,
        Value::Bool(value) => Kind::Bool(value),
        Value::Number(number) => Kind::Number(number),
        Value::String(text) => Kind::Text(text),
        Value::Array(elements) => Kind::List(elements.into_iter().map(without_places).collect()),
        Value::Object(members) => Kind::Map(
            members
                .into_iter()
                .map(|(key, value)| yaml::Member {
                    key,
                    at: Position::START,
                    value: without_places(value),
                })
                .collect(),
        ),
    };
    Node { at: Position::START, kind }
}

/// Whether a document says that it is an interface description.
pub(crate) fn is_description(node: &Node) -> bool {
    node.get("openapi").is_some() || node.get("swagger").is_some()
}

/// Reads a description, or says all that is wrong with it.
pub(crate) fn read(root: &Node) -> Result<Description, Vec<Fault>> {
    let version = root.get("openapi");
    let known = version
        .and_then(Node::text)
        .is_some_and(|text| text.starts_with("3.0.") || text.starts_with("3.1."));
    if !known {
        return Err(vec![Fault::new(
            version.map_or(root.at, |node| node.at),
            "this is no OpenAPI description of version 3.0 or 3.1",
            "convert it, and write `openapi: \"3.0.3\"` or `\"3.1.0\"`",
        )]);
    }
    let mut reading = Reading { root, faults: Vec::new(), operations: Vec::new() };
    reading.paths();
    if reading.faults.is_empty() {
        Ok(Description { operations: reading.operations })
    } else {
        Err(reading.faults)
    }
}

/// Follows references within the document; says where one leads nowhere.
pub(crate) fn follow<'n>(root: &'n Node, node: &'n Node) -> Result<&'n Node, Fault> {
    let mut node = node;
    for _ in 0..FOLLOWED {
        let Some(reference) = node.get("$ref") else { return Ok(node) };
        let text = reference.text().unwrap_or("");
        let Some(pointer) = text.strip_prefix('#') else {
            return Err(Fault::new(
                reference.at,
                format!("`{text}` leads out of this file"),
                "write what it refers to under `components` of this file",
            ));
        };
        node = root.find(pointer).ok_or_else(|| {
            let mend = "correct the reference, or add what it refers to";
            Fault::new(reference.at, format!("`{text}` leads nowhere"), mend)
        })?;
    }
    Err(Fault::new(node.at, "too many references in a row", "refer to the thing itself"))
}

struct Reading<'n> {
    root: &'n Node,
    faults: Vec<Fault>,
    operations: Vec<Operation>,
}

impl<'n> Reading<'n> {
    fn paths(&mut self) {
        let Some(paths) = self.root.get("paths") else {
            let mend = "add `paths:` with at least one path";
            self.faults.push(Fault::new(self.root.at, "the description has no paths", mend));
            return;
        };
        for member in paths.members() {
            if member.key.starts_with("x-") {
                continue;
            }
            let Some(item) = self.followed(&member.value) else { continue };
            let template = self.template(&member.key, member.at);
            let shared = self.parameters(item);
            for method in METHODS {
                let Some(operation) = item.get(method) else { continue };
                if self.operations.len() == MOST {
                    let mend = "split the entry";
                    let message = format!("more than {MOST} operations");
                    self.faults.push(Fault::new(member.at, message, mend));
                    return;
                }
                let operation = self.operation(method, &template, (operation, member.at), &shared);
                self.operations.push(operation);
            }
        }
        if self.operations.is_empty() && self.faults.is_empty() {
            let mend = "describe what may be called";
            self.faults.push(Fault::new(paths.at, "the description has no operations", mend));
        }
    }

    fn followed(&mut self, node: &'n Node) -> Option<&'n Node> {
        follow(self.root, node).map_err(|fault| self.faults.push(fault)).ok()
    }

    /// A path whose parameters fill whole segments.
    fn template(&mut self, template: &str, at: Position) -> String {
        let fits = template.starts_with('/')
            && !template.contains(['?', '#', '%', '\\'])
            && !template.contains(char::is_whitespace)
            && template.split('/').all(|segment| {
                let inner = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
                let rest = inner.unwrap_or(segment);
                !rest.contains(['{', '}']) && inner != Some("") && !matches!(segment, "." | "..")
            });
        if !fits || template.contains("//") {
            self.faults.push(Fault::new(
                at,
                format!("`{template}` is no path that can be matched"),
                "begin with `/`; a parameter such as `{id}` fills a whole segment",
            ));
        }
        template.to_owned()
    }

    fn operation(
        &mut self,
        method: &str,
        template: &str,
        (node, at): (&'n Node, Position),
        shared: &[OperationParameter],
    ) -> Operation {
        let mut parameters = self.parameters(node);
        let own = parameters.len();
        for parameter in shared {
            let same =
                |p: &OperationParameter| p.name == parameter.name && p.place == parameter.place;
            if !parameters.iter().take(own).any(same) {
                parameters.push(parameter.clone());
            }
        }
        let named: Vec<&str> = template
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        let described: Vec<&str> = parameters
            .iter()
            .filter(|parameter| parameter.place == Place::Path)
            .map(|parameter| parameter.name.as_str())
            .collect();
        for name in &named {
            if !described.contains(name) {
                let message =
                    format!("{method} {template}: the parameter `{name}` is not described");
                let mend =
                    format!("add `{{name: {name}, in: path, required: true}}` to its parameters");
                self.faults.push(Fault::new(at, message, mend));
            }
        }
        if let Some(name) = described.iter().find(|name| !named.contains(name)) {
            let message = format!("{method} {template}: the path has no parameter `{name}`");
            self.faults.push(Fault::new(at, message, "remove it, or put it into the path"));
        }
        let bodies = node
            .get("requestBody")
            .and_then(|body| self.followed(body))
            .and_then(|body| body.get("content"))
            .map(|content| content.members().iter().map(|m| m.key.to_ascii_lowercase()).collect())
            .unwrap_or_default();
        let statuses = node
            .get("responses")
            .map(|responses| responses.members().iter().map(|m| m.key.clone()).collect())
            .unwrap_or_default();
        Operation {
            method: method.to_ascii_uppercase(),
            template: template.to_owned(),
            parameters,
            bodies,
            statuses,
        }
    }

    fn parameters(&mut self, node: &'n Node) -> Vec<OperationParameter> {
        let mut parameters: Vec<OperationParameter> = Vec::new();
        let Some(list) = node.get("parameters") else { return parameters };
        for written in list.elements() {
            let Some(node) = self.followed(written) else { continue };
            let name = node.get("name").and_then(Node::text).unwrap_or("");
            let place = match node.get("in").and_then(Node::text) {
                Some("path") => Place::Path,
                Some("query") => Place::Query,
                Some("header") => Place::Header,
                // Nobody's cookie is forwarded; an interface that can do without is called without.
                Some("cookie")
                    if !node.get("required").is_some_and(|node| node.kind == Kind::Bool(true)) =>
                {
                    continue;
                }
                Some("cookie") => {
                    let message =
                        format!("the parameter `{name}` is a cookie, and none is forwarded");
                    let mend = "remove it, or make it a query parameter";
                    self.faults.push(Fault::new(written.at, message, mend));
                    continue;
                }
                Some(_) | None => {
                    let mend = "write `in: path`, `in: query` or `in: header`";
                    let message = format!("it is not said where the parameter `{name}` stands");
                    self.faults.push(Fault::new(written.at, message, mend));
                    continue;
                }
            };
            let required = place == Place::Path
                || node.get("required").is_some_and(|node| node.kind == Kind::Bool(true));
            let parameter = OperationParameter { name: name.to_owned(), place, required };
            // OpenAPI 3.0.3 §4.7.12.1: such headers are described elsewhere.
            let elsewhere = place == Place::Header
                && ["accept", "content-type", "authorization"]
                    .contains(&name.to_ascii_lowercase().as_str());
            let twice = parameters.iter().any(|p| p.name == parameter.name && p.place == place);
            if name.is_empty() || twice {
                let message = if twice {
                    "this parameter is described twice"
                } else {
                    "this parameter has no name"
                };
                self.faults.push(Fault::new(
                    written.at,
                    message,
                    "describe each parameter once, with its name",
                ));
            } else if !elsewhere {
                parameters.push(parameter);
            }
        }
        parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(text: &str) -> Result<Description, Vec<String>> {
        let nodes = parse(Path::new("a.json"), text).unwrap();
        read(&nodes[0]).map_err(|faults| {
            faults.into_iter().map(|fault| format!("{} {}", fault.at, fault.message)).collect()
        })
    }

    #[test]
    fn operations_gather_their_own_and_shared_parameters_through_references() {
        let text = "openapi: 3.0.3\npaths:\n  /{id}/rows:\n    parameters:\n    - $ref: '#/components/parameters/id'\n    \
             - {name: page, in: query}\n    get:\n      parameters:\n      - {name: page, in: query, required: true}\n      \
             - {name: Accept, in: header}\n      responses: {200: {description: ok}, default: {description: no}}\n    \
             post:\n      requestBody: {content: {application/JSON: {}}}\n      responses: {'201': {description: ok}}\n\
             components:\n  parameters:\n    id: {name: id, in: path, required: true}\n";

        let description = description(text).unwrap();

        let get = &description.operations[0];
        assert_eq!((get.method.as_str(), get.template.as_str()), ("GET", "/{id}/rows"));
        assert_eq!(get.statuses, ["200", "default"]);
        let names: Vec<_> = get.parameters.iter().map(|p| (p.name.as_str(), p.required)).collect();
        assert_eq!(names, [("page", true), ("id", true)]);
        assert_eq!(description.operations[1].bodies, ["application/json"]);
    }

    #[test]
    fn what_cannot_be_matched_or_followed_is_refused_where_it_stands() {
        let text = "openapi: 3.1.0\npaths:\n  /a/{id}.json:\n    get: {}\n  /{x}:\n    get:\n      parameters:\n      \
             - $ref: other.yaml#/x\n      - $ref: '#/nowhere'\n      - {name: c, in: cookie, required: true}\n      - {name: y, in: path}\n";

        let faults = description(text).unwrap_err().join("\n");

        for part in [
            "3:3 `/a/{id}.json`",
            "8:15 `other.yaml#/x` leads out",
            "9:15 `#/nowhere`",
            "10:9 ",
            "5:3 get /{x}: the parameter `x` is not described",
            "the path has no parameter `y`",
        ] {
            assert!(faults.contains(part), "{part} is not in\n{faults}");
        }
        assert!(description("swagger: '2.0'\n").is_err());
    }

    #[test]
    fn references_in_a_circle_end() {
        let text = "openapi: 3.0.0\npaths:\n  /a: {$ref: '#/x/p'}\nx:\n  p: {$ref: '#/x/p'}\n";

        assert!(description(text).unwrap_err()[0].contains("too many references"));
    }

    #[test]
    fn json_that_yaml_cannot_read_is_read_as_json() {
        let text =
            r#"{"openapi":"3.0.0","info":{"title":"\ud83d\ude00"},"paths":{"/":{"get":{}}}}"#;

        assert_eq!(description(text).unwrap().operations.len(), 1);
    }
}
