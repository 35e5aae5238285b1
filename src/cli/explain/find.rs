//! Finds a call in the records, and the View it was decided under.

use std::path::Path;

use anyhow::{Context as _, bail};
use memchr::memmem;
use uuid::Uuid;

use crate::domain::Timestamp;
use crate::journal::{Decided, Event, Reader, Record, ViewSwapped, began};

/// How far the time of a record may lie from its place.
const SLACK_MS: i64 = 60_000;

/// How far back a View is looked for, step by step: most are of today, and records are long.
const BACK_MS: [i64; 3] = [SLACK_MS, 86_400_000, 30 * 86_400_000];

/// A call on record.
pub(super) struct Call {
    pub(super) seq: u64,
    pub(super) decided: Box<Decided>,
}

/// The `decided` record of a call.
pub(super) fn call(records: &Path, transaction: Uuid) -> anyhow::Result<Call> {
    let text = transaction.to_string();
    let mut found = None;
    scan(records, began(transaction).map(Timestamp::millis), |record| {
        let is_it = record.name() == "decided" && holds(record, &text);
        if is_it
            && let Ok(Event::Decided(decided)) = record.event()
            && decided.transaction == transaction
        {
            found = Some(Call { seq: record.seq, decided });
        }
        found.is_some()
    })?;
    match found {
        Some(call) => Ok(call),
        None => bail!(
            "{} holds no decision about {transaction}; refusals beyond a bound are only counted",
            records.display()
        ),
    }
}

/// The event that put the View of this hash in force, the last before a call.
pub(super) fn view(records: &Path, call: &Call, hash: &str) -> anyhow::Result<ViewSwapped> {
    let decided = &call.decided;
    let time = decided.time.millis();
    let starts = BACK_MS.iter().map(|back| Some(time.saturating_sub(*back))).chain([None]);
    for start in starts {
        let mut found = None;
        scan(records, start, |record| {
            if record.name() == "view-swapped"
                && holds(record, hash)
                && let Ok(Event::ViewSwapped(swapped)) = record.event()
                && swapped.zone == decided.zone
                && *swapped.to == *hash
            {
                found = Some(swapped);
            }
            record.seq >= call.seq
        })?;
        if let Some(swapped) = found {
            return Ok(swapped);
        }
    }
    bail!(
        "{} do not say of what the View {hash} was made; are its older segments elsewhere?",
        records.display()
    )
}

/// Shows records from a time on, until enough was seen. What cannot be read is passed over here;
/// `helan records query` reports it.
fn scan(
    records: &Path,
    start: Option<i64>,
    mut is_enough: impl FnMut(&Record) -> bool,
) -> anyhow::Result<()> {
    let reader = match start {
        Some(start) => Reader::since(records, Timestamp::from_millis(start)),
        None => Reader::open(records),
    };
    let reader =
        reader.with_context(|| format!("cannot read the records in {}", records.display()))?;
    for record in reader.flatten() {
        if is_enough(&record) {
            break;
        }
    }
    Ok(())
}

fn holds(record: &Record, text: &str) -> bool {
    memmem::find(&record.json, text.as_bytes()).is_some()
}
