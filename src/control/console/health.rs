//! The health of node and log: what is durable, the latest checkpoint, the segments, what is in force.

use std::fs;
use std::path::Path;

use askama::Template;

use super::overview::Figure;
use super::page::{Seen, Shell, Trouble};
use super::record;
use super::show;
use super::texts::Texts;
use super::words::Word as _;
use crate::domain::{Role, Timestamp};
use crate::journal::segments;

/// Segments that are listed.
const LISTED: usize = 20;

#[derive(Template)]
#[template(path = "console/health.html", config = "src/askama.toml")]
struct Health<'a> {
    s: Shell,
    t: &'static Texts,
    figures: Vec<Figure>,
    checkpoint: Option<Checkpoint>,
    unprovable: Option<String>,
    journal: Vec<(&'static str, String)>,
    views: Vec<(String, String)>,
    segments_said: String,
    segments: Vec<(String, String, String, String)>,
    word: Option<&'a str>,
    entries: Vec<(String, String)>,
}

/// The latest checkpoint of the log.
struct Checkpoint {
    facts: Vec<(&'static str, String)>,
    text: String,
}

pub(super) fn health(seen: &Seen) -> Result<String, Trouble> {
    let t = seen.t();
    let (segments_said, segments) = segments_of(seen)?;
    let word = seen.word_of(Role::System);
    let entries = match word {
        Some(_) => record::entries(&(seen.admin.handles.sources)()),
        None => Vec::new(),
    };
    let page = Health {
        s: seen.shell(t.health),
        t,
        figures: figures(seen),
        checkpoint: checkpoint(seen),
        unprovable: seen.admin.journal.is_unprovable().map(ToOwned::to_owned),
        journal: journal(seen),
        views: views(seen),
        segments_said,
        segments,
        word,
        entries,
    };
    Ok(page.render()?)
}

fn figures(seen: &Seen) -> Vec<Figure> {
    let (t, admin) = (seen.t(), &seen.admin);
    let stats = admin.journal.stats();
    let difference = (admin.handles.difference)();
    let is_ready = admin.readiness.is_ready();
    vec![
        Figure::new(t.ready, if is_ready { t.is_ready } else { t.is_not_ready }).bad_if(!is_ready),
        Figure::new(
            t.journal_state,
            if stats.healthy { t.journal_healthy } else { t.journal_failing },
        )
        .bad_if(!stats.healthy),
        Figure::new(t.committed, show::count(admin.journal.committed())),
        Figure::new(t.difference, difference.to_string()).noted(t.difference_note),
        Figure::new(t.last_sync, format!("{} ms", show::millis(stats.sync_us))),
        Figure::new(t.failures, show::count(stats.failures)).bad_if(stats.failures > 0),
    ]
}

/// The latest checkpoint, as outside tools read it; none in the first second.
fn checkpoint(seen: &Seen) -> Option<Checkpoint> {
    let (t, admin) = (seen.t(), &seen.admin);
    let latest = admin.journal.checkpoint()?;
    let size = latest.checkpoint.size;
    let waiting = admin.journal.committed().saturating_sub(size);
    let facts = vec![
        (t.tree_size, show::count(size)),
        (t.not_signed, show::count(waiting)),
        (t.age, show::exactly(latest.time)),
    ];
    Some(Checkpoint { facts, text: latest.note.clone() })
}

fn journal(seen: &Seen) -> Vec<(&'static str, String)> {
    let t = seen.t();
    let stats = seen.admin.journal.stats();
    vec![
        (t.events, show::count(stats.events)),
        (t.bytes, show::bytes(stats.bytes)),
        (t.syncs, show::count(stats.syncs)),
        (t.pending, show::bytes(stats.pending)),
        (t.uncounted, show::count(stats.uncounted)),
    ]
}

fn views(seen: &Seen) -> Vec<(String, String)> {
    let (t, lang) = (seen.t(), seen.lang());
    let now = seen.admin.clock.now();
    let mut facts = Vec::new();
    for view in (seen.admin.handles.views)() {
        let profile = view.rules.profile();
        let hash = view.hash.get(..12).unwrap_or(&view.hash);
        let what =
            format!("{} · {} {} · #{} · {hash}", profile.id, view.files, t.files, view.generation);
        facts.push((view.zone.word(lang).to_owned(), what));
        let said = profile.out_of_force(now);
        facts.extend(
            said.map(|[chinese, english]| (t.law_notice.to_owned(), lang.of(chinese, english))),
        );
    }
    facts
}

/// How many segments there are, and the last of them.
type Segments = (String, Vec<(String, String, String, String)>);

fn segments_of(seen: &Seen) -> Result<Segments, Trouble> {
    let t = seen.t();
    let all = segments(&seen.admin.records).map_err(|error| {
        tracing::error!(%error, "the console cannot list the segments");
        Trouble::Failed
    })?;
    let size = |path: &Path| fs::metadata(path).map_or(0, |found| found.len());
    // Read once each: of the segment being written most is zeros.
    let sized: Vec<_> = all
        .iter()
        .map(|segment| {
            let size = size(&segment.path);
            (segment, segment.used().unwrap_or(size), size)
        })
        .collect();
    let used: u64 = sized.iter().map(|(_, used, _)| used).sum();
    let ahead: u64 = sized.iter().map(|(_, used, size)| size.saturating_sub(*used)).sum();
    let mut said = format!("{} {} {}", all.len(), t.segments_all, show::bytes(used));
    if ahead > 0 {
        said.extend([t.segments_ahead, " ", &show::bytes(ahead)]);
    }
    if all.len() > LISTED {
        said.extend([seen.lang().of("；", "; "), t.segments_last, " ", &LISTED.to_string()]);
    }
    let row = |(segment, used, _): &(&crate::journal::SegmentFile, u64, u64)| {
        let name = segment.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let begun = segment
            .begun()
            .map_or_else(|| t.unknown.to_owned(), |time: Timestamp| show::time(time));
        (name, show::count(segment.first), begun, show::bytes(*used))
    };
    Ok((said, sized.iter().rev().take(LISTED).map(row).collect()))
}
