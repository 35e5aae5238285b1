//! The figures as bars, in a picture that reads on light and on dark paper.

use crate::table::{Results, figure, median};

const WIDTH: f64 = 720.0;
const LEFT: f64 = 250.0;
const BAR: f64 = 13.0;
const GAP: f64 = 14.0;
const TOP: f64 = 44.0;
/// Room for a figure behind the longest bar.
const FIGURE: f64 = 110.0;

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#24292f}\
.faint{fill:#57606a}.Helan{fill:#0969da}.nginx{fill:#8c959f}.HAProxy{fill:#afb8c1}.Envoy{fill:#6e7781}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.faint{fill:#8d96a0}.Helan{fill:#4493f8}\
.nginx{fill:#768390}.HAProxy{fill:#545d68}.Envoy{fill:#9198a1}}";

/// An SVG. Bars of a row share a scale, rows do not: their units differ.
pub(crate) fn chart(results: &Results) -> String {
    let mut body = String::new();
    let mut y = TOP;
    for (row, figures) in results {
        let longest = figures.values().map(|rounds| median(rounds)).fold(0.0, f64::max);
        let scale = (WIDTH - LEFT - FIGURE) / longest.max(f64::MIN_POSITIVE);
        body += &text((0.0, y + 10.0), "", row.name);
        body += &text((0.0, y + 25.0), "faint", &format!("{} · {}", row.chinese, row.unit));
        let begun = y;
        for (peer, rounds) in figures {
            let value = median(rounds);
            let long = (value * scale).max(1.0);
            body += &text((LEFT - 60.0, y + 10.0), "faint", peer.name());
            body += &bar(peer.name(), y, long);
            body += &text((LEFT + long + 6.0, y + 10.0), "", &figure(value));
            y += BAR;
        }
        // The two lines of a row's name need room, however few its bars are.
        y = y.max(begun + 2.0 * BAR) + GAP;
    }
    let title = "Helan 与 nginx、HAProxy、Envoy · shorter is better, but for MB/s";
    let head = text((0.0, 18.0), "", title);
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='-8 0 {} {y}' role='img'>\
         <title>{title}</title><style>{STYLE}</style>{head}{body}</svg>\n",
        WIDTH + 16.0
    )
}

fn bar(class: &str, y: f64, long: f64) -> String {
    let high = BAR - 2.0;
    format!("<rect class='{class}' x='{LEFT}' y='{y}' width='{long:.1}' height='{high}' rx='2'/>\n")
}

/// No label holds what XML would read as its own.
fn text((x, y): (f64, f64), class: &str, words: &str) -> String {
    format!("<text class='{class}' x='{x:.1}' y='{y:.1}'>{words}</text>\n")
}
