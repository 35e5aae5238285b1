//! Decides a call on record again: with the policies that were in force then, put back from the
//! archive, with what was recorded of the call, and with the code that decides calls.
//!
//! Values are not on record, so checks of values (scope, case number, network, rates) cannot be made
//! again: their verdicts are taken from the record, and named.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use uuid::Uuid;

use super::{find, tell, view};
use crate::domain::{Denial, GrantId, ProfileId, PurposeId};
use crate::gateway::{Ask, Asker, Memo, Permit, PreparedView, Refusal, STANDING, Use, judge};
use crate::journal::{ALLOWED, Decided, ViewSwapped};
use crate::policy::{Overlay, Written, good};

/// Stands for a choice that is not on record, because no grant bears it.
const NOT_ON_RECORD: &str = "not-on-record";

/// Refusals by limits, after the rules said yes.
const LIMITS: [&str; 4] = ["grant-rate", "application-rate", "address-rate", "quota-spent"];

/// Refusals by what an operator or the folder stopped, whatever the rules say.
const STOPPED: [&str; 2] = ["frozen", "withdrawn"];

/// The refusal of a value that lies outside the rows granted, after the rules said yes.
const SCOPE: &str = "out-of-scope";

/// What a replay can say about a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    /// The rules decided: outcome, grant and articles must be the same.
    ByRules,
    /// The rules said yes; a limit or a scope said no.
    ByValues,
    /// Something was stopped, whatever the rules say.
    ByOperator,
    /// It never came to a decision.
    NotAtAll,
}

impl Judged {
    fn of(decided: &Decided) -> Self {
        let code = decided.outcome.as_ref();
        if decided.entry.is_none() {
            Self::NotAtAll
        } else if code == ALLOWED || code == "no-such-grant" || Denial::parse(code).is_some() {
            Self::ByRules
        } else if code == SCOPE || LIMITS.contains(&code) {
            Self::ByValues
        } else if STOPPED.contains(&code) {
            Self::ByOperator
        } else {
            Self::NotAtAll
        }
    }
}

/// Decides a call again; true if that agrees with the record, or if there is nothing to decide.
pub(super) fn run(
    (records, state): (&Path, &Path),
    transaction: Uuid,
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let call = find::call(records, transaction)?;
    let decided = &call.decided;
    writeln!(out, "recorded: {} {}", decided.time, recorded(decided))?;
    let judged = Judged::of(decided);
    let (Some(hash), Some(profile), false) =
        (&decided.view, decided.profile, judged == Judged::NotAtAll)
    else {
        writeln!(out, "it never came to a decision by the rules: there is nothing to replay")?;
        return Ok(true);
    };
    let swapped = find::view(records, &call, hash)?;
    let scratch = Scratch::new()?;
    let files = files_of(state, &swapped)?;
    let view = restored(state, (&swapped, &files), profile, (decided, &scratch.0))?;
    writeln!(
        out,
        "the View of {} ({}), made again of {} archived files",
        swapped.time,
        swapped.cause,
        files.len()
    )?;
    writeln!(out, "at {}, zone {}, profile {profile}", decided.time, decided.zone)?;
    let again = again(&view, decided)?;
    tell(&again.decision, out)?;
    if let Some(grant) = &again.passed_over {
        writeln!(out, "{grant} came first and was passed over; why is not on record")?;
    }
    writeln!(out, "taken from the record: {}", taken(decided))?;
    let differences = differences(judged, decided, &again);
    for difference in &differences {
        writeln!(out, "differs: {difference}")?;
    }
    let agrees = differences.is_empty();
    let verb = if agrees { "agrees" } else { "does NOT agree" };
    writeln!(out, "the replay {verb} with the record")?;
    Ok(agrees)
}

/// What was recorded, on one line.
fn recorded(decided: &Decided) -> String {
    let who = decided.application.as_ref().map_or("the public", |id| id.as_str());
    let what = decided.entry.as_ref().map_or("no entry", |id| id.as_str());
    let grant = match (&decided.grant, decided.outcome.as_ref()) {
        (Some(grant), _) => format!(" by {grant}"),
        (None, ALLOWED) if decided.entry.is_some() => " by a standing grant".to_owned(),
        (None, _) => String::new(),
    };
    format!("{} {who} → {what}: {}{grant}", decided.zone, decided.outcome)
}

/// The files of a View: its list in the archive, or the record's own if it names them all.
fn files_of(state: &Path, swapped: &ViewSwapped) -> anyhow::Result<BTreeMap<PathBuf, String>> {
    match good::list(state, &swapped.to)? {
        Some(files) => Ok(files),
        None if swapped.from.is_none() => {
            let files = swapped.files.iter();
            Ok(files.map(|(path, hash)| (PathBuf::from(path), hash.clone())).collect())
        }
        None => bail!(
            "the archive in {} does not hold the list of files of the View {}; is it of another node?",
            state.display(),
            swapped.to
        ),
    }
}

/// The View as it was, from the archive.
fn restored(
    state: &Path,
    (swapped, files): (&ViewSwapped, &BTreeMap<PathBuf, String>),
    profile: ProfileId,
    (decided, folder): (&Decided, &Path),
) -> anyhow::Result<PreparedView> {
    good::restore(state, files, folder)
        .context("the policies that were in force cannot be put back")?;
    let view = view(folder, (decided.zone, profile), decided.time)?;
    if view.view.hash != swapped.to {
        bail!("the archived files make the View {}, and not {}", view.view.hash, swapped.to);
    }
    Ok(view)
}

/// A decision made again.
struct Again {
    decision: Result<Permit, Refusal>,
    /// The grant it rests on, or that a refusal is about.
    grant: Option<GrantId>,
    /// A grant that came first, though the record names another.
    passed_over: Option<GrantId>,
}

/// Decides again. Where another grant comes first than the one on record, the recorded one is asked
/// about: the values or the withdrawal for which the first was passed over are not on record.
fn again(view: &PreparedView, decided: &Decided) -> anyhow::Result<Again> {
    let id = decided.entry.as_ref().map_or("", |id| id.as_str());
    let Some(entry) = view.entry(id) else { bail!("the View in force then has no {id}") };
    let known = decided.organization.clone().zip(decided.application.clone());
    let used = decided.used.iter();
    let uses: Vec<_> = used.map(|item| Use { item: item.clone(), value: None }).collect();
    let unnamed = decided.purpose_hash.as_ref().map(|_| PurposeId::unregistered());
    let choice = match decided.checks.get("choice") {
        Some(false) => Some(NOT_ON_RECORD),
        Some(true) | None => decided.choice.as_deref(),
    };
    let ask = Ask {
        asker: &Asker { known },
        entry,
        uses: &uses,
        purpose: decided.purpose.as_ref().or(unnamed.as_ref()),
        matter: decided.matter.as_ref(),
        grant: choice,
        now: decided.time,
    };
    let decide = |ask: &Ask<'_>| {
        let id = |written: &Arc<Written>| written.grant.id.clone();
        match judge(view, &Overlay::default(), &mut Memo::default(), ask) {
            Ok(permit) => (permit.grant().map(id), Ok(permit)),
            Err(refused) => (refused.grant.as_ref().map(id), Err(refused.refusal)),
        }
    };
    let (grant, first) = decide(&ask);
    let other = first.as_ref().ok().and_then(|permit| {
        let grant = permit.grant().map(|written| &written.grant.id);
        (decided.outcome == ALLOWED && grant != decided.grant.as_ref()).then(|| grant.cloned())
    });
    let Some(Some(passed_over)) = other else {
        return Ok(Again { decision: first, grant, passed_over: None });
    };
    let choice = decided.grant.as_ref().map_or(STANDING, |grant| grant.as_str());
    let (grant, decision) = decide(&Ask { grant: Some(choice), ..ask });
    Ok(Again { decision, grant, passed_over: Some(passed_over) })
}

/// What the replay cannot check, in the words of the record.
fn taken(decided: &Decided) -> String {
    let mut said = vec!["credentials, network, rates and quotas".to_owned()];
    for (check, verdict) in &decided.checks {
        let verdict = if *verdict { "yes" } else { "no" };
        said.push(match check.as_ref() {
            "case" => format!("case number fits: {verdict}"),
            "scope" => format!("values within scope: {verdict}"),
            "choice" => format!("the chosen grant is the caller's: {verdict}"),
            other => format!("{other}: {verdict}"),
        });
    }
    if LIMITS.contains(&decided.outcome.as_ref()) || STOPPED.contains(&decided.outcome.as_ref()) {
        said.push(format!("the refusal `{}`", decided.outcome));
    }
    said.join("; ")
}

/// In what the replay differs from the record.
fn differences(judged: Judged, decided: &Decided, again: &Again) -> Vec<String> {
    let decision = &again.decision;
    let outcome = match decision {
        Ok(_) => ALLOWED,
        Err(refusal) => refusal.described().code,
    };
    let expected = match judged {
        Judged::ByRules => decided.outcome.as_ref(),
        Judged::ByValues => ALLOWED,
        Judged::ByOperator | Judged::NotAtAll => return Vec::new(),
    };
    let mut found = Vec::new();
    if outcome != expected {
        found.push(format!("the outcome: {expected} then, {outcome} now"));
    }
    if decided.outcome == SCOPE {
        // Which of several claims was tried last is not on record.
        return found;
    }
    let articles = match decision {
        Ok(permit) => permit.articles(),
        Err(refusal) => refusal.articles().unwrap_or_default(),
    };
    let grant = again.grant.as_ref().map(GrantId::as_str);
    let then = decided.grant.as_ref().map(GrantId::as_str);
    if grant != then {
        let or_none = |grant: Option<&str>| grant.unwrap_or("none").to_owned();
        found.push(format!("the grant: {} then, {} now", or_none(then), or_none(grant)));
    }
    let now: Vec<_> = articles.iter().map(|citation| Arc::clone(&citation.cited)).collect();
    if *now != *decided.articles {
        let then = decided.articles.join(", ");
        found.push(format!("the articles: {then} then, {} now", now.join(", ")));
    }
    if let Ok(permit) = decision {
        // Fewer may have been left: what was withdrawn a moment before is in no View yet.
        let more: Vec<_> =
            decided.items.iter().filter(|item| !permit.items().contains(item)).collect();
        if !more.is_empty() {
            found.push(format!("items that may not leave: {more:?}"));
        }
    }
    found
}

/// A folder for the time of a replay, private and removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("helan-replay-{}", Uuid::now_v7()));
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of it is of no use to anybody and in nobody's way.
        drop(fs::remove_dir_all(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_that_a_replay_sorts_by_are_codes_of_refusals() {
        let table = crate::gateway::table();
        for code in LIMITS.into_iter().chain(STOPPED).chain([SCOPE, "no-such-grant"]) {
            assert!(table.lines().any(|line| line == code), "{code} is no code");
        }
    }
}
