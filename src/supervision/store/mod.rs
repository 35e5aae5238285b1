//! `supervision.sqlite` in the state folder: figures that the records add up to, and how far they are
//! folded, in one transaction. Nothing here is a truth of its own; what is lost is built anew.

mod aside;
mod claim;
mod load;
mod schema;
mod write;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

pub(super) use self::aside::{discard, set_aside};
pub(super) use self::claim::Claim;
pub(super) use self::load::{place, series};
pub(super) use self::schema::table;

/// The file in the state folder.
pub(super) const FILE: &str = "supervision.sqlite";

/// How long a statement waits for another process.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes that the log of changes may keep on disk after they are in the file itself.
const LOG_BYTES: i64 = 64 << 20;

/// Pages of changes that are brought into the file together: rarely, for that is when the disk is asked to
/// sync beside the journal.
const LOG_PAGES: i64 = 4_000;

/// Steps of SQLite between two looks at whether a call wants the core: a tenth of a millisecond's worth.
const STRIDE: i32 = 1_000;

/// Why roll-ups cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no store yet.
    #[error(
        "{0} is not there: it is written by a node that serves, or by `helan records rebuild --config FILE`"
    )]
    Absent(PathBuf),
    /// Another process writes it.
    #[error("{0} is written by another process, most likely a node that serves: stop it first")]
    InUse(PathBuf),
    /// Not ours, of another version, or not whole.
    #[error(
        "{path} cannot be used ({why}); `helan records rebuild --config FILE` builds it anew from the records"
    )]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A question that would answer with more than anybody reads.
    #[error(
        "{asked} values were asked for and {most} are the most: ask for longer steps or less time"
    )]
    TooFine {
        /// How many it would be.
        asked: u64,
        /// How many are given.
        most: u64,
    },
    /// SQLite refused.
    #[error("cannot {doing} {path}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What SQLite said.
        #[source]
        cause: rusqlite::Error,
    },
    /// The disk refused.
    #[error("cannot {doing} {path}; check its permissions and the room on its disk")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What the disk said.
        #[source]
        cause: io::Error,
    },
}

impl StoreError {
    /// Whether the file itself is at fault, so that only a new one helps.
    pub(super) fn is_unusable(&self) -> bool {
        match self {
            Self::Unusable { .. } => true,
            Self::Sqlite { cause, .. } => is_damage(cause),
            Self::Absent(_) | Self::InUse(_) | Self::TooFine { .. } | Self::Io { .. } => false,
        }
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    let is_other_type = matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
    );
    let code = error.sqlite_error_code();
    is_other_type || matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// How a store is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    /// Beside readers, and whole after any kill.
    Live,
    /// Alone and fast: it is thrown away unless it is finished.
    Draft,
}

/// A store that is written.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens a store, or makes an empty one.
    pub(super) fn open(path: &Path, care: Care) -> Result<Self, StoreError> {
        let failed = |doing| sqlite(path, doing);
        make(path).map_err(|cause| StoreError::Io {
            path: path.to_owned(),
            doing: "make",
            cause,
        })?;
        let connection = Connection::open(path).map_err(failed("open"))?;
        connection.busy_timeout(PATIENCE).map_err(failed("open"))?;
        let is_new = is_empty(&connection).map_err(failed("open"))?;
        if !is_new {
            check(&connection, path)?;
        }
        let modes: &[(&str, &str)] = match care {
            Care::Live => &[("journal_mode", "wal"), ("synchronous", "normal")],
            Care::Draft => &[("journal_mode", "off"), ("synchronous", "off")],
        };
        for (name, value) in modes {
            connection.pragma_update(None, name, value).map_err(failed("open"))?;
        }
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES).map_err(failed("open"))?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES).map_err(failed("open"))?;
        if is_new {
            let all = format!("BEGIN IMMEDIATE;{}COMMIT;", schema::create());
            connection.execute_batch(&all).map_err(failed("make the tables of"))?;
        }
        write::prepare(&connection).map_err(failed("open"))?;
        if care == Care::Live {
            let give_way = || {
                std::thread::yield_now();
                false
            };
            connection.progress_handler(STRIDE, Some(give_way)).map_err(failed("open"))?;
        }
        Ok(Self { connection, path: path.to_owned() })
    }

    /// Writes all into the one file, and on to the disk, and lets go of it.
    pub(super) fn close(self) -> Result<(), StoreError> {
        let Self { connection, path } = self;
        connection.close().map_err(|(_, cause)| sqlite(&path, "close")(cause))?;
        let synced = File::open(&path).and_then(|file| file.sync_all());
        synced.map_err(|cause| StoreError::Io { path, doing: "sync", cause })
    }
}

/// Makes an empty file that only its owner may read; SQLite gives what it puts beside it the same rights.
fn make(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    Ok(())
}

/// Opens a store to be read, beside whoever writes it.
pub(super) fn open_read_only(path: &Path) -> Result<Connection, StoreError> {
    let failed = |doing| sqlite(path, doing);
    if !path.exists() {
        return Err(StoreError::Absent(path.to_owned()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed("open"))?;
    connection.busy_timeout(PATIENCE).map_err(failed("open"))?;
    check(&connection, path)?;
    Ok(connection)
}

pub(super) fn sqlite(path: &Path, doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |cause| StoreError::Sqlite { path: path.to_owned(), doing, cause }
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_master", [], |row| row.get(0))
}

/// Whether the file is a store of this version.
fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let number = |name: &str| -> rusqlite::Result<i64> {
        connection.pragma_query_value(None, name, |row| row.get(0))
    };
    let unusable = |why: String| StoreError::Unusable { path: path.to_owned(), why };
    let damaged = |cause: rusqlite::Error| {
        if is_damage(&cause) { unusable(cause.to_string()) } else { sqlite(path, "open")(cause) }
    };
    if number("application_id").map_err(damaged)? != schema::APPLICATION {
        return Err(unusable("another program wrote it".to_owned()));
    }
    let version = number("user_version").map_err(damaged)?;
    if version != schema::VERSION {
        let why = format!("its version is {version}, not {}", schema::VERSION);
        return Err(unusable(why));
    }
    Ok(())
}
