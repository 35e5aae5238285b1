//! Everything wrong is reported at once, each with its place.

use std::fs;
use std::path::Path;

use helan::config::problem::Problem;
use helan::domain::{ProfileId, Zone};
use helan::policy::{check, folder};

use super::{PROFILES, city, grant, now, put};

fn problems(folder: &Path) -> Vec<Problem> {
    let reading = folder::read(folder, now()).unwrap();
    let mut problems = check::check(&reading.sources, &reading.origins, &PROFILES, now());
    problems.extend(reading.problems);
    helan::config::problem::sort(&mut problems);
    problems
}

/// `file:line:column severity message`, for one line each.
fn lines(folder: &Path) -> Vec<String> {
    let line = |problem: &Problem| {
        let file = problem.file.strip_prefix(folder).unwrap_or(&problem.file).display();
        let severity = if problem.is_error() { "error" } else { "warning" };
        format!("{file}:{}:{} {severity} {}", problem.line, problem.column, problem.message)
    };
    problems(folder).iter().map(line).collect()
}

#[test]
fn nothing_is_wrong_with_a_good_city() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());

    assert_eq!(lines(folder.path()), Vec::<String>::new());
}

#[test]
fn every_kind_of_bad_input_is_reported_at_once_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    city(root);
    put(root, "grants/broken.yaml", "id: [\n");
    put(root, "grants/unknown-key.yaml", &grant("g-2").replace("purposes:", "purpose:"));
    put(root, "grants/wrong-type.yaml", &grant("g-3").replace("[id_no, paid]", "id_no"));
    put(root, "grants/several.yaml", &format!("{}---\n{}", grant("g-4"), grant("g-1")));
    put(root, "grants/no-entry.yaml", &grant("g-5").replace("tax/payers", "tax/nothing"));
    put(root, "grants/no-item.yaml", &grant("g-6").replace("paid]", "debt]"));
    put(
        root,
        "organizations/enterprise.yaml",
        "id: enterprise\nname: 公司\nuscc: 91640100MA9T001309\nkind: enterprise\nregion: '640100'\n",
    );
    put(
        root,
        "organizations/tax.yaml",
        "id: tax\nname: 税务\nuscc: 11640100MB9T0002XM\nkind: department\nregion: '640100'\nupstreams:\n\
         - id: interface\n  url: http://127.0.0.1:1/api\n  credentials:\n  \
         - {kind: bearer, zone: sharing, token: {file: token}}\n",
    );
    put(root, "token", "secret\n");
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
            .replace("payers.openapi.yaml", "hidden.openapi.yaml"),
    );
    put(
        root,
        "catalog/tax/hidden.openapi.yaml",
        "openapi: 3.0.3\npaths:\n  /a/{x}/c:\n    get: {parameters: [{name: x, in: path}]}\n  \
         /a/b/{y}:\n    get: {parameters: [{name: y, in: path}]}\n",
    );

    let found = lines(root);

    for expected in [
        "grants/broken.yaml:2:1 error this is no YAML",
        "grants/unknown-key.yaml:6:1 error the key `purpose` is not known here",
        "grants/unknown-key.yaml:1:1 error the key `purposes` is missing",
        "grants/wrong-type.yaml:5:8 error a list is needed here, and this is a text",
        "grants/several.yaml:16:5 error the grant `g-1` is written twice, first in grants/g-1.yaml:1:5",
        "grants/no-entry.yaml:4:8 error there is no entry `tax/nothing`",
        "grants/no-item.yaml:5:16 error `tax/payers` has no item `debt`",
        "organizations/enterprise.yaml:3:7 error the check character should be `8`",
        "organizations/tax.yaml:8:8 error `http://127.0.0.1:1/api` is no address of an interface",
        "organizations/tax.yaml:10:5 error the secret `token` can be read by others",
        "organizations/tax.yaml:1:1 warning this organization has catalog entries and no steward in term",
        "catalog/tax/payers.yaml:2:7 error `tax/hidden` has the same code",
        "catalog/tax/hidden.yaml:8:10 error withheld, and no legal basis is given",
        "catalog/tax/hidden.yaml:12:47 error the mask `id` leaves part of `id_no`",
        "catalog/tax/hidden.yaml:10:10 warning renewed at once or used in parallel approval",
        "catalog/tax/hidden.yaml:12:18 warning opened, and no confidentiality review",
        "catalog/tax/hidden.openapi.yaml:5:3 error GET: `/a/{x}/c` and `/a/b/{y}` fit the same path",
        "catalog/tax/hidden.yaml:22:3 error it is not said what the parameter `x` means",
        "catalog/tax/hidden.yaml:23:5 error the description has no parameter `id_no`",
    ] {
        assert!(
            found.iter().any(|line| line.starts_with(expected)),
            "{expected}\nis not in\n{}",
            found.join("\n")
        );
    }
    // All but the one that is wrong behind its last line show the line.
    assert!(problems(root).iter().all(|problem| {
        problem.line == 0
            || problem.source_line.is_some()
            || problem.file.ends_with("grants/broken.yaml")
    }));
}

#[test]
fn breaches_of_law_that_compile_are_warnings_with_their_article() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    city(root);
    put(
        root,
        "grants/g-1.yaml",
        &grant("g-1")
            .replace("agreement: a-1\n", "")
            .replace("until: 2026-12-31", "until: 2029-12-31"),
    );

    let found = problems(root);

    assert!(found.iter().all(|problem| !problem.is_error()), "{found:?}");
    let articles: Vec<String> =
        found.iter().filter_map(|p| Some(format!("{} {}", p.line, p.article?))).collect();
    assert_eq!(articles, ["1 yc-2018 §16", "8 yc-2018 §16"]);
}

#[test]
fn links_out_of_the_folder_and_strange_files_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    city(folder.path());
    let link = folder.path().join("grants/link.yaml");
    std::os::unix::fs::symlink(outside.path(), link).unwrap();
    put(folder.path(), "grants/.hidden.yaml", "id: [\n");
    put(folder.path(), "rules/yc-2018/profile.yaml", "anything: [\n");
    put(folder.path(), "mask.yaml", "x: {kind: drop}\n");
    put(folder.path(), "grants/latin.yaml", "x");
    fs::write(folder.path().join("grants/latin.yaml"), b"id: \xff").unwrap();

    let found = lines(folder.path());

    assert_eq!(
        found,
        [
            "grants/latin.yaml:1:1 error this is no UTF-8",
            "grants/link.yaml:0:0 error the link leads out of the policy folder, or nowhere",
            "mask.yaml:0:0 warning the file is not read: nothing is read from this place",
        ]
    );
}

#[test]
fn an_unchanged_file_is_not_parsed_again_and_a_changed_one_is() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    let mut reader = folder::Reader::new(folder.path()).unwrap();
    // Long after the files were written, so that what is read is remembered.
    let later = helan::domain::Timestamp::parse("2100-01-01T00:00:00Z").unwrap();

    let first = reader.read(later);
    put(folder.path(), "grants/g-1.yaml", &grant("g-1").replace("paid]", "id_no]"));
    let second = reader.read(later);

    let entry = helan::domain::EntryId::parse("tax/payers").unwrap();
    let same = |id| std::sync::Arc::ptr_eq(&first.sources.entries[id], &second.sources.entries[id]);
    assert!(same(&entry));
    let id = helan::domain::GrantId::parse("g-1").unwrap();
    assert_eq!(second.sources.grants[&id].items.len(), 2);
    assert_ne!(first.sources.grants[&id].items, second.sources.grants[&id].items);
}

/// Breaches of law under a profile, `line article`.
fn breaches(root: &Path, profile: ProfileId) -> Vec<String> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/rules");
    let link = root.join("rules");
    if !link.exists() {
        std::os::unix::fs::symlink(own, link).unwrap();
    }
    let reading = folder::read(root, now()).unwrap();
    let profiles = [(Zone::Sharing, profile)];
    let problems = check::check(&reading.sources, &reading.origins, &profiles, now());
    assert!(problems.iter().all(|problem| !problem.is_error()), "{problems:?}");
    let told = problems.iter().filter_map(|p| Some(format!("{} {}", p.article?, p.message)));
    told.collect()
}

#[test]
fn what_a_grant_needs_is_read_from_the_profile_by_the_strictest_of_its_items() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    city(root);
    let entry = fs::read_to_string(root.join("catalog/tax/payers.yaml")).unwrap();
    let withheld = |rank: &str| {
        entry.replace("type: boolean}", "type: boolean, sharing: withheld}").replace(
            "  modes: [api]",
            &format!(
                "  basis: [{{rank: {rank}, title: t, article: a}}]\n  reason: r\n  modes: [api]"
            ),
        )
    };
    put(root, "catalog/tax/payers.yaml", &withheld("state-council-decision"));
    let approved: Vec<_> =
        grant("g-1").lines().filter(|l| !l.contains("by: bureau")).map(String::from).collect();
    put(root, "grants/g-1.yaml", &format!("{}\n", approved.join("\n")));

    // The entry is conditional, one granted item is withheld: the bureau must approve, and coordinate.
    assert_eq!(
        breaches(root, ProfileId::Sc809),
        [
            "sc-809-2025 §28 items are withheld, and no negotiation is recorded",
            "sc-809-2025 §21 the approval of the bureau is missing",
        ]
    );
    let negotiated =
        format!("{}\nnegotiation: {{date: 2026-01-01, document: d}}\n", approved.join("\n"));
    put(root, "grants/g-1.yaml", &negotiated);
    let found = breaches(root, ProfileId::Sc809).join("\n");
    assert!(found.contains("§28 items are withheld, and the bureau did not coordinate"), "{found}");

    // Without that item the provider alone decides under the order, and both under the Measures.
    put(root, "grants/g-1.yaml", &negotiated.replace("[id_no, paid]", "[id_no]"));
    assert_eq!(breaches(root, ProfileId::Sc809), Vec::<String>::new());
    assert_eq!(
        breaches(root, ProfileId::Yc2018),
        ["yc-2018 §15 the approval of the bureau is missing"]
    );

    // The Measures know a local rule as a ground, the order does not.
    put(root, "catalog/tax/payers.yaml", &withheld("local-rule"));
    let found = breaches(root, ProfileId::Sc809).join("\n");
    assert!(
        found.contains("no basis given has a rank on which sc-809-2025 lets data be withheld"),
        "{found}"
    );
    assert!(!breaches(root, ProfileId::Yc2018).join("\n").contains("rank"));
}

#[test]
fn headers_and_bodies_that_cannot_pass_are_told_where_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    city(root);
    let entry = fs::read_to_string(root.join("catalog/tax/payers.yaml")).unwrap();
    let interface = "  headers: [x-total-count, 'x total', Set-Cookie]\n  opaque: [image/png, application/json, text/plain]\n";
    put(
        root,
        "catalog/tax/payers.yaml",
        &entry.replace("  rows: rows[]\n", &format!("  rows: rows[]\n{interface}")),
    );
    put(
        root,
        "catalog/tax/payers.openapi.yaml",
        "openapi: 3.0.3\npaths:\n  /:\n    get:\n      parameters:\n      - {name: id_no, in: query}\n      \
         - {name: X_Forwarded_For, in: header}\n  /photo:\n    post:\n      \
         requestBody: {content: {image/png: {}, text/xml: {}}}\n",
    );

    assert_eq!(
        lines(root),
        [
            "catalog/tax/payers.openapi.yaml:3:3 error the header `X_Forwarded_For` of GET / ends at the gate, and the department never gets it",
            "catalog/tax/payers.yaml:19:3 warning calls with a body of `text/xml` are refused: only JSON can be checked",
            "catalog/tax/payers.yaml:22:28 error `x total` is no header name",
            "catalog/tax/payers.yaml:22:39 error the department's `Set-Cookie` never leaves: the gate says it itself",
            "catalog/tax/payers.yaml:23:23 error `application/json` is JSON, which is checked member by member",
            "catalog/tax/payers.yaml:23:41 error no operation of the description takes a body of `text/plain`",
        ]
    );
}

#[test]
fn i2_a_conditional_entry_says_under_which_conditions_and_for_which_purposes() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    let file = "catalog/tax/payers.yaml";
    let text = fs::read_to_string(folder.path().join(file)).unwrap();
    let without = |words: &str| {
        let all = text.split_inclusive('\n');
        let kept: String = all.filter(|line| !line.trim_start().starts_with(words)).collect();
        put(folder.path(), file, &kept);
        lines(folder.path())
    };

    let said = without("conditions:");
    assert!(said.len() == 1 && said[0].contains("no conditions are given (I2)"), "{said:?}");
    let said = without("purposes:");
    assert!(said.len() == 1 && said[0].contains("no purposes are given (I2)"), "{said:?}");
}
