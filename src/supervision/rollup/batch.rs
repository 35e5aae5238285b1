//! What a number of records adds to the store: written whole, with the place they end at, or not at all.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::figures::Figures;
use super::names::New;
use super::subjects::Subjects;
use crate::domain::Timestamp;

/// A map that only the program fills.
pub(in crate::supervision) type Sums<K, V> = HashMap<K, V, RandomState>;

/// How far the records are folded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The number of the last record; 0 before the first.
    pub seq: u64,
    /// CRC-32 of its bytes, which tells these records from others.
    pub crc: u32,
    /// The latest time so far, in milliseconds since 1970.
    pub time: Timestamp,
}

/// The newest state of an entry's data that was seen on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::supervision) struct Seen {
    /// The department's `Last-Modified`.
    pub(in crate::supervision) last_modified: Option<Timestamp>,
    /// The newest value of the entry's timestamp item.
    pub(in crate::supervision) newest: Option<Timestamp>,
    /// The last answer that told either.
    pub(in crate::supervision) told: Option<Timestamp>,
    /// The last answer at all.
    pub(in crate::supervision) answered: Option<Timestamp>,
}

impl Seen {
    pub(in crate::supervision) fn add(&mut self, other: &Self) {
        self.last_modified = self.last_modified.max(other.last_modified);
        self.newest = self.newest.max(other.newest);
        self.told = self.told.max(other.told);
        self.answered = self.answered.max(other.answered);
    }
}

/// Uses of a grant for one entry on one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::supervision) struct Uses {
    pub(in crate::supervision) calls: u64,
    /// Since 1970, in milliseconds.
    pub(in crate::supervision) last: Timestamp,
}

/// What became of an item under a grant on one day, in calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::supervision) struct Items {
    /// It selected, filtered or sorted.
    pub(in crate::supervision) used: u64,
    /// It left.
    pub(in crate::supervision) returned: u64,
    /// It left masked.
    pub(in crate::supervision) masked: u64,
}

/// What one person at a consumer asked about on one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::supervision) struct Asked {
    pub(in crate::supervision) calls: u64,
    pub(in crate::supervision) empty: u64,
    pub(in crate::supervision) subjects: Subjects,
}

/// What is not settled when a batch ends: kept in the store, so that a kill loses nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(in crate::supervision) enum Pending {
    /// A call that was decided and has not ended.
    Call(Box<Call>),
    /// A fold that was opened and is not closed.
    Fold {
        /// Its minute.
        minute: i64,
        /// Where it counts.
        series: i64,
        /// How many of it are counted already.
        count: u64,
    },
}

/// A call that was decided. Names are numbers of the same store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::supervision) struct Call {
    pub(in crate::supervision) seq: u64,
    pub(in crate::supervision) time: i64,
    /// The series, whose outcome is not known before the end if it was allowed.
    pub(in crate::supervision) series: super::names::Series,
    pub(in crate::supervision) allowed: bool,
    pub(in crate::supervision) matter: i64,
    pub(in crate::supervision) used: Vec<i64>,
    /// Who asked about persons, if that is watched.
    pub(in crate::supervision) operator: Option<Box<str>>,
    pub(in crate::supervision) subjects: Vec<u64>,
}

/// Day, application, operator.
pub(in crate::supervision) type OperatorKey = (i64, i64, Box<str>);

/// What a number of records adds.
#[derive(Debug, Default)]
pub(in crate::supervision) struct Batch {
    pub(in crate::supervision) place: Place,
    pub(in crate::supervision) new: New,
    /// By minute and series.
    pub(in crate::supervision) cells: Sums<(i64, i64), Figures>,
    /// By day and entry.
    pub(in crate::supervision) seen: Sums<(i64, i64), Seen>,
    /// By day, grant and entry.
    pub(in crate::supervision) uses: Sums<(i64, i64, i64), Uses>,
    /// By day, grant, entry and item.
    pub(in crate::supervision) items: Sums<(i64, i64, i64, i64), Items>,
    /// By day, consumer, entry and matter.
    pub(in crate::supervision) matters: Sums<(i64, i64, i64, i64), u64>,
    pub(in crate::supervision) operators: Sums<OperatorKey, Asked>,
    /// What is pending now and was not before.
    pub(in crate::supervision) opened: Vec<(Uuid, Pending)>,
    /// What was pending before and is not any more.
    pub(in crate::supervision) closed: HashSet<Uuid>,
}
