//! Writes an entry as a person would, with marks where one must look.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::civil::Date;

use super::guess;
use super::items::{Found, Item, members};
use crate::config::yaml::Node;
use crate::domain::{EntryId, Format, ItemType, ParameterUse, Sensitivity};
use crate::policy::Description;

/// What an entry is written from.
#[derive(Debug)]
pub(super) struct Entry<'d> {
    pub(super) id: &'d EntryId,
    pub(super) file: &'d str,
    pub(super) root: &'d Node,
    pub(super) today: Date,
    pub(super) found: &'d Found,
}

impl Entry<'_> {
    /// The text of the entry's file.
    pub(super) fn write(&self, description: &Description) -> String {
        let info =
            |key: &str| self.root.get("info").and_then(|info| info.get(key)).and_then(Node::text);
        let name: String = info("title").unwrap_or(self.id.name()).chars().take(128).collect();
        let summary = info("description").map_or_else(|| name.clone(), str::to_owned);
        let mut out = format!(
            "# Drafted from the interface description. Replace every FILL_IN, look at every REVIEW, lay the\n\
             # description beside this file as {}, then run `helan check`.\n\
             # 由接口描述生成：填写每个 FILL_IN，核对每个 REVIEW，将描述文件以上述名称放在本文件旁，再运行 helan check。\n",
            self.file
        );
        let head = [
            format!("id: {}", self.id),
            "code: FILL_IN  # 信息资源代码, such as 307030001003/000001".to_owned(),
            format!("name: {}", quoted(&name)),
            format!("summary: {}", quoted(&summary)),
            "domain: other  # REVIEW: field of public interest (§22), such as transport".to_owned(),
            "format: 服务接口".to_owned(),
            "sharing:".to_owned(),
            "  class: conditional  # REVIEW: unconditional, conditional or withheld".to_owned(),
            "  conditions: 依申请共享  # REVIEW: under which conditions".to_owned(),
            "  modes: [api]".to_owned(),
            "  purposes: []  # REVIEW: what it may be used for; anything a grant names if empty".to_owned(),
            "opening:".to_owned(),
            "  class: closed  # REVIEW: open, desensitized or closed".to_owned(),
            "  # review: {person: …, date: …, document: …}  # once it is not closed: who reviewed it (§28)".to_owned(),
            "update: other  # REVIEW: realtime, daily, weekly, monthly, quarterly, half-yearly, yearly".to_owned(),
            format!("published: {}", self.today),
        ];
        for line in head {
            line_of(&mut out, &line);
        }
        self.items(&mut out);
        self.interface(&mut out, description);
        out
    }

    /// The path of the server that the description names, under which its paths lie.
    fn base(&self) -> Option<String> {
        let url = self.root.get("servers")?.elements().first()?.get("url")?.text()?;
        let path = match url.split_once("://") {
            Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
            None => url,
        };
        let path = path.trim_matches('/');
        let plain = !path.is_empty() && !path.contains(['{', '?', '#', '%', ' ']);
        plain.then(|| format!("/{path}"))
    }

    fn items(&self, out: &mut String) {
        line_of(out, "items:");
        if self.found.items.is_empty() {
            line_of(out, "  - name: FILL_IN  # the description does not say what the answer holds");
            line_of(out, "    title: FILL_IN");
            line_of(out, "    type: any");
        }
        for item in &self.found.items {
            line_of(out, &format!("  - name: {}", item.name));
            line_of(out, &format!("    title: {}", quoted(&item.title)));
            if item.path != item.name.as_str() {
                line_of(out, &format!("    path: {}", quoted(&item.path)));
            }
            line_of(out, &format!("    type: {}", kind(item.kind)));
            if let Some(length) = item.length {
                line_of(out, &format!("    length: {length}"));
            }
            let guessed = match guess::sensitivity(item) {
                Sensitivity::None => continue,
                Sensitivity::Personal => "personal",
                Sensitivity::Sensitive => "sensitive",
                Sensitivity::Business => "business",
                Sensitivity::Secret => "secret",
            };
            line_of(out, &format!("    sensitivity: {guessed}  # REVIEW: guessed from its name"));
        }
    }

    fn interface(&self, out: &mut String, description: &Description) {
        line_of(out, "interface:");
        let upstream = self.id.organization();
        line_of(
            out,
            &format!("  upstream: FILL_IN  # one of `upstreams` in organizations/{upstream}.yaml"),
        );
        line_of(out, &format!("  description: {}", quoted(self.file)));
        if let Some(base) = self.base() {
            line_of(out, &format!("  base: {}", quoted(&base)));
        }
        let format = match self.found.format {
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Csv => "csv",
            Format::File => "file",
        };
        line_of(out, &format!("  format: {format}"));
        if let Some(rows) = &self.found.rows {
            line_of(out, &format!("  rows: {}", quoted(rows)));
        }
        if !self.found.envelope.is_empty() {
            let paths: Vec<String> = self.found.envelope.iter().map(|path| quoted(path)).collect();
            line_of(out, &format!("  envelope: [{}]", paths.join(", ")));
        }
        let names: BTreeSet<&str> = description
            .operations
            .iter()
            .flat_map(|operation| &operation.parameters)
            .map(|parameter| parameter.name.as_str())
            .collect();
        if !names.is_empty() {
            line_of(out, "  parameters:");
        }
        for name in names {
            line_of(out, &format!("    {}", meaning(name, &self.found.items)));
        }
        let members = members(self.root);
        if !members.is_empty() {
            line_of(out, "  body:");
            line_of(out, "    members:");
        }
        for name in members {
            line_of(out, &format!("      {}", meaning(&name, &self.found.items)));
        }
    }
}

/// What a parameter or body member means, with a mark.
fn meaning(name: &str, items: &[Item]) -> String {
    let key = quoted(name);
    let (usage, item) = guess::usage(name, items);
    match (usage, item) {
        (ParameterUse::Filter, Some(item)) => {
            let telling = guess::sensitivity(item) != Sensitivity::None;
            let subject = if telling { ", subject: true" } else { "" };
            format!("{key}: {{use: filter, item: {}{subject}}}  # REVIEW", item.name)
        }
        (ParameterUse::Sort, _) => format!("{key}: {{use: sort, names: true}}  # REVIEW"),
        (ParameterUse::Select, _) => format!("{key}: {{use: select, names: true}}  # REVIEW"),
        (ParameterUse::Page, _) => format!("{key}: {{use: page}}  # REVIEW"),
        (ParameterUse::Format, _) => format!("{key}: {{use: format}}  # REVIEW"),
        (ParameterUse::Filter | ParameterUse::Fixed, _) => format!(
            "{key}: {{use: filter, item: FILL_IN}}  # the item it works on; `{{use: fixed, value: …}}` closes it"
        ),
    }
}

fn kind(kind: ItemType) -> &'static str {
    match kind {
        ItemType::String => "string",
        ItemType::Integer => "integer",
        ItemType::Number => "number",
        ItemType::Boolean => "boolean",
        ItemType::Date => "date",
        ItemType::DateTime => "date-time",
        ItemType::Any => "any",
    }
}

/// A text in double quotes; those of JSON are those of YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn line_of(out: &mut String, line: &str) {
    let written = writeln!(out, "{line}");
    debug_assert!(written.is_ok(), "writing to a text does not fail");
}
