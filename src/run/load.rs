//! Policies become Views: at start, and again whenever the folder changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::runtime::Handle;

use super::Options;
use super::place::located;
use crate::config::Config;
use crate::config::problem::{self, BadConfiguration, Problem};
use crate::domain::{ProfileId, Zone};
use crate::gateway::identify::{KeyFiles, KeySets};
use crate::gateway::{PreparedView, Tools};
use crate::policy::folder::Reader;
use crate::policy::reload::{self, Good};
use crate::policy::{Rules, View, good};

/// The rules of each zone, read again only when their files change.
#[derive(Debug)]
pub(super) struct RuleBook {
    profiles: BTreeMap<Zone, ProfileId>,
    read: Mutex<BTreeMap<ProfileId, (Stamp, Arc<Rules>)>>,
}

type Stamp = Vec<(PathBuf, Option<SystemTime>, u64)>;

impl RuleBook {
    pub(super) fn new(config: &Config) -> Self {
        let profiles = config.zones.iter().map(|(zone, served)| (*zone, served.profile)).collect();
        Self { profiles, read: Mutex::default() }
    }

    pub(super) fn profiles(&self) -> Vec<(Zone, ProfileId)> {
        self.profiles.iter().map(|(zone, profile)| (*zone, *profile)).collect()
    }

    /// The rules that a zone follows, as they are in this policy folder.
    pub(super) fn of(&self, zone: Zone, root: &Path) -> Result<Arc<Rules>, Vec<Problem>> {
        let Some(profile) = self.profiles.get(&zone).copied() else { return Err(Vec::new()) };
        let rules = root.join("rules");
        let folder = rules.join(profile.as_str());
        let stamp = stamp(&folder, &rules);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, rules)) = read.get(&profile)
            && *known == stamp
        {
            return Ok(Arc::clone(rules));
        }
        let rules = Arc::new(Rules::load(profile, &folder)?);
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

/// What a node starts with.
#[derive(Debug)]
pub(super) struct First {
    pub(super) reader: Reader,
    pub(super) loaded: Loaded,
    pub(super) key_sets: BTreeMap<Zone, Arc<KeySets>>,
    /// What put this in force.
    pub(super) cause: &'static str,
}

/// Reads the policies at start. With errors the node does not start, unless it may go on from the
/// last good copy.
pub(super) fn first(
    config: &Config,
    options: &Options,
    book: &RuleBook,
    (tools, control): (&Tools<'_>, &Handle),
) -> anyhow::Result<First> {
    let (profiles, now) = (book.profiles(), options.clock.now());
    let attempt = |reader: &mut Reader| {
        let good = reload::load(reader, &profiles, now)?;
        let loaded = compile(good, book, tools, 1)?;
        let key_sets = key_sets(&loaded, control)?;
        Ok::<_, Vec<Problem>>((loaded, key_sets))
    };
    let mut reader = Reader::new(&config.policies)?;
    let problems = match attempt(&mut reader) {
        Ok((loaded, key_sets)) => return Ok(First { reader, loaded, key_sets, cause: "start" }),
        Err(problems) => problems,
    };
    let text = render(&problems);
    if !options.last_good {
        return Err(BadConfiguration(text).into());
    }
    say(&problems);
    tools.metrics.policies_refused(errors(&problems), files(&problems));
    let copy = good::unpack(&config.state).map_err(|error| {
        BadConfiguration(format!("{text}\nthere is no last good copy: {error}"))
    })?;
    let (loaded, key_sets) = attempt(&mut Reader::new(copy)?).map_err(|problems| {
        BadConfiguration(format!("{text}\nnor is the last good copy usable\n{}", render(&problems)))
    })?;
    tracing::warn!("serving the last good policies; mend those on disk to end this alert");
    Ok(First { reader, loaded, key_sets, cause: "start from the last good copy" })
}

/// The keys of each zone's issuers.
fn key_sets(
    loaded: &Loaded,
    control: &Handle,
) -> Result<BTreeMap<Zone, Arc<KeySets>>, Vec<Problem>> {
    let mut all = BTreeMap::new();
    for (zone, prepared) in &loaded.views {
        let files = key_files(prepared, loaded.good.origins.root())?;
        let key_sets = Arc::<KeySets>::default();
        key_sets.adopt(&prepared.view.issuers, files, control);
        all.insert(*zone, key_sets);
    }
    Ok(all)
}

/// The key files of a View's issuers, from the folder the View came from.
pub(super) fn key_files(prepared: &PreparedView, root: &Path) -> Result<KeyFiles, Vec<Problem>> {
    KeyFiles::read(&prepared.view.issuers, root).map_err(|error| {
        let mend = "mend the key set, or remove the issuer";
        vec![Problem::of_file(&root.join("issuers.yaml"), error.to_string(), mend)]
    })
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
        let rules = book.of(zone, good.origins.root())?;
        let view = View::compile(zone, &good.sources, rules, generation);
        let prepared = PreparedView::prepare(view, &good.sources, tools).map_err(|errors| {
            let about = (good.sources.as_ref(), good.origins.as_ref());
            let mut problems: Vec<_> =
                errors.iter().flat_map(|error| located(about, zone, error)).collect();
            problem::sort(&mut problems);
            problems
        })?;
        views.insert(zone, prepared);
    }
    Ok(Loaded { good, views })
}

/// How many of them are errors.
pub(super) fn errors(problems: &[Problem]) -> usize {
    problems.iter().filter(|problem| problem.is_error()).count()
}

/// How many files have errors.
pub(super) fn files(problems: &[Problem]) -> usize {
    let broken = problems.iter().filter(|problem| problem.is_error());
    broken.map(|problem| problem.file.as_path()).collect::<BTreeSet<_>>().len()
}

/// Puts problems into the log, one line each.
pub(super) fn say(problems: &[Problem]) {
    for problem in problems.iter().filter(|problem| problem.is_error()) {
        tracing::error!(
            file = %problem.file.display(),
            line = problem.line,
            column = problem.column,
            message = %problem.message,
            mend = problem.mend.as_deref().unwrap_or(""),
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
