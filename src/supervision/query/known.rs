//! Names and series as they stand in the store, read again when there are more.

use std::sync::Arc;

use rusqlite::Connection;

use super::filter::Filter;
use crate::supervision::rollup::{Dimension, Series};
use crate::supervision::store::series;

/// Numbers are given without gaps, from 1: what a number stands for lies at its place.
#[derive(Debug, Default)]
pub(super) struct Known {
    names: Vec<Arc<str>>,
    series: Vec<Series>,
}

impl Known {
    /// Reads what was added since.
    pub(super) fn refresh(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut names =
            connection.prepare_cached("SELECT name FROM names WHERE id > ? ORDER BY id")?;
        let mut rows = names.query([self.names.len()].map(signed))?;
        while let Some(row) = rows.next()? {
            self.names.push(row.get_ref(0)?.as_str()?.into());
        }
        let mut all = connection.prepare_cached(
            "SELECT zone, provider, entry, consumer, application, granted, outcome FROM series
             WHERE id > ? ORDER BY id",
        )?;
        let mut rows = all.query([self.series.len()].map(signed))?;
        while let Some(row) = rows.next()? {
            self.series.push(series(row, 0)?);
        }
        Ok(())
    }

    /// The name of a number; none for that of no name.
    pub(super) fn name(&self, number: i64) -> Option<&Arc<str>> {
        self.names.get(place(number)?)
    }

    /// The name of a series in a dimension.
    pub(super) fn name_in(&self, series: i64, dimension: Dimension) -> Option<&Arc<str>> {
        self.name(self.number_in(series, dimension))
    }

    /// The number of that name.
    pub(super) fn number_in(&self, series: i64, dimension: Dimension) -> i64 {
        let series = place(series).and_then(|place| self.series.get(place));
        series.and_then(|series| series.get(dimension.place())).copied().unwrap_or_default()
    }

    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// The series that are meant.
    pub(super) fn chosen(&self, filter: &Filter) -> Vec<i64> {
        (1..=signed(self.series.len()))
            .filter(|series| {
                filter.takes(|dimension| self.name_in(*series, dimension).map_or("", |name| name))
            })
            .collect()
    }
}

fn place(number: i64) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
