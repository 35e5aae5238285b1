//! How long records are kept, and whether all keys are there that they were made with.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use crate::config::Config;
use crate::config::keys::{self, KeyPurpose, Keys, key_name};
use crate::config::problem::BadConfiguration;
use crate::gateway::PreparedView;
use crate::journal::{Carried, Journal, Keep};

/// What records hold hashes of, and what cannot be done when the key is lost.
const CITED: [(KeyPurpose, &str); 2] = [
    (KeyPurpose::Subject, "nobody can find whose data was asked for, under which case or matter"),
    (KeyPurpose::Operator, "nobody can find what an operator did"),
];

/// The keys that hashes on record are made with now.
pub(super) fn used(keys: &Keys) -> BTreeSet<String> {
    CITED.iter().map(|(purpose, _)| key_name(*purpose, &keys.newest(*purpose))).collect()
}

/// The keys that records are made with; an error if one is missing that was ever used and is not given
/// up for lost.
pub(super) fn keys(config: &Config, held: &Keys) -> anyhow::Result<Keep> {
    let carried = Carried::read(&config.records)
        .with_context(|| format!("cannot read the records in {}", config.records.display()))?;
    let lost = keys::lost(&config.keys)
        .map_err(|error| BadConfiguration(format!("the keys cannot be used: {error}")))?;
    let lost: BTreeSet<_> = lost.iter().map(|(purpose, id)| key_name(*purpose, id)).collect();
    let mut problems = Vec::new();
    for (purpose, without) in CITED {
        for key in &carried.keys {
            let Some(id) = key.strip_prefix(purpose.as_str()).and_then(|id| id.strip_prefix('-'))
            else {
                continue;
            };
            let is_there = held.hmac_key(purpose, Some(id)).is_some();
            if !is_there && !lost.contains(key) && !carried.lost.contains(key) {
                problems.push(missing((purpose, id), without, &config.keys));
            }
        }
    }
    if problems.is_empty() {
        return Ok(Keep { used: used(held), lost, ..Keep::default() });
    }
    let records = config.records.display();
    Err(BadConfiguration(format!(
        "the records in {records} were made with keys that are missing:\n{}",
        problems.join("\n")
    ))
    .into())
}

fn missing((purpose, id): (KeyPurpose, &str), without: &str, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "{purpose}-{id}: without it {without} while it was in use. Restore {folder}/{purpose}-{id}.key \
         from its backup, or, if it is lost for good, say so with `helan keys lost {purpose} {id} \
         --folder {folder}`"
    )
}

/// Tells the journal how long records are kept: as long as the strictest profile demands, for the zones
/// share a journal, or as long as the operator wants if that is longer.
pub(super) fn term(
    journal: &Journal,
    wanted: Option<u32>,
    views: impl Iterator<Item = Arc<PreparedView>>,
) {
    let demanded = views
        .map(|view| {
            let profile = view.view.rules.profile();
            (profile.keep_days(), profile.id)
        })
        .max_by_key(|(days, _)| *days);
    // Without a profile nothing says that anything may go.
    let Some((days, profile)) = demanded else { return };
    match wanted {
        Some(wanted) if wanted >= days => journal.keep_for(wanted, "journal.keep_days"),
        Some(wanted) => {
            tracing::warn!(wanted, days, %profile, "journal.keep_days is shorter than the law allows");
            journal.keep_for(days, profile.as_str());
        }
        None => journal.keep_for(days, profile.as_str()),
    }
}
