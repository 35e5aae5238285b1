//! Charts as inline SVG: stacked columns and ranked bars, with the same figures as a table for whoever
//! cannot see them. No script draws them, so they print and need nothing but the page.

use askama::Template;

use super::show;
use super::texts::Texts;

/// One column: what it stands for, and a value for each series.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) label: String,
    pub(super) values: Vec<u64>,
}

/// A drawing of the columns for a width of the screen.
#[derive(Debug)]
struct Drawing {
    class: &'static str,
    width: u64,
    height: u64,
    left: u64,
    ticks: Vec<Tick>,
    bars: Vec<Bar>,
    labels: Vec<Label>,
}

#[derive(Debug)]
struct Tick {
    y: u64,
    label: String,
}

#[derive(Debug)]
struct Bar {
    x: String,
    y: String,
    width: String,
    height: String,
    series: usize,
}

#[derive(Debug)]
struct Label {
    x: String,
    text: String,
}

#[derive(Template)]
#[template(path = "console/chart.html", config = "src/askama.toml")]
struct Chart<'a> {
    title: &'a str,
    said: String,
    axis: &'a str,
    as_table: &'a str,
    names: &'a [&'static str],
    rows: Vec<(&'a str, Vec<String>)>,
    drawings: [Drawing; 2],
}

/// Room above and below the columns.
const TOP: u64 = 8;
const BOTTOM: u64 = 24;

/// How much of a wide screen a chart takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// One of two columns.
    Half,
    /// All of it.
    Whole,
}

impl Extent {
    /// Width, height and labels of a drawing for it.
    fn frame(self) -> (u64, u64, usize) {
        match self {
            Self::Half => (720, 220, 12),
            Self::Whole => (1_240, 220, 15),
        }
    }
}

/// Stacked columns as HTML.
pub(super) fn columns(
    (title, extent): (&str, Extent),
    axis: &str,
    (names, t): (&[&'static str], &Texts),
    rows: &[Column],
) -> String {
    let drawings = [draw("wide", extent.frame(), rows), draw("slim", (340, 200, 5), rows)];
    let chart = Chart {
        title,
        said: said(title, names, rows),
        axis,
        as_table: t.as_table,
        names,
        rows: rows.iter().map(|row| (row.label.as_str(), written(row))).collect(),
        drawings,
    };
    chart.render().unwrap_or_default()
}

/// The chart in words: the sum of each series, and where the most is.
fn said(title: &str, names: &[&str], rows: &[Column]) -> String {
    let mut text = title.to_owned();
    for (at, name) in names.iter().enumerate() {
        let sum: u64 = rows.iter().filter_map(|row| row.values.get(at)).sum();
        text.extend(["; ", name, ": ", &show::count(sum)]);
    }
    if let Some(most) = rows.iter().max_by_key(|row| total(row)).filter(|row| total(row) > 0) {
        text.extend(["; ", &most.label, ": ", &show::count(total(most))]);
    }
    text
}

fn written(row: &Column) -> Vec<String> {
    row.values.iter().copied().map(show::count).collect()
}

fn total(row: &Column) -> u64 {
    row.values.iter().sum()
}

fn draw(
    class: &'static str,
    (width, height, labels): (u64, u64, usize),
    rows: &[Column],
) -> Drawing {
    let most = rows.iter().map(total).max().unwrap_or(0);
    let (step, steps) = scale(most);
    let top = step.saturating_mul(steps).max(1);
    let left =
        u64::try_from(show::count(top).len()).unwrap_or(0).saturating_mul(7).saturating_add(10);
    let floor = height.saturating_sub(BOTTOM);
    let room = floor.saturating_sub(TOP);
    let above = |value: u64| value.saturating_mul(room).saturating_mul(10) / top;
    let ticks = (0..=steps).map(|at| {
        let value = step.saturating_mul(at);
        Tick { y: floor.saturating_sub(above(value) / 10), label: show::count(value) }
    });
    let many = u64::try_from(rows.len().max(1)).unwrap_or(1);
    // Places are in tenths, to stay with whole numbers.
    let pace = width.saturating_sub(left).saturating_mul(10) / many;
    let thick = (pace.saturating_mul(7) / 10).min(480);
    let every = rows.len().div_ceil(labels).max(1);
    let mut bars = Vec::new();
    let mut written = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let place = u64::try_from(at).unwrap_or(0).saturating_mul(pace);
        let middle = left.saturating_mul(10).saturating_add(place).saturating_add(pace / 2);
        let mut foot = floor.saturating_mul(10);
        for (series, value) in row.values.iter().enumerate().filter(|(_, value)| **value > 0) {
            // What is there at all can be seen.
            let tall = above(*value).max(10);
            foot = foot.saturating_sub(tall);
            bars.push(Bar {
                x: tenths(middle.saturating_sub(thick / 2)),
                y: tenths(foot),
                width: tenths(thick),
                height: tenths(tall),
                series,
            });
        }
        if at.is_multiple_of(every) {
            written.push(Label { x: tenths(middle), text: row.label.clone() });
        }
    }
    Drawing { class, width, height, left, ticks: ticks.collect(), bars, labels: written }
}

fn tenths(value: u64) -> String {
    format!("{}.{}", value / 10, value % 10)
}

/// A step of 1, 2 or 5 times a power of ten, and how many of them hold the most.
fn scale(most: u64) -> (u64, u64) {
    let mut ten = 1_u64;
    loop {
        for times in [1, 2, 5] {
            let step = ten.saturating_mul(times);
            let steps = most.div_ceil(step).max(1);
            if steps <= 4 {
                return (step, steps);
            }
        }
        ten = ten.saturating_mul(10);
    }
}

/// One rank: a name, where it leads, and how many.
#[derive(Debug, Clone)]
pub(super) struct Rank {
    pub(super) name: String,
    pub(super) code: String,
    pub(super) href: String,
    pub(super) count: u64,
}

#[derive(Template)]
#[template(path = "console/ranks.html", config = "src/askama.toml")]
struct Ranks<'a> {
    title: &'a str,
    what: &'a str,
    how_many: &'a str,
    share: &'a str,
    none: &'a str,
    rows: Vec<Drawn<'a>>,
}

struct Drawn<'a> {
    name: &'a str,
    code: &'a str,
    href: &'a str,
    count: String,
    percent: u64,
    series: usize,
}

/// Ranked bars as HTML, in the color of a series.
pub(super) fn ranks(
    title: &str,
    what: &str,
    (none, t): (&str, &Texts),
    (ranks, series): (&[Rank], usize),
) -> String {
    let most = ranks.iter().map(|rank| rank.count).max().unwrap_or(0);
    let rows = ranks.iter().map(|rank| Drawn {
        name: &rank.name,
        code: &rank.code,
        href: &rank.href,
        count: show::count(rank.count),
        percent: show::percent(rank.count, most),
        series,
    });
    let list = Ranks { title, what, how_many: t.calls, share: t.share, none, rows: rows.collect() };
    list.render().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::console::texts::Lang;

    fn rows(values: &[u64]) -> Vec<Column> {
        let one = |(at, value): (usize, &u64)| Column {
            label: format!("{at}<"),
            values: vec![*value, value / 2],
        };
        values.iter().enumerate().map(one).collect()
    }

    #[test]
    fn the_scale_holds_the_most_in_few_steps() {
        for most in [0, 1, 3, 4, 5, 9, 10, 41, 99, 1_000, 123_456, u64::MAX / 1_000] {
            let (step, steps) = scale(most);
            assert!((1..=4).contains(&steps) && step * steps >= most, "{most}: {step} × {steps}");
        }
    }

    #[test]
    fn columns_stay_within_the_drawing_and_all_figures_are_in_the_table() {
        let rows = rows(&[0, 3, 12_345, 7]);
        for (width, height) in [(720, 220), (340, 200)] {
            let drawing = draw("wide", (width, height, 5), &rows);
            for bar in &drawing.bars {
                let read = |text: &str| text.parse::<f64>().unwrap();
                let right = read(&bar.x) + read(&bar.width);
                let foot = read(&bar.y) + read(&bar.height);
                assert!(right <= f64::from(u32::try_from(width).unwrap()), "{bar:?}");
                assert!(read(&bar.y) >= 0.0 && foot <= 200.0, "{bar:?}");
            }
        }
        let t = Lang::English.texts();
        let html =
            columns(("Calls <today>", Extent::Half), "Hour", (&["Answered", "Refused"], t), &rows);
        assert!(html.contains("12,345") && html.contains("role=\"img\""), "{html}");
        assert!(!html.contains("<today>") && !html.contains("style="), "{html}");
    }

    #[test]
    fn a_chart_of_nothing_is_drawn_too() {
        let t = Lang::Chinese.texts();
        assert!(columns(("x", Extent::Whole), "y", (&[], t), &[]).contains("<svg"));
        assert!(ranks("x", "y", ("空", t), (&[], 0)).contains("空"));
    }
}
