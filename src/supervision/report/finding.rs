//! A finding on the page of the report.

use super::words::moment;
use super::{Language, Report};
use crate::supervision::detect::{Detector, Evidence, Finding, KEPT, cited};

/// A finding on the page.
pub(super) struct FindingRow {
    pub(super) id: String,
    pub(super) detector: &'static str,
    pub(super) title: &'static str,
    pub(super) subject: String,
    pub(super) name: String,
    pub(super) organization: String,
    pub(super) detail: String,
    pub(super) since: String,
    pub(super) count: String,
    pub(super) severity: &'static str,
    pub(super) state: &'static str,
    pub(super) articles: String,
    pub(super) evidence: String,
}

/// Makes it ready.
pub(super) fn row(report: &Report, finding: &Finding, language: Language) -> FindingRow {
    let (since, count) = if finding.detector == Detector::Stale {
        (["应更新于", "due"], ["超期天数", "days overdue"])
    } else {
        (["自", "since"], ["计数", "count"])
    };
    let articles: Vec<_> = finding
        .articles
        .iter()
        .map(|article| language.of_both(&cited(article)).to_owned())
        .collect();
    let subject = &finding.subject;
    let organization = finding.organization.as_ref();
    let name = organization.map(|id| {
        let card = report.evaluation.organizations.get(id);
        card.map_or_else(|| id.to_string(), |card| card.name.clone())
    });
    FindingRow {
        id: finding.id.to_string(),
        detector: finding.detector.id(),
        title: language.of(finding.detector.title()),
        subject: format!("{} {}", language.of(subject.sort()), subject.id),
        name: report.names.get(&subject.to_string()).cloned().unwrap_or_default(),
        organization: name.unwrap_or_else(|| "–".to_owned()),
        detail: language.of_both(&finding.detail).to_owned(),
        since: format!("{} {}", language.of(since), moment(finding.first_seen)),
        count: format!("{} {}", language.of(count), finding.count),
        severity: language.of(finding.severity.name()),
        state: language.of(finding.state.name()),
        articles: articles.join(language.of(["、", "; "])),
        evidence: evidence(&finding.evidence, language),
    }
}

/// The first pieces, and how many there are.
fn evidence(all: &[Evidence], language: Language) -> String {
    let told: Vec<String> = all
        .iter()
        .take(3)
        .map(|one| match one {
            Evidence::Record { seq, .. } => format!("#{seq}"),
            Evidence::File { path, hash } => {
                format!("{path} ({})", hash.get(..12).unwrap_or(hash))
            }
            Evidence::Place { place } => place.clone(),
        })
        .collect();
    let more = all.len().saturating_sub(told.len());
    let said = told.join(", ");
    match more {
        0 => said,
        more => match language {
            Language::Chinese if all.len() >= KEPT => format!("{said} 等，保留最先{KEPT}条"),
            Language::English if all.len() >= KEPT => {
                format!("{said} and {more} more; the first {KEPT} are kept")
            }
            Language::Chinese => format!("{said} 等{}条", all.len()),
            Language::English => format!("{said} and {more} more"),
        },
    }
}
