//! Everything that can stand in the journal, one closed set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::call::{Decided, Finished};
use crate::domain::{ApplicationId, OrganizationId, Role, Timestamp, Zone};

/// One event. In its line it follows `seq` and `node`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first line of a segment.
    Segment(SegmentHead),
    /// The node runs.
    Started(Started),
    /// The node stopped in order.
    Stopped(Stopped),
    /// The journal found or made good a break in itself.
    Recovered(Recovered),
    /// A call was decided.
    Decided(Box<Decided>),
    /// A call ended.
    Finished(Box<Finished>),
    /// Like refusals beyond a bound were folded into a count.
    Folded(Folded),
    /// Answered without pairs of their own, counted.
    Uncounted(Uncounted),
    /// Another View is in force.
    ViewSwapped(ViewSwapped),
    /// Something was frozen.
    Frozen(Freeze),
    /// Something was freed again.
    Thawed(Freeze),
    /// Somebody did something through the admin interface.
    AdminWrite(AdminWrite),
    /// Records whose time is over are about to be deleted.
    Retired(Retired),
    /// Keys that hashes on record are made with from here on, or that are lost.
    KeysUsed(KeysUsed),
}

/// What a segment starts from, so that nothing before it need be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentHead {
    /// When it was started.
    pub time: Timestamp,
    /// Version of the form of records.
    pub format: u32,
    /// The last confirmed number of the segment before; 0 at the very start. What stands beyond it
    /// there was never confirmed.
    pub previous: u64,
    /// Quota counters after all events before this one.
    pub counters: BTreeMap<String, u64>,
    /// Calls decided and not finished before this one.
    pub open: Vec<Uuid>,
    /// The last number that was retired before this one; 0 if none was.
    #[serde(default, skip_serializing_if = "is_none_of_them")]
    pub retired: u64,
    /// Every key that hashes on record were ever made with, as `subject-2026`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub keys: BTreeSet<String>,
    /// Those among them that are lost for good.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub lost: BTreeSet<String>,
}

/// Records whose time is over. They are deleted when this is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// When.
    pub time: Timestamp,
    /// The first number of them.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// None of them happened later.
    pub until: Timestamp,
    /// How many days they had to be kept.
    pub days: u32,
    /// What says so.
    pub why: String,
}

/// Keys that hashes on record are made with from here on, or that are lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeysUsed {
    /// When.
    pub time: Timestamp,
    /// New ones, by purpose and id: `subject-2026`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<String>,
    /// Those that the operator gave up for lost: what they hide can no longer be searched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
}

/// The node runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// When.
    pub time: Timestamp,
    /// Version of the program.
    pub version: String,
    /// The key that signs checkpoints from here on, as a verifier key of C2SP signed-note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<String>,
}

/// The node stopped in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stopped {
    /// When.
    pub time: Timestamp,
}

/// Why the journal had to recover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Break {
    /// The node had not stopped in order.
    Crash,
    /// The disk refused a write or a sync.
    Write,
}

/// The journal found or made good a break in itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recovered {
    /// When.
    pub time: Timestamp,
    /// Why.
    pub cause: Break,
    /// The segment it happened in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// Bytes of a torn tail that were cut.
    #[serde(default)]
    pub cut_bytes: u64,
    /// Events given up because they were not confirmed; their calls were refused.
    #[serde(default)]
    pub abandoned: u64,
    /// Places in confirmed records that can no longer be read, as `segment:offset`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<String>,
    /// Calls that were decided and will never be finished.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<Uuid>,
    /// What the disk said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Where a fold is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoldPhase {
    /// From here like refusals are only counted.
    Opened,
    /// This many there were.
    Closed,
}

/// Like refusals of one second, beyond a bound. Opened and never closed reads "at least `count`".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Folded {
    /// When.
    pub time: Timestamp,
    /// The fold; the same when it opens and closes.
    pub fold: Uuid,
    /// The side of the gate.
    pub zone: Zone,
    /// Whether it opens or closes.
    pub phase: FoldPhase,
    /// The code of the refusal.
    pub code: String,
    /// Whose calls, if proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// Whose calls, if proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<ApplicationId>,
    /// Where from, if not proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Calls in it: at least so many when it opens, just as many when it is closed.
    #[serde(default)]
    pub count: u64,
}

/// Answered without pairs of their own: the journal could not take them, or what came in was no
/// request that a record could name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Uncounted {
    /// When this was written.
    pub time: Timestamp,
    /// The side of the gate.
    pub zone: Zone,
    /// When the first was answered.
    pub from: Timestamp,
    /// How many, by code.
    pub counts: BTreeMap<String, u64>,
}

/// Another View is in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewSwapped {
    /// When.
    pub time: Timestamp,
    /// The side of the gate.
    pub zone: Zone,
    /// Hash of the View before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Arc<str>>,
    /// Hash of the View now.
    pub to: Arc<str>,
    /// Who or what caused it.
    pub cause: String,
    /// Content hash of each file, by path; after another View of those only that are new or not as they
    /// were. The whole list is archived under the hash of the View, which is taken over it.
    pub files: BTreeMap<String, String>,
    /// Files of the View before that are in this one no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// What can be called now and could not be before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gains: Vec<String>,
    /// What can no longer be called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<String>,
}

/// What is frozen or freed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Freeze {
    /// When.
    pub time: Timestamp,
    /// `entry`, `grant`, `application` or `organization`.
    pub kind: String,
    /// Which.
    pub id: String,
    /// Who did it.
    pub by: String,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Somebody did something through the admin interface: changed something, tried to, or looked at what
/// is on record of others (action `view`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdminWrite {
    /// When.
    pub time: Timestamp,
    /// The admin call.
    pub transaction: Uuid,
    /// Who did it: the name of a token, or the user of the socket.
    pub by: String,
    /// In which role; none over the socket, and none if nobody was proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What was done.
    pub action: String,
    /// To what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Why, if somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `done` or the code of a refusal.
    pub outcome: String,
    /// The status that was sent.
    pub status: u16,
    /// How many it stands for: those that nobody proved are counted together after the first.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub count: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_none_of_them(count: &u64) -> bool {
    *count == 0
}

fn one() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_one(count: &u64) -> bool {
    *count == 1
}

impl Event {
    /// When it happened.
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Segment(event) => event.time,
            Self::Started(event) => event.time,
            Self::Stopped(event) => event.time,
            Self::Recovered(event) => event.time,
            Self::Decided(event) => event.time,
            Self::Finished(event) => event.time,
            Self::Folded(event) => event.time,
            Self::Uncounted(event) => event.time,
            Self::ViewSwapped(event) => event.time,
            Self::Frozen(event) | Self::Thawed(event) => event.time,
            Self::AdminWrite(event) => event.time,
            Self::Retired(event) => event.time,
            Self::KeysUsed(event) => event.time,
        }
    }

    /// The name it has in its line.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Segment(_) => "segment",
            Self::Started(_) => "started",
            Self::Stopped(_) => "stopped",
            Self::Recovered(_) => "recovered",
            Self::Decided(_) => "decided",
            Self::Finished(_) => "finished",
            Self::Folded(_) => "folded",
            Self::Uncounted(_) => "uncounted",
            Self::ViewSwapped(_) => "view-swapped",
            Self::Frozen(_) => "frozen",
            Self::Thawed(_) => "thawed",
            Self::AdminWrite(_) => "admin-write",
            Self::Retired(_) => "retired",
            Self::KeysUsed(_) => "keys-used",
        }
    }
}
