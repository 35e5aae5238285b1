//! `helan check`: everything wrong with a policy folder, and which calls it would change.

mod serving;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;

use crate::config::problem::{self, BadConfiguration, Problem};
use crate::config::{self, Config};
use crate::domain::{ProfileId, Timestamp, Zone, counted};
use crate::policy::{Change, Judged, Rules, Sources, Terms, check, diff, folder, good};

/// Changes listed one by one; more are counted.
const LISTED: usize = 50;

/// Reports everything wrong with a policy folder at once, and which calls it would change.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  helan check --policies policies\n  helan check --config /etc/helan/helan.yaml\nWith --config, what only this node can know is checked too: keys, certificates, secrets, and which calls\nwould change. Ends with 0 if there is no error, 78 if there is one; warnings cite the law and change nothing."
)]
pub struct Check {
    /// Folder of catalog, grants and rules; the configuration's if it names one.
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Configuration of a node: checked as well, and compared with what it last served.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How problems are written.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    format: Output,
}

/// How problems are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people, as a compiler would say it.
    Text,
    /// One JSON object.
    Json,
}

/// What was found.
#[derive(Debug, serde::Serialize)]
struct Report {
    errors: usize,
    warnings: usize,
    problems: Vec<Problem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<Change>>,
    #[serde(skip)]
    counts: String,
}

impl Report {
    fn new(mut problems: Vec<Problem>, changes: Option<Vec<Change>>, counts: String) -> Self {
        problem::sort(&mut problems);
        let errors = problems.iter().filter(|problem| problem.is_error()).count();
        Self { errors, warnings: problems.len() - errors, problems, changes, counts }
    }
}

/// Checks and writes what was found; errors end the command as bad configuration.
pub fn run(check: &Check, out: &mut dyn Write) -> anyhow::Result<bool> {
    let now = Timestamp::from_millis(jiff::Timestamp::now().as_millisecond());
    let report = report(check, now)?;
    match check.format {
        Output::Json => {
            writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        }
        Output::Text => text(&report, out)?,
    }
    if report.errors == 0 {
        Ok(true)
    } else {
        Err(BadConfiguration(format!(
            "{} to mend before a node can serve this",
            counted(report.errors, "error")
        ))
        .into())
    }
}

fn report(args: &Check, now: Timestamp) -> anyhow::Result<Report> {
    let mut problems = Vec::new();
    let config = args.config.as_deref().and_then(|path| match config::read(path) {
        Ok((config, warnings)) => {
            problems.extend(warnings);
            problems.extend(serving::node(path, &config));
            Some(config)
        }
        Err(found) => {
            problems.extend(found);
            None
        }
    });
    let named = args.policies.clone().or_else(|| config.as_ref().map(|c| c.policies.clone()));
    let policies = match (named, &args.config) {
        (Some(policies), _) => policies,
        (None, None) => PathBuf::from("policies"),
        (None, Some(_)) => {
            let counts = "the policies were not looked at, because the configuration that names \
                          their folder cannot be used (name it with --policies)";
            return Ok(Report::new(problems, None, counts.to_owned()));
        }
    };
    let profiles = profiles(config.as_ref());
    let reading = folder::read(&policies, now)?;
    problems.extend(check::check(&reading.sources, &reading.origins, &profiles, now));
    problems.extend(reading.problems.iter().cloned());
    problems.extend(serving::rules(&policies, &profiles));
    let known: BTreeSet<_> = problems.iter().filter(|p| p.is_error()).map(place).collect();
    let upstreams = serving::upstreams(&reading, &policies, &profiles);
    problems.extend(upstreams.into_iter().filter(|problem| !known.contains(&place(problem))));
    if !problems.iter().any(Problem::is_error) {
        problems.extend(serving::views(&reading, (&policies, config.as_ref()), &profiles)?);
    }
    let before = config.as_ref().and_then(|config| last_good(config, &policies));
    let rules = judged_by(&policies, &profiles);
    let new = Judged { sources: &reading.sources, rules: &rules };
    let changes = before.map(|old| diff(Judged { sources: &old, ..new }, new, now));
    Ok(Report::new(problems, changes, counts(&reading.sources)))
}

/// Where a problem stands.
fn place(problem: &Problem) -> (PathBuf, u32, u32) {
    (problem.file.clone(), problem.line, problem.column)
}

/// The rules on disk, by which what is on disk and what was served are both judged.
fn judged_by(policies: &Path, profiles: &[(Zone, ProfileId)]) -> BTreeMap<Zone, Arc<Rules>> {
    let load = |(zone, profile): &(Zone, ProfileId)| {
        let rules = Rules::load(*profile, &policies.join("rules").join(profile.as_str())).ok()?;
        Some((*zone, Arc::new(rules)))
    };
    profiles.iter().filter_map(load).collect()
}

/// The rules of each zone; the Measures in both if no configuration says otherwise.
fn profiles(config: Option<&Config>) -> Vec<(Zone, ProfileId)> {
    match config {
        Some(config) => config.zones.iter().map(|(zone, of)| (*zone, of.profile)).collect(),
        None => vec![(Zone::Sharing, ProfileId::Yc2018), (Zone::Opening, ProfileId::Yc2018)],
    }
}

/// What the node last served; nothing before its first start.
fn last_good(config: &Config, policies: &Path) -> Option<Sources> {
    good::load(&config.state, policies).ok().map(|reading| reading.sources)
}

fn counts(sources: &Sources) -> String {
    let entries = sources.entries.len();
    let entries = if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
    [
        counted(sources.organizations.len(), "organization"),
        entries,
        counted(sources.grants.len(), "grant"),
        counted(sources.agreements.len(), "agreement"),
    ]
    .join(", ")
}

fn text(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let color = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for problem in &report.problems {
        writeln!(out, "{}", problem.render(color))?;
    }
    if let Some(changes) = &report.changes {
        for change in changes.iter().take(LISTED) {
            let verb = if change.gained { "gains" } else { "loses" };
            let Change { whom, entry, mode, item, terms, .. } = change;
            let under =
                if *terms == Terms::default() { String::new() } else { format!(", {terms}") };
            writeln!(out, "{whom} {verb} {entry} {item} ({}{under})", mode.as_str())?;
        }
        if changes.len() > LISTED {
            writeln!(out, "… and {} more", changes.len() - LISTED)?;
        }
        let gained = changes.iter().filter(|change| change.gained).count();
        let lost = changes.len() - gained;
        writeln!(out, "compared with the last good copy: {gained} gained, {lost} lost")?;
    }
    let Report { errors, warnings, counts, .. } = report;
    writeln!(out, "{counts}: {}, {}", counted(*errors, "error"), counted(*warnings, "warning"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::keys;

    const TAX: &str =
        "id: tax\nname: 税务\nuscc: 11640100MB9T00011X\nkind: department\nregion: '640100'\n";

    const CONFIG: &str = "zones:\n  opening:\n    profile: yc-2018\n    listeners: [{address: 127.0.0.1:0}]\n\
                          admin: {address: 127.0.0.1:9000}\npolicies: policies\nrecords: r\nstate: state\nkeys: k\n";

    /// The project's own rules.
    fn rules(folder: &Path) {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/rules");
        std::os::unix::fs::symlink(own, folder.join("rules")).unwrap();
    }

    fn checked(check: &Check) -> (bool, String) {
        let mut out = Vec::new();
        let good = run(check, &mut out).is_ok();
        (good, String::from_utf8(out).unwrap())
    }

    #[test]
    fn errors_are_shown_with_their_line_and_end_the_command() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("organizations")).unwrap();
        rules(folder.path());
        fs::write(folder.path().join("organizations/tax.yaml"), TAX.replace("11X", "11Y")).unwrap();
        let policies = Some(folder.path().to_owned());

        let text = Check { policies: policies.clone(), config: None, format: Output::Text };
        let (good, shown) = checked(&text);
        assert!(!good);
        assert!(shown.contains("tax.yaml:3:7: error: the check character"), "{shown}");
        assert!(shown.contains("\n3 | uscc: 11640100MB9T00011Y\n  |       ^\n"), "{shown}");
        assert!(shown.ends_with("0 agreements: 1 error, 0 warnings\n"), "{shown}");

        let (_, json) = checked(&Check { policies, config: None, format: Output::Json });
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&json["errors"], &json["problems"][0]["line"]), (&1.into(), &3.into()));
    }

    #[test]
    fn a_change_says_who_gains_and_who_loses() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("helan.yaml", CONFIG);
        put(
            "policies/organizations/tax.yaml",
            &format!(
                "{TAX}upstreams: [{{id: u, url: http://a}}]\nstewards:\n- person: t-1\n  filing: f\n  \
                 term: {{from: 2025-01-01, until: 2099-12-31}}\n"
            ),
        );
        put("policies/catalog/tax/a.openapi.yaml", "openapi: 3.0.0\npaths: {/: {get: {}}}\n");
        let entry = "id: tax/a\ncode: 101001001/1\nname: n\nsummary: s\ndomain: d\nformat: f\n\
                     sharing: {class: unconditional, modes: [api]}\nopening: {class: open, review: {person: t-1, date: 2026-01-01, document: d}}\nupdate: daily\n\
                     published: 2026-01-01\nitems: [{name: old, title: t, type: string}]\n\
                     interface: {upstream: u, description: a.openapi.yaml}\n";
        put("policies/catalog/tax/a.yaml", entry);
        let policies = folder.path().join("policies");
        rules(&policies);
        for purpose in keys::KeyPurpose::ALL {
            keys::make(&folder.path().join("k"), purpose, "1").unwrap();
        }
        let reading = folder::read(&policies, Timestamp::default()).unwrap();
        good::store(&folder.path().join("state"), &policies, &reading.sources.files).unwrap();
        put("policies/catalog/tax/a.yaml", &entry.replace("name: old", "name: new"));

        let config = Some(folder.path().join("helan.yaml"));
        let (good, shown) = checked(&Check { policies: None, config, format: Output::Text });

        assert!(good, "{shown}");
        for line in [
            "the public gains tax/a new (api)",
            "the public loses tax/a old (api)",
            "1 gained, 1 lost",
        ] {
            assert!(shown.contains(line), "{line} is not in\n{shown}");
        }
    }
}
