//! The articles that findings rest on, under each set of rules.

use super::Detector;
use crate::domain::ProfileId;

/// The articles, such as `yc-2018 §18`. Where Order 809 has no rule of its own (opening), the Measures
/// stand, as they do in the opening zone.
pub(super) fn articles(detector: Detector, profile: ProfileId) -> Vec<String> {
    let (measures, order): (&[&str], &[&str]) = match detector {
        Detector::Unmounted => (&["§14", "§31"], &["§22", "§39"]),
        Detector::Stale => (&["§12", "§31"], &["§17", "§39"]),
        Detector::Withheld => (&["§16", "§31"], &["§15", "§39"]),
        Detector::Drift => (&["§14", "§31"], &["§13", "§39"]),
        Detector::ApiRequired => (&["§18"], &["§22"]),
        Detector::OverGrant | Detector::Probing => (&["§19", "§31"], &["§25", "§40"]),
        Detector::Hygiene => (&["§16"], &["§20"]),
        Detector::Agreement => (&["§16"], &[]),
        Detector::Personal => (&["§5", "§9", "§32"], &[]),
        Detector::Steward => (&["§27"], &[]),
        Detector::Integrity => (&["§19", "§29"], &["§29"]),
    };
    let (profile, articles) = match profile {
        ProfileId::Sc809 if !order.is_empty() => (ProfileId::Sc809, order),
        ProfileId::Sc809 | ProfileId::Yc2018 => (ProfileId::Yc2018, measures),
    };
    articles.iter().map(|article| format!("{profile} {article}")).collect()
}
