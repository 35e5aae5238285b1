//! What the measures come to together: groups with weights, published with every score.

use serde::Serialize;

use super::Measure;

/// Some measures, and how much they weigh together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// What it is called, in Chinese and English.
    pub title: [&'static str; 2],
    /// Its weight, of a hundred.
    pub weight: u64,
    /// Its measures.
    pub measures: &'static [&'static str],
}

const fn group(title: [&'static str; 2], weight: u64, measures: &'static [&'static str]) -> Group {
    Group { title, weight, measures }
}

/// The groups.
pub const WEIGHTS: [Group; 5] = [
    group(["目录", "catalog"], 25, &["M01", "M02", "M03", "M04", "M05"]),
    group(["供给", "supply"], 25, &["M06", "M07", "M08", "M11"]),
    group(["质量", "quality"], 20, &["M12", "M13", "M14", "M15"]),
    group(["使用", "use"], 15, &["M16", "M17", "M18", "M19"]),
    group(["安全与响应", "security and response"], 15, &["M09", "M18", "M20", "M24", "M25", "M26"]),
];

/// Weights that must have a value before there is a score.
const LEAST: u64 = 50;

/// A score.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Score {
    /// In ten-thousandths.
    pub value: u64,
    /// The weights that had a value; the others are left out of the mean.
    pub weight: u64,
    /// The value of each group, in ten-thousandths.
    pub groups: Vec<Option<u64>>,
}

/// The mean of each group's measures that have a value, and the weighted mean of the groups; nothing if
/// groups of less than half the weight have one.
pub(super) fn score(measures: &[Measure]) -> Option<Score> {
    let value_of = |id: &str| measures.iter().find(|measure| measure.id == id)?.value;
    let groups: Vec<Option<u64>> = WEIGHTS
        .iter()
        .map(|group| {
            let values: Vec<u64> = group.measures.iter().filter_map(|id| value_of(id)).collect();
            let sum = values.iter().fold(0_u64, |sum, value| sum.saturating_add(*value));
            sum.checked_div(u64::try_from(values.len()).ok()?)
        })
        .collect();
    let valued =
        || WEIGHTS.iter().zip(&groups).filter_map(|(g, value)| Some((g.weight, (*value)?)));
    let weight = valued().fold(0_u64, |sum, (weight, _)| sum.saturating_add(weight));
    let sum = valued()
        .fold(0_u64, |sum, (weight, value)| sum.saturating_add(weight.saturating_mul(value)));
    let value = sum.checked_div(weight)?;
    (weight >= LEAST).then_some(Score { value, weight, groups })
}
