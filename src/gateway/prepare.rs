//! A View with what the path keeps ready beside it: operations, upstreams, metric handles.
//!
//! Built once per swap and off the path, so that a request only looks things up.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use foldhash::fast::RandomState;
use http::Method;

use crate::config::keys::Keys;
use crate::domain::{EntryId, Format, Interface, Mode, Parameter, Zone};
use crate::gateway::identify::{Credentials, CredentialsError};
use crate::gateway::metrics::{EntryMetrics, Metrics};
use crate::gateway::route;
use crate::policy::pace::{drop_in_steps, give_way};
use crate::policy::{EntrySource, Operation, Place, Sources, View};
use crate::shape::{Action, Plan, PlanSpec};
use crate::upstream::{Shared, UpstreamConfig};

/// What a View is made ready with; it outlives every View.
#[derive(Clone, Copy, Debug)]
pub struct Tools<'a> {
    /// Counters.
    pub metrics: &'a Metrics,
    /// What all workers know of upstreams.
    pub upstreams: &'a Shared,
    /// Keys that credentials are hashed under.
    pub keys: &'a Keys,
    /// Where files named in policies are looked up.
    pub folder: &'a Path,
}

/// What one zone's requests read. Swapped whole.
#[derive(Debug)]
pub struct PreparedView {
    /// Law, catalog and grants.
    pub view: View,
    /// How callers are recognized.
    pub credentials: Credentials,
    entries: HashMap<Box<str>, Arc<Prepared>, RandomState>,
}

/// An entry, ready to be called.
#[derive(Debug)]
pub struct Prepared {
    /// As the catalog has it.
    pub source: Arc<EntrySource>,
    /// Path at the department that stands for the entry; no slash at its end.
    pub base: String,
    /// What its interface offers.
    pub operations: Vec<PreparedOperation>,
    /// Where it is fetched; none if nothing is mounted in this zone.
    pub upstream: Option<Arc<UpstreamConfig>>,
    /// How calls count.
    pub mode: Mode,
    /// Its metric handles.
    pub metrics: EntryMetrics,
}

/// One operation of an interface.
#[derive(Debug)]
pub struct PreparedOperation {
    /// Its method.
    pub method: Method,
    /// Its path as the description writes it.
    pub template: Arc<str>,
    segments: Vec<Segment>,
    /// Whether its path ends with a slash.
    trailing: bool,
    /// Its parameters.
    pub rules: Vec<Rule>,
    /// Media types its body may have.
    pub bodies: Vec<String>,
    /// Statuses it may answer with.
    pub statuses: Vec<String>,
}

#[derive(Debug)]
enum Segment {
    Literal(Box<str>),
    Parameter(Box<str>),
}

/// What is known of one parameter.
#[derive(Debug)]
pub struct Rule {
    /// Its name.
    pub name: Arc<str>,
    /// Where it stands.
    pub place: Place,
    /// Whether a call without it is refused.
    pub required: bool,
    /// What it means.
    pub meaning: Option<Parameter>,
}

/// Why a View cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// An upstream cannot be used.
    #[error("the upstream of {entry} cannot be used: {cause}")]
    Upstream {
        /// The entry.
        entry: EntryId,
        /// Why.
        cause: crate::upstream::UpstreamProblem,
    },
    /// Items and paths do not fit together.
    #[error("the items of {entry} cannot be shaped: {cause}")]
    Shape {
        /// The entry.
        entry: EntryId,
        /// Why.
        cause: crate::shape::PlanError,
    },
    /// Credentials that could name two applications.
    #[error("the credentials of applications cannot be used: {cause}")]
    Credentials {
        /// Why.
        cause: CredentialsError,
    },
    /// A method that is none.
    #[error("`{method}` in the description of {entry} is no method")]
    Method {
        /// The entry.
        entry: EntryId,
        /// The method as written.
        method: String,
    },
}

impl PreparedView {
    /// Makes a View ready.
    pub fn prepare(
        view: View,
        sources: &Sources,
        tools: &Tools<'_>,
    ) -> Result<Self, Vec<PrepareError>> {
        let mut errors = Vec::new();
        let mut entries = HashMap::with_hasher(RandomState::default());
        for source in view.entries() {
            give_way();
            match prepare(&view, source, tools) {
                Ok(prepared) => {
                    entries.insert(source.entry.id.as_str().into(), Arc::new(prepared));
                }
                Err(error) => errors.push(error),
            }
        }
        match Credentials::compile(&sources.organizations, &view.issuers, tools.keys) {
            Ok(credentials) if errors.is_empty() => Ok(Self { view, credentials, entries }),
            Ok(_) => Err(errors),
            Err(cause) => {
                errors.push(PrepareError::Credentials { cause });
                Err(errors)
            }
        }
    }

    /// All entries, in no order.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Prepared>> {
        self.entries.values()
    }

    /// The entry of this path, written `organization/entry`.
    pub fn entry(&self, id: &str) -> Option<&Arc<Prepared>> {
        self.entries.get(id)
    }
}

/// A province's View is dropped in steps, wherever that is.
impl Drop for PreparedView {
    fn drop(&mut self) {
        drop_in_steps(std::mem::take(&mut self.entries));
    }
}

fn prepare(
    view: &View,
    source: &Arc<EntrySource>,
    tools: &Tools<'_>,
) -> Result<Prepared, PrepareError> {
    let entry = &source.entry;
    let metrics = tools.metrics.entry(&entry.id);
    let Some(interface) = &entry.interface else {
        return Ok(Prepared {
            source: Arc::clone(source),
            base: String::new(),
            operations: Vec::new(),
            upstream: None,
            mode: Mode::Api,
            metrics,
        });
    };
    prove_plan(source)?;
    let operations = source
        .description
        .operations
        .iter()
        .map(|operation| PreparedOperation::new(&entry.id, operation, interface))
        .collect::<Result<_, _>>()?;
    Ok(Prepared {
        source: Arc::clone(source),
        base: interface.base.trim_end_matches('/').to_owned(),
        operations,
        upstream: upstream(view, source, tools)?,
        mode: interface.mode,
        metrics,
    })
}

/// Compiles a plan over all items once, so that no grant of them can fail later.
fn prove_plan(source: &EntrySource) -> Result<(), PrepareError> {
    if source.entry.interface.as_ref().is_some_and(|interface| interface.format == Format::File) {
        return Ok(());
    }
    let items: Vec<_> =
        source.entry.items.iter().map(|item| (item.name.clone(), Action::Keep)).collect();
    Plan::compile(&PlanSpec { entry: &source.entry, items: &items, scope: &[] })
        .map(drop)
        .map_err(|cause| PrepareError::Shape { entry: source.entry.id.clone(), cause })
}

/// The upstream of an entry in this zone, with only the credentials issued for it.
fn upstream(
    view: &View,
    source: &EntrySource,
    tools: &Tools<'_>,
) -> Result<Option<Arc<UpstreamConfig>>, PrepareError> {
    let entry = &source.entry;
    let Some(interface) = &entry.interface else { return Ok(None) };
    let id = match (&entry.opening.upstream, view.zone) {
        (Some(own), Zone::Opening) => own,
        (_, Zone::Opening | Zone::Sharing | Zone::Peering) => &interface.upstream,
    };
    let provider = entry.id.organization();
    let Some(organization) = view.organization(&provider) else { return Ok(None) };
    let Some(upstream) = organization.upstreams.iter().find(|upstream| upstream.id == *id) else {
        return Ok(None);
    };
    match UpstreamConfig::compile(tools.upstreams, &provider, upstream, view.zone, tools.folder) {
        Ok(config) => Ok(Some(config)),
        // One secret that this machine lacks keeps its entry from being called, not everybody's grants
        // from taking effect.
        Err(cause) if cause.is_absence() => {
            tracing::error!(
                entry = %entry.id,
                upstream = %upstream.id,
                zone = %view.zone,
                error = %cause,
                "the entry cannot be called on this node until its secret is there and policies are reloaded"
            );
            Ok(None)
        }
        Err(cause) => Err(PrepareError::Upstream { entry: entry.id.clone(), cause }),
    }
}

impl PreparedOperation {
    fn new(
        entry: &EntryId,
        operation: &Operation,
        interface: &Interface,
    ) -> Result<Self, PrepareError> {
        let method = Method::from_bytes(operation.method.as_bytes()).map_err(|_| {
            PrepareError::Method { entry: entry.clone(), method: operation.method.clone() }
        })?;
        let segments = operation
            .template
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| {
                match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                    Some(name) => Segment::Parameter(name.into()),
                    None => Segment::Literal(segment.into()),
                }
            })
            .collect();
        let rules = operation
            .parameters
            .iter()
            .map(|parameter| Rule {
                name: parameter.name.as_str().into(),
                place: parameter.place,
                required: parameter.required,
                meaning: interface.parameters.get(&parameter.name).cloned(),
            })
            .collect();
        Ok(Self {
            method,
            template: operation.template.as_str().into(),
            segments,
            trailing: operation.template.len() > 1 && operation.template.ends_with('/'),
            rules,
            bodies: operation.bodies.clone(),
            statuses: operation.statuses.clone(),
        })
    }

    /// How many literal segments fit this path, or none if it does not fit. A slash at the end is
    /// part of a path (RFC 3986 §3.3); after the entry alone it says nothing.
    pub fn fit(&self, path: &route::Path) -> Option<usize> {
        let rest = path.rest();
        if rest.len() != self.segments.len() || path.is_trailing() != self.trailing {
            return None;
        }
        let mut literals = 0;
        for (segment, given) in self.segments.iter().zip(rest) {
            match segment {
                Segment::Literal(text) if text.as_ref() == given => literals += 1,
                Segment::Literal(_) => return None,
                Segment::Parameter(_) => {}
            }
        }
        Some(literals)
    }

    /// The values that stand for parameters in this path.
    pub fn captured<'a>(
        &'a self,
        rest: &'a [String],
    ) -> impl Iterator<Item = (&'a str, &'a str)> + 'a {
        self.segments.iter().zip(rest).filter_map(|(segment, given)| match segment {
            Segment::Parameter(name) => Some((name.as_ref(), given.as_str())),
            Segment::Literal(_) => None,
        })
    }

    /// What is known of a parameter; header names are compared without case.
    pub fn rule(&self, name: &str, place: Place) -> Option<&Rule> {
        self.rules.iter().find(|rule| {
            rule.place == place
                && match place {
                    Place::Header => rule.name.eq_ignore_ascii_case(name),
                    Place::Path | Place::Query => rule.name.as_ref() == name,
                }
        })
    }

    /// Whether the description names this status.
    pub fn describes(&self, status: http::StatusCode) -> bool {
        let code = status.as_str();
        let class = code.get(..1).unwrap_or("");
        self.statuses.iter().any(|known| {
            known == code
                || known == "default"
                || known.strip_suffix("XX").is_some_and(|first| first == class)
        })
    }
}
