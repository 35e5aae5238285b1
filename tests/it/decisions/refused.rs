//! Rules that are not accepted: every mistake is told with its place and its mend, all at once.

use std::fs;
use std::path::Path;

use helan::config::problem::Problem;
use helan::domain::{Denial, ProfileId};
use helan::policy::rules::Rules;

/// The real rules with one more file, or one file replaced.
fn with(file: &str, text: &str) -> Result<Rules, Vec<Problem>> {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/rules/yc-2018");
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(real).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    fs::write(folder.path().join(file), text).unwrap();
    Rules::load(ProfileId::Yc2018, folder.path())
}

const CITED: &str = r#"@id("x") @law("a") @article("b") @text("c") @code("withheld") @order("1")"#;

/// Where and what, of the only problem.
fn only(result: Result<Rules, Vec<Problem>>) -> (u32, u32, String) {
    let problems = result.unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].mend.as_ref().is_some_and(|mend| !mend.is_empty()), "{problems:?}");
    assert!(problems[0].source_line.is_some(), "{problems:?}");
    (problems[0].line, problems[0].column, problems[0].message.clone())
}

#[test]
fn a_rule_with_a_syntax_error_is_refused_where_it_is() {
    let problems = with("9.cedar", "// 注释\n\nforbid (principal, action, resource) whn {};\n");
    let problem = &problems.unwrap_err()[0];

    assert_eq!((problem.line, problem.column), (3, 38), "{problem}");
    assert!(problem.file.ends_with("9.cedar"));
}

#[test]
fn a_rule_that_asks_for_a_fact_nobody_prepares_is_refused() {
    let rule =
        format!("{CITED}\nforbid (principal, action, resource)\nwhen {{ resource.clas == \"\" }};");
    let problems = with("9.cedar", &rule).unwrap_err();

    assert!(problems.iter().all(|problem| problem.line == 3), "{problems:#?}");
    assert!(problems[0].message.contains("clas"), "{}", problems[0]);
}

#[test]
fn a_rule_that_compares_different_types_is_refused() {
    let rule =
        format!("{CITED} forbid (principal, action, resource) when {{ resource.class == 1 }};");

    assert!(with("9.cedar", &rule).is_err());
}

#[test]
fn a_rule_without_its_article_is_refused() {
    let rule = r#"@id("x") @law("a") @text("c") @code("withheld") @order("1")
forbid (principal, action, resource);"#;
    let (line, _, message) = only(with("9.cedar", rule));

    assert_eq!(line, 1);
    assert!(message.contains("@article"), "{message}");
}

#[test]
fn a_bar_with_an_unknown_refusal_code_is_refused() {
    let rule = CITED.replace("withheld", "because") + "\nforbid (principal, action, resource);";
    let (_, _, message) = only(with("9.cedar", &rule));

    assert!(message.contains("because"), "{message}");
}

#[test]
fn a_rule_that_permits_whatever_is_asked_is_refused() {
    let rule =
        r#"@id("x") @law("a") @article("b") @text("c") permit (principal, action, resource);"#;
    let (_, _, message) = only(with("9.cedar", rule));

    assert!(message.contains("whatever"), "{message}");
}

#[test]
fn two_rules_of_one_name_are_refused() {
    let rule = CITED.replace("\"x\"", "\"s5-secrets\"") + "\nforbid (principal, action, resource);";
    let (_, _, message) = only(with("9.cedar", &rule));

    assert!(message.contains("s5-secrets"), "{message}");
}

#[test]
fn a_profile_with_an_unknown_key_is_refused_where_it_stands() {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/rules/yc-2018/profile.yaml");
    let text = fs::read_to_string(real).unwrap() + "\nstandin: true\n";
    let (line, _, message) = only(with("profile.yaml", &text));

    assert_eq!(usize::try_from(line).unwrap(), text.lines().count(), "{message}");
    assert!(message.contains("standin"), "{message}");
}

#[test]
fn a_folder_of_another_profile_and_an_empty_one_are_refused() {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/rules/yc-2018");
    let (_, _, message) = only(Rules::load(ProfileId::Sc809, &real));
    assert!(message.contains("yc-2018"), "{message}");

    let empty = tempfile::tempdir().unwrap();
    assert!(Rules::load(ProfileId::Yc2018, empty.path()).is_err());
    assert!(Rules::load(ProfileId::Yc2018, &empty.path().join("none")).is_err());
}

#[test]
fn all_mistakes_are_told_at_once() {
    let rules = "permit (principal, action, resource);\nforbid (principal, action, resource);\n";
    let problems = with("9.cedar", rules).unwrap_err();

    assert!(problems.len() > 8, "{problems:#?}");
    assert!(problems.iter().any(|problem| problem.line == 2));
}

#[test]
fn the_version_changes_with_any_file_and_with_nothing_else() {
    let version = |file: &str, text: &str| with(file, text).unwrap().version().to_owned();

    assert_eq!(version("readme.txt", "a"), version("readme.txt", "b"));
    assert_ne!(version("9.cedar", "// a"), version("9.cedar", "// b"));
    assert_eq!(version("9.cedar", "// a").len(), 16);
}

#[test]
fn every_denial_is_given_by_some_rule_of_some_profile() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/rules");
    let given: Vec<Denial> = ProfileId::ALL
        .into_iter()
        .flat_map(|profile| {
            let rules = Rules::load(profile, &root.join(profile.as_str())).unwrap();
            rules.citations().into_iter().filter_map(|rule| rule.denial).collect::<Vec<_>>()
        })
        .collect();

    for denial in Denial::ALL {
        assert!(given.contains(denial) || *denial == Denial::RulesFailed, "{denial}");
    }
}
