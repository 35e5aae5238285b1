//! `helan draft`: most of a catalog entry, from an interface description.
//!
//! What only people know is marked `FILL_IN`, and does not pass `helan check` until it is filled in.
//! What was guessed is marked `REVIEW`.

mod guess;
mod items;
mod write;

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;

use super::BadConfiguration;
use crate::config::problem::Problem;
use crate::config::yaml::Fault;
use crate::domain::{EntryId, OrganizationId, Timestamp};
use crate::policy::openapi;

/// Writes most of a catalog entry from an interface description (OpenAPI 3).
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  helan draft --openapi payers.openapi.yaml --organization tax --name payers > catalog/tax/payers.yaml"
)]
pub struct Draft {
    /// The description, which must then lie beside the entry.
    #[arg(long, value_name = "FILE")]
    openapi: PathBuf,
    /// The organization that holds the data.
    #[arg(long, value_parser = |text: &str| OrganizationId::parse(text))]
    organization: OrganizationId,
    /// The entry's name within the organization.
    #[arg(long)]
    name: String,
}

/// Writes the entry.
pub fn run(draft: &Draft, out: &mut dyn Write) -> anyhow::Result<()> {
    let id = EntryId::parse(&format!("{}/{}", draft.organization, draft.name))?;
    let path = &draft.openapi;
    let text =
        fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let refuse = |faults: Vec<Fault>| {
        let problems: Vec<String> =
            faults.into_iter().map(|fault| Problem::at(path, &text, fault).to_string()).collect();
        BadConfiguration(format!("the description cannot be used\n{}", problems.join("\n")))
    };
    let nodes = openapi::parse(path, &text).map_err(refuse)?;
    let root = nodes.first().context("the description is empty")?;
    let description = openapi::read(root).map_err(refuse)?;
    let found = items::find(root);
    let today = Timestamp::from_millis(jiff::Timestamp::now().as_millisecond()).day();
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let entry = write::Entry { id: &id, file: &file, root, today, found: &found };
    out.write_all(entry.write(&description).as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::problem::Problem;
    use crate::domain::{ProfileId, Zone};
    use crate::policy::{check, folder};

    const DESCRIPTION: &str = r##"{"openapi": "3.0.3", "info": {"title": "纳税人信息", "description": "Who pays: all"},
"paths": {
 "/payers": {"get": {"parameters": [
    {"name": "page", "in": "query"}, {"name": "_sort", "in": "query"}, {"name": "fields", "in": "query"},
    {"name": "id_no", "in": "query"}, {"name": "sql", "in": "query"}],
  "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}}}}},
 "/payers/{id_no}": {"get": {"parameters": [{"name": "id_no", "in": "path"}], "responses": {"200": {}}}},
 "/search": {"post": {"requestBody": {"content": {"application/json": {"schema": {"properties": {"q": {"properties": {"id_no": {"type": "string"}}}}}}}},
  "responses": {"200": {}}}}},
"components": {"schemas": {
 "Page": {"type": "object", "properties": {"total": {"type": "integer"}, "data": {"type": "object", "properties": {
   "rows": {"type": "array", "items": {"$ref": "#/components/schemas/Payer"}}}}}},
 "Payer": {"allOf": [{"type": "object", "properties": {
   "id_no": {"type": "string", "maxLength": 18, "description": "公民身份号码"}, "paid": {"type": "boolean"},
   "since": {"type": "string", "format": "date"}}},
   {"properties": {"owner": {"properties": {"name": {"type": "string"}}}, "marks": {"type": "array", "items": {"type": "string"}}}}]}}}}"##;

    fn drafted() -> String {
        let folder = tempfile::tempdir().unwrap();
        let openapi = folder.path().join("payers.openapi.json");
        fs::write(&openapi, DESCRIPTION).unwrap();
        let organization = OrganizationId::parse("tax").unwrap();
        let mut out = Vec::new();
        run(&Draft { openapi, organization, name: "payers".to_owned() }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_draft_finds_rows_items_and_what_is_telling() {
        let draft = drafted();

        for part in [
            "rows: \"data.rows[]\"",
            "envelope: [\"total\"]",
            "- name: id_no\n    title: \"公民身份号码\"\n    type: string\n    length: 18\n    sensitivity: personal  # REVIEW",
            "- name: owner_name\n    title: \"owner.name\"\n    path: \"owner.name\"\n",
            "path: \"marks[]\"",
            "since\"\n    type: date\n",
            "\"page\": {use: page}  # REVIEW",
            "\"_sort\": {use: sort, names: true}",
            "\"fields\": {use: select, names: true}",
            "\"id_no\": {use: filter, item: id_no, subject: true}",
            "\"sql\": {use: filter, item: FILL_IN}",
            "\"q.id_no\": {use: filter, item: id_no, subject: true}",
        ] {
            assert!(draft.contains(part), "{part} is not in\n{draft}");
        }
    }

    #[test]
    fn a_draft_passes_the_check_once_its_marks_are_filled_in() {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put(
            "organizations/tax.yaml",
            "id: tax\nname: 税务\nuscc: 11640100MB9T00011X\nkind: department\nregion: '640100'\n\
             upstreams:\n- {id: interface, url: http://127.0.0.1:1}\n",
        );
        put("catalog/tax/payers.openapi.json", DESCRIPTION);
        put("catalog/tax/payers.yaml", &drafted());
        assert!(!errors(folder.path()).is_empty(), "unfilled marks must not pass");

        let filled = drafted()
            .replace("code: FILL_IN", "code: 101001001/000001")
            .replace("upstream: FILL_IN", "upstream: interface")
            .replace("item: FILL_IN", "item: paid");
        put("catalog/tax/payers.yaml", &filled);

        assert_eq!(errors(folder.path()), Vec::<String>::new());
    }

    fn errors(folder: &std::path::Path) -> Vec<String> {
        let now = Timestamp::parse("2026-11-23T00:00:00Z").unwrap();
        let reading = folder::read(folder, now).unwrap();
        let profiles = [(Zone::Sharing, ProfileId::Yc2018)];
        let mut problems = check::check(&reading.sources, &reading.origins, &profiles, now);
        problems.extend(reading.problems);
        problems.into_iter().filter(Problem::is_error).map(|p| p.to_string()).collect()
    }
}
