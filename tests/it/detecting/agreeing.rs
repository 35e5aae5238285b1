//! `helan check` and the detectors judge policies by the same rules.

use std::collections::BTreeSet;
use std::path::Path;

use helan::domain::{ProfileId, Thresholds, Timestamp, Zone};
use helan::policy::{Rules, check, folder};
use helan::supervision::detect::{self, Detector, Evidence, Ledger, Scene};

/// Files with a breach of law, by `helan check` and by the detectors.
fn judged(profile: ProfileId) -> (BTreeSet<String>, BTreeSet<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    // The day that the dates of the city are written around.
    let now = Timestamp::parse("2026-06-01T04:00:00Z").unwrap();
    let reading = folder::read(&root, now).unwrap();
    let profiles = [(Zone::Sharing, profile), (Zone::Opening, profile)];
    let warned = check::check(&reading.sources, &reading.origins, &profiles, now)
        .into_iter()
        .filter(|problem| problem.article.is_some())
        .map(|problem| problem.file.strip_prefix(&root).unwrap().display().to_string());

    let rules = Rules::load(profile, &root.join("rules").join(profile.as_str())).unwrap();
    let (thresholds, ledger) = (Thresholds::default(), Ledger::default());
    let scene = Scene {
        sources: &reading.sources,
        profile: rules.profile(),
        thresholds: &thresholds,
        ledger: &ledger,
        now,
    };
    let found = detect::findings(&scene);
    let files = found
        .iter()
        // That an agreement is about to end is no breach yet.
        .filter(|finding| !finding.period.contains(" ends "))
        .map(|finding| match finding.evidence.as_slice() {
            [Evidence::File { path, .. }] => path.clone(),
            other => panic!("{finding:?} rests on {other:?}"),
        });
    assert!(found.iter().any(|finding| finding.detector == Detector::Agreement));
    (warned.collect(), files.collect())
}

#[test]
fn what_check_warns_of_is_found_and_what_is_found_check_warns_of() {
    for profile in ProfileId::ALL {
        let (warned, found) = judged(profile);
        assert_eq!(warned, found, "{profile}");
        assert!(found.len() >= 6, "{found:?}");
    }
}
