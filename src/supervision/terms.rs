//! Terms that run out: grants, agreements and the filings of stewards, by organization.
//!
//! What ends when follows from the policies and is sorted when they come in force; what is left of it
//! follows from the clock and is told when the page is read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts, Registry};

use crate::domain::{
    AgreementState, GrantState, OrganizationId, OrganizationState, Term, Timestamp,
};
use crate::journal::Clock;
use crate::policy::Sources;
use crate::policy::pace::give_way;

/// Organizations that get a label of their own; the rest share `other`.
const WIDE: usize = 500;

/// How far ahead an end is told: 30 days, in milliseconds.
const AHEAD: i64 = 30 * 86_400_000;

/// Figures of terms. Clones are one.
#[derive(Clone)]
pub struct TermMetrics(Arc<Inner>);

struct Inner {
    clock: Clock,
    kinds: [Kind; 3],
    /// Held while figures are made anew, so that two readers never see each other's half.
    terms: Mutex<[Terms; 3]>,
}

/// When the terms of one kind end, by organization, soonest first.
type Terms = BTreeMap<OrganizationId, Vec<Timestamp>>;

/// The figures of one kind.
struct Kind {
    ends: IntGaugeVec,
    ending: IntGaugeVec,
    live: IntGaugeVec,
}

impl fmt::Debug for TermMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TermMetrics")
    }
}

impl TermMetrics {
    /// Makes and registers them.
    pub fn register(registry: &Registry, clock: Clock) -> Result<Self, prometheus::Error> {
        let kinds = [
            Kind::new("grant", "grants", "active grants, by consumer")?,
            Kind::new("agreement", "agreements", "effective agreements, by consumer")?,
            Kind::new("steward", "stewards", "filings of stewards")?,
        ];
        let metrics = Self(Arc::new(Inner { clock, kinds, terms: Mutex::default() }));
        registry.register(Box::new(metrics.clone()))?;
        Ok(metrics)
    }

    /// Takes the terms of policies that came in force.
    pub fn adopt(&self, sources: &Sources) {
        let new = [grants(sources), agreements(sources), stewards(sources)];
        *self.0.terms.lock().unwrap_or_else(PoisonError::into_inner) = new.map(sorted);
    }
}

impl Collector for TermMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.0.kinds.iter().flat_map(Kind::gauges).flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let now = self.0.clock.now();
        let terms = self.0.terms.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, terms) in self.0.kinds.iter().zip(terms.iter()) {
            kind.tell(terms, now);
        }
        self.0.kinds.iter().flat_map(Kind::gauges).flat_map(Collector::collect).collect()
    }
}

impl Kind {
    fn new(one: &str, many: &str, what: &str) -> Result<Self, prometheus::Error> {
        let gauge =
            |name: String, help: String| IntGaugeVec::new(Opts::new(name, help), &["organization"]);
        Ok(Self {
            ends: gauge(
                format!("helan_{one}_end_timestamp_seconds"),
                format!("When the first of the {what} ends that are not over."),
            )?,
            ending: gauge(
                format!("helan_{many}_ending"),
                format!("How many {what} end within 30 days."),
            )?,
            live: gauge(format!("helan_{many}_live"), format!("How many {what} are not over."))?,
        })
    }

    fn gauges(&self) -> [&IntGaugeVec; 3] {
        [&self.ends, &self.ending, &self.live]
    }

    /// Sets the figures anew, so that what is gone leaves nothing behind.
    fn tell(&self, terms: &Terms, now: Timestamp) {
        self.gauges().into_iter().for_each(IntGaugeVec::reset);
        let soon = now.plus_millis(AHEAD);
        let mut other: Option<Timestamp> = None;
        for (at, (organization, ends)) in terms.iter().enumerate() {
            let label = if at < WIDE { organization.as_str() } else { "other" };
            let over = ends.partition_point(|end| *end <= now);
            let ending = ends.partition_point(|end| *end <= soon).saturating_sub(over);
            self.live.with_label_values(&[label]).add(count(ends.len().saturating_sub(over)));
            self.ending.with_label_values(&[label]).add(count(ending));
            let Some(mut first) = ends.get(over).copied() else { continue };
            if at >= WIDE {
                first = other.map_or(first, |known| known.min(first));
                other = Some(first);
            }
            let seconds = first.millis().div_euclid(1000);
            self.ends.with_label_values(&[label]).set(seconds);
        }
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn sorted(mut terms: Terms) -> Terms {
    for ends in terms.values_mut() {
        give_way();
        ends.sort_unstable();
    }
    terms
}

fn grants(sources: &Sources) -> Terms {
    let active = sources.grants.values().filter(|grant| grant.state == GrantState::Active);
    by_organization(active.map(|grant| (grant.consumer.clone(), grant.term)))
}

fn agreements(sources: &Sources) -> Terms {
    let all = sources.agreements.values();
    let effective = all.filter(|agreement| agreement.state == AgreementState::Effective);
    by_organization(effective.map(|agreement| (agreement.consumer.clone(), agreement.term)))
}

/// Every organization that takes part has its place here: one without a steward is told as 0.
fn stewards(sources: &Sources) -> Terms {
    let all = sources.organizations.values();
    all.filter(|organization| organization.state == OrganizationState::Live)
        .map(|organization| {
            let ends = organization.stewards.iter().map(|steward| steward.term.until).collect();
            (organization.id.clone(), ends)
        })
        .collect()
}

fn by_organization(all: impl Iterator<Item = (OrganizationId, Term)>) -> Terms {
    let mut terms = Terms::new();
    for (organization, term) in all {
        give_way();
        terms.entry(organization).or_default().push(term.until);
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn told(ends: &[(&str, &[i64])], now: i64) -> Vec<String> {
        let kind = Kind::new("grant", "grants", "grants").unwrap();
        let terms = ends.iter().map(|(organization, days)| {
            let ends = days.iter().map(|day| Timestamp::from_millis(day * DAY)).collect();
            (OrganizationId::parse(organization).unwrap(), ends)
        });
        let terms = sorted(terms.collect());
        // Twice: what was told before leaves nothing behind.
        kind.tell(&terms, Timestamp::from_millis(i64::MIN));
        kind.tell(&terms, Timestamp::from_millis(now));
        lines(&kind)
    }

    fn lines(kind: &Kind) -> Vec<String> {
        let registry = Registry::new();
        for gauge in kind.gauges() {
            registry.register(Box::new(gauge.clone())).unwrap();
        }
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
        let mut lines: Vec<_> =
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
        lines.sort();
        lines
    }

    #[test]
    fn the_first_end_that_is_not_over_is_told_and_how_many_are_near() {
        let lines = told(&[("tax", &[500, 9, 40, 10, 39])], 10 * DAY);

        assert_eq!(
            lines,
            [
                r#"helan_grant_end_timestamp_seconds{organization="tax"} 3369600"#,
                r#"helan_grants_ending{organization="tax"} 2"#,
                r#"helan_grants_live{organization="tax"} 3"#,
            ],
            "the end at day 10 is over at day 10; 39 and 40 are within 30 days"
        );
    }

    #[test]
    fn who_has_nothing_left_is_told_as_none_without_an_end() {
        let lines = told(&[("police", &[]), ("tax", &[9])], 10 * DAY);

        assert_eq!(
            lines,
            [
                r#"helan_grants_ending{organization="police"} 0"#,
                r#"helan_grants_ending{organization="tax"} 0"#,
                r#"helan_grants_live{organization="police"} 0"#,
                r#"helan_grants_live{organization="tax"} 0"#,
            ]
        );
    }

    #[test]
    fn beyond_the_budget_of_labels_the_soonest_end_and_the_sum_are_told_as_other() {
        let names: Vec<_> = (0..WIDE + 2).map(|at| format!("o{at:04}")).collect();
        let last = [WIDE, WIDE + 1].map(|at| names[at].as_str());
        let ends: Vec<(&str, &[i64])> = names
            .iter()
            .map(|name| (name.as_str(), if name == last[1] { &[20][..] } else { &[30][..] }))
            .collect();

        let lines = told(&ends, 0);

        let others: Vec<_> = lines.iter().filter(|line| line.contains("other")).collect();
        assert_eq!(
            others,
            [
                r#"helan_grant_end_timestamp_seconds{organization="other"} 1728000"#,
                r#"helan_grants_ending{organization="other"} 2"#,
                r#"helan_grants_live{organization="other"} 2"#,
            ]
        );
        assert_eq!(lines.len(), 3 * (WIDE + 1));
    }
}
