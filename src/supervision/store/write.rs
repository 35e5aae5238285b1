//! Writes a batch: all of it, with the place it ends at, or nothing.

use std::collections::BTreeMap;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::Value;
use rusqlite::{Connection, Transaction, params, params_from_iter};

use super::schema::{add_cell, table};
use super::{Store, StoreError, sqlite};
use crate::domain::Timestamp;
use crate::supervision::rollup::{Batch, Figures, Latency, Pending, Step, Subjects};

/// Minutes and what is kept of persons are forgotten together.
const OPERATORS: Step = Step::Minute;

impl Store {
    /// Adds a batch.
    pub(in crate::supervision) fn add(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let failed = sqlite(&self.path, "write to");
        let changes = self.connection.transaction().map_err(&failed)?;
        add(&changes, batch).map_err(&failed)?;
        changes.commit().map_err(&failed)
    }

    /// Forgets everything up to the day in which the first record that is left was written: that day is
    /// no longer whole. What is left is what a build from these records gives.
    pub(in crate::supervision) fn begin_after(
        &mut self,
        first: Timestamp,
    ) -> Result<(), StoreError> {
        let day = Step::Day.bucket(first).saturating_add(Step::Day.seconds());
        let tables = Step::ALL.map(|step| (table(step), "at"));
        let facts = ["seen", "uses", "items", "matters", "operators"].map(|name| (name, "day"));
        let mut forget = || {
            let changes = self.connection.transaction()?;
            for (name, column) in tables.into_iter().chain(facts) {
                changes.execute(&format!("DELETE FROM {name} WHERE {column} < ?"), [day])?;
            }
            changes.commit()
        };
        forget().map_err(sqlite(&self.path, "write to"))
    }
}

/// Teaches a connection to add up what is kept in bytes.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("add_latency", 2, flags, |both| {
        let mut sum = Latency::default();
        each(both, |bytes| sum.merge_encoded(bytes))?;
        Ok(sum.encode())
    })?;
    connection.create_scalar_function("add_subjects", 2, flags, |both| {
        let mut sum = Subjects::default();
        each(both, |bytes| sum.merge_encoded(bytes))?;
        Ok(sum.encode())
    })
}

fn each(both: &Context<'_>, mut add: impl FnMut(&[u8]) -> Option<()>) -> rusqlite::Result<()> {
    for place in 0..both.len() {
        let bytes = both.get_raw(place).as_blob().ok();
        bytes.and_then(&mut add).ok_or_else(|| {
            let damage = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
            rusqlite::Error::SqliteFailure(damage, Some("a sum that is not whole".to_owned()))
        })?;
    }
    Ok(())
}

fn add(changes: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    let before: i64 = changes.query_row("SELECT time FROM place", [], |row| row.get(0))?;
    add_names(changes, batch)?;
    add_cells(changes, batch)?;
    add_facts(changes, batch)?;
    add_operators(changes, batch)?;
    add_pending(changes, batch)?;
    let place = batch.place;
    forget(changes, Timestamp::from_millis(before), place.time)?;
    changes.prepare_cached("UPDATE place SET seq = ?, crc = ?, time = ?")?.execute(params![
        signed(place.seq),
        place.crc,
        place.time.millis()
    ])?;
    Ok(())
}

fn add_names(changes: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    let mut insert = changes.prepare_cached("INSERT INTO names VALUES (?, ?)")?;
    for (number, name) in &batch.new.names {
        insert.execute(params![number, name])?;
    }
    let mut insert =
        changes.prepare_cached("INSERT INTO series VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
    for (number, series) in &batch.new.series {
        insert.execute(params_from_iter([number].into_iter().chain(series)))?;
    }
    Ok(())
}

/// Adds minutes, and the hours and days they are part of. In order, so that neighbors are written
/// together.
fn add_cells(changes: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    for step in Step::ALL {
        let mut cells: BTreeMap<(i64, i64), Figures> = BTreeMap::new();
        let horizon = step.horizon(batch.place.time).unwrap_or(i64::MIN);
        for ((minute, series), figures) in &batch.cells {
            let at = step.start(*minute);
            if at >= horizon {
                cells.entry((at, *series)).or_default().add(figures);
            }
        }
        let mut insert = changes.prepare_cached(&add_cell(step))?;
        for ((at, series), figures) in cells {
            let sums = figures.sums().map(signed);
            let values = [at, series]
                .into_iter()
                .chain(sums)
                .chain([signed(figures.first_seq), signed(figures.last_seq)])
                .map(Value::Integer)
                .chain([Value::Blob(figures.latency.encode())]);
            insert.execute(params_from_iter(values))?;
        }
    }
    Ok(())
}

fn add_facts(changes: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    // The two-valued max() of SQLite is null if either is: what is unknown counts as the other.
    let mut insert = changes.prepare_cached(
        "INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
         last_modified = max(ifnull(last_modified, excluded.last_modified), ifnull(excluded.last_modified, last_modified)),
         newest = max(ifnull(newest, excluded.newest), ifnull(excluded.newest, newest)),
         told = max(ifnull(told, excluded.told), ifnull(excluded.told, told)),
         answered = max(ifnull(answered, excluded.answered), ifnull(excluded.answered, answered))",
    )?;
    for ((day, entry), seen) in &batch.seen {
        let [modified, newest, told, answered] =
            [seen.last_modified, seen.newest, seen.told, seen.answered]
                .map(|time| time.map(Timestamp::millis));
        insert.execute(params![day, entry, modified, newest, told, answered])?;
    }
    let mut insert = changes.prepare_cached(
        "INSERT INTO uses VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
         calls = calls + excluded.calls, last = max(last, excluded.last)",
    )?;
    for ((day, grant, entry), uses) in &batch.uses {
        insert.execute(params![day, grant, entry, signed(uses.calls), uses.last.millis()])?;
    }
    let mut insert = changes.prepare_cached(
        "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
         used = used + excluded.used, returned = returned + excluded.returned,
         masked = masked + excluded.masked",
    )?;
    for ((day, grant, entry, item), items) in &batch.items {
        let [used, returned, masked] = [items.used, items.returned, items.masked].map(signed);
        insert.execute(params![day, grant, entry, item, used, returned, masked])?;
    }
    let mut insert = changes.prepare_cached(
        "INSERT INTO matters VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
         calls = calls + excluded.calls",
    )?;
    for ((day, consumer, entry, matter), calls) in &batch.matters {
        insert.execute(params![day, consumer, entry, matter, signed(*calls)])?;
    }
    Ok(())
}

fn add_operators(changes: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    let horizon = OPERATORS.horizon(batch.place.time).unwrap_or(i64::MIN);
    let mut insert = changes.prepare_cached(
        "INSERT INTO operators VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
         calls = calls + excluded.calls, empty = empty + excluded.empty,
         subjects = add_subjects(subjects, excluded.subjects)",
    )?;
    for ((day, application, operator), asked) in &batch.operators {
        if *day >= horizon {
            let (calls, empty) = (signed(asked.calls), signed(asked.empty));
            let subjects = asked.subjects.encode();
            insert.execute(params![day, application, operator, calls, empty, subjects])?;
        }
    }
    Ok(())
}

fn add_pending(changes: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    let mut delete = changes.prepare_cached("DELETE FROM pending WHERE id = ?")?;
    for id in &batch.closed {
        delete.execute([id.as_bytes()])?;
    }
    let mut insert = changes.prepare_cached("INSERT OR REPLACE INTO pending VALUES (?, ?)")?;
    for (id, pending) in &batch.opened {
        insert.execute(params![id.as_bytes(), say(pending)?])?;
    }
    Ok(())
}

fn say(pending: &Pending) -> rusqlite::Result<String> {
    serde_json::to_string(pending)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// Forgets what is older than is kept, if time has come to that.
fn forget(changes: &Transaction<'_>, before: Timestamp, now: Timestamp) -> rusqlite::Result<()> {
    for step in Step::ALL {
        let horizon = step.horizon(now);
        if let Some(first) = horizon.filter(|_| horizon != step.horizon(before)) {
            let delete = format!("DELETE FROM {} WHERE at < ?", table(step));
            changes.execute(&delete, [first])?;
            if step == OPERATORS {
                changes.execute("DELETE FROM operators WHERE day < ?", [first])?;
            }
        }
    }
    Ok(())
}

/// SQLite counts up to 2^63.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
