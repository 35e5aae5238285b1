//! What would keep `helan serve` from starting although every file is right by itself: keys,
//! certificates, secrets, and what only shows when a View is made ready.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::config::keys::{KeyError, Keys};
use crate::config::problem::Problem;
use crate::config::{self, Config};
use crate::domain::{ProfileId, Zone};
use crate::gateway::listen::check_tls;
use crate::gateway::{Metrics, PrepareError, PreparedView, Tools};
use crate::policy::folder::Reading;
use crate::policy::{Rules, View};
use crate::run::{located, upstream_of};
use crate::upstream::{Shared, UpstreamConfig};

/// Keys and certificates that a configuration names.
pub(super) fn node(path: &Path, config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Err(error) = Keys::load(&config.keys) {
        let said = if let KeyError::Files(files) = &error {
            files.clone()
        } else {
            vec![format!("{:#}", anyhow::Error::from(error))]
        };
        let mend = "make them with `helan keys make`, each readable by the node's user only";
        problems.extend(said.into_iter().map(|line| config::problem_at(path, "/keys", line, mend)));
    }
    for (zone, served) in &config.zones {
        for (index, listener) in served.listeners.iter().enumerate() {
            if let Some(Err(error)) = listener.tls.as_ref().map(check_tls) {
                let pointer = format!("/zones/{zone}/listeners/{index}/tls");
                let message = format!("{:#}", anyhow::Error::from(error));
                let mend = "put the right PEM file there, or correct the path";
                problems.push(config::problem_at(path, &pointer, message, mend));
            }
        }
    }
    problems
}

/// The rules that zones follow must be there and sound; so must others that lie beside them.
pub(super) fn rules(policies: &Path, profiles: &[(Zone, ProfileId)]) -> Vec<Problem> {
    let folder = policies.join("rules");
    let followed: BTreeSet<ProfileId> = profiles.iter().map(|(_, profile)| *profile).collect();
    ProfileId::ALL
        .into_iter()
        .map(|profile| (profile, folder.join(profile.as_str())))
        .filter(|(profile, folder)| followed.contains(profile) || folder.is_dir())
        .filter_map(|(profile, folder)| Rules::load(profile, &folder).err())
        .flatten()
        .collect()
}

/// Upstreams that could not be called from the zones served.
pub(super) fn upstreams(
    reading: &Reading,
    policies: &Path,
    profiles: &[(Zone, ProfileId)],
) -> Vec<Problem> {
    let shared = Shared::default();
    let mut problems = Vec::new();
    for (zone, _) in profiles {
        let mut seen = BTreeSet::new();
        for (id, source) in &reading.sources.entries {
            let provider = id.organization();
            let Some((_, upstream)) = upstream_of(&reading.sources, *zone, &source.entry) else {
                continue;
            };
            if !seen.insert((provider.clone(), upstream.id.clone())) {
                continue;
            }
            let compiled = UpstreamConfig::compile(&shared, &provider, upstream, *zone, policies);
            // A secret that is only missing keeps the entry from being called, not the node from
            // starting; the policies' own check warns of it.
            if let Some(cause) = compiled.err().filter(|cause| !cause.is_absence()) {
                let error = PrepareError::Upstream { entry: id.clone(), cause };
                problems.extend(located((&reading.sources, &reading.origins), *zone, &error));
            }
        }
    }
    problems
}

/// What shows only when a View is made ready; of use where nothing else is wrong.
pub(super) fn views(
    reading: &Reading,
    (policies, config): (&Path, Option<&Config>),
    profiles: &[(Zone, ProfileId)],
) -> anyhow::Result<Vec<Problem>> {
    let keys = config.and_then(|config| Keys::load(&config.keys).ok());
    let keys = keys.unwrap_or_else(Keys::ephemeral);
    let mut problems = Vec::new();
    for (zone, profile) in profiles {
        let rules = match Rules::load(*profile, &policies.join("rules").join(profile.as_str())) {
            Ok(rules) => rules,
            Err(found) => {
                problems.extend(found);
                continue;
            }
        };
        let view = View::compile(*zone, &reading.sources, Arc::new(rules), 1);
        let metrics = Metrics::register(&prometheus::Registry::new())?;
        let (upstreams, keys) = (&Shared::default(), &keys);
        let tools = Tools { metrics: &metrics, upstreams, keys, folder: policies };
        if let Err(errors) = PreparedView::prepare(view, &reading.sources, &tools) {
            let about = (&reading.sources, &reading.origins);
            problems.extend(errors.iter().flat_map(|error| located(about, *zone, error)));
        }
    }
    Ok(problems)
}
