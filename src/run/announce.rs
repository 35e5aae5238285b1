//! Which policies are in force, said to everybody who has to know: records, metrics, log and archive.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::kept;
use super::parts::Parts;
use crate::domain::{Timestamp, Zone};
use crate::gateway::PreparedView;
use crate::journal::{Event, ViewSwapped};
use crate::policy::pace::give_way;
use crate::policy::reload::Good;
use crate::policy::{Change, Judged, diff, good};

/// What was in force before.
pub(super) struct Before {
    pub(super) good: Good,
    pub(super) views: BTreeMap<Zone, Arc<PreparedView>>,
}

impl Before {
    /// Drops it in steps. A call that still reads a View when its own turn comes drops it whole at its end,
    /// and the others of its worker wait: few calls take that long.
    pub(super) fn let_go(self) {
        let Self { good, views } = self;
        for view in views.into_values() {
            for _ in 0..LOOKS {
                if Arc::strong_count(&view) == 1 {
                    break;
                }
                std::thread::sleep(BETWEEN);
            }
        }
        good.let_go();
    }
}

/// How often it is looked whether the last call has left a View, and how long between.
const LOOKS: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(10);

/// Gains and losses of one swap that are told one by one; the rest is counted.
const TOLD: usize = 500;

impl Parts {
    /// Says which View is in force now: in the journal, the metrics and the log; and keeps its files.
    pub(super) fn announce(&self, before: Option<&Before>, good: &Good, cause: &str) {
        let now = self.journal.clamp(self.clock.now());
        self.terms.adopt(&good.sources);
        self.metrics.policies_warn(good.warnings.len());
        let changes = before.map(|before| self.changes(before, good, now)).unwrap_or_default();
        let said = |gained| -> Vec<String> {
            let all = changes.iter().filter(|change| change.gained == gained);
            let more = all.clone().skip(TOLD).count();
            all.take(TOLD)
                .map(ToString::to_string)
                .chain((more > 0).then(|| format!("and {more} more")))
                .collect()
        };
        let (gains, losses) = (said(true), said(false));
        for (zone, side) in &self.sides {
            let view = side.view();
            let earlier = before.and_then(|before| before.views.get(zone));
            let (files, removed) =
                changed(&view.view.files, earlier.map(|earlier| &earlier.view.files));
            self.journal.keep(&Event::ViewSwapped(ViewSwapped {
                time: now,
                zone: *zone,
                from: earlier.map(|earlier| Arc::clone(&earlier.view.hash)),
                to: Arc::clone(&view.view.hash),
                cause: cause.to_owned(),
                files,
                removed,
                gains: gains.clone(),
                losses: losses.clone(),
            }));
            self.metrics.view_in_force(*zone, view.view.generation, now);
            tracing::info!(%zone, generation = view.view.generation, cause, "a View is in force");
        }
        self.archive(good);
        let profiles = self.sides.values().map(|side| side.view());
        kept::term(&self.journal, self.keep_days, profiles);
    }

    /// Keeps what the Views in force were made of.
    fn archive(&self, good: &Good) {
        let mut all = BTreeMap::new();
        let mut stored = Ok(());
        for side in self.sides.values() {
            let view = side.view();
            let files = &view.view.files;
            stored = stored.and_then(|()| good::keep_list(&self.state, &view.view.hash, files));
            for (path, hash) in files {
                give_way();
                all.insert(path.clone(), hash.clone());
            }
        }
        stored = stored.and_then(|()| good::store(&self.state, good.origins.root(), &all));
        if let Err(error) = stored {
            tracing::error!(%error, "the last good copy could not be stored");
        }
    }

    /// Who gains and who loses by what is in force now.
    fn changes(&self, before: &Before, good: &Good, now: Timestamp) -> Vec<Change> {
        let rules =
            |(zone, view): (&Zone, &Arc<PreparedView>)| (*zone, Arc::clone(&view.view.rules));
        let old = before.views.iter().map(rules).collect();
        let new = self.sides.iter().map(|(zone, side)| rules((zone, &side.view()))).collect();
        diff(
            Judged { sources: &before.good.sources, rules: &old },
            Judged { sources: &good.sources, rules: &new },
            now,
        )
    }
}

/// The files that are not as they were, all without a View before; and those that are gone. A province's
/// hundred thousand would be a record of some ten megabytes, which every call in flight would wait for.
fn changed(
    files: &BTreeMap<PathBuf, String>,
    before: Option<&BTreeMap<PathBuf, String>>,
) -> (BTreeMap<String, String>, Vec<String>) {
    let is_new = |(path, hash): &(&PathBuf, &String)| {
        give_way();
        before.and_then(|before| before.get(*path)) != Some(*hash)
    };
    let named = |path: &Path| path.display().to_string();
    let new = files.iter().filter(is_new);
    let new = new.map(|(path, hash)| (named(path), hash.clone())).collect();
    let gone = before.into_iter().flat_map(BTreeMap::keys);
    let gone = gone.inspect(|_| give_way()).filter(|path| !files.contains_key(*path));
    (new, gone.map(|path| named(path)).collect())
}
