//! Everything wrong is reported at once, each with its place.

use std::fs;
use std::path::Path;

use helan::config::problem::Problem;
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

#[test]
fn i2_a_conditional_entry_says_under_which_conditions_and_for_which_purposes() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    let file = "catalog/tax/payers.yaml";
    let text = fs::read_to_string(folder.path().join(file)).unwrap();
    let without = |words: &str| {
        let kept = text.lines().filter(|line| !line.trim_start().starts_with(words));
        put(folder.path(), file, &kept.map(|line| format!("{line}\n")).collect::<String>());
        lines(folder.path())
    };

    let said = without("conditions:");
    assert!(said.len() == 1 && said[0].contains("no conditions are given (I2)"), "{said:?}");
    let said = without("purposes:");
    assert!(said.len() == 1 && said[0].contains("no purposes are given (I2)"), "{said:?}");
}
