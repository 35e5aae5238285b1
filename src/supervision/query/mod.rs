//! What pages, detectors and reports ask of the roll-ups, beside whoever writes them.

mod facts;
mod filter;
mod known;
mod period;
mod scan;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

pub use self::facts::{FreshDay, Freshness, GrantUse, ItemUse, MatterUse, OperatorDay};
pub use self::filter::Filter;
pub use self::period::Period;

use self::known::Known;
use super::rollup::{Dimension, Figures, Place, Series, Step};
use super::store::{self, StoreError};
use crate::domain::Timestamp;

/// Buckets of one answer.
const MOST: u64 = 20_000;

/// Roll-ups that are read. One thread asks at a time; opening takes well under a millisecond, so that each
/// page may have its own.
#[derive(Debug)]
pub struct Rollups {
    connection: Connection,
    path: PathBuf,
    known: RefCell<Known>,
}

/// Figures of one bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// When it begins.
    pub from: Timestamp,
    /// Its figures.
    pub figures: Figures,
}

/// Figures of calls that have the same names in the dimensions that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Those names, in the order in which the dimensions were given.
    pub names: Vec<Option<Arc<str>>>,
    /// Its figures.
    pub figures: Figures,
}

/// Figures of one group in one bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// When the bucket begins.
    pub from: Timestamp,
    /// The group.
    pub group: Group,
}

impl Rollups {
    /// Opens the roll-ups in a state folder.
    pub fn open(state: &Path) -> Result<Self, StoreError> {
        let path = state.join(store::FILE);
        let connection = store::open_read_only(&path)?;
        Ok(Self { connection, path, known: RefCell::default() })
    }

    /// How far the records are folded.
    pub fn place(&self) -> Result<Place, StoreError> {
        self.connection
            .query_row("SELECT seq, crc, time FROM place", [], store::place)
            .map_err(self.failed())
    }

    /// All chosen calls of a period together.
    pub fn totals(&self, period: Period, filter: &Filter) -> Result<Figures, StoreError> {
        let sums = self.sum(&period.pieces(), filter, |_, _, _| ())?;
        Ok(sums.into_values().next().unwrap_or_default())
    }

    /// One point for each bucket that the period touches, also where nothing happened.
    pub fn series(
        &self,
        period: Period,
        step: Step,
        filter: &Filter,
    ) -> Result<Vec<Point>, StoreError> {
        let piece = period.touched(step);
        bounded(piece.count())?;
        let mut sums = self.sum(&[piece], filter, |_, at, _| at)?;
        let mut points = Vec::new();
        let mut at = piece.from;
        while at < piece.until {
            let figures = sums.remove(&at).unwrap_or_default();
            points.push(Point { from: moment(at), figures });
            at = at.saturating_add(step.seconds());
        }
        Ok(points)
    }

    /// Figures by name in one dimension, most calls first. By [`Dimension::Outcome`] these are the outcomes
    /// by code.
    pub fn by(
        &self,
        period: Period,
        dimension: Dimension,
        filter: &Filter,
    ) -> Result<Vec<Group>, StoreError> {
        self.grouped(period, &[dimension], filter)
    }

    /// The first so many of [`Rollups::by`] in another order: `measure` of the most comes first.
    pub fn top(
        &self,
        period: Period,
        dimension: Dimension,
        filter: &Filter,
        (most, measure): (usize, fn(&Figures) -> u64),
    ) -> Result<Vec<Group>, StoreError> {
        let mut groups = self.by(period, dimension, filter)?;
        groups.sort_by_key(|group| std::cmp::Reverse(measure(&group.figures)));
        groups.truncate(most);
        Ok(groups)
    }

    /// Figures by names in several dimensions, most calls first.
    pub fn grouped(
        &self,
        period: Period,
        dimensions: &[Dimension],
        filter: &Filter,
    ) -> Result<Vec<Group>, StoreError> {
        let sums =
            self.sum(&period.pieces(), filter, |known, _, series| key(known, dimensions, series))?;
        let known = self.known.borrow();
        let mut groups: Vec<Group> = sums
            .into_iter()
            .map(|(key, figures)| Group { names: names(&known, dimensions, key), figures })
            .collect();
        groups.sort_by(|one, other| {
            let most = other.figures.calls.cmp(&one.figures.calls);
            most.then_with(|| one.names.cmp(&other.names))
        });
        Ok(groups)
    }

    /// The same by bucket, in the order of time; only where there were calls.
    pub fn cells(
        &self,
        (period, step): (Period, Step),
        dimensions: &[Dimension],
        filter: &Filter,
    ) -> Result<Vec<Cell>, StoreError> {
        let sums = self.sum(&[period.touched(step)], filter, |known, at, series| {
            (at, key(known, dimensions, series))
        })?;
        let known = self.known.borrow();
        let mut cells: Vec<Cell> = sums
            .into_iter()
            .map(|((at, key), figures)| {
                let group = Group { names: names(&known, dimensions, key), figures };
                Cell { from: moment(at), group }
            })
            .collect();
        cells.sort_by(|one, other| {
            one.from.cmp(&other.from).then_with(|| one.group.names.cmp(&other.group.names))
        });
        Ok(cells)
    }

    /// Every name in a dimension that has calls in the period.
    pub fn names(&self, period: Period, dimension: Dimension) -> Result<Vec<Arc<str>>, StoreError> {
        let groups = self.by(period, dimension, &Filter::all())?;
        let names = groups.into_iter().filter_map(|group| group.names.into_iter().next()?);
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> StoreError {
        store::sqlite(&self.path, "read")
    }
}

fn bounded(asked: u64) -> Result<(), StoreError> {
    if asked > MOST { Err(StoreError::TooFine { asked, most: MOST }) } else { Ok(()) }
}

/// The numbers of a series in these dimensions; each is named once at most, so that seven have room.
fn key(known: &Known, dimensions: &[Dimension], series: i64) -> Series {
    let mut key = Series::default();
    for (number, dimension) in key.iter_mut().zip(dimensions) {
        *number = known.number_in(series, *dimension);
    }
    key
}

fn names(known: &Known, dimensions: &[Dimension], key: Series) -> Vec<Option<Arc<str>>> {
    let numbers = dimensions.iter().zip(key);
    numbers.map(|(_, number)| known.name(number).map(Arc::clone)).collect()
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_millis(second.saturating_mul(1_000))
}
