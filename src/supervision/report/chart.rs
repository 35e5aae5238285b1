//! Bars as SVG within the page: no scripts, no files beside it.

use std::fmt::Write as _;

use super::{Language, words};

/// Height of a row.
const ROW: usize = 26;

/// Where bars begin, and how long a whole one is.
const BEGIN: usize = 190;
const LENGTH: usize = 380;

/// One bar.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) label: String,
    /// In ten-thousandths; nothing is drawn as no bar.
    pub(super) value: Option<u64>,
}

/// A level that a value is on, as a class of the style sheet; the legend of the page says the same.
pub(super) fn level(value: Option<u64>) -> &'static str {
    match value {
        None => "none",
        Some(9_000..) => "good",
        Some(6_000..) => "fair",
        Some(_) => "poor",
    }
}

/// The bars, one below the other.
pub(super) fn bars(title: &str, bars: &[Bar], language: Language) -> String {
    let height = bars.len().saturating_mul(ROW).saturating_add(24);
    let mut svg = format!(
        "<svg class=\"chart\" role=\"img\" viewBox=\"0 0 640 {height}\" xmlns=\"http://www.w3.org/2000/svg\">\
         <title>{}</title>",
        escape(title)
    );
    for (percent, x) in [(0, 0), (25, 95), (50, 190), (75, 285), (100, LENGTH)] {
        let (x, foot) = (BEGIN.saturating_add(x), height.saturating_sub(18));
        put(
            &mut svg,
            format_args!(
                "<line class=\"grid\" x1=\"{x}\" y1=\"2\" x2=\"{x}\" y2=\"{foot}\"/>\
             <text class=\"axis\" x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{percent}%</text>",
                height.saturating_sub(5),
            ),
        );
    }
    for (row, bar) in bars.iter().enumerate() {
        draw(&mut svg, row.saturating_mul(ROW), (bar, language));
    }
    svg.push_str("</svg>");
    svg
}

fn draw(svg: &mut String, top: usize, (bar, language): (&Bar, Language)) {
    let (middle, begin) = (top.saturating_add(18), top.saturating_add(6));
    let label = escape(&bar.label);
    put(
        svg,
        format_args!(
            "<text class=\"label\" x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{label}</text>",
            BEGIN.saturating_sub(10),
        ),
    );
    let length = bar.value.unwrap_or(0).min(10_000);
    let width = usize::try_from(length).unwrap_or(0).saturating_mul(LENGTH) / 10_000;
    let (shown, after) = match bar.value {
        Some(value) => (words::percent(value), width),
        None => (words::none(language).to_owned(), 0),
    };
    let class = level(bar.value);
    if bar.value.is_some() {
        put(
            svg,
            format_args!(
                "<rect class=\"{class}\" x=\"{BEGIN}\" y=\"{begin}\" width=\"{}\" height=\"15\" rx=\"2\"/>",
                width.max(2),
            ),
        );
    }
    put(
        svg,
        format_args!(
            "<text class=\"value {class}\" x=\"{}\" y=\"{middle}\">{shown}</text>",
            BEGIN.saturating_add(after).saturating_add(8),
        ),
    );
}

fn put(svg: &mut String, what: std::fmt::Arguments<'_>) {
    let written = svg.write_fmt(what);
    debug_assert!(written.is_ok(), "a string takes everything");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_value_and_text_cannot_leave_its_place() {
        let drawn = bars(
            "t",
            &[
                Bar { label: "<b>&".to_owned(), value: Some(5_000) },
                Bar { label: "none".to_owned(), value: None },
            ],
            Language::English,
        );

        assert!(drawn.contains("width=\"190\""), "{drawn}");
        assert!(drawn.contains("&lt;b&gt;&amp;") && !drawn.contains("<b>"), "{drawn}");
        assert_eq!(drawn.matches("<rect").count(), 1, "no bar without a value");
        assert!(drawn.contains(">n/a<"), "{drawn}");
    }
}
