//! Figures of calls, from the roll-ups, in the shape that pages need.

use super::chart::{Column, Extent, Rank, columns, ranks};
use super::page::Seen;
use super::show;
use super::words::ending;
use crate::domain::Timestamp;
use crate::journal::ANSWERED;
use crate::supervision::{Dimension, Figures, Filter, Freshness, Group, Period, Rollups, Step};

/// How many of the busiest are listed.
const LISTED: usize = 10;

/// How a call ended, for charts: each is a series.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    pub(super) answered: u64,
    pub(super) refused: u64,
    pub(super) broken: u64,
}

impl Ends {
    pub(super) fn all(self) -> u64 {
        self.answered.saturating_add(self.refused).saturating_add(self.broken)
    }

    fn add(&mut self, outcome: &str, calls: u64) {
        let sum = match Kind::of(outcome) {
            Kind::Answered => &mut self.answered,
            Kind::Refused => &mut self.refused,
            Kind::Broken => &mut self.broken,
        };
        *sum = sum.saturating_add(calls);
    }
}

/// What an outcome is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Answered,
    Refused,
    /// It broke off, or its end is not known.
    Broken,
}

impl Kind {
    pub(super) fn of(outcome: &str) -> Self {
        match outcome {
            ANSWERED | "allowed" => Self::Answered,
            _ if ending(outcome, super::texts::Lang::English).is_some() => Self::Broken,
            _ => Self::Refused,
        }
    }

    /// How it is drawn.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Answered => "is-good",
            Self::Refused => "is-bad",
            Self::Broken => "is-new",
        }
    }
}

/// The roll-ups, or why there are none for now. Charts without them stay empty.
pub(super) struct Traffic<'s> {
    seen: &'s Seen,
    rollups: Option<Rollups>,
    now: Timestamp,
}

impl<'s> Traffic<'s> {
    pub(super) fn open(seen: &'s Seen) -> Self {
        let now = seen.admin.journal.clamp(seen.admin.clock.now());
        let rollups = match Rollups::open(&seen.admin.state) {
            Ok(rollups) => Some(rollups),
            Err(error) => {
                tracing::warn!(%error, "the console has no roll-ups");
                None
            }
        };
        Self { seen, rollups, now }
    }

    /// What a page says if there are no figures.
    pub(super) fn unavailable(&self) -> Option<String> {
        self.rollups.is_none().then(|| self.seen.t().no_rollups.to_owned())
    }

    fn ask<T: Default, E: std::fmt::Display>(
        &self,
        ask: impl FnOnce(&Rollups) -> Result<T, E>,
    ) -> T {
        let Some(rollups) = &self.rollups else { return T::default() };
        ask(rollups).unwrap_or_else(|error| {
            tracing::error!(%error, "a question to the roll-ups failed");
            T::default()
        })
    }

    /// The last so many days, today included.
    pub(super) fn days(&self, count: u32) -> Period {
        Period::last(count, Step::Day, self.now)
    }

    /// Today, in Asia/Shanghai.
    pub(super) fn today(&self) -> Period {
        Period::day(self.now)
    }

    pub(super) fn month(&self) -> Period {
        let first = self.now.day().first_of_month();
        Period::new(Timestamp::start_of(first), self.today().until())
    }

    pub(super) fn totals(&self, period: Period, filter: &Filter) -> Figures {
        self.ask(|rollups| rollups.totals(period, filter))
    }

    pub(super) fn ends(&self, period: Period, filter: &Filter) -> Ends {
        let mut ends = Ends::default();
        for group in self.ask(|rollups| rollups.by(period, Dimension::Outcome, filter)) {
            ends.add(name(&group), group.figures.calls);
        }
        ends
    }

    /// Calls by name in a dimension; no name is the public.
    pub(super) fn by(
        &self,
        period: Period,
        dimension: Dimension,
        filter: &Filter,
    ) -> Vec<(String, u64)> {
        let groups = self.ask(|rollups| rollups.by(period, dimension, filter));
        groups.iter().map(|group| (name(group).to_owned(), group.figures.calls)).collect()
    }

    /// What is known of the age of each entry's data.
    pub(super) fn freshness(&self) -> Vec<Freshness> {
        self.ask(|rollups| rollups.freshness(self.now))
    }

    /// How often each item of a grant was used or left: `(item, used, returned)`.
    pub(super) fn items(&self, period: Period, grant: &str) -> Vec<(String, u64, u64)> {
        let uses = self.ask(|rollups| rollups.item_uses(period));
        uses.into_iter()
            .filter(|one| one.grant.as_deref() == Some(grant))
            .map(|one| (one.item.to_string(), one.used, one.returned))
            .collect()
    }

    /// A chart of calls by hour or day, stacked by how they ended.
    pub(super) fn chart(
        &self,
        (title, extent): (&str, Extent),
        (period, step): (Period, Step),
        filter: &Filter,
    ) -> String {
        let t = self.seen.t();
        let asked = (period, step);
        let cells = self.ask(|rollups| rollups.cells(asked, &[Dimension::Outcome], filter));
        let mut rows: Vec<(Timestamp, Ends)> =
            buckets(period, step).map(|from| (from, Ends::default())).collect();
        for cell in &cells {
            if let Some((_, ends)) = rows.iter_mut().find(|(from, _)| *from == cell.from) {
                ends.add(name(&cell.group), cell.group.figures.calls);
            }
        }
        let label = |from: Timestamp| match step {
            Step::Day => from.local().strftime("%m-%d").to_string(),
            Step::Hour | Step::Minute => from.local().strftime("%H:%M").to_string(),
        };
        let rows: Vec<Column> = rows
            .into_iter()
            .map(|(from, ends)| Column {
                label: label(from),
                values: vec![ends.answered, ends.refused, ends.broken],
            })
            .collect();
        let axis = if step == Step::Day { t.day } else { t.hour };
        columns((title, extent), axis, (&[t.answered, t.refused, t.broke_off], t), &rows)
    }

    /// The reasons for refusals, the most frequent first.
    pub(super) fn refusals(&self, period: Period, filter: &Filter) -> String {
        let (t, lang) = (self.seen.t(), self.seen.lang());
        let all = self.by(period, Dimension::Outcome, filter);
        let rows: Vec<Rank> = all
            .into_iter()
            .filter(|(code, _)| Kind::of(code) == Kind::Refused)
            .take(LISTED)
            .map(|(code, count)| {
                let meaning = self.seen.admin.handles.refusals.get(code.as_str());
                let name = meaning.map_or("", |meaning| lang.of(meaning.text[1], meaning.text[0]));
                let name = name.trim_end_matches(['。', '.']).to_owned();
                let name = if name.is_empty() { code.clone() } else { name };
                Rank { name, code, href: String::new(), count }
            })
            .collect();
        ranks(t.refusals_by_reason, t.reason, (t.no_refusals, t), (&rows, 1))
    }

    /// The busiest entries or consumers.
    pub(super) fn busiest(
        &self,
        (title, what): (&str, &str),
        (period, dimension): (Period, Dimension),
        filter: &Filter,
    ) -> String {
        let t = self.seen.t();
        let rows: Vec<Rank> = self
            .by(period, dimension, filter)
            .into_iter()
            .take(LISTED)
            .map(|(id, count)| self.rank(dimension, id, count))
            .collect();
        ranks(title, what, (t.no_calls, t), (&rows, 0))
    }

    fn rank(&self, dimension: Dimension, id: String, count: u64) -> Rank {
        let t = self.seen.t();
        let sources = (self.seen.admin.handles.sources)();
        let (name, section) = if dimension == Dimension::Entry {
            (sources.entries.get(id.as_str()).map(|source| source.entry.name.clone()), "entries")
        } else {
            (sources.organizations.get(id.as_str()).map(|one| one.name.clone()), "organizations")
        };
        match name {
            Some(name) => {
                let href = format!("/console/{section}/{id}");
                Rank { name, code: String::new(), href, count }
            }
            None => {
                let nobody =
                    if dimension == Dimension::Entry { t.no_entry } else { t.nobody_known };
                let name = if id.is_empty() { nobody.to_owned() } else { id };
                Rank { name, code: String::new(), href: String::new(), count }
            }
        }
    }
}

/// Median and 95th percentile of the time calls took, in milliseconds.
pub(super) fn latency(figures: &Figures) -> Option<String> {
    let [half, most] = [500, 950].map(|permille| figures.latency.within(permille));
    Some(format!("{} / {} ms", show::millis(half?), show::millis(most?)))
}

/// The buckets of a period that begins with one; also those in which nothing happened.
fn buckets(period: Period, step: Step) -> impl Iterator<Item = Timestamp> {
    let length = step.seconds().saturating_mul(1_000);
    std::iter::successors(Some(period.from()), move |from| Some(from.plus_millis(length)))
        .take_while(move |from| *from < period.until())
}

fn name(group: &Group) -> &str {
    group.names.first().and_then(Option::as_deref).unwrap_or_default()
}
