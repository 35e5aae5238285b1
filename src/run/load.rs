//! Policies become Views: at start, and again whenever the folder changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::Options;
use crate::cli::BadConfiguration;
use crate::config::Config;
use crate::config::problem::Problem;
use crate::domain::{ProfileId, Zone};
use crate::gateway::{PreparedView, Tools};
use crate::policy::folder::Reader;
use crate::policy::reload::{self, Good};
use crate::policy::rules::RulesProblem;
use crate::policy::{Rules, View, good};

/// The rules of each zone, read again only when their files change.
#[derive(Debug)]
pub(super) struct RuleBook {
    folder: PathBuf,
    profiles: BTreeMap<Zone, ProfileId>,
    read: Mutex<BTreeMap<ProfileId, (Stamp, Arc<Rules>)>>,
}

type Stamp = Vec<(PathBuf, Option<SystemTime>, u64)>;

impl RuleBook {
    pub(super) fn new(config: &Config) -> Self {
        let profiles = config.zones.iter().map(|(zone, served)| (*zone, served.profile)).collect();
        Self { folder: config.policies.join("rules"), profiles, read: Mutex::default() }
    }

    pub(super) fn profiles(&self) -> Vec<(Zone, ProfileId)> {
        self.profiles.iter().map(|(zone, profile)| (*zone, *profile)).collect()
    }

    /// The rules that a zone follows, as they are on disk.
    pub(super) fn of(&self, zone: Zone) -> Result<Arc<Rules>, Vec<Problem>> {
        let Some(profile) = self.profiles.get(&zone).copied() else { return Err(Vec::new()) };
        let folder = self.folder.join(profile.as_str());
        let stamp = stamp(&folder, &self.folder);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, rules)) = read.get(&profile)
            && *known == stamp
        {
            return Ok(Arc::clone(rules));
        }
        let rules = Rules::load(profile, &folder)
            .map_err(|problems| problems.iter().map(rules_problem).collect::<Vec<_>>())?;
        let rules = Arc::new(rules);
        read.insert(profile, (stamp, Arc::clone(&rules)));
        Ok(rules)
    }
}

fn stamp(folder: &Path, beside: &Path) -> Stamp {
    let mut stamp: Stamp = [folder, beside]
        .into_iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let meta = entry.metadata().ok()?;
            Some((entry.path(), meta.modified().ok(), meta.len()))
        })
        .collect();
    stamp.sort();
    stamp
}

/// What can be served: the checked sources and a View for each zone.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) good: Good,
    pub(super) views: BTreeMap<Zone, PreparedView>,
}

/// Reads the policies at start. With errors the node does not start, unless it may go on from the
/// last good copy.
pub(super) fn first(
    config: &Config,
    options: &Options,
    book: &RuleBook,
    tools: &Tools<'_>,
) -> anyhow::Result<(Reader, Loaded)> {
    let mut reader = Reader::new(&config.policies)?;
    let (profiles, now) = (book.profiles(), options.clock.now());
    let read =
        reload::load(&mut reader, &profiles, now).and_then(|good| compile(good, book, tools, 1));
    let loaded = match read {
        Ok(loaded) => loaded,
        Err(problems) if options.last_good => {
            say(&problems);
            tools.metrics.view_failed.set(1);
            let reading = good::load(&config.state, &config.policies)?;
            Good::new(reading, &profiles, now)
                .and_then(|good| compile(good, book, tools, 1))
                .map_err(|problems| BadConfiguration(render(&problems)))?
        }
        Err(problems) => return Err(BadConfiguration(render(&problems)).into()),
    };
    Ok((reader, loaded))
}

/// Compiles and prepares a View for each zone; all of them or none.
pub(super) fn compile(
    good: Good,
    book: &RuleBook,
    tools: &Tools<'_>,
    generation: u64,
) -> Result<Loaded, Vec<Problem>> {
    let mut views = BTreeMap::new();
    for (zone, _) in book.profiles() {
        let view = View::compile(zone, &good.sources, book.of(zone)?, generation);
        let prepared = PreparedView::prepare(view, &good.sources, tools).map_err(|errors| {
            errors.iter().map(|e| problem(tools.folder, e)).collect::<Vec<_>>()
        })?;
        views.insert(zone, prepared);
    }
    Ok(Loaded { good, views })
}

/// A problem of the rules among the others.
pub(crate) fn rules_problem(found: &RulesProblem) -> Problem {
    Problem {
        line: u32::try_from(found.line).unwrap_or(u32::MAX),
        column: u32::try_from(found.column).unwrap_or(u32::MAX),
        ..Problem::of_file(&found.file, found.message.clone(), found.mend.clone())
    }
}

fn problem(folder: &Path, error: &crate::gateway::PrepareError) -> Problem {
    Problem::of_file(folder, error.to_string(), "mend the entry or its upstream")
}

/// Puts problems into the log, one line each.
pub(super) fn say(problems: &[Problem]) {
    for problem in problems.iter().filter(|problem| problem.is_error()) {
        tracing::error!(
            file = %problem.file.display(),
            line = problem.line,
            column = problem.column,
            message = %problem.message,
            "the policies cannot be put in force"
        );
    }
}

fn render(problems: &[Problem]) -> String {
    let errors: Vec<_> = problems
        .iter()
        .filter(|problem| problem.is_error())
        .map(|problem| problem.render(false))
        .collect();
    format!(
        "the policies cannot be put in force\n{}\n`helan check` shows warnings too; `serve --last-good` starts from the last copy that was good",
        errors.join("\n")
    )
}
