//! The report as a page: rows made ready here, laid out by the template.

use askama::Template;

use super::chart::{self, Bar};
use super::finding::{self, FindingRow};
use super::words::{moment, none, parts, parts_of, percent, value};
use super::{Language, Report};
use crate::supervision::detect::{Detector, State, parameter};
use crate::supervision::measures::{Measure, WEIGHTS};

/// Measures that organizations are shown side by side by.
const COMPARED: [&str; 10] = ["M01", "M03", "M04", "M06", "M07", "M08", "M16", "M18", "M19", "M21"];

#[derive(Template)]
#[template(path = "report.html", config = "src/askama.toml")]
struct Page {
    language: Language,
    title: String,
    about: String,
    publisher: String,
    period: String,
    as_of: String,
    facts: Vec<[String; 2]>,
    notice: Option<String>,
    measures: Vec<MeasureRow>,
    chart: String,
    heads: Vec<String>,
    organizations: Vec<OrganizationRow>,
    scores: Option<String>,
    detectors: Vec<DetectorRow>,
    states: Vec<&'static str>,
    findings: Vec<FindingRow>,
    untold: Vec<[String; 3]>,
    weights: Vec<[String; 3]>,
    inputs: Vec<[String; 2]>,
    parameters: Vec<[String; 3]>,
}

struct MeasureRow {
    id: &'static str,
    title: &'static str,
    formula: &'static str,
    parts: String,
    value: String,
    level: &'static str,
    more: String,
}

struct OrganizationRow {
    name: String,
    cells: Vec<Cell>,
    score: String,
}

/// A value, or what there is of it where the cases are too few.
struct Cell {
    value: String,
    level: &'static str,
    parts: Option<String>,
}

struct DetectorRow {
    id: &'static str,
    title: &'static str,
    counts: Vec<u64>,
    total: u64,
}

impl Page {
    /// One of two texts.
    fn say(&self, chinese: &'static str, english: &'static str) -> &'static str {
        self.language.of([chinese, english])
    }
}

/// The page, in a language.
pub fn html(report: &Report, language: Language) -> Result<String, askama::Error> {
    let card = report.card();
    let told: Vec<&Measure> = card.measures.iter().filter(|m| m.ratio.is_some()).collect();
    let bars: Vec<Bar> = told
        .iter()
        .map(|m| Bar { label: format!("{} {}", m.id, language.of(m.title)), value: m.value })
        .collect();
    let period = report.evaluation.period.to_string();
    let city = language.of(["全市", "the city as a whole"]);
    let page = Page {
        title: language
            .of(["城市数据共享开放年度评估报告", "Yearly evaluation of data sharing and opening"])
            .to_owned(),
        about: if report.organization.is_some() { card.name.clone() } else { city.to_owned() },
        publisher: report.publisher.clone(),
        as_of: moment(report.evaluation.as_of),
        facts: facts(report, language),
        notice: report.law.notice.as_ref().map(|texts| language.of_both(texts).to_owned()),
        measures: told.iter().map(|measure| measure_row(measure, language)).collect(),
        chart: chart::bars(language.of(["各项指标", "measures"]), &bars, language),
        heads: heads(report, language),
        organizations: organizations(report, language),
        scores: scores(report, language),
        detectors: Detector::ALL.iter().map(|d| detector_row(report, *d, language)).collect(),
        states: State::ALL.iter().map(|state| language.of(state.name())).collect(),
        findings: report.findings.iter().map(|one| finding::row(report, one, language)).collect(),
        untold: untold(&card.measures, language),
        weights: weights(language),
        inputs: inputs(report, language),
        parameters: parameters(report, language),
        period,
        language,
    };
    page.render()
}

fn facts(report: &Report, language: Language) -> Vec<[String; 2]> {
    let law = &report.law;
    let until = law.until.as_deref().unwrap_or_else(|| language.of(["至今", "today"]));
    let extent = report.extent;
    let fact = |texts, said: String| [language.of(texts).to_owned(), said];
    vec![
        fact(["评估依据", "law"], format!("《{}》（{}）", law.title, law.profile)),
        fact(["施行期间", "in force"], format!("{} – {until}", law.from)),
        fact(["评估期间", "period"], report.evaluation.period.to_string()),
        fact(["数据截至", "as of"], moment(report.evaluation.as_of)),
        fact(["单位数", "organizations"], extent.organizations.to_string()),
        fact(["目录数", "entries"], extent.entries.to_string()),
        fact(["授权数", "grants"], extent.grants.to_string()),
        fact(["安全保密协议数", "agreements"], extent.agreements.to_string()),
    ]
}

fn measure_row(measure: &Measure, language: Language) -> MeasureRow {
    let more = measure.ratio.iter().flat_map(|ratio| &ratio.more);
    let more: Vec<_> = more
        .map(|(chinese, english, count)| format!("{} {count}", language.of([chinese, english])))
        .collect();
    MeasureRow {
        id: measure.id,
        title: language.of(measure.title),
        formula: language.of(measure.formula),
        parts: parts_of(measure, language),
        value: value(measure, language),
        level: chart::level(measure.value),
        more: more.join(language.of(["；", "; "])),
    }
}

fn heads(report: &Report, language: Language) -> Vec<String> {
    let measures = &report.evaluation.city.measures;
    let compared = measures.iter().filter(|measure| COMPARED.contains(&measure.id));
    compared.map(|measure| format!("{} {}", measure.id, language.of(measure.title))).collect()
}

fn organizations(report: &Report, language: Language) -> Vec<OrganizationRow> {
    let cards = report.evaluation.organizations.values();
    cards
        .map(|card| OrganizationRow {
            name: card.name.clone(),
            cells: card
                .measures
                .iter()
                .filter(|measure| COMPARED.contains(&measure.id))
                .map(|measure| Cell {
                    value: value(measure, language),
                    level: chart::level(measure.value),
                    parts: few(measure),
                })
                .collect(),
            score: card
                .score
                .as_ref()
                .map_or_else(|| none(language).to_owned(), |score| percent(score.value)),
        })
        .collect()
}

/// What was counted of too few cases.
fn few(measure: &Measure) -> Option<String> {
    let counted = measure.ratio.as_ref().is_some_and(|ratio| ratio.denominator > 0);
    (measure.value.is_none() && counted).then(|| parts(measure))
}

/// A chart of those that have a score, in the order of their ids: it is no ranking.
fn scores(report: &Report, language: Language) -> Option<String> {
    let cards = report.evaluation.organizations.values();
    let bars: Vec<Bar> = cards
        .filter_map(|card| {
            let value = card.score.as_ref()?.value;
            Some(Bar { label: card.name.clone(), value: Some(value) })
        })
        .collect();
    (!bars.is_empty()).then(|| chart::bars(language.of(["综合得分", "score"]), &bars, language))
}

fn detector_row(report: &Report, detector: Detector, language: Language) -> DetectorRow {
    let known = report.counts.get(detector.id());
    let of = |state: State| known.and_then(|counts| counts.get(state.as_str())).copied();
    let counts: Vec<u64> = State::ALL.into_iter().map(|state| of(state).unwrap_or(0)).collect();
    DetectorRow {
        id: detector.id(),
        title: language.of(detector.title()),
        total: counts.iter().fold(0, |sum, count| sum.saturating_add(*count)),
        counts,
    }
}

fn untold(measures: &[Measure], language: Language) -> Vec<[String; 3]> {
    let without = measures.iter().filter_map(|measure| Some((measure, measure.needs?)));
    without
        .map(|(measure, need)| {
            [measure.id, language.of(measure.title), language.of(need.name())].map(str::to_owned)
        })
        .collect()
}

fn weights(language: Language) -> Vec<[String; 3]> {
    let groups = WEIGHTS.iter();
    groups
        .map(|group| {
            [
                language.of(group.title).to_owned(),
                group.weight.to_string(),
                group.measures.join(", "),
            ]
        })
        .collect()
}

fn inputs(report: &Report, language: Language) -> Vec<[String; 2]> {
    let inputs = &report.inputs;
    let input = |texts, said: String| [language.of(texts).to_owned(), said];
    let none = || language.of(["无", "none"]).to_owned();
    vec![
        input(["策略内容哈希（SHA-256）", "policies (SHA-256)"], inputs.policies.clone()),
        input(["规则版本", "version of the rules"], inputs.rules.clone()),
        input(["首条记录时间", "first record"], inputs.records_began.map_or_else(none, moment)),
        input(["末条记录序号", "last record"], inputs.last_record.to_string()),
        input(["检查点", "checkpoint"], inputs.checkpoint.clone().unwrap_or_else(none)),
        input(["指标口径版本", "version of the formulas"], report.evaluation.formulas.to_owned()),
        input(["检测规则版本", "version of the detectors"], report.detectors.to_owned()),
    ]
}

/// What each parameter says, its name in the configuration, and its value.
fn parameters(report: &Report, language: Language) -> Vec<[String; 3]> {
    let all = serde_json::to_value(report.thresholds).unwrap_or_default();
    let pairs = all.as_object().into_iter().flatten();
    let words = |name: &str| parameter(name).map_or(name, |words| language.of(words)).to_owned();
    pairs.map(|(name, value)| [words(name), name.clone(), value.to_string()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervision::detect::tests::Planted;
    use crate::supervision::measures::Period;
    use crate::supervision::report::{Inputs, Report};

    fn report() -> Report {
        let mut city = Planted::new();
        city.grant(|grant| grant.agreement = None);
        city.entry("tax/payers", |entry| entry.name = "<纳税人>".to_owned());
        for _ in 0..9 {
            city.answered("tax/payers", |_| {});
        }
        city.answered("tax/payers", |end| end.outcome = "upstream-timeout".into());
        let inputs = Inputs {
            policies: "0123".to_owned(),
            rules: "r".to_owned(),
            last_record: 20,
            records_began: None,
            checkpoint: None,
        };
        Report::new(&city.scene(), Period::year(2026), None, inputs)
    }

    #[test]
    fn the_page_shows_each_figure_with_its_parts_and_runs_nothing() {
        let page = html(&report(), Language::Chinese).unwrap();

        for part in [
            "<html lang=\"zh-CN\">",
            "9 / 10",
            "90.0%",
            "1 / 1",
            "V-19 安全保密协议缺口",
            "需共享申请办理数据",
            "2026-06-15 10:00",
        ] {
            assert!(page.contains(part), "{part} is not in the page");
        }
        for never in ["<script", "<纳税人>", "<link", "url(", "src="] {
            assert!(!page.contains(never), "{never} is in the page");
        }
    }

    #[test]
    fn a_page_says_everything_in_its_own_language_and_explains_its_colours() {
        let chinese = html(&report(), Language::Chinese).unwrap();
        for part in [
            "《银川市城市数据共享开放管理办法》第十六条",
            "有效期自2018-04-22至2023-04-21，现已失效",
            "V-26 时钟允许回拨（毫秒）",
            "90%及以上",
            ">不计<",
            "0.00 / 1（项授权）",
        ] {
            assert!(chinese.contains(part), "{part} is not in the page");
        }
        for never in ["n/a", "本答复", "10000"] {
            assert!(!chinese.contains(never), "{never} is in the page");
        }

        let english = html(&report(), Language::English).unwrap();
        for part in ["The law was in force from 2018-04-22", "0.00 of 1 grants", "art. 16", "(ms)"]
        {
            assert!(english.contains(part), "{part} is not in the page");
        }
        assert!(!english.contains("失效"));
    }

    #[test]
    fn the_same_inputs_give_the_same_bytes_in_each_language() {
        for language in [Language::Chinese, Language::English] {
            let once = html(&report(), language).unwrap();
            assert_eq!(once, html(&report(), language).unwrap());
        }
        assert_eq!(report().json().unwrap(), report().json().unwrap());
        assert!(html(&report(), Language::English).unwrap().contains("Gap in the confidentiality"));
    }
}
