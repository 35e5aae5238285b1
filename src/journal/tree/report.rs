//! What verification finds, in words.

use std::fmt;

use serde::Serialize;

use crate::domain::counted;

/// Faults that are told one by one; more are counted.
const TOLD: usize = 1_000;

/// What is wrong with a folder of records. Numbers are those of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum Fault {
    /// Bytes that are no record, where these events were.
    Damaged {
        /// In which segment.
        segment: String,
        /// At which byte of it.
        offset: u64,
        /// The first event that cannot be read; none if none is missing.
        first: Option<u64>,
        /// The last one.
        last: Option<u64>,
    },
    /// Events that are nowhere.
    Missing {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
    /// An event that stands where another is due.
    Misplaced {
        /// Which stands there.
        number: u64,
        /// Which is due.
        due: u64,
    },
    /// An event whose bytes are not those that the tree was built over.
    Changed {
        /// Which.
        number: u64,
    },
    /// A tile that does not follow from the events.
    Tile {
        /// Its level.
        level: u8,
        /// Its place in the level.
        index: u64,
        /// The first event below it.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// A checkpoint that is not what the events add up to.
    Root {
        /// Events it was signed over.
        size: u64,
        /// The last event up to which another checkpoint agrees.
        agreed: u64,
        /// Whether it came from outside.
        outside: bool,
    },
    /// A checkpoint that nobody believed has signed.
    Unsigned {
        /// Events it was signed over.
        size: u64,
        /// Whether it came from outside.
        outside: bool,
    },
    /// A checkpoint of other records.
    Origin {
        /// Whose it is.
        origin: String,
        /// Whose it should be.
        expected: String,
    },
    /// A file of checkpoints with something in it that is none.
    Note {
        /// Which file.
        file: String,
    },
    /// The records end before an event that was signed for.
    Short {
        /// The last event that is there.
        last: u64,
        /// The last event that a checkpoint covers.
        signed: u64,
        /// Whether that checkpoint came from outside.
        outside: bool,
    },
    /// Events that a node that runs would have signed for.
    Uncovered {
        /// The first that no checkpoint covers.
        first: u64,
        /// The last one.
        last: u64,
        /// How long a run went on without a checkpoint, in whole seconds.
        seconds: u64,
        /// The event that says that the node stopped in order, if it is among them.
        stopped: Option<u64>,
        /// Whether there is a folder of checkpoints at all.
        has_history: bool,
    },
    /// The published checkpoint is not the latest of those that were kept.
    Published {
        /// Events that it says it was signed over.
        size: u64,
        /// Events that the latest of the others was signed over; 0 if there is none.
        newest: u64,
        /// Whether somebody believed has signed it.
        is_signed: bool,
    },
    /// There are checkpoints, and what is published is none.
    Unpublished {
        /// Events that the latest was signed over.
        newest: u64,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { segment, offset, first: Some(first), last: Some(last) } => {
                write!(f, "{segment}, byte {offset}: {} cannot be read", events(*first, *last))
            }
            Self::Damaged { segment, offset, .. } => {
                write!(f, "{segment}, byte {offset}: bytes that are no record")
            }
            Self::Missing { first, last } => write!(f, "{} missing", are(*first, *last)),
            Self::Misplaced { number, due } => {
                write!(f, "event {number} stands where event {due} is due")
            }
            Self::Changed { number } => {
                write!(f, "event {number} was changed: its bytes are not those that were hashed")
            }
            Self::Tile { level, index, first, last } => {
                write!(f, "tile {level}/{index} does not follow from {}", events(*first, *last))
            }
            Self::Root { size, agreed, outside } => {
                let first = agreed.saturating_add(1);
                write!(
                    f,
                    "{} over {} does not agree with them: something in {} was changed together with its hash",
                    whose(*outside),
                    counted(*size, "event"),
                    events(first, *size)
                )
            }
            Self::Unsigned { size, outside } => {
                let (whose, over) = (whose(*outside), counted(*size, "event"));
                write!(f, "{whose} over {over} is not signed by a key that is believed")
            }
            Self::Origin { origin, expected } => {
                write!(f, "a checkpoint is of `{origin}`, these records are `{expected}`")
            }
            Self::Note { file } => write!(f, "{file}: there is something that is no checkpoint"),
            Self::Short { last, signed, outside } => {
                let (whose, over) = (whose(*outside), counted(*signed, "event"));
                write!(
                    f,
                    "{whose} was signed over {over}, the records end with {last}: the tail was cut"
                )
            }
            Self::Uncovered { first, last, seconds, stopped, has_history } => write!(
                f,
                "{} under no checkpoint, {}: checkpoints were taken away, or the node could not sign. Nothing proves these events: compare them with a checkpoint kept elsewhere (--since) or with a backup, and look into the node's log for why it did not sign",
                are(*first, *last),
                though(*seconds, *stopped, *has_history)
            ),
            Self::Published { size, newest, is_signed } => {
                let why = misplaced(*size, *newest, *is_signed);
                write!(f, "tree/checkpoint is over {} and {why}", counted(*size, "event"))
            }
            Self::Unpublished { newest } => write!(
                f,
                "tree/checkpoint holds no checkpoint, and tree/checkpoints end with one over {}",
                counted(*newest, "event")
            ),
        }
    }
}

fn whose(outside: bool) -> &'static str {
    if outside { "the checkpoint from outside" } else { "a checkpoint" }
}

/// Why a checkpoint should not be the published one.
fn misplaced(size: u64, newest: u64, is_signed: bool) -> String {
    if !is_signed {
        "is not signed by a key that is believed: it was forged".to_owned()
    } else if size < newest {
        format!("the latest of tree/checkpoints over {newest}: an old one was put in its place")
    } else {
        format!(
            "not one of tree/checkpoints, which end with {newest}: some were taken away, or this is a copy that was made while the node signed"
        )
    }
}

/// Why events should be under a checkpoint.
fn though(seconds: u64, stopped: Option<u64>, has_history: bool) -> String {
    match stopped {
        _ if !has_history => "and there is no folder tree/checkpoints".to_owned(),
        Some(stopped) => {
            format!(
                "though the node stopped in order with event {stopped} and signs before it ends"
            )
        }
        None => format!(
            "though a node signs every second or 10,000 events, and these took {}",
            counted(seconds, "second")
        ),
    }
}

fn events(first: u64, last: u64) -> String {
    if first == last { format!("event {first}") } else { format!("events {first} to {last}") }
}

fn are(first: u64, last: u64) -> String {
    let verb = if first == last { "is" } else { "are" };
    format!("{} {verb}", events(first, last))
}

/// What verification saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Events that were read.
    pub events: u64,
    /// The first event that is there.
    pub first: u64,
    /// The last event that is there.
    pub last: u64,
    /// Bytes that were hashed.
    pub bytes: u64,
    /// Checkpoints that agree with the events and are signed.
    pub checkpoints: u64,
    /// Events that the last of them covers.
    pub covered: u64,
    /// Whether the keys of signatures are only those that the records themselves name.
    pub keys_from_records: bool,
    /// Events up to which a checkpoint from outside agrees.
    pub anchored: Option<u64>,
    /// What is wrong, one by one.
    pub faults: Vec<Fault>,
    /// How many faults there are.
    pub count: u64,
    /// Calls that were decided and have no end.
    pub unfinished: u64,
    /// How often time ran back by more than five seconds.
    pub clock_steps: u64,
    /// Where it did so first.
    pub first_clock_step: Option<u64>,
}

impl Report {
    /// Notes a fault.
    pub(super) fn fault(&mut self, fault: Fault) {
        self.count = self.count.saturating_add(1);
        if self.faults.len() < TOLD {
            self.faults.push(fault);
        }
    }

    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.count == 0
    }
}
