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

use crate::config::problem::{BadConfiguration, Problem};
use crate::config::yaml::Fault;
use crate::domain::{EntryId, OrganizationId, Timestamp};
use crate::policy::openapi;

/// Writes most of a catalog entry from an interface description (OpenAPI 3).
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  helan draft --openapi my-api.yaml --organization tax --name payers > payers.yaml\n  grep -nE 'FILL_IN|REVIEW' payers.yaml     # what only you can decide\n  cp my-api.yaml policies/catalog/tax/payers.openapi.yaml\n  cp payers.yaml policies/catalog/tax/payers.yaml\n  helan check --policies policies"
)]
pub struct Draft {
    /// The description, YAML or JSON, as your interface has it.
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
    let kind = if path.extension().is_some_and(|kind| kind == "json") { "json" } else { "yaml" };
    let file = format!("{}.openapi.{kind}", id.name());
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
        let put = |path: &str, text: &str| put(folder.path(), path, text);
        city(folder.path());
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

    /// What generators write: one with a wrapper and `*/*`, one with `null` among the types; and one by
    /// hand, with references for everything and a tree.
    const REAL: [(&str, &str); 3] = [
        (
            "json",
            r##"{"openapi":"3.0.1","info":{"title":"OpenAPI definition","version":"v0"},
"servers":[{"url":"http://10.1.2.3:8080/gov/api","description":"Generated server url"}],
"paths":{"/v1/payers":{"get":{"tags":["payer-controller"],"operationId":"list","parameters":[
 {"name":"pageNum","in":"query","required":false,"schema":{"type":"integer","format":"int32","default":1}},
 {"name":"taxNo","in":"query","schema":{"type":"string"}},
 {"name":"X-Request-Id","in":"header","schema":{"type":"string"}},
 {"name":"JSESSIONID","in":"cookie","schema":{"type":"string"}}],
 "responses":{"200":{"description":"OK","content":{"*/*":{"schema":{"$ref":"#/components/schemas/ResultPage"}}}}}},
 "post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Query"}}},"required":true},
 "responses":{"200":{"description":"OK","content":{"*/*":{"schema":{"$ref":"#/components/schemas/ResultPage"}}}}}}}},
"components":{"schemas":{
 "ResultPage":{"type":"object","properties":{"code":{"type":"integer"},"msg":{"type":"string"},"data":{"$ref":"#/components/schemas/Page"}}},
 "Page":{"type":"object","properties":{"total":{"type":"integer","format":"int64"},"list":{"type":"array","items":{"$ref":"#/components/schemas/PayerVO"}}}},
 "Query":{"type":"object","properties":{"taxNo":{"type":"string"},"pageNum":{"type":"integer"}}},
 "PayerVO":{"type":"object","properties":{"taxNo":{"type":"string","maxLength":20},"姓名":{"type":"string"},"住所":{"type":"string"},
  "amount":{"type":"number"},"updateTime":{"type":"string","format":"date-time"}}}}}}"##,
        ),
        (
            "json",
            r##"{"openapi":"3.1.0","info":{"title":"FastAPI","version":"0.1.0"},
"paths":{"/payers":{"get":{"summary":"Read Payers","parameters":[
 {"name":"limit","in":"query","required":false,"schema":{"type":"integer","default":100}},
 {"name":"id_no","in":"query","required":false,"schema":{"anyOf":[{"type":"string"},{"type":"null"}]}}],
 "responses":{"200":{"content":{"application/json":{"schema":{"type":"array","items":{"$ref":"#/components/schemas/Payer"}}}}},
  "422":{"description":"Validation Error","content":{"application/json":{"schema":{"$ref":"#/components/schemas/E"}}}}}}}},
"components":{"schemas":{"E":{"properties":{"detail":{"type":"array"}}},
 "Payer":{"type":"object","properties":{"id_no":{"type":"string"},"phone":{"anyOf":[{"type":"string"},{"type":"null"}]},
  "owner":{"anyOf":[{"$ref":"#/components/schemas/Owner"},{"type":"null"}]},"paid":{"type":["boolean","null"]}}},
 "Owner":{"type":"object","properties":{"name":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}}}}}}}"##,
        ),
        (
            "yaml",
            "openapi: 3.0.3
info:
  title: 行政区划
  description: |
    全市行政区划，按层级。
    每日更新。
servers:
- url: https://{env}.city.example/v2
  variables: {env: {default: prod}}
paths:
  /areas/{code}:
    parameters:
    - $ref: '#/components/parameters/code'
    get:
      responses:
        '200': {$ref: '#/components/responses/Area'}
        default: {description: Failed}
components:
  parameters:
    code: {name: code, in: path, required: true, schema: {type: string}}
  responses:
    Area:
      description: One area
      content:
        application/json; charset=utf-8:
          schema: {$ref: '#/components/schemas/Area'}
  schemas:
    Base:
      type: object
      properties:
        code: {type: string}
        name: {type: string, description: 'Name: as registered'}
    Area:
      allOf:
      - $ref: '#/components/schemas/Base'
      - type: object
        properties:
          name: {type: string, title: 名称}
          center:
            type: object
            properties: {lng: {type: number}, lat: {type: number}}
          children:
            type: array
            items: {$ref: '#/components/schemas/Area'}
",
        ),
    ];

    #[test]
    fn drafts_of_what_generators_write_pass_once_their_marks_are_filled_in() {
        let folder = tempfile::tempdir().unwrap();
        city(folder.path());
        for (at, (kind, description)) in REAL.into_iter().enumerate() {
            let name = format!("real-{at}");
            let beside = format!("catalog/tax/{name}.openapi.{kind}");
            put(folder.path(), &beside, description);
            let organization = OrganizationId::parse("tax").unwrap();
            let mut out = Vec::new();
            let openapi = folder.path().join(&beside);
            run(&Draft { openapi, organization, name: name.clone() }, &mut out).unwrap();
            let draft = String::from_utf8(out).unwrap();
            let filled = draft
                .replace("code: FILL_IN", &format!("code: 101001001/00000{at}"))
                .replace("upstream: FILL_IN", "upstream: interface");
            put(folder.path(), &format!("catalog/tax/{name}.yaml"), &filled);
            let left = filled.lines().filter(|line| !line.starts_with('#'));
            let left: Vec<_> = left.filter(|line| line.contains("FILL_IN")).collect();
            assert!(left.is_empty(), "{name}: {left:?}\n{draft}");
            assert_eq!(errors(folder.path()), Vec::<String>::new(), "{draft}");
            for part in [
                &[
                    "base: \"/gov/api\"",
                    "rows: \"data.list[]\"",
                    "\"code\", \"msg\", \"data.total\"",
                    "path: \"姓名\"",
                    "\"X-Request-Id\": {use: format}",
                    "type: date-time",
                ][..],
                &[
                    "rows: \"[]\"",
                    "- name: phone\n    title: \"phone\"\n    type: string",
                    "path: \"owner.name\"",
                    "path: \"owner.tags[]\"",
                    "type: boolean",
                ][..],
                &[
                    "path: \"center.lng\"",
                    "- name: children\n    title: \"children\"\n    type: any",
                    "title: \"Name: as registered\"",
                ][..],
            ][at]
            {
                assert!(draft.contains(part), "{part} is not in\n{draft}");
            }
        }
    }

    fn put(folder: &std::path::Path, path: &str, text: &str) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn city(folder: &std::path::Path) {
        put(
            folder,
            "organizations/tax.yaml",
            "id: tax\nname: 税务\nuscc: 11640100MB9T00011X\nkind: department\nregion: '640100'\n\
             upstreams:\n- {id: interface, url: http://127.0.0.1:1}\n",
        );
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
