//! The figures of all rounds, brought together: as a table and as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cases::{Case, Goal, Row};
use crate::peers::Peer;

/// A row's figures for each peer, one a round.
pub(crate) type Figures = BTreeMap<Peer, Vec<f64>>;

/// Every row that was measured, in the order of the cases.
pub(crate) type Results = Vec<(&'static Row, Figures)>;

pub(crate) fn empty(cases: &[&'static Case]) -> Results {
    cases.iter().flat_map(|case| case.rows).map(|row| (row, Figures::new())).collect()
}

pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2);
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2);
    upper.zip(lower).map_or(f64::NAN, |(upper, lower)| f64::midpoint(*upper, *lower))
}

/// Helan to a peer: the median of what it was in each round, where both ran side by side.
fn ratio(figures: &Figures, peer: Peer) -> Option<f64> {
    let (ours, theirs) = (figures.get(&Peer::Helan)?, figures.get(&peer)?);
    let rounds: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    Some(median(&rounds))
}

/// What Helan is to reach, in words.
fn goal(row: &Row) -> String {
    match row.goal {
        Goal::None => String::new(),
        Goal::Ratio(peer, most) => format!("≤ {most} × {}", peer.name()),
        Goal::Above(peer, most) => format!("≤ {} + {most} {}", peer.name(), row.unit),
        Goal::Most(most) => format!("≤ {most} {}", row.unit),
        Goal::Least(least) => format!("≥ {least} {}", row.unit),
    }
}

/// Whether it is reached; nothing if the peer was not there.
fn reached(row: &Row, figures: &Figures) -> Option<bool> {
    let ours = median(figures.get(&Peer::Helan)?);
    Some(match row.goal {
        Goal::None => return None,
        Goal::Ratio(peer, most) => ratio(figures, peer)? <= most,
        Goal::Above(peer, most) => ours <= median(figures.get(&peer)?) + most,
        Goal::Most(most) => ours <= most,
        Goal::Least(least) => ours >= least,
    })
}

/// The table, as Markdown that reads well on a terminal, too.
pub(crate) fn table(results: &Results) -> String {
    let others = [Peer::Nginx, Peer::Haproxy, Peer::Envoy];
    let mut lines = vec![
        ["case", "unit", "Helan", "nginx", "HAProxy", "Envoy", "Helan / nginx", "/ HAProxy"]
            .into_iter()
            .chain(["/ Envoy", "goal", "reached"])
            .map(str::to_owned)
            .collect::<Vec<_>>(),
    ];
    for (row, figures) in results {
        let mut cells = vec![row.name.to_owned(), row.unit.to_owned()];
        cells.extend(Peer::ALL.map(|peer| figures.get(&peer).map_or("–".to_owned(), |f| cell(f))));
        cells.extend(
            others.map(|peer| ratio(figures, peer).map_or("–".to_owned(), |r| format!("{r:.2}"))),
        );
        cells.push(goal(row));
        cells.push(match reached(row, figures) {
            None => String::new(),
            Some(true) => "yes".to_owned(),
            Some(false) => "no".to_owned(),
        });
        lines.push(cells);
    }
    aligned(&lines)
}

/// The median with what was lowest and highest.
fn cell(figures: &[f64]) -> String {
    let low = figures.iter().copied().fold(f64::INFINITY, f64::min);
    let high = figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{} ({}–{})", figure(median(figures)), figure(low), figure(high))
}

/// Three digits that count.
pub(crate) fn figure(value: f64) -> String {
    match value {
        large if large >= 100.0 => format!("{large:.0}"),
        middle if middle >= 10.0 => format!("{middle:.1}"),
        small => format!("{small:.2}"),
    }
}

/// Columns of one width each, under the first line.
pub(crate) fn aligned(lines: &[Vec<String>]) -> String {
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
    };
    let dashes: Vec<String> = (0..lines.first().map_or(0, Vec::len))
        .map(|column| "-".repeat(width(column).unwrap_or(0)))
        .collect();
    let mut drawn: Vec<&Vec<String>> = lines.iter().collect();
    drawn.insert(lines.len().min(1), &dashes);
    let draw = |line: &Vec<String>| {
        let cells: Vec<String> = line
            .iter()
            .enumerate()
            .map(|(column, cell)| format!("{cell:wide$}", wide = width(column).unwrap_or(0)))
            .collect();
        format!("| {} |", cells.join(" | "))
    };
    drawn.into_iter().map(draw).collect::<Vec<_>>().join("\n") + "\n"
}

/// The same for programs, with every round's figure.
pub(crate) fn json(results: &Results, rounds: u32, seconds: u32) -> Value {
    let rows: Vec<Value> = results
        .iter()
        .map(|(row, figures)| {
            let peers: serde_json::Map<String, Value> = figures
                .iter()
                .map(|(peer, rounds)| {
                    let value = json!({
                        "median": median(rounds),
                        "rounds": rounds,
                        "helan_to_it": ratio(figures, *peer),
                    });
                    (peer.name().to_owned(), value)
                })
                .collect();
            json!({
                "case": row.name,
                "unit": row.unit,
                "peers": peers,
                "goal": goal(row),
                "reached": reached(row, figures),
            })
        })
        .collect();
    json!({"rounds": rounds, "seconds": seconds, "rows": rows})
}
