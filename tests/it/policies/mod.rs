//! The policy folder from outside: bad input, reload, withdrawals, freezes.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod bad_input;
mod reloading;
mod unseen;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use helan::domain::{ProfileId, Timestamp, Zone};

/// The rules every test follows.
const PROFILES: [(Zone, ProfileId); 2] =
    [(Zone::Sharing, ProfileId::Yc2018), (Zone::Opening, ProfileId::Yc2018)];

fn now() -> Timestamp {
    Timestamp::parse("2026-11-23T00:00:00Z").unwrap()
}

pub(crate) fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
}

pub(crate) fn grant(id: &str) -> String {
    format!(
        "id: {id}
consumer: housing
applications: [housing/desk]
entry: tax/payers
items: [id_no, paid]
purposes: [data-verification, business-collaboration]
modes: [api]
term: {{from: 2026-01-01, until: 2026-12-31}}
basis: {{rank: law, title: 税收征收管理法, article: 第六条}}
agreement: a-1
state: active
approvals:
- {{by: provider, organization: tax, person: t-1, date: 2026-01-01, document: d-1}}
- {{by: bureau, organization: bureau, person: b-1, date: 2026-01-01, document: d-2}}
"
    )
}

/// A small city in which nothing is wrong.
pub(crate) fn city(folder: &Path) {
    let organization = |id: &str, uscc: &str, kind: &str, steward: &str, more: &str| {
        let text = format!(
            "id: {id}\nname: 单位\nuscc: {uscc}\nkind: {kind}\nregion: '640100'\nstewards:\n\
             - {{person: {steward}, filing: f-1, term: {{from: 2025-01-01, until: 2027-12-31}}}}\n{more}"
        );
        put(folder, &format!("organizations/{id}.yaml"), &text);
    };
    organization("bureau", "11640100MB9T00011X", "bureau", "b-1", "");
    organization(
        "tax",
        "11640100MB9T0002XM",
        "department",
        "t-1",
        "upstreams:\n- {id: interface, url: http://127.0.0.1:1}\n",
    );
    organization(
        "housing",
        "11640100MB9T00038M",
        "department",
        "h-1",
        "applications:\n- id: housing/desk\n  name: 办事\n  credentials:\n  - {kind: name, dns: desk.example}\n  \
         - {kind: name, dns: other.example}\n",
    );
    put(
        folder,
        "catalog/tax/payers.yaml",
        "id: tax/payers
code: 101001001/000001
name: 纳税人
summary: 纳税人信息
domain: finance
format: 服务接口
sharing:
  class: conditional
  conditions: 依申请共享
  modes: [api]
  purposes: [data-verification, business-collaboration]
opening: {class: closed}
update: daily
published: 2026-01-01
items:
- {name: id_no, title: 公民身份号码, type: string, sensitivity: personal}
- {name: paid, title: 是否缴清, type: boolean}
interface:
  upstream: interface
  description: payers.openapi.yaml
  rows: rows[]
  parameters:
    id_no: {use: filter, item: id_no, subject: true}
",
    );
    put(
        folder,
        "catalog/tax/payers.openapi.yaml",
        "openapi: 3.0.3\npaths:\n  /:\n    get:\n      parameters:\n      - {name: id_no, in: query}\n      \
         responses: {'200': {description: ok}}\n",
    );
    put(
        folder,
        "agreements/a-1.yaml",
        "id: a-1\nprovider: tax\nconsumer: housing\nentry: tax/payers\nitems: [id_no]\ndocument: d-3\n\
         term: {from: 2026-01-01, until: 2026-12-31}\nstate: effective\n",
    );
    put(folder, "grants/g-1.yaml", &grant("g-1"));
    put(folder, "masks.yaml", "id: {kind: id-number, first: 6, last: 4}\nyear: {kind: year}\n");
}
