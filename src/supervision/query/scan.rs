//! Adds up cells. SQLite finds them, the sums are made here: that is faster than its own grouping, and
//! histograms add up in no SQL.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use foldhash::fast::RandomState;
use rusqlite::types::Type;
use rusqlite::{Row, Statement};

use super::Rollups;
use super::filter::Filter;
use super::known::Known;
use super::period::Piece;
use crate::supervision::rollup::{Figures, SUMS, Step};
use crate::supervision::store::{StoreError, table};

/// Among so many series one is looked up by itself; if more are meant, all are passed through.
const FEW: usize = 8;

/// Different figures of one answer.
const MOST: u64 = 200_000;

/// Figures by what they were asked for.
type Grouped<K> = HashMap<K, Figures, RandomState>;

impl Rollups {
    /// Adds up the chosen cells of some pieces of time, by what `key` makes of bucket and series.
    pub(super) fn sum<K: Hash + Eq>(
        &self,
        pieces: &[Piece],
        filter: &Filter,
        key: impl Fn(&Known, i64, i64) -> K,
    ) -> Result<Grouped<K>, StoreError> {
        let asked = Cell::new(0);
        self.sum_all(pieces, filter, (key, &asked)).map_err(|error| match asked.get() {
            0 => self.failed()(error),
            asked => StoreError::TooFine { asked, most: MOST },
        })
    }

    fn sum_all<K: Hash + Eq>(
        &self,
        pieces: &[Piece],
        filter: &Filter,
        (key, asked): (impl Fn(&Known, i64, i64) -> K, &Cell<u64>),
    ) -> rusqlite::Result<Grouped<K>> {
        // All that is read here is of one moment.
        let _moment = self.connection.unchecked_transaction()?;
        self.known.borrow_mut().refresh(&self.connection)?;
        let known = self.known.borrow();
        let chosen = (!filter.wanted.is_empty()).then(|| known.chosen(filter));
        let mut sums = Grouped::default();
        let mut add = |row: &Row<'_>| {
            let key = key(&known, row.get(0)?, row.get(1)?);
            let count = u64::try_from(sums.len()).unwrap_or(u64::MAX);
            if count > MOST {
                // The error only ends the reading.
                asked.set(count);
                return Err(rusqlite::Error::InvalidQuery);
            }
            take(row, sums.entry(key).or_default())
        };
        for piece in pieces {
            let mut select = self.connection.prepare_cached(&select(
                piece.step,
                chosen.as_deref(),
                known.len(),
            ))?;
            match &chosen {
                None => each(&mut select, &[piece.from, piece.until], &mut add)?,
                Some(chosen) if is_looked_up(piece.step, chosen, known.len()) => {
                    for series in chosen {
                        each(&mut select, &[piece.from, piece.until, *series], &mut add)?;
                    }
                }
                Some(chosen) => {
                    let chosen: HashSet<i64, RandomState> = chosen.iter().copied().collect();
                    each(&mut select, &[piece.from, piece.until], &mut |row| {
                        if chosen.contains(&row.get(1)?) { add(row) } else { Ok(()) }
                    })?;
                }
            }
        }
        Ok(sums)
    }
}

/// Whether to look up each series by itself. Minutes cannot be found so.
fn is_looked_up(step: Step, chosen: &[i64], of: usize) -> bool {
    step != Step::Minute && chosen.len() < of / FEW
}

fn select(step: Step, chosen: Option<&[i64]>, of: usize) -> String {
    let table = table(step);
    let by = if chosen.is_some_and(|chosen| is_looked_up(step, chosen, of)) {
        " AND series = ?"
    } else {
        ""
    };
    let sums = SUMS.join(", ");
    format!(
        "SELECT at, series, {sums}, first_seq, last_seq, latency FROM {table} \
         WHERE at >= ? AND at < ?{by}"
    )
}

fn each(
    select: &mut Statement<'_>,
    values: &[i64],
    add: &mut impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut rows = select.query(rusqlite::params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        add(row)?;
    }
    Ok(())
}

/// Adds a row to figures.
fn take(row: &Row<'_>, figures: &mut Figures) -> rusqlite::Result<()> {
    let mut sums = figures.sums();
    let mut place = 2;
    for sum in &mut sums {
        *sum = sum.saturating_add(number(row, place)?);
        place += 1;
    }
    figures.set_sums(sums);
    let first = number(row, place)?;
    figures.first_seq = if figures.first_seq == 0 { first } else { figures.first_seq.min(first) };
    figures.last_seq = figures.last_seq.max(number(row, place + 1)?);
    let latency = row.get_ref(place + 2)?.as_blob()?;
    figures.latency.merge_encoded(latency).ok_or_else(|| {
        let why = "a histogram that is not whole".into();
        rusqlite::Error::FromSqlConversionFailure(place + 2, Type::Blob, why)
    })
}

/// A count, which is never negative.
pub(super) fn number(row: &Row<'_>, place: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(place)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(place, number))
}
