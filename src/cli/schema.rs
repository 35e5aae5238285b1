//! `helan schema`: JSON Schemas of everything people write, so that editors complete it.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Context as _;
use clap::builder::PossibleValuesParser;
use schemars::schema_for;

use crate::config::Config;
use crate::domain::{
    Agreement, Entry, Grant, IssuerId, Mask, MaskId, MatterCode, NetworkId, Organization,
};
use crate::policy::rules::Profile;
use crate::policy::{Issuer, Matter};

/// The kinds of file that people write.
const KINDS: [&str; 10] = [
    "agreement",
    "config",
    "entry",
    "grant",
    "issuers",
    "masks",
    "matters",
    "networks",
    "organization",
    "profile",
];

/// Prints the JSON Schemas of everything people write, so that editors complete and check it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  helan schema entry > entry.schema.json\nthen write as the first line of an entry, for editors with a YAML language server:\n  # yaml-language-server: $schema=entry.schema.json"
)]
pub struct Schema {
    /// The kind of file; `config` is a node's configuration, `profile` a set of rules' `profile.yaml`.
    /// All of them, by name, if absent.
    #[arg(value_name = "TYPE", value_parser = PossibleValuesParser::new(KINDS))]
    name: Option<String>,
}

/// Writes the schema.
pub fn run(schema: &Schema, out: &mut dyn Write) -> anyhow::Result<()> {
    let all = schemas();
    let text = match &schema.name {
        None => serde_json::to_string_pretty(&all)?,
        Some(name) => {
            let schema = all.get(name.as_str()).context("there is no such schema")?;
            serde_json::to_string_pretty(schema)?
        }
    };
    // Whether whoever reads it has gone shows in an error of writing, not of JSON.
    Ok(writeln!(out, "{text}")?)
}

fn schemas() -> BTreeMap<&'static str, schemars::Schema> {
    BTreeMap::from([
        ("agreement", schema_for!(Agreement)),
        ("config", schema_for!(Config)),
        ("entry", schema_for!(Entry)),
        ("grant", schema_for!(Grant)),
        ("issuers", schema_for!(BTreeMap<IssuerId, Issuer>)),
        ("masks", schema_for!(BTreeMap<MaskId, Mask>)),
        ("matters", schema_for!(BTreeMap<MatterCode, Matter>)),
        ("networks", schema_for!(BTreeMap<NetworkId, Vec<String>>)),
        ("organization", schema_for!(Organization)),
        ("profile", schema_for!(Profile)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_every_schema_is_described() {
        for (name, schema) in schemas() {
            let mut bare = Vec::new();
            undescribed(schema.as_value(), name, &mut bare);
            assert!(bare.is_empty(), "{bare:?}");
        }
    }

    fn undescribed(value: &serde_json::Value, path: &str, bare: &mut Vec<String>) {
        let Some(object) = value.as_object() else { return };
        for (key, inner) in object {
            // A variant with one value is described as a whole.
            let variant = object.get("description").is_some()
                && inner.as_object().is_some_and(|properties| properties.len() == 1);
            if key == "properties" && !variant {
                for (name, property) in inner.as_object().into_iter().flatten() {
                    let tag = name == "kind";
                    if !tag
                        && property.get("description").is_none()
                        && property.get("$ref").is_none()
                    {
                        bare.push(format!("{path}.{name}"));
                    }
                }
            }
            undescribed(inner, &format!("{path}.{key}"), bare);
        }
    }
}
