//! The tables. Whoever changes them counts [`VERSION`] up: a store of another version is built anew from
//! the journal.

use crate::supervision::rollup::{SUMS, Step};

/// Version of the tables and of what is counted in them.
pub(in crate::supervision) const VERSION: i64 = 1;

/// Tells our files from those of other programs: `Hela`.
pub(in crate::supervision) const APPLICATION: i64 = 0x4865_6c61;

/// How a table of cells is named.
pub(in crate::supervision) fn table(step: Step) -> &'static str {
    match step {
        Step::Minute => "minutes",
        Step::Hour => "hours",
        Step::Day => "days",
    }
}

/// All but the tables of cells. A day is named by its first second since 1970; moments are milliseconds.
const TABLES: &str = "
CREATE TABLE place (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    time INTEGER NOT NULL
);
CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    zone INTEGER NOT NULL,
    provider INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    consumer INTEGER NOT NULL,
    application INTEGER NOT NULL,
    granted INTEGER NOT NULL,
    outcome INTEGER NOT NULL
);
CREATE TABLE seen (
    day INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    last_modified INTEGER,
    newest INTEGER,
    told INTEGER,
    answered INTEGER,
    PRIMARY KEY (day, entry)
) WITHOUT ROWID;
CREATE TABLE uses (
    day INTEGER NOT NULL,
    granted INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (day, granted, entry)
) WITHOUT ROWID;
CREATE TABLE items (
    day INTEGER NOT NULL,
    granted INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    item INTEGER NOT NULL,
    used INTEGER NOT NULL,
    returned INTEGER NOT NULL,
    masked INTEGER NOT NULL,
    PRIMARY KEY (day, granted, entry, item)
) WITHOUT ROWID;
CREATE TABLE matters (
    day INTEGER NOT NULL,
    consumer INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    matter INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    PRIMARY KEY (day, consumer, entry, matter)
) WITHOUT ROWID;
CREATE TABLE operators (
    day INTEGER NOT NULL,
    application INTEGER NOT NULL,
    operator TEXT NOT NULL,
    calls INTEGER NOT NULL,
    empty INTEGER NOT NULL,
    subjects BLOB NOT NULL,
    PRIMARY KEY (day, application, operator)
) WITHOUT ROWID;
CREATE TABLE pending (id BLOB PRIMARY KEY, said TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO place VALUES (1, 0, 0, 0);
";

/// Everything that makes an empty store. Cells lie in the order of time, which is how most questions are
/// asked; days and hours can also be found by series.
pub(super) fn create() -> String {
    let cells = Step::ALL.map(|step| {
        let name = table(step);
        let sums = SUMS.join(" INTEGER NOT NULL, ");
        let index = match step {
            Step::Minute => String::new(),
            Step::Hour | Step::Day => {
                format!("CREATE INDEX {name}_by_series ON {name} (series, at);")
            }
        };
        format!(
            "CREATE TABLE {name} (
                at INTEGER NOT NULL,
                series INTEGER NOT NULL,
                {sums} INTEGER NOT NULL,
                first_seq INTEGER NOT NULL,
                last_seq INTEGER NOT NULL,
                latency BLOB NOT NULL,
                PRIMARY KEY (at, series)
            ) WITHOUT ROWID;
            {index}"
        )
    });
    let cells = cells.concat();
    format!(
        "{TABLES}{cells}PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
    )
}

/// Adds a cell to what is there.
pub(super) fn add_cell(step: Step) -> String {
    let name = table(step);
    let sums = SUMS.join(", ");
    let marks = vec!["?"; SUMS.len() + 5].join(", ");
    let adds = SUMS.map(|sum| format!("{sum} = {sum} + excluded.{sum}")).join(", ");
    format!(
        "INSERT INTO {name} (at, series, {sums}, first_seq, last_seq, latency) VALUES ({marks}) \
         ON CONFLICT DO UPDATE SET {adds}, first_seq = min(first_seq, excluded.first_seq), \
         last_seq = max(last_seq, excluded.last_seq), latency = add_latency(latency, excluded.latency)"
    )
}
