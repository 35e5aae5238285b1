//! `helan report`: the yearly evaluation, from policies and records.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::ValueEnum;

use super::places::places;
use crate::config::Config;
use crate::config::problem::BadConfiguration;
use crate::domain::{OrganizationId, Timestamp, Zone};
use crate::policy::{Rules, View, folder};
use crate::supervision::Watch;
use crate::supervision::detect::Scene;
use crate::supervision::measures::Period;
use crate::supervision::report::{self, Inputs, Language};

/// Evaluates a year from policies and records (Measures §30): a page that prints, or JSON. The same inputs
/// give the same bytes; the moment judged is that of the last record.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  helan report --year 2026 --config /etc/helan/helan.yaml --out report.html\n  helan report --year 2026 --organization civil-affairs --lang en --config helan.yaml --out report.html\n  helan report --year 2026 --format json --config helan.yaml | jq .evaluation.city.score"
)]
pub struct ReportArgs {
    /// The calendar year, in Asia/Shanghai.
    #[arg(long)]
    year: i16,
    /// One organization instead of the city.
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    /// The language of the page.
    #[arg(long, value_enum, default_value_t = Lang::Zh)]
    lang: Lang,
    /// A page for people, or JSON for machines.
    #[arg(long, value_enum, default_value_t = Form::Html)]
    format: Form,
    /// The node's configuration, which names policies and records.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Where to write; standard output without it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The moment to judge by (RFC 3339), if not that of the last record.
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
}

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// 中文.
    Zh,
    /// English.
    En,
}

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A page that prints.
    Html,
    /// One JSON object.
    Json,
}

/// Writes the report.
pub fn run(args: &ReportArgs, out: &mut dyn Write) -> anyhow::Result<()> {
    let text = made(args)?;
    match &args.out {
        Some(path) => {
            fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
        }
        None => Ok(out.write_all(text.as_bytes())?),
    }
}

fn made(args: &ReportArgs) -> anyhow::Result<String> {
    let config = places(&args.config)?;
    let period = Period::parse(&args.year.to_string())?;
    let watch = caught_up(&config)?;
    let as_of = as_of(args, &watch, period)?;

    let reading = folder::read(&config.policies, as_of)?;
    if let Some(problem) = reading.problems.iter().find(|problem| problem.is_error()) {
        return Err(BadConfiguration(problem.render(false)).into());
    }
    let sources = &reading.sources;
    let organization = match &args.organization {
        None => None,
        Some(id) => match OrganizationId::parse(id) {
            Ok(known) if sources.organizations.contains_key(&known) => Some(known),
            Ok(_) | Err(_) => {
                bail!("there is no organization `{id}` in {}", config.policies.display())
            }
        },
    };
    let (zone, rules) = rules(&config)?;
    let view = View::compile(zone, sources, rules.into(), 1);
    let report = watch.look(|ledger| {
        let scene = Scene {
            sources,
            profile: view.rules.profile(),
            thresholds: watch.thresholds(),
            ledger,
            now: as_of,
        };
        let inputs = Inputs {
            policies: view.hash.to_string(),
            rules: view.rules.version().to_string(),
            last_record: ledger.seq,
            records_began: ledger.began,
            checkpoint: checkpoint(&config.records),
        };
        report::Report::new(&scene, period, organization.as_ref(), inputs)
    });
    let language = match args.lang {
        Lang::Zh => Language::Chinese,
        Lang::En => Language::English,
    };
    match args.format {
        Form::Html => Ok(report::html(&report, language)?),
        Form::Json => Ok(report.json()?),
    }
}

/// What the records tell, up to the last of them.
fn caught_up(config: &Config) -> anyhow::Result<Watch> {
    let watch = Watch::open(&config.state, config.detectors, u64::MAX);
    watch
        .catch_up(&config.records)
        .with_context(|| format!("cannot read the records in {}", config.records.display()))?;
    Ok(watch)
}

/// The moment that is judged: no later than the period ends.
fn as_of(args: &ReportArgs, watch: &Watch, period: Period) -> anyhow::Result<Timestamp> {
    if let Some(text) = &args.as_of {
        return Ok(Timestamp::parse(text)?);
    }
    match watch.look(|ledger| ledger.latest) {
        Some(latest) => Ok(latest.min(period.end())),
        None => bail!("there is no record yet: name the moment to judge by with --as-of"),
    }
}

/// The rules of the sharing zone, or of the only one served.
fn rules(config: &Config) -> anyhow::Result<(Zone, Rules)> {
    let mut zones = config.zones.iter();
    let first = config.zones.get_key_value(&Zone::Sharing).or_else(|| zones.next());
    let (zone, served) = first.context("the configuration serves no zone")?;
    let folder = config.policies.join("rules").join(served.profile.as_str());
    let rules = Rules::load(served.profile, &folder).map_err(|problems| {
        let text: Vec<_> = problems.iter().map(|problem| problem.render(false)).collect();
        BadConfiguration(text.join("\n"))
    })?;
    Ok((*zone, rules))
}

/// The origin, size and root hash of the records' tree, where there is a checkpoint.
fn checkpoint(records: &Path) -> Option<String> {
    let text = fs::read_to_string(records.join("tree").join("checkpoint")).ok()?;
    let head: Vec<_> = text.lines().take(3).collect();
    (head.len() == 3).then(|| head.join(" "))
}
