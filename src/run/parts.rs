//! The parts of a node, built once and handed to each other.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use prometheus::Registry;
use tokio::runtime::Handle;

use super::Options;
use super::keep::Keeper;
use super::load::{Loaded, RuleBook, compile, first};
use crate::cache::Cache;
use crate::cli::BadConfiguration;
use crate::config::keys::{KeyPurpose, Keys};
use crate::config::problem::Problem;
use crate::config::{Config, ZoneConfig};
use crate::control::Readiness;
use crate::domain::Zone;
use crate::gateway::identify::KeySets;
use crate::gateway::{Folds, Limiters, Metrics, Node, PreparedView, Recorder, Side, Tools};
use crate::journal::{Clock, Event, Journal, JournalOptions, ViewSwapped};
use crate::policy::folder::Reader;
use crate::policy::reload::{Cause, Freezes, Good, Hooks, Reload};
use crate::policy::{diff, reload};
use crate::shape::MaskKey;
use crate::supervision::JournalMetrics;
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
    pub(super) readiness: Arc<Readiness>,
    pub(super) upstreams: Arc<Shared>,
    pub(super) clock: Clock,
    control: Handle,
    metrics: Arc<Metrics>,
    book: RuleBook,
    folder: PathBuf,
    pub(super) keeper: Keeper,
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
        let book = RuleBook::new(config);
        let upstreams = Arc::new(Shared::default());
        let tools = Tools {
            metrics: &metrics,
            upstreams: &upstreams,
            keys: &keys,
            folder: &config.policies,
        };
        let (reader, loaded) = first(config, options, &book, &tools)?;
        let freezes = Freezes::load(&config.state).context("the freezes cannot be read")?;

        let (journal, recovery) = Journal::open(&journal_options(config, &options.clock))
            .context("the records cannot be opened")?;
        if let Some(cut) = &recovery.cut {
            tracing::warn!(segment = %cut.segment, bytes = cut.bytes, "a torn tail was cut");
        }
        let node = Arc::new(Node {
            name: config.node.clone(),
            clock: options.clock.clone(),
            mask_key: Some(Arc::new(MaskKey::new(keys.secret(KeyPurpose::Mask).1))),
            keys: Arc::clone(&keys),
            limiters: Limiters::new(recovery.counters),
            overlay: OnceLock::new(),
        });
        let Loaded { good, views } = loaded;
        let mut sides = BTreeMap::new();
        for (zone, prepared) in views {
            let Some(served) = config.zones.get(&zone) else { continue };
            let recorder = Arc::new(Recorder {
                zone,
                journal: journal.clone(),
                clock: options.clock.clone(),
                keys: Arc::clone(&keys),
                folds: Folds::default(),
                zone_metrics: metrics.zone(zone),
                metrics: Arc::clone(&metrics),
            });
            sides.insert(
                zone,
                Arc::new(side(served, prepared, recorder, (&config.policies, control))?),
            );
        }
        let parts = Arc::new(Self {
            node,
            sides,
            keys,
            registry,
            journal,
            journal_metrics,
            readiness: Arc::default(),
            upstreams,
            control: control.clone(),
            clock: options.clock.clone(),
            metrics,
            book,
            folder: config.policies.clone(),
            keeper: Keeper::start(config.state.clone())
                .context("cannot start the thread that keeps the last good copy")?,
            generation: AtomicU64::new(1),
            in_force: Mutex::new(good.clone()),
        });
        parts.announce(None, &good, "start");
        let reload = parts.watch(reader, &good, freezes)?;
        Ok(Built { parts, reload })
    }

    /// Starts to watch the folder; what it denies is seen by every request from here on.
    fn watch(
        self: &Arc<Self>,
        reader: Reader,
        good: &Good,
        freezes: Freezes,
    ) -> anyhow::Result<Arc<Reload>> {
        let (installing, refusing) = (Arc::clone(self), Arc::clone(self));
        let clock = self.clock.clone();
        let hooks = Hooks {
            profiles: self.book.profiles(),
            clock: Arc::new(move || clock.now()),
            install: Box::new(move |good, cause| installing.install(good, cause)),
            refused: Box::new(move |problems, _| refusing.refused(problems)),
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

    /// Puts good policies in force on every side, or on none.
    fn install(&self, good: &Good, cause: &Cause) -> Result<(), Vec<Problem>> {
        let generation = self.generation.load(Ordering::Acquire).saturating_add(1);
        let loaded = compile(good.clone(), &self.book, &self.tools(), generation)?;
        for (zone, prepared) in &loaded.views {
            if let Some(side) = self.sides.get(zone) {
                let issuers = &prepared.view.issuers;
                side.key_sets.configure(issuers, &self.folder, &self.control).map_err(|error| {
                    let mend = "mend the key set, or remove the issuer";
                    vec![Problem::of_file(
                        &self.folder.join("issuers.yaml"),
                        error.to_string(),
                        mend,
                    )]
                })?;
            }
        }
        for (zone, prepared) in loaded.views {
            if let Some(side) = self.sides.get(&zone) {
                side.view.store(Arc::new(prepared));
            }
        }
        self.generation.store(generation, Ordering::Release);
        let before = {
            let mut in_force =
                self.in_force.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            std::mem::replace(&mut *in_force, good.clone())
        };
        let cause = match cause {
            Cause::Files => "files".to_owned(),
            Cause::Signal => "signal".to_owned(),
            Cause::Admin(name) => format!("admin {name}"),
        };
        self.announce(Some(&before), good, &cause);
        Ok(())
    }

    /// Says which View is in force now: in the journal, the metrics and the log; and keeps its files.
    fn announce(&self, before: Option<&Good>, good: &Good, cause: &str) {
        let now = self.journal.clamp(self.clock.now());
        let changes = before
            .map(|before| diff(&before.sources, &good.sources, &self.book.profiles(), now))
            .unwrap_or_default();
        let said = |gained| -> Vec<String> {
            changes.iter().filter(|c| c.gained == gained).map(ToString::to_string).collect()
        };
        let (gains, losses) = (said(true), said(false));
        for (zone, side) in &self.sides {
            let view = side.view();
            let files = good.sources.files.iter();
            self.journal.keep(&Event::ViewSwapped(ViewSwapped {
                time: now,
                zone: *zone,
                from: None,
                to: view.view.hash.clone(),
                cause: cause.to_owned(),
                files: files
                    .map(|(path, hash)| (path.display().to_string(), hash.clone()))
                    .collect(),
                gains: gains.clone(),
                losses: losses.clone(),
            }));
            self.metrics.view_in_force(*zone, view.view.generation, now);
            tracing::info!(%zone, generation = view.view.generation, cause, "a View is in force");
        }
        self.metrics.view_failed.set(0);
        self.metrics.policy_problems.set(0);
        if let Err(error) = self.keeper.keep(&self.folder, &good.sources.files) {
            tracing::error!(%error, "the last good copy could not be stored");
        }
    }

    fn refused(&self, problems: &[Problem]) {
        let errors = problems.iter().filter(|problem| problem.is_error()).count();
        self.metrics.view_failed.set(i64::from(errors > 0));
        self.metrics.policy_problems.set(i64::try_from(errors).unwrap_or(i64::MAX));
        super::load::say(problems);
    }

    /// Writes the counts of refusals that are only counted.
    pub(super) fn close_folds(&self, before: i64) {
        for side in self.sides.values() {
            side.recorder.folds.close_before(&side.recorder, before);
        }
    }

    /// The metrics page.
    pub(super) fn page(&self) -> Result<String, prometheus::Error> {
        let answered =
            self.sides.values().map(|side| side.recorder.zone_metrics.answered.get()).sum();
        let folded = self.sides.values().map(|side| side.recorder.folds.counted()).sum();
        crate::supervision::page(
            &self.registry,
            &self.journal_metrics,
            &self.journal,
            (answered, folded),
        )
    }
}

fn side(
    served: &ZoneConfig,
    prepared: PreparedView,
    recorder: Arc<Recorder>,
    (folder, control): (&std::path::Path, &Handle),
) -> anyhow::Result<Side> {
    let now = recorder.clock.now();
    let key_sets = Arc::new(KeySets::default());
    key_sets
        .configure(&prepared.view.issuers, folder, control)
        .map_err(|error| BadConfiguration(error.to_string()))?;
    Ok(Side {
        zone: recorder.zone,
        profile: served.profile,
        notice: prepared.view.rules.profile().notice(now).map(str::to_owned),
        view: ArcSwap::from_pointee(prepared),
        cache: Cache::new(served.cache_bytes),
        recorder,
        key_sets,
        address_rate: served.address_rate,
        origins: served.origins.clone(),
    })
}

fn journal_options(config: &Config, clock: &Clock) -> JournalOptions {
    JournalOptions {
        folder: config.records.clone(),
        segment_bytes: config.journal.segment_bytes,
        sync_ms: config.journal.sync_ms,
        free_bytes: config.journal.free_bytes,
        budgets: config.zones.iter().map(|(zone, served)| (*zone, served.journal)).collect(),
        node: config.node.clone(),
        clock: clock.clone(),
    }
}
