//! `helan explain`: the decision about a call, offline, by the same code; or of a call on record, made
//! again.

mod find;

mod replay;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use uuid::Uuid;

use super::places::places;
use crate::config::Config;
use crate::config::keys::Keys;
use crate::config::problem::BadConfiguration;
use crate::domain::{
    ApplicationId, EntryId, ItemName, MatterCode, Organization, ProfileId, PurposeId, Timestamp,
    Zone,
};
use crate::gateway::{
    Ask, Asker, Memo, Metrics, Permit, PreparedView, Refusal, Tools, Use, decide,
};
use crate::journal::Clock;
use crate::policy::{Citation, Overlay, Rules, Sources, View};
use crate::upstream::Shared;

/// Says whether a call would be allowed, by which grant and which articles, or why not.
///
/// With --transaction it takes a call from the records, puts the policies that were in force then
/// back from the archive, decides again with what was recorded, and says whether that agrees. Exit
/// codes: 0 allowed, or the replay agrees; 1 refused, or it does not.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  helan explain --application natural-resources/registration --entry civil-affairs/marriage \\\n      --purpose data-verification --matter estate-transfer --at 2026-06-01T08:00:00+08:00\n  helan explain --config helan.yaml --transaction 019a1b2c-…"
)]
pub struct Explain {
    /// Configuration of a node, which names its policies, records, state and profiles.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of catalog, grants and rules; the configuration's, or `policies`, if absent.
    #[arg(long, value_name = "DIR", conflicts_with = "transaction")]
    policies: Option<PathBuf>,
    /// The side of the gate; the configuration's if it has one, else sharing.
    #[arg(long, value_parser = zone, conflicts_with = "transaction")]
    zone: Option<Zone>,
    /// The rules it follows; the configuration's, or `yc-2018`, if absent.
    #[arg(long, value_parser = profile, conflicts_with = "transaction")]
    profile: Option<ProfileId>,
    /// Who calls; leave it out for the public.
    #[arg(long, value_parser = |text: &str| ApplicationId::parse(text), conflicts_with = "transaction")]
    application: Option<ApplicationId>,
    /// The entry called.
    #[arg(
        long,
        value_parser = |text: &str| EntryId::parse(text),
        conflicts_with = "transaction",
        required_unless_present = "transaction"
    )]
    entry: Option<EntryId>,
    /// The purpose declared.
    #[arg(long, value_parser = |text: &str| PurposeId::parse(text), conflicts_with = "transaction")]
    purpose: Option<PurposeId>,
    /// The matter declared.
    #[arg(long, value_parser = |text: &str| MatterCode::parse(text), conflicts_with = "transaction")]
    matter: Option<MatterCode>,
    /// Items that parameters of the call work on.
    #[arg(
        long = "item",
        value_name = "ITEM",
        value_parser = |text: &str| ItemName::parse(text),
        conflicts_with = "transaction"
    )]
    items: Vec<ItemName>,
    /// The grant chosen, as in `Helan-Grant`.
    #[arg(long, conflicts_with = "transaction")]
    grant: Option<String>,
    /// The moment to judge by (RFC 3339); now if absent.
    #[arg(
        long,
        value_name = "TIME",
        value_parser = |text: &str| Timestamp::parse(text),
        conflicts_with = "transaction"
    )]
    at: Option<Timestamp>,
    /// The call on record to decide again, by its `Helan-Transaction`.
    #[arg(long, value_name = "UUID")]
    transaction: Option<Uuid>,
    /// Folder of records, for --transaction; the configuration's if absent.
    #[arg(long, value_name = "DIR", requires = "transaction")]
    records: Option<PathBuf>,
    /// Folder with the archive of policy files, for --transaction; the configuration's if absent.
    #[arg(long, value_name = "DIR", requires = "transaction")]
    state: Option<PathBuf>,
}

fn zone(text: &str) -> Result<Zone, String> {
    match text {
        "sharing" => Ok(Zone::Sharing),
        "opening" => Ok(Zone::Opening),
        _ => Err("sharing or opening".to_owned()),
    }
}

fn profile(text: &str) -> Result<ProfileId, String> {
    ProfileId::ALL
        .into_iter()
        .find(|profile| profile.as_str() == text)
        .ok_or_else(|| "yc-2018 or sc-809-2025".to_owned())
}

/// Answers; true if the call would be allowed, or if the replay agrees.
pub fn run(explain: &Explain, out: &mut dyn Write) -> anyhow::Result<bool> {
    let config = explain.config.as_deref().map(places).transpose()?;
    let config = config.as_ref();
    if let Some(transaction) = explain.transaction {
        let missing = |what| BadConfiguration(format!("name --config FILE, or --{what} DIR"));
        let records = explain.records.as_ref().or(config.map(|config| &config.records));
        let state = explain.state.as_ref().or(config.map(|config| &config.state));
        let records = records.ok_or_else(|| missing("records"))?;
        let state = state.ok_or_else(|| missing("state"))?;
        return replay::run((records, state), transaction, out);
    }
    would_be(explain, config, out)
}

/// What would become of a call.
fn would_be(
    explain: &Explain,
    config: Option<&Config>,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let now = explain.at.unwrap_or_else(|| Clock::system().now());
    let only = config.filter(|config| config.zones.len() == 1);
    let only = only.and_then(|config| config.zones.keys().next().copied());
    let zone = explain.zone.or(only).unwrap_or(Zone::Sharing);
    let followed = config.and_then(|config| config.zones.get(&zone)).map(|served| served.profile);
    let profile = explain.profile.or(followed).unwrap_or(ProfileId::Yc2018);
    let policies = explain.policies.as_deref().or(config.map(|config| config.policies.as_path()));
    let view = view(policies.unwrap_or(Path::new("policies")), (zone, profile), now)?;
    let Some(id) = &explain.entry else { bail!("name the entry with --entry") };
    let Some(entry) = view.entry(id.as_str()) else {
        bail!("the catalog of the {zone} zone has no {id}");
    };
    let known = explain.application.as_ref().map(|id| (id.organization(), id.clone()));
    let uses: Vec<_> =
        explain.items.iter().map(|item| Use { item: item.clone(), value: None }).collect();
    let ask = Ask {
        asker: &Asker { known },
        entry,
        uses: &uses,
        purpose: explain.purpose.as_ref(),
        matter: explain.matter.as_ref(),
        grant: explain.grant.as_deref(),
        now,
    };
    writeln!(out, "at {now}, zone {zone}, profile {profile}")?;
    let decision = decide(&view, &Overlay::default(), &mut Memo::default(), &ask);
    tell(&decision, out)?;
    Ok(decision.is_ok())
}

/// Says what was decided and why.
fn tell(decision: &Result<Permit, Refusal>, out: &mut dyn Write) -> anyhow::Result<()> {
    match decision {
        Ok(permit) => {
            let grant = permit.grant().map_or("a standing grant", |w| w.grant.id.as_str());
            writeln!(out, "allowed by {grant}")?;
            let items: Vec<_> = permit.items().iter().map(ItemName::as_str).collect();
            writeln!(out, "items: {}", items.join(", "))?;
            cite(permit.articles(), out)?;
        }
        Err(refusal) => {
            let described = refusal.described();
            writeln!(out, "refused: {} ({})", described.code, described.status.as_u16())?;
            writeln!(out, "{} {}", described.text[0], described.text[1])?;
            cite(refusal.articles().unwrap_or_default(), out)?;
            writeln!(out, "→ {} {}", described.remedy[0], described.remedy[1])?;
        }
    }
    Ok(())
}

fn cite(articles: &[Arc<Citation>], out: &mut dyn Write) -> std::io::Result<()> {
    for citation in articles {
        writeln!(out, "  {} {}: {}", citation.law, citation.article, citation.text)?;
    }
    Ok(())
}

/// The View that a policy folder makes.
fn view(
    root: &Path,
    (zone, profile): (Zone, ProfileId),
    now: Timestamp,
) -> anyhow::Result<PreparedView> {
    let reading = crate::policy::folder::read(root, now)?;
    if let Some(problem) = reading.problems.iter().find(|problem| problem.is_error()) {
        let text = problem.render(false);
        return Err(BadConfiguration(format!("{text}\nrun `helan check` for all problems")).into());
    }
    let folder = root.join("rules").join(profile.as_str());
    let rules = Rules::load(profile, &folder).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        BadConfiguration(format!("the rules cannot be used:\n{}", lines.join("\n")))
    })?;
    let sources = without_connections(reading.sources);
    let view = View::compile(zone, &sources, Arc::new(rules), 1);
    let metrics = Metrics::register(&prometheus::Registry::new())?;
    let tools = Tools {
        metrics: &metrics,
        upstreams: &Shared::default(),
        keys: &Keys::ephemeral(),
        folder: root,
    };
    PreparedView::prepare(view, &sources, &tools).map_err(|errors| {
        let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
        BadConfiguration(format!("the policies cannot be put in force\n{}", lines.join("\n")))
            .into()
    })
}

/// The same without what only a node has that serves: secrets toward departments, and keys that
/// credentials are hashed under. No decision rests on them.
fn without_connections(mut sources: Sources) -> Sources {
    for organization in sources.organizations.values_mut() {
        let mut plain = Organization { upstreams: Vec::new(), ..Organization::clone(organization) };
        plain.applications.iter_mut().for_each(|application| application.credentials.clear());
        *organization = Arc::new(plain);
    }
    sources
}
