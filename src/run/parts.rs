//! The parts of a node, built once and handed to each other.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use prometheus::Registry;
use tokio::runtime::Handle;

use super::Options;
use super::announce::Before;
use super::figures::Figures;
use super::kept;
use super::load::{First, Loaded, RuleBook, compile, errors, files, first, key_files};
use super::supervise::judge;
use crate::cache::Cache;
use crate::config::keys::{KeyError, KeyPurpose, Keys};
use crate::config::problem::{BadConfiguration, Problem};
use crate::config::{Config, ZoneConfig};
use crate::control::{InForce, Readiness};
use crate::domain::Zone;
use crate::gateway::identify::KeySets;
use crate::gateway::{Folds, Limiters, Metrics, Node, PreparedView, Recorder, Side, Tools, Via};
use crate::journal::tree::{Signer, TreeOptions};
use crate::journal::{Clock, Journal, JournalOptions, Keep};
use crate::policy::folder::Reader;
use crate::policy::reload;
use crate::policy::reload::{Announce, Cause, Freezes, Frozen, Good, Hooks, Reload};
use crate::shape::MaskKey;
use crate::supervision::{
    Followed, Follower, JournalMetrics, LagMetrics, SupervisionGauges, TermMetrics, Watch,
};
use crate::upstream::Shared;

/// Everything that lives as long as the process.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) node: Arc<Node>,
    pub(super) sides: BTreeMap<Zone, Arc<Side>>,
    pub(super) keys: Arc<Keys>,
    pub(super) registry: Registry,
    pub(super) journal: Journal,
    pub(super) journal_metrics: JournalMetrics,
    pub(super) terms: TermMetrics,
    pub(super) follower: OnceLock<Follower>,
    lag_metrics: LagMetrics,
    pub(super) figures: Figures,
    pub(super) readiness: Arc<Readiness>,
    pub(super) upstreams: Arc<Shared>,
    pub(super) clock: Clock,
    pub(super) watch: Arc<Watch>,
    gauges: SupervisionGauges,
    control: Handle,
    pub(super) metrics: Arc<Metrics>,
    book: RuleBook,
    folder: PathBuf,
    pub(super) state: PathBuf,
    keys_folder: PathBuf,
    pub(super) keep_days: Option<u32>,
    generation: AtomicU64,
    in_force: Mutex<Good>,
}

/// The parts, and the watch that keeps their Views in step with the policies.
pub(super) struct Built {
    pub(super) parts: Arc<Parts>,
    pub(super) reload: Arc<Reload>,
}

impl Parts {
    #[expect(clippy::too_many_lines, reason = "one part after the other, nothing to share")]
    pub(super) fn build(
        config: &Config,
        options: &Options,
        control: &Handle,
    ) -> anyhow::Result<Built> {
        let keys = Keys::load(&config.keys)
            .map_err(|error| BadConfiguration(format!("the keys cannot be used: {error}")))?;
        let keys = Arc::new(keys);
        let registry = Registry::new();
        let metrics = Arc::new(Metrics::register(&registry)?);
        let journal_metrics = JournalMetrics::register(&registry)?;
        let lag_metrics = LagMetrics::register(&registry)?;
        let gauges = SupervisionGauges::register(&registry)?;
        let terms = TermMetrics::register(&registry, options.clock.clone())?;
        let figures = Figures::register(&registry, options.clock.now())?;
        let book = RuleBook::new(config);
        let upstreams = Arc::new(Shared::default());
        let tools = Tools {
            metrics: &metrics,
            upstreams: &upstreams,
            keys: &keys,
            folder: &config.policies,
        };
        let First { reader, loaded, key_sets, cause } =
            first(config, options, &book, (&tools, control))?;
        let freezes = Freezes::load(&config.state).context("the freezes cannot be read")?;

        let keep = kept::keys(config, &keys)?;
        let (journal, recovery) =
            Journal::open(&journal_options(config, &options.clock, (&keys, keep))?)
                .context("the records cannot be opened")?;
        if let Some(cut) = &recovery.cut {
            tracing::warn!(segment = %cut.segment, bytes = cut.bytes, "a torn tail was cut");
        }
        let node = Arc::new(Node {
            name: config.node.clone(),
            via: Via::new(&config.node).context("the name of the node cannot stand in a header")?,
            clock: options.clock.clone(),
            mask_key: Some(Arc::new(MaskKey::new(&keys.secret(KeyPurpose::Mask).1))),
            keys: Arc::clone(&keys),
            limiters: Limiters::new(recovery.counters),
            overlay: OnceLock::new(),
        });
        let watch = Arc::new(Watch::open(&config.state, config.detectors, journal.committed()));
        let Loaded { good, views } = loaded;
        let mut sides = BTreeMap::new();
        for (zone, prepared) in views {
            let (Some(served), Some(key_sets)) = (config.zones.get(&zone), key_sets.get(&zone))
            else {
                continue;
            };
            let recorder = Arc::new(Recorder {
                zone,
                journal: journal.clone(),
                clock: options.clock.clone(),
                keys: Arc::clone(&keys),
                folds: Folds::default(),
                zone_metrics: metrics.zone(zone),
                metrics: Arc::clone(&metrics),
            });
            sides.insert(zone, Arc::new(side(served, prepared, recorder, key_sets)));
        }
        let parts = Arc::new(Self {
            node,
            sides,
            keys,
            registry,
            journal,
            journal_metrics,
            terms,
            follower: OnceLock::new(),
            lag_metrics,
            figures,
            readiness: Arc::default(),
            upstreams,
            control: control.clone(),
            clock: options.clock.clone(),
            watch,
            gauges,
            metrics,
            book,
            folder: config.policies.clone(),
            state: config.state.clone(),
            keys_folder: config.keys.clone(),
            keep_days: config.journal.keep_days,
            generation: AtomicU64::new(1),
            in_force: Mutex::new(good.clone()),
        });
        parts.announce(None, &good, cause);
        parts.follow(config)?;
        let reload = parts.watch(reader, &good, freezes)?;
        Ok(Built { parts, reload })
    }

    /// Starts to follow the journal.
    fn follow(self: &Arc<Self>, config: &Config) -> anyhow::Result<()> {
        let followed = Followed {
            records: config.records.clone(),
            state: config.state.clone(),
            watch: Arc::clone(&self.watch),
            clock: self.clock.clone(),
        };
        let follower = Follower::start(&self.journal, followed, judge(self))
            .context("the thread of supervision cannot be started")?;
        self.follower.get_or_init(|| follower);
        Ok(())
    }

    /// Starts to watch the folder; what it denies is seen by every request from here on.
    fn watch(
        self: &Arc<Self>,
        reader: Reader,
        good: &Good,
        freezes: Freezes,
    ) -> anyhow::Result<Arc<Reload>> {
        let (installing, refusing) = (Arc::clone(self), Arc::clone(self));
        let narrowing = Arc::clone(self);
        let clock = self.clock.clone();
        let hooks = Hooks {
            profiles: self.book.profiles(),
            clock: Arc::new(move || clock.now()),
            install: Box::new(move |good, cause| installing.install(good, cause)),
            refused: Box::new(move |problems, _| refusing.refused(problems)),
            narrow: Box::new(move || {
                for side in narrowing.sides.values() {
                    side.key_sets.narrow(&narrowing.folder);
                }
            }),
        };
        let reload = reload::start(reader, good, freezes, hooks)
            .with_context(|| format!("cannot watch {}", self.folder.display()))?;
        self.node.overlay.get_or_init(|| reload.overlay());
        Ok(Arc::new(reload))
    }

    fn tools(&self) -> Tools<'_> {
        Tools {
            metrics: &self.metrics,
            upstreams: &self.upstreams,
            keys: &self.keys,
            folder: &self.folder,
        }
    }

    /// Puts good policies in force on every side, or on none. What it gives back says so.
    fn install(self: &Arc<Self>, good: &Good, cause: &Cause) -> Result<Announce, Vec<Problem>> {
        let generation = self.generation.load(Ordering::Acquire).saturating_add(1);
        let loaded = compile(good.clone(), &self.book, &self.tools(), generation)?;
        let mut files = BTreeMap::new();
        for (zone, prepared) in &loaded.views {
            files.insert(*zone, key_files(prepared, good.origins.root())?);
        }
        // From here on nothing can fail.
        let mut views = BTreeMap::new();
        for (zone, prepared) in loaded.views {
            if let (Some(side), Some(files)) = (self.sides.get(&zone), files.remove(&zone)) {
                side.key_sets.adopt(&prepared.view.issuers, files, &self.control);
                views.insert(zone, side.view.swap(Arc::new(prepared)));
            }
        }
        self.generation.store(generation, Ordering::Release);
        let old = std::mem::replace(&mut *self.in_force(), good.clone());
        let before = Before { good: old, views };
        let cause = match cause {
            Cause::Files => "files".to_owned(),
            Cause::Signal => "signal".to_owned(),
            Cause::Admin(name) => format!("admin {name}"),
        };
        let (parts, good) = (Arc::clone(self), good.clone());
        Ok(Box::new(move || {
            parts.announce(Some(&before), &good, &cause);
            parts.metrics.policies_in_force();
            before.let_go();
        }))
    }

    /// The policies in force.
    pub(super) fn sources(&self) -> Arc<crate::policy::Sources> {
        Arc::clone(&self.in_force().sources)
    }

    fn in_force(&self) -> MutexGuard<'_, Good> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self, problems: &[Problem]) {
        self.metrics.policies_refused(errors(problems), files(problems));
        super::load::say(problems);
    }

    /// Reads the node's keys again; says why, if the old ones stay.
    pub(super) fn reload_keys(&self) -> Option<String> {
        let folder = &self.keys_folder;
        let whole = Keys::load(folder).and_then(|fresh| {
            let absent = kept::absent(&self.journal.rests_on(), &fresh, folder);
            if absent.is_empty() { self.keys.reload(folder) } else { Err(KeyError::Files(absent)) }
        });
        let Err(error) = whole else {
            self.journal.use_keys(kept::used(&self.keys));
            return None;
        };
        tracing::error!(%error, "the keys could not be read again; the old ones stay");
        Some(format!("keys: {error}"))
    }

    /// Whether the policies in force hold such a thing.
    pub(super) fn knows(&self, what: &Frozen) -> bool {
        let sources = Arc::clone(&self.in_force().sources);
        match what {
            Frozen::Entry(id) => sources.entries.contains_key(id),
            Frozen::Grant(id) => sources.grants.contains_key(id),
            Frozen::Organization(id) => sources.organizations.contains_key(id),
            Frozen::Application(id) => sources
                .organizations
                .values()
                .any(|organization| organization.applications.iter().any(|one| one.id == *id)),
        }
    }

    /// The Views in force.
    pub(super) fn views(&self) -> Vec<InForce> {
        let of = |(zone, side): (&Zone, &Arc<Side>)| {
            let view = Arc::clone(&side.view());
            InForce {
                zone: *zone,
                hash: Arc::clone(&view.view.hash),
                generation: view.view.generation,
                files: view.view.files.len(),
                rules: Arc::clone(&view.view.rules),
            }
        };
        self.sides.iter().map(of).collect()
    }

    /// Answers given minus calls on record.
    pub(super) fn difference(&self) -> i64 {
        self.figures.bring_in(&self.sides);
        let (answered, folded) = self.answered();
        crate::supervision::difference(&self.journal, answered, folded)
    }

    /// How many answers were given, and how many of them are only counted.
    fn answered(&self) -> (u64, u64) {
        (
            self.sides.values().map(|side| side.recorder.zone_metrics.answered.get()).sum(),
            self.sides.values().map(|side| side.recorder.folds.counted()).sum(),
        )
    }

    /// Writes the counts of refusals that are only counted.
    pub(super) fn close_folds(&self, before: i64) {
        for side in self.sides.values() {
            side.recorder.folds.close_before(&side.recorder, before);
        }
    }

    /// The metrics page.
    pub(super) fn page(&self) -> Result<String, prometheus::Error> {
        self.figures.bring_in(&self.sides);
        self.judged(|scene| {
            self.gauges.update(scene, &crate::supervision::detect::findings(scene));
        });
        self.figures.update(&self.upstreams, &self.readiness);
        if let Some(follower) = self.follower.get() {
            self.lag_metrics.update(follower.lag());
        }
        let answered = self.answered();
        crate::supervision::page(
            &self.registry,
            &self.journal_metrics,
            &self.journal,
            answered,
            self.clock.now(),
        )
    }
}

fn side(
    served: &ZoneConfig,
    prepared: PreparedView,
    recorder: Arc<Recorder>,
    key_sets: &Arc<KeySets>,
) -> Side {
    Side {
        zone: recorder.zone,
        profile: served.profile,
        view: ArcSwap::from_pointee(prepared),
        cache: Cache::new(served.cache_bytes),
        recorder,
        key_sets: Arc::clone(key_sets),
        address_rate: served.address_rate,
        origins: served.origins.clone(),
    }
}

fn journal_options(
    config: &Config,
    clock: &Clock,
    (keys, keep): (&Keys, Keep),
) -> anyhow::Result<JournalOptions> {
    Ok(JournalOptions {
        folder: config.records.clone(),
        segment_bytes: config.journal.segment_bytes,
        sync_ms: config.journal.sync_ms,
        free_bytes: config.journal.free_bytes,
        budgets: config.zones.iter().map(|(zone, served)| (*zone, served.journal)).collect(),
        node: config.node.clone(),
        clock: clock.clone(),
        tree: TreeOptions {
            signers: signers(config, keys)?,
            copies: config.journal.checkpoints.clone(),
        },
        keep,
    })
}

/// Who signs checkpoints, the newest key first.
fn signers(config: &Config, keys: &Keys) -> Result<Arc<[Signer]>, BadConfiguration> {
    let origin = config.origin();
    let all = keys.secrets(KeyPurpose::Signing).into_iter().map(|(_, seed)| {
        Signer::new(&origin, &seed).ok_or_else(|| {
            BadConfiguration(format!(
                "`{origin}` cannot be the origin of checkpoints: write `journal.origin` without blanks and `+`, best as a domain and a name (C2SP tlog-checkpoint)"
            ))
        })
    });
    all.collect()
}
