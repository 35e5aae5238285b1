//! `helan explain`: the decision about a call, offline, by the same code.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};

use crate::config::keys::Keys;
use crate::domain::{
    ApplicationId, EntryId, ItemName, MatterCode, ProfileId, PurposeId, Timestamp, Zone,
};
use crate::gateway::{Ask, Asker, Memo, Metrics, PreparedView, Tools, Use, decide};
use crate::journal::Clock;
use crate::policy::{Citation, Overlay, Rules, View};
use crate::upstream::Shared;

/// Says whether a call would be allowed, by which grant and which articles, or why not.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  helan explain --application natural-resources/registration --entry civil-affairs/marriage \\\n      --purpose data-verification --matter estate-transfer --at 2026-06-01T08:00:00+08:00"
)]
pub struct Explain {
    /// Folder of catalog, grants and rules.
    #[arg(long, default_value = "policies")]
    policies: PathBuf,
    /// The side of the gate.
    #[arg(long, default_value = "sharing", value_parser = zone)]
    zone: Zone,
    /// The rules it follows.
    #[arg(long, default_value = "yc-2018", value_parser = profile)]
    profile: ProfileId,
    /// Who calls; leave it out for the public.
    #[arg(long, value_parser = |text: &str| ApplicationId::parse(text))]
    application: Option<ApplicationId>,
    /// The entry called.
    #[arg(long, value_parser = |text: &str| EntryId::parse(text))]
    entry: EntryId,
    /// The purpose declared.
    #[arg(long, value_parser = |text: &str| PurposeId::parse(text))]
    purpose: Option<PurposeId>,
    /// The matter declared.
    #[arg(long, value_parser = |text: &str| MatterCode::parse(text))]
    matter: Option<MatterCode>,
    /// Items that parameters of the call work on.
    #[arg(long = "item", value_parser = |text: &str| ItemName::parse(text))]
    items: Vec<ItemName>,
    /// The grant chosen, as in `Helan-Grant`.
    #[arg(long)]
    grant: Option<String>,
    /// The moment to judge by (RFC 3339); now if absent.
    #[arg(long, value_parser = |text: &str| Timestamp::parse(text))]
    at: Option<Timestamp>,
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

/// Answers; true if the call would be allowed.
pub fn run(explain: &Explain, out: &mut dyn Write) -> anyhow::Result<bool> {
    let now = explain.at.unwrap_or_else(|| Clock::system().now());
    let view = view(explain, now)?;
    let Some(entry) = view.entry(explain.entry.as_str()) else {
        bail!("the catalog of the {} zone has no {}", explain.zone, explain.entry);
    };
    let known = explain.application.as_ref().map(|id| (id.organization(), id.clone()));
    let asker = Asker { known };
    let uses: Vec<_> =
        explain.items.iter().map(|item| Use { item: item.clone(), value: None }).collect();
    let ask = Ask {
        asker: &asker,
        entry,
        uses: &uses,
        purpose: explain.purpose.as_ref(),
        matter: explain.matter.as_ref(),
        grant: explain.grant.as_deref(),
        now,
    };
    writeln!(out, "at {now}, zone {}, profile {}", explain.zone, explain.profile)?;
    match decide(&view, &Overlay::default(), &mut Memo::default(), &ask) {
        Ok(permit) => {
            let grant = permit.grant().map_or("a standing grant", |w| w.grant.id.as_str());
            writeln!(out, "allowed by {grant}")?;
            let items: Vec<_> = permit.items().iter().map(ItemName::as_str).collect();
            writeln!(out, "items: {}", items.join(", "))?;
            cite(permit.articles(), out)?;
            Ok(true)
        }
        Err(refusal) => {
            let described = refusal.described();
            writeln!(out, "refused: {} ({})", described.code, described.status.as_u16())?;
            writeln!(out, "{} {}", described.text[0], described.text[1])?;
            cite(refusal.articles().unwrap_or_default(), out)?;
            writeln!(out, "→ {} {}", described.remedy[0], described.remedy[1])?;
            Ok(false)
        }
    }
}

fn cite(articles: &[Arc<Citation>], out: &mut dyn Write) -> std::io::Result<()> {
    for citation in articles {
        writeln!(out, "  {} {}: {}", citation.law, citation.article, citation.text)?;
    }
    Ok(())
}

fn view(explain: &Explain, now: Timestamp) -> anyhow::Result<PreparedView> {
    let reading = crate::policy::folder::read(&explain.policies, now)?;
    if let Some(problem) = reading.problems.iter().find(|problem| problem.is_error()) {
        bail!("{}\nrun `helan check` for all problems", problem.render(false));
    }
    let folder = explain.policies.join("rules").join(explain.profile.as_str());
    let rules = Rules::load(explain.profile, &folder).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the rules cannot be used:\n{}", lines.join("\n"))
    })?;
    let view = View::compile(explain.zone, &reading.sources, Arc::new(rules), 1);
    let metrics = Metrics::register(&prometheus::Registry::new())?;
    let tools = Tools {
        metrics: &metrics,
        upstreams: &Shared::default(),
        keys: &Keys::ephemeral(),
        folder: &explain.policies,
    };
    PreparedView::prepare(view, &reading.sources, &tools)
        .map_err(|errors| {
            let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("{}", lines.join("\n"))
        })
        .context("the policies cannot be put in force")
}
