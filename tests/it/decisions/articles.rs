//! Rows written by hand from the articles, which the rules must agree with.

use std::path::Path;

use helan::domain::ProfileId;

use super::city::{City, Situation};

#[test]
fn the_rules_agree_with_every_row_written_from_the_articles() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected/articles.txt");
    let city = City::new();
    let (mut rows, mut wrong) = (0, Vec::new());

    for line in std::fs::read_to_string(file).unwrap().lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [profile, facts, outcome, article, why] = cells[..] else { panic!("no row: {line}") };
        assert!(!why.is_empty(), "no reason: {line}");
        let profile: ProfileId = serde_json::from_value(profile.into()).unwrap();
        let said = city.answer(&Situation::lawful(profile).but(facts));
        if said != (outcome.to_owned(), article.to_owned()) {
            wrong.push(format!("{line}\n    but the rules say {said:?}"));
        }
        rows += 1;
    }

    assert!(rows >= 60, "{rows} rows");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
