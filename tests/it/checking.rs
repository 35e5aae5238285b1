//! `helan check` through the program: everything wrong at once, and the same that `helan serve` would
//! refuse.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::policies::{city, grant, put};
use crate::support::city::program;
use crate::support::{eventually, free_port};

fn helan(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(program())
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(text).unwrap()
}

/// A small city with the project's rules, whose terms do not end while anybody reads this.
fn lasting(folder: &Path) {
    city(folder);
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/rules");
    for profile in ["yc-2018", "sc-809-2025"] {
        for file in fs::read_dir(own.join(profile)).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            put(folder, &format!("rules/{profile}/{name}"), &fs::read_to_string(&path).unwrap());
        }
    }
    edit(folder, "agreements/a-1.yaml", "2026-12-31", "2099-12-31");
    for organization in ["bureau", "tax", "housing"] {
        edit(folder, &format!("organizations/{organization}.yaml"), "2027-12-31", "2099-12-31");
    }
    put(folder, "grants/g-1.yaml", &long(&grant("g-1")));
}

/// In force long after this was written, which breaches the bound on terms.
fn long(grant: &str) -> String {
    grant.replace("2026-12-31", "2099-12-31")
}

fn edit(folder: &Path, name: &str, from: &str, to: &str) {
    let text = fs::read_to_string(folder.join(name)).unwrap();
    assert!(text.contains(from), "{name} has no {from}");
    put(folder, name, &text.replace(from, to));
}

/// Faults of every kind, spread over the files of a city.
fn spoil(root: &Path) {
    put(root, "grants/broken.yaml", "id: [\n");
    put(root, "grants/unknown-key.yaml", &long(&grant("g-2")).replace("purposes:", "purpose:"));
    put(root, "grants/wrong-type.yaml", &long(&grant("g-3")).replace("[id_no, paid]", "id_no"));
    put(root, "grants/several.yaml", &format!("{}---\n{}", long(&grant("g-4")), grant("g-1")));
    put(root, "grants/no-entry.yaml", &long(&grant("g-5")).replace("tax/payers", "tax/nothing"));
    put(root, "grants/no-item.yaml", &long(&grant("g-6")).replace("paid]", "debt]"));
    put(
        root,
        "organizations/enterprise.yaml",
        "id: enterprise\nname: 公司\nuscc: 91640100MA9T001309\nkind: enterprise\nregion: '640100'\n",
    );
    edit(
        root,
        "organizations/tax.yaml",
        "- {id: interface, url: http://127.0.0.1:1}\n",
        "- id: interface\n  url: https://127.0.0.1:1\n  authorities: nobody.pem\n  credentials:\n  \
         - {kind: bearer, zone: sharing, token: {file: exposed}}\n\
         - id: twice\n  url: http://127.0.0.1:1\n  credentials:\n  \
         - {kind: header, zone: sharing, name: x-key, value: {file: private}}\n  \
         - {kind: header, zone: sharing, name: X-Key, value: {file: private}}\n  \
         - {kind: header, zone: opening, name: x-key, value: {file: missing}}\n",
    );
    put(root, "exposed", "secret\n");
    put(root, "private", "secret\n");
    fs::set_permissions(root.join("private"), fs::Permissions::from_mode(0o600)).unwrap();
    let entry = fs::read_to_string(root.join("catalog/tax/payers.yaml")).unwrap();
    put(
        root,
        "catalog/tax/hidden.yaml",
        &entry
            .replace("tax/payers", "tax/hidden")
            .replace("class: conditional", "class: withheld")
            .replace("{class: closed}", "{class: desensitized, masks: {id_no: id}}")
            .replace("update: daily", "update: realtime")
            .replace("modes: [api]", "modes: [file]")
            .replace("payers.openapi.yaml", "hidden.openapi.yaml")
            .replace("  upstream: interface\n", "  upstream: twice\n  headers: [ETag, x-total]\n"),
    );
    put(
        root,
        "catalog/tax/hidden.openapi.yaml",
        "openapi: 3.0.3\npaths:\n  /a/{x}/c:\n    get: {parameters: [{name: x, in: path}]}\n  \
         /a/b/{y}:\n    get: {parameters: [{name: y, in: path}, {name: Cookie, in: header}]}\n  \
         /upload:\n    post: {requestBody: {content: {text/xml: {}}}}\n",
    );
    put(
        root,
        "issuers.yaml",
        "one: {issuer: https://id.example, audience: a, zones: [sharing], algorithms: [ES256], keys: {file: broken.jwks}}\n\
         two: {issuer: https://id.example, audience: b, zones: [sharing], algorithms: [HS256], keys: {file: nowhere.jwks}}\n",
    );
    put(root, "broken.jwks", "{\"keys\": []}\n");
    edit(root, "rules/yc-2018/profile.yaml", "standing: true", "standin: true");
    put(
        root,
        "rules/sc-809-2025/9.cedar",
        "// 注释\n\nforbid (principal, action, resource) whn {};\n",
    );
}

#[test]
fn everything_wrong_is_said_at_once_with_its_place_its_line_and_its_mend() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("city");
    lasting(&root);
    let before = helan(folder.path(), &["check", "--policies", "city"]);
    assert_eq!(before.status.code(), Some(0), "{}", said(&before));
    spoil(&root);

    let output = helan(folder.path(), &["check", "--policies", "city"]);

    assert_eq!(output.status.code(), Some(78));
    let now = String::from_utf8(output.stdout).unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected/check.txt");
    if std::env::var_os("HELAN_UPDATE").is_some() {
        fs::write(&file, &now).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        now == committed,
        "what is said changed; look at it, and run with HELAN_UPDATE=1 to commit it:\n{now}"
    );
    // Every problem is an error or a warning with a place, shows its line, and says how to mend it.
    for said in now.split("\n\n").filter(|said| said.contains(": error: ")) {
        assert!(said.contains("  = mend: ") || said.contains("should be"), "{said}");
        let behind_the_last_line = said.contains("broken.yaml:2:1");
        assert!(said.contains(" | ") || behind_the_last_line, "{said}");
    }
}

/// A node of the sharing zone with everything it needs.
fn node(folder: &Path) -> u16 {
    lasting(&folder.join("policies"));
    let made = helan(folder, &["keys", "make", "--folder", "keys"]);
    assert!(made.status.success(), "{}", said(&made));
    let port = free_port();
    put(
        folder,
        "helan.yaml",
        &format!(
            "zones:\n  sharing:\n    profile: yc-2018\n    listeners: [{{address: '127.0.0.1:{port}'}}]\n\
             admin: {{address: '127.0.0.1:{}'}}\npolicies: policies\nrecords: records\nstate: state\nkeys: keys\n",
            free_port()
        ),
    );
    port
}

/// A fault by name, how it is made, and the place that both commands name.
type Fault = (&'static str, fn(&Path), &'static str);

const FAULTS: [Fault; 8] = [
    (
        "no rules",
        |at| fs::remove_dir_all(at.join("policies/rules/yc-2018")).unwrap(),
        "yc-2018: error",
    ),
    ("no keys", |at| fs::remove_dir_all(at.join("keys")).unwrap(), "keys"),
    (
        "a key that others may read",
        |at| {
            let key = fs::read_dir(at.join("keys")).unwrap().next().unwrap().unwrap().path();
            fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
        },
        "others may read",
    ),
    (
        "authorities that are not there",
        |at| upstream(at, "url: https://127.0.0.1:1, authorities: nobody.pem"),
        "tax.yaml:9:58: error",
    ),
    (
        "a header used twice",
        |at| {
            put(at, "policies/s", "secret\n");
            fs::set_permissions(at.join("policies/s"), fs::Permissions::from_mode(0o600)).unwrap();
            let key = "{kind: header, zone: sharing, name: x-key, value: {file: s}}";
            upstream(at, &format!("url: http://127.0.0.1:1, credentials: [{key}, {key}]"));
        },
        "tax.yaml:9:57: error",
    ),
    (
        "a secret that others may read",
        |at| {
            put(at, "policies/s", "secret\n");
            let key = "{kind: bearer, zone: sharing, token: {file: s}}";
            upstream(at, &format!("url: http://127.0.0.1:1, credentials: [{key}]"));
        },
        "tax.yaml:9:58: error",
    ),
    (
        "a key set without keys",
        |at| {
            put(at, "policies/k.jwks", "{\"keys\": []}");
            issuers(
                at,
                "one: {issuer: i, audience: a, zones: [sharing], algorithms: [ES256], keys: {file: k.jwks}}\n",
            );
        },
        "issuers.yaml:1:",
    ),
    (
        "two issuers of one name",
        |at| {
            let line = "issuer: i, audience: a, zones: [sharing], algorithms: [ES256], keys: {url: 'https://127.0.0.1:1/'}";
            issuers(
                at,
                &format!(
                    "one: {{{line}}}\ntwo: {{{}}}\n",
                    line.replace("audience: a", "audience: b")
                ),
            );
        },
        "issuers.yaml:2:",
    ),
];

fn upstream(at: &Path, with: &str) {
    edit(&at.join("policies"), "organizations/tax.yaml", "url: http://127.0.0.1:1", with);
}

fn issuers(at: &Path, text: &str) {
    put(at, "policies/issuers.yaml", text);
}

#[test]
fn what_serve_would_refuse_check_finds_at_the_same_place() {
    for (name, spoil, place) in FAULTS {
        let folder = tempfile::tempdir().unwrap();
        node(folder.path());
        let good = helan(folder.path(), &["check", "--config", "helan.yaml"]);
        assert_eq!(good.status.code(), Some(0), "{}", said(&good));
        spoil(folder.path());

        for command in ["check", "serve"] {
            let output = helan(folder.path(), &[command, "--config", "helan.yaml"]);
            let text = said(&output);
            assert_eq!(output.status.code(), Some(78), "{name}: {command}\n{text}");
            assert!(text.contains(place), "{name}: {command} does not say {place}\n{text}");
        }
    }
}

#[test]
fn a_secret_that_is_missing_keeps_its_entry_from_being_called_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let port = node(folder.path());
    let key = "{kind: bearer, zone: sharing, token: {environment: HELAN_TEST_NOT_SET}}";
    upstream(folder.path(), &format!("url: http://127.0.0.1:1, credentials: [{key}]"));
    let output = helan(folder.path(), &["check", "--config", "helan.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(
        said(&output).contains("tax.yaml:9:58: warning: the environment variable"),
        "{}",
        said(&output)
    );

    let mut child = Command::new(program())
        .args(["serve", "--config", "helan.yaml"])
        .current_dir(folder.path())
        .stderr(fs::File::create(folder.path().join("log")).unwrap())
        .spawn()
        .unwrap();
    let log = || fs::read_to_string(folder.path().join("log")).unwrap();
    let started = eventually("the node's start", Duration::from_secs(60), || {
        let over = child.try_wait().unwrap().is_some();
        (over || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()).then_some(!over)
    });
    let text = log();
    child.kill().unwrap();
    child.wait().unwrap();

    assert!(started, "{text}");
    assert!(text.contains("tax/payers") && text.contains("HELAN_TEST_NOT_SET"), "{text}");
}

#[test]
fn a_faulty_configuration_does_not_lead_to_another_folder() {
    let folder = tempfile::tempdir().unwrap();
    node(folder.path());
    edit(folder.path(), "helan.yaml", "profile: yc-2018", "profile: yc-2017");

    let output = helan(folder.path(), &["check", "--config", "helan.yaml"]);

    let text = said(&output);
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(text.contains("helan.yaml:3:14: error"), "{text}");
    assert!(text.contains("the policies were not looked at"), "{text}");
}

#[test]
fn a_command_ends_as_the_shell_expects() {
    let folder = tempfile::tempdir().unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    put(folder.path(), "api.json", "{}");
    let policies = format!("{root}/policies");
    let explain =
        ["explain", "--policies", &policies, "--entry", "civil-affairs/marriage", "--application"];
    let refused = [&explain[..], &["police/traffic-safety"]].concat();
    let allowed = [
        &explain[..],
        &["natural-resources/registration", "--purpose", "data-verification", "--matter"],
        &["estate-transfer", "--at", "2026-06-01T08:00:00+08:00"],
    ]
    .concat();
    let cases: [(&[&str], i32); 12] = [
        (&["--help"], 0),
        (&["--version"], 0),
        (&["check", "--policies", &policies], 0),
        (&allowed, 0),
        (&refused, 1),
        (&["records", "query", "--records", "nowhere"], 1),
        (&["chek"], 64),
        (&["check", "--polices", "x"], 64),
        (&["schema", "nonsense"], 64),
        (&["serve", "--config", "nowhere.yaml"], 78),
        (&["check", "--policies", "nowhere"], 78),
        (&["draft", "--openapi", "api.json", "--organization", "tax", "--name", "a"], 78),
    ];
    for (arguments, expected) in cases {
        let output = helan(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(expected), "{arguments:?}\n{}", said(&output));
    }
}

#[test]
fn every_command_says_what_it_is_for_with_an_example() {
    let folder = tempfile::tempdir().unwrap();
    let help = said(&helan(folder.path(), &["--help"]));
    let commands = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let names = commands.lines().filter_map(|line| line.strip_prefix("  "));
    let names = names.filter_map(|line| line.split(' ').next()).filter(|name| !name.is_empty());
    let names: Vec<&str> = names.filter(|name| *name != "help").collect();

    assert!(names.len() >= 9, "{names:?}");
    for name in names {
        let help = said(&helan(folder.path(), &[name, "--help"]));
        assert!(help.contains(&format!("  helan {name}")), "{name} shows no example\n{help}");
    }
}

#[test]
fn every_kind_of_file_has_a_schema() {
    let folder = tempfile::tempdir().unwrap();
    let all: serde_json::Value =
        serde_json::from_slice(&helan(folder.path(), &["schema"]).stdout).unwrap();
    let names: Vec<&str> = all.as_object().unwrap().keys().map(String::as_str).collect();

    assert_eq!(
        names,
        [
            "agreement",
            "config",
            "entry",
            "grant",
            "issuers",
            "masks",
            "matters",
            "networks",
            "organization",
            "profile"
        ]
    );
    for name in names {
        let one: serde_json::Value =
            serde_json::from_slice(&helan(folder.path(), &["schema", name]).stdout).unwrap();
        assert_eq!(one, all[name]);
    }
}
