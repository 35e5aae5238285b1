//! How figures are written, in both languages.

use crate::domain::Timestamp;
use crate::supervision::measures::Measure;

/// The language of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// 中文.
    #[default]
    Chinese,
    /// English.
    English,
}

impl Language {
    /// The one of two texts, Chinese and English.
    pub fn of(self, texts: [&str; 2]) -> &str {
        let [chinese, english] = texts;
        match self {
            Self::Chinese => chinese,
            Self::English => english,
        }
    }

    /// The one of two texts that were made for this.
    pub fn of_both(self, [chinese, english]: &[String; 2]) -> &str {
        self.of([chinese, english])
    }

    /// As HTML names it.
    pub fn tag(self) -> &'static str {
        self.of(["zh-CN", "en"])
    }
}

/// A share in ten-thousandths as percent with one decimal.
pub(super) fn percent(value: u64) -> String {
    let tenths = value.saturating_add(5) / 10;
    format!("{}.{}%", tenths / 10, tenths % 10)
}

/// What stands where there is no value.
pub(super) fn none(language: Language) -> &'static str {
    language.of(["不计", "n/a"])
}

/// The value of a measure, or that it has none.
pub(super) fn value(measure: &Measure, language: Language) -> String {
    measure.value.map_or_else(|| none(language).to_owned(), percent)
}

/// What a measure was computed from. Where cases weigh differently, each as a share, it is how many
/// whole ones the shares come to.
pub(super) fn parts(measure: &Measure) -> String {
    let Some(ratio) = &measure.ratio else { return "–".to_owned() };
    if !is_weighed(measure) {
        return format!("{} / {}", ratio.numerator, ratio.denominator);
    }
    let hundredths = ratio.numerator.saturating_add(50) / 100;
    format!("{}.{:02} / {}", hundredths / 100, hundredths % 100, ratio.cases)
}

/// The same, and of what where that is not said by the formula.
pub(super) fn parts_of(measure: &Measure, language: Language) -> String {
    let parts = parts(measure);
    match language {
        _ if !is_weighed(measure) => parts,
        Language::Chinese => format!("{parts}（项授权）"),
        Language::English => format!("{} grants", parts.replace(" / ", " of ")),
    }
}

fn is_weighed(measure: &Measure) -> bool {
    measure.ratio.as_ref().is_some_and(|ratio| ratio.cases != ratio.denominator)
}

/// A moment to the minute, in Asia/Shanghai.
pub(super) fn moment(time: Timestamp) -> String {
    let minutes = time.millis().div_euclid(60_000).saturating_add(8 * 60).rem_euclid(24 * 60);
    format!("{} {:02}:{:02}", time.day(), minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_with_one_decimal() {
        for (value, text) in [(0, "0.0%"), (6667, "66.7%"), (9995, "100.0%"), (10_000, "100.0%")] {
            assert_eq!(percent(value), text);
        }
    }

    #[test]
    fn a_moment_is_that_of_the_city() {
        let text = |moment_| moment(Timestamp::parse(moment_).unwrap());
        assert_eq!(text("2026-11-27T16:05:59Z"), "2026-11-28 00:05");
        assert_eq!(text("2026-11-27T15:59:59Z"), "2026-11-27 23:59");
    }
}
