//! What roll-ups read of a record: only the members they need, borrowed from its line. Reading whole
//! events would cost several times as much.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::domain::Timestamp;
use crate::journal::{FoldPhase, Record};

/// Something that must not be readable, as its keyed hash.
#[derive(Debug, Deserialize)]
pub(super) struct Hidden<'l> {
    #[serde(borrow)]
    pub(super) key: Cow<'l, str>,
    #[serde(borrow)]
    pub(super) hash: Cow<'l, str>,
}

/// A call was decided.
#[derive(Debug, Deserialize)]
pub(super) struct Decided<'l> {
    pub(super) time: Timestamp,
    pub(super) transaction: Uuid,
    #[serde(borrow)]
    pub(super) zone: Cow<'l, str>,
    #[serde(borrow, default)]
    pub(super) organization: Cow<'l, str>,
    #[serde(borrow, default)]
    pub(super) application: Cow<'l, str>,
    #[serde(borrow, default)]
    pub(super) entry: Cow<'l, str>,
    #[serde(borrow, default)]
    pub(super) grant: Cow<'l, str>,
    #[serde(borrow, default)]
    pub(super) matter: Cow<'l, str>,
    #[serde(borrow, default)]
    pub(super) operator_hash: Option<Hidden<'l>>,
    #[serde(borrow, default)]
    pub(super) subjects: Vec<Hidden<'l>>,
    #[serde(borrow, default)]
    pub(super) used: Vec<Cow<'l, str>>,
    #[serde(borrow)]
    pub(super) outcome: Cow<'l, str>,
}

/// A call ended.
#[derive(Debug, Deserialize)]
pub(super) struct Finished<'l> {
    pub(super) time: Timestamp,
    pub(super) transaction: Uuid,
    #[serde(borrow)]
    pub(super) zone: Cow<'l, str>,
    #[serde(borrow)]
    pub(super) outcome: Cow<'l, str>,
    #[serde(default)]
    pub(super) bytes: u64,
    #[serde(borrow, default)]
    pub(super) items: Option<&'l RawValue>,
    #[serde(borrow, default)]
    pub(super) masked: Option<&'l RawValue>,
    #[serde(default)]
    pub(super) rows: Option<u64>,
    #[serde(default)]
    pub(super) drift: u64,
    #[serde(default)]
    pub(super) mistyped: u64,
    #[serde(default)]
    pub(super) mask_failures: u64,
    #[serde(borrow, default)]
    pub(super) cache: Cow<'l, str>,
    #[serde(default)]
    pub(super) last_modified: Option<Timestamp>,
    #[serde(default)]
    pub(super) newest: Option<Timestamp>,
    #[serde(default)]
    pub(super) upstream_status: Option<u16>,
    #[serde(default)]
    pub(super) duration_us: u64,
}

/// Like refusals were folded into a count.
#[derive(Debug, Deserialize)]
pub(super) struct Folded<'l> {
    pub(super) time: Timestamp,
    pub(super) fold: Uuid,
    #[serde(borrow)]
    pub(super) zone: Cow<'l, str>,
    pub(super) phase: FoldPhase,
    #[serde(borrow)]
    pub(super) code: Cow<'l, str>,
    #[serde(borrow, default)]
    pub(super) organization: Cow<'l, str>,
    #[serde(borrow, default)]
    pub(super) application: Cow<'l, str>,
    #[serde(default)]
    pub(super) count: u64,
}

/// Answered without pairs of their own.
#[derive(Debug, Deserialize)]
pub(super) struct Uncounted<'l> {
    pub(super) time: Timestamp,
    #[serde(borrow)]
    pub(super) zone: Cow<'l, str>,
    pub(super) from: Timestamp,
    pub(super) counts: BTreeMap<String, u64>,
}

/// The journal made good a break in itself.
#[derive(Debug, Deserialize)]
pub(super) struct Recovered {
    pub(super) time: Timestamp,
    #[serde(default)]
    pub(super) unfinished: Vec<Uuid>,
}

/// The first line of a segment.
#[derive(Debug, Deserialize)]
pub(super) struct Segment {
    pub(super) time: Timestamp,
    pub(super) open: Vec<Uuid>,
}

/// Any other event.
#[derive(Debug, Deserialize)]
pub(super) struct Other {
    pub(super) time: Timestamp,
}

/// What a record says, as far as roll-ups care.
#[derive(Debug)]
pub(super) enum Line<'l> {
    Decided(Box<Decided<'l>>),
    Finished(Box<Finished<'l>>),
    Folded(Folded<'l>),
    Uncounted(Uncounted<'l>),
    Recovered(Recovered),
    Segment(Segment),
    /// The node runs: nothing that an earlier run left open is added to any more.
    Started(Other),
    Other(Other),
}

impl<'l> Line<'l> {
    /// Reads a record; an error if it is of a form that this program does not know.
    pub(super) fn read(record: &'l Record) -> Result<Self, serde_json::Error> {
        let json = &record.json;
        Ok(match record.name() {
            "decided" => Self::Decided(serde_json::from_slice(json)?),
            "finished" => Self::Finished(serde_json::from_slice(json)?),
            "folded" => Self::Folded(serde_json::from_slice(json)?),
            "uncounted" => Self::Uncounted(serde_json::from_slice(json)?),
            "recovered" => Self::Recovered(serde_json::from_slice(json)?),
            "segment" => Self::Segment(serde_json::from_slice(json)?),
            "started" => Self::Started(serde_json::from_slice(json)?),
            _ => Self::Other(serde_json::from_slice(json)?),
        })
    }

    /// When it happened.
    pub(super) fn time(&self) -> Timestamp {
        match self {
            Self::Decided(line) => line.time,
            Self::Finished(line) => line.time,
            Self::Folded(line) => line.time,
            Self::Uncounted(line) => line.time,
            Self::Recovered(line) => line.time,
            Self::Segment(line) => line.time,
            Self::Started(line) | Self::Other(line) => line.time,
        }
    }
}
