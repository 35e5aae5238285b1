//! What stands in which column.

use std::fmt::Display;

use crate::cli::records::outcome_of;
use crate::domain::{Mode, Timestamp};
use crate::journal::{Decided, Event, Finished, KeyedHash, Record};

/// A call with its end if it is known, or an event that is no call.
pub(super) enum Row<'a> {
    Call(u64, &'a Decided, Option<(u64, &'a Finished)>),
    Event(&'a Record, &'a Event),
}

impl<'a> Row<'a> {
    fn decided(&self) -> Option<&'a Decided> {
        match self {
            Self::Call(_, decided, _) => Some(decided),
            Self::Event(..) => None,
        }
    }

    fn finished(&self) -> Option<&'a Finished> {
        match self {
            Self::Call(_, _, end) => end.map(|(_, finished)| finished),
            Self::Event(..) => None,
        }
    }
}

/// The type of a column. Every cell may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Moment,
    List,
}

/// What stands in one cell.
pub(super) enum Cell {
    Empty,
    Text(String),
    Number(i64),
    List(Vec<String>),
}

/// A column.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) of: fn(&Row<'_>) -> Cell,
}

const fn column(name: &'static str, kind: Kind, of: fn(&Row<'_>) -> Cell) -> Column {
    Column { name, kind, of }
}

use self::Kind::{List, Moment, Number, Text};

/// All of them, in order.
pub(super) const COLUMNS: [Column; 50] = [
    column("seq", Number, |row| match row {
        Row::Call(seq, ..) => number(*seq),
        Row::Event(record, _) => number(record.seq),
    }),
    column("event", Text, |row| match row {
        Row::Call(..) => Cell::Text("call".to_owned()),
        Row::Event(_, event) => Cell::Text(event.name().to_owned()),
    }),
    column("time", Moment, |row| match row {
        Row::Call(_, decided, _) => moment(Some(decided.time)),
        Row::Event(_, event) => moment(Some(event.time())),
    }),
    column("content", Text, |row| match row {
        Row::Call(..) => Cell::Empty,
        Row::Event(record, _) => Cell::Text(String::from_utf8_lossy(&record.json).into_owned()),
    }),
    column("transaction", Text, |row| text(row.decided().map(|call| call.transaction))),
    column("zone", Text, |row| text(row.decided().map(|call| call.zone))),
    column("organization", Text, |row| text(row.decided().and_then(|c| c.organization.as_ref()))),
    column("application", Text, |row| text(row.decided().and_then(|c| c.application.as_ref()))),
    column("proved", List, |row| {
        list(row.decided(), |c| c.proved.iter().map(|proved| proved.as_str().to_owned()).collect())
    }),
    column("address", Text, |row| text(row.decided().and_then(|c| c.address.as_ref()))),
    column("entry", Text, |row| text(row.decided().and_then(|c| c.entry.as_ref()))),
    column("entry_version", Text, |row| text(row.decided().and_then(|c| c.entry_version.as_ref()))),
    column("grant", Text, |row| text(row.decided().and_then(|c| c.grant.as_ref()))),
    column("grant_version", Text, |row| text(row.decided().and_then(|c| c.grant_version.as_ref()))),
    column("profile", Text, |row| text(row.decided().and_then(|c| c.profile))),
    column("rules", Text, |row| text(row.decided().and_then(|c| c.rules.as_ref()))),
    column("view", Text, |row| text(row.decided().and_then(|c| c.view.as_ref()))),
    column("method", Text, |row| text(row.decided().map(|c| &c.method))),
    column("path", Text, |row| text(row.decided().and_then(|c| c.path.as_ref()))),
    column("parameters", List, |row| list(row.decided(), |c| all(&c.parameters))),
    column("purpose", Text, |row| text(row.decided().and_then(|c| c.purpose.as_ref()))),
    column("purpose_hash", Text, |row| hash(row.decided().and_then(|c| c.purpose_hash.as_ref()))),
    column("choice", Text, |row| text(row.decided().and_then(|c| c.choice.as_ref()))),
    column("matter", Text, |row| text(row.decided().and_then(|c| c.matter.as_ref()))),
    column("matter_hash", Text, |row| hash(row.decided().and_then(|c| c.matter_hash.as_ref()))),
    column("case_hash", Text, |row| hash(row.decided().and_then(|c| c.case_hash.as_ref()))),
    column("operator_hash", Text, |row| hash(row.decided().and_then(|c| c.operator_hash.as_ref()))),
    column("subjects", List, |row| {
        list(row.decided(), |c| c.subjects.iter().map(hashed).collect())
    }),
    column("mode", Text, |row| text(row.decided().and_then(|c| c.mode).map(Mode::as_str))),
    column("used", List, |row| list(row.decided(), |c| all(&c.used))),
    column("items", List, |row| list(row.decided(), |c| all(&c.items))),
    column("decision", Text, |row| text(row.decided().map(|c| &c.outcome))),
    column("articles", List, |row| list(row.decided(), |c| all(&c.articles))),
    column("quota", List, |row| {
        list(row.decided(), |c| {
            c.quota.iter().map(|used| format!("{}={}", used.key, used.number)).collect()
        })
    }),
    column("checks", List, |row| {
        list(row.decided(), |c| c.checks.iter().map(|(name, ok)| format!("{name}={ok}")).collect())
    }),
    column("outcome", Text, |row| text(row.decided().map(|call| outcome_of(call, row.finished())))),
    column("finished_seq", Number, |row| match row {
        Row::Call(_, _, Some((seq, _))) => number(*seq),
        Row::Call(..) | Row::Event(..) => Cell::Empty,
    }),
    column("finished_time", Moment, |row| moment(row.finished().map(|end| end.time))),
    column("status", Number, |row| some(row.finished().and_then(|end| end.status).map(u64::from))),
    column("bytes", Number, |row| some(row.finished().map(|end| end.bytes))),
    column("items_sent", List, |row| list(row.finished(), |end| all(&end.items))),
    column("masked", List, |row| list(row.finished(), |end| all(&end.masked))),
    column("rows", Number, |row| some(row.finished().and_then(|end| end.rows))),
    column("drift", Number, |row| some(row.finished().map(|end| end.drift))),
    column("mask_failures", Number, |row| some(row.finished().map(|end| end.mask_failures))),
    column("cache", Text, |row| text(row.finished().and_then(|end| end.cache.as_ref()))),
    column("last_modified", Moment, |row| moment(row.finished().and_then(|end| end.last_modified))),
    column("newest", Moment, |row| moment(row.finished().and_then(|end| end.newest))),
    column("upstream_status", Number, |row| {
        some(row.finished().and_then(|end| end.upstream_status).map(u64::from))
    }),
    column("duration_us", Number, |row| some(row.finished().map(|end| end.duration_us))),
];

fn text(said: Option<impl Display>) -> Cell {
    said.map_or(Cell::Empty, |said| Cell::Text(said.to_string()))
}

fn number(number: u64) -> Cell {
    Cell::Number(i64::try_from(number).unwrap_or(i64::MAX))
}

fn some(said: Option<u64>) -> Cell {
    said.map_or(Cell::Empty, number)
}

fn moment(time: Option<Timestamp>) -> Cell {
    time.map_or(Cell::Empty, |time| Cell::Number(time.millis()))
}

fn hashed(hash: &KeyedHash) -> String {
    format!("{}:{}", hash.key, hash.hash)
}

fn hash(hash: Option<&KeyedHash>) -> Cell {
    text(hash.map(hashed))
}

fn list<T>(of: Option<&T>, said: impl Fn(&T) -> Vec<String>) -> Cell {
    of.map_or(Cell::Empty, |of| Cell::List(said(of)))
}

fn all(list: &[impl ToString]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}
