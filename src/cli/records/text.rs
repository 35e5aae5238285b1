//! Records as people read them: a line each.

use std::fmt;

use super::outcome_of;
use crate::domain::counted;
use crate::journal::{Decided, Event, Finished, FoldPhase, Folded, Freeze};

/// Names the columns of [`CallLine`].
pub(super) const HEADING: &str = "time                     transaction                          outcome                  \
     status organization           entry                                    grant                \
     bytes       ms";

/// Characters of a hash that tell it from others.
const SHORT: usize = 12;

/// A call on one line; without a known end if only its decision is shown.
#[expect(clippy::option_option, reason = "not asked about, asked and unknown, known")]
pub(super) struct CallLine<'a>(pub(super) &'a Decided, pub(super) Option<Option<&'a Finished>>);

impl fmt::Display for CallLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(decided, end) = self;
        let finished = end.flatten();
        let outcome = if end.is_some() { outcome_of(decided, finished) } else { &decided.outcome };
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        write!(
            f,
            "{} {} {:<24} {:<6} {:<22} {:<40} {:<20}",
            decided.time,
            decided.transaction,
            outcome,
            or_dash(finished.and_then(|end| end.status).map(|status| status.to_string())),
            or_dash(decided.organization.as_ref().map(ToString::to_string)),
            or_dash(decided.entry.as_ref().map(ToString::to_string)),
            or_dash(decided.grant.as_ref().map(ToString::to_string)),
        )?;
        match finished {
            Some(end) => write!(f, " {:<11} {}", end.bytes, end.duration_us / 1_000),
            None => Ok(()),
        }
    }
}

/// What an event says beside its time and name.
pub(super) struct Content<'a>(pub(super) &'a Event);

impl fmt::Display for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Event::Segment(head) => {
                write!(f, "follows {}, {} open", head.previous, counted(head.open.len(), "call"))
            }
            Event::Started(started) => write!(f, "version {}", started.version),
            Event::Stopped(_) => write!(f, "in order"),
            Event::Recovered(recovered) => write!(
                f,
                "from a {:?}: {} cut, {} given up, {} without an end",
                recovered.cause,
                counted(recovered.cut_bytes, "byte"),
                counted(recovered.abandoned, "event"),
                counted(recovered.unfinished.len(), "call")
            ),
            Event::Decided(decided) => CallLine(decided, None).fmt(f),
            Event::Finished(finished) => write!(
                f,
                "{} {} {}",
                finished.transaction,
                finished.outcome,
                finished.status.map_or_else(|| "-".to_owned(), |status| status.to_string()),
            ),
            Event::Folded(folded) => fold(folded, f),
            Event::Uncounted(uncounted) => {
                write!(f, "{} since {}:", uncounted.zone, uncounted.from)?;
                uncounted.counts.iter().try_for_each(|(code, n)| write!(f, " {n} {code}"))
            }
            Event::ViewSwapped(swapped) => {
                let hash = swapped.to.get(..SHORT).unwrap_or(&swapped.to);
                let (gains, losses) = (swapped.gains.len(), swapped.losses.len());
                write!(
                    f,
                    "{} {hash} by {}: {gains} gains, {losses} losses",
                    swapped.zone, swapped.cause
                )
            }
            Event::Frozen(freeze) | Event::Thawed(freeze) => self::freeze(freeze, f),
            Event::AdminWrite(write) => {
                let target = write.target.as_deref().unwrap_or("-");
                let (action, by, outcome) = (&write.action, &write.by, &write.outcome);
                write!(f, "{action} {target} by {by}: {outcome} ({})", write.status)?;
                match &write.reason {
                    Some(reason) => write!(f, ", {reason}"),
                    None => Ok(()),
                }
            }
            Event::Retired(retired) => write!(
                f,
                "numbers {} to {}, none later than {}: {} days, {}",
                retired.first, retired.last, retired.until, retired.days, retired.why
            ),
            Event::KeysUsed(keys) => {
                let or_none =
                    |all: &[String]| if all.is_empty() { "-".to_owned() } else { all.join(", ") };
                write!(f, "from here on {}; lost {}", or_none(&keys.used), or_none(&keys.lost))
            }
        }
    }
}

fn fold(folded: &Folded, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Folded { zone, code, count, .. } = folded;
    match folded.phase {
        FoldPhase::Opened => write!(f, "{zone} opened: at least {count} {code}")?,
        FoldPhase::Closed => write!(f, "{zone} closed: {count} {code}")?,
    }
    match (&folded.application, &folded.address) {
        (Some(application), _) => write!(f, " of {application}"),
        (None, Some(address)) => write!(f, " from {address}"),
        (None, None) => Ok(()),
    }
}

fn freeze(freeze: &Freeze, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{} {} by {}", freeze.kind, freeze.id, freeze.by)?;
    match &freeze.reason {
        Some(reason) => write!(f, ": {reason}"),
        None => Ok(()),
    }
}
