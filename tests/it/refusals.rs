//! Every refusal there is, as a committed table: a change of the contract shows as a diff.

use std::fs;
use std::path::Path;

use helan::gateway::refusal::table;

#[test]
fn the_committed_table_of_refusals_is_what_callers_are_told() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected/refusals.txt");
    let now = table();
    if std::env::var_os("HELAN_UPDATE").is_some() {
        fs::write(&file, &now).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        now == committed,
        "the table changed; look at it, and run with HELAN_UPDATE=1 to commit it"
    );
}

#[test]
fn every_refusal_has_one_code_a_status_of_its_kind_and_a_remedy() {
    let text = table();
    let codes: Vec<&str> =
        text.lines().filter(|line| !line.starts_with(' ') && !line.is_empty()).collect();
    let mut distinct = codes.clone();
    distinct.dedup();
    assert_eq!(codes, distinct, "two refusals share a code and differ otherwise");
    assert!(codes.len() > 80, "{}", codes.len());
    for line in text.lines().filter(|line| line.contains(" · ")) {
        let status: u16 = line.trim().split(' ').next().unwrap().parse().unwrap();
        let ours = line.ends_with("us") || line.ends_with("upstream");
        assert_eq!(status >= 500 && status != 501, ours || status == 504, "{line}");
    }
}
