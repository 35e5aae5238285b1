//! What a fold goes on from.

use rusqlite::Row;
use rusqlite::types::Type;
use uuid::Uuid;

use super::{Store, StoreError, sqlite};
use crate::domain::Timestamp;
use crate::supervision::rollup::{Fold, Names, Operators, Pending, Place, Series};

impl Store {
    /// A fold that goes on where the store ends.
    pub(in crate::supervision) fn resume(&self) -> Result<Fold, StoreError> {
        self.load().map_err(sqlite(&self.path, "read"))
    }

    fn load(&self) -> rusqlite::Result<Fold> {
        let place = self.connection.query_row("SELECT seq, crc, time FROM place", [], place)?;
        let names =
            self.all("SELECT name, id FROM names", |row| Ok((text(row, 0)?, row.get(1)?)))?;
        let series = self.all(
            "SELECT zone, provider, entry, consumer, application, granted, outcome, id FROM series",
            |row| Ok((series(row, 0)?, row.get(7)?)),
        )?;
        let since = Operators::since(place.time);
        let operators = self.all(
            &format!("SELECT day, application, operator FROM operators WHERE day >= {since}"),
            |row| Ok((row.get(0)?, row.get(1)?, text(row, 2)?)),
        )?;
        let pending = self.all("SELECT id, said FROM pending", pending)?.into_iter().collect();
        Ok(Fold::resume(place, Names::known(names, series), Operators::known(operators), pending))
    }

    fn all<T>(
        &self,
        select: &str,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.connection.prepare(select)?.query_map([], read)?.collect()
    }
}

/// `seq, crc, time`.
pub(in crate::supervision) fn place(row: &Row<'_>) -> rusqlite::Result<Place> {
    let seq: i64 = row.get(0)?;
    Ok(Place {
        seq: u64::try_from(seq).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, seq))?,
        crc: row.get(1)?,
        time: Timestamp::from_millis(row.get(2)?),
    })
}

/// Seven names from this column on.
pub(in crate::supervision) fn series(row: &Row<'_>, from: usize) -> rusqlite::Result<Series> {
    let mut series = Series::default();
    for (place, name) in series.iter_mut().enumerate() {
        *name = row.get(from.saturating_add(place))?;
    }
    Ok(series)
}

fn text(row: &Row<'_>, place: usize) -> rusqlite::Result<Box<str>> {
    row.get_ref(place)?.as_str().map(Into::into).map_err(Into::into)
}

fn pending(row: &Row<'_>) -> rusqlite::Result<(Uuid, Pending)> {
    let said = row.get_ref(1)?.as_str()?;
    let pending = serde_json::from_str(said)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, Type::Text, error.into()))?;
    Ok((Uuid::from_bytes(row.get(0)?), pending))
}
