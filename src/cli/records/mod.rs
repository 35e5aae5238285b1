//! `helan records tail`, `query` and `rebuild`: what the records say, to people and programs.

mod counted;

mod error;

pub mod export;

mod progress;

pub(super) mod proof;

mod rebuild;

pub mod subject;

mod text;

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

use serde_json::value::RawValue;
use uuid::Uuid;

use self::counted::Counted;
pub use self::error::RecordsError;
use self::export::ExportArgs;
use self::progress::Progress;
use self::proof::{CheckProofArgs, ProveArgs, VerifyArgs};
pub use self::rebuild::RebuildArgs;
use self::subject::{Search, SubjectArgs};
use self::text::{CallLine, Content, HEADING};
pub use super::places::Folder;
use crate::domain::{EntryId, GrantId, OrganizationId, Timestamp};
use crate::journal::{ALLOWED, Decided, Event, Finished, ReadError, Reader, Record, began};

/// How long a following `tail` waits before it looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How far the time of a record may lie from its place.
const SLACK_MS: i64 = 60_000;

/// How long after its beginning a call is decided at the latest: its body is read before.
const LATE_MS: i64 = 600_000;

/// Problems that are reported one by one.
const REPORTED: usize = 20;

/// Looks into the records.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Records {
    /// The last records, as they are written.
    Tail(TailArgs),
    /// Calls, decision and end together, and other events.
    Query(QueryArgs),
    /// Reads every record again and checks it against the tree, the checkpoints, and what was kept
    /// elsewhere.
    Verify(VerifyArgs),
    /// Writes a call as evidence that anybody can check without the records.
    Prove(ProveArgs),
    /// Checks evidence that `prove` wrote, without any records.
    CheckProof(CheckProofArgs),
    /// Calls and other events as a Parquet file.
    Export(ExportArgs),
    /// The roll-ups anew, from the records.
    Rebuild(RebuildArgs),
}

/// Shows what was asked for.
pub fn run(records: &Records, out: &mut impl Write) -> Result<(), RecordsError> {
    unless_gone(match records {
        Records::Tail(args) => tail(args, out),
        Records::Query(args) => query(args, out),
        Records::Verify(args) => proof::verify(args, out),
        Records::Prove(args) => proof::prove(args, out),
        Records::CheckProof(args) => proof::check(args, out),
        Records::Export(args) => export::export(args, out),
        Records::Rebuild(args) => rebuild::rebuild(args, out),
    })
}

/// The last records, as they are written.
#[derive(Clone, Debug, clap::Args)]
pub struct TailArgs {
    /// Where they are.
    #[command(flatten)]
    pub folder: Folder,
    /// Stay and show what is added.
    #[arg(short, long)]
    pub follow: bool,
    /// How many of the last records to show.
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 10)]
    pub lines: u64,
    /// Show the exact JSON of each record.
    #[arg(long)]
    pub json: bool,
}

/// Calls, decision and end together, and other events.
#[derive(Clone, Debug, clap::Args)]
pub struct QueryArgs {
    /// Where they are.
    #[command(flatten)]
    pub folder: Folder,
    /// From this moment on (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub from: Option<Timestamp>,
    /// Before this moment (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub until: Option<Timestamp>,
    /// Calls of this organization.
    #[arg(long, value_name = "ID", value_parser = OrganizationId::parse)]
    pub organization: Option<OrganizationId>,
    /// Calls for this entry.
    #[arg(long, value_name = "ID", value_parser = EntryId::parse)]
    pub entry: Option<EntryId>,
    /// Calls under this grant.
    #[arg(long, value_name = "ID", value_parser = GrantId::parse)]
    pub grant: Option<GrantId>,
    /// `allowed`, `answered`, `unfinished`, or the code of a refusal.
    #[arg(long, value_name = "CODE")]
    pub outcome: Option<String>,
    /// The call with this `Helan-Transaction`.
    #[arg(long, value_name = "UUID")]
    pub transaction: Option<Uuid>,
    /// About whom.
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// Whoever closes our output has seen enough.
fn unless_gone(outcome: Result<(), RecordsError>) -> Result<(), RecordsError> {
    match outcome {
        Err(RecordsError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Shows the last records, and with `follow` every new one until the output is closed.
pub fn tail(args: &TailArgs, out: &mut impl Write) -> Result<(), RecordsError> {
    let folder = args.folder.path()?;
    let mut reader = Reader::last(&folder, args.lines)
        .map_err(|cause| RecordsError::Open { folder: folder.clone(), cause })?;
    let keep = usize::try_from(args.lines).unwrap_or(usize::MAX);
    let mut problems = Vec::new();
    let mut last = std::collections::VecDeque::new();
    for record in reader.by_ref() {
        let Some(record) = sound(record, &mut problems) else { continue };
        last.push_back(record);
        if last.len() > keep {
            last.pop_front();
        }
    }
    for record in &last {
        show(record, args.json, out)?;
    }
    out.flush()?;
    while args.follow && problems.is_empty() {
        std::thread::sleep(LOOK_AGAIN);
        for record in reader.by_ref() {
            if let Some(record) = sound(record, &mut problems) {
                show(&record, args.json, out)?;
            }
        }
        out.flush()?;
    }
    finish(problems)
}

fn show(record: &Record, json: bool, out: &mut impl Write) -> io::Result<()> {
    if json {
        out.write_all(&record.json)?;
        return out.write_all(b"\n");
    }
    match record.event() {
        Ok(Event::Decided(decided)) => {
            writeln!(out, "{:>9} decided       {}", record.seq, CallLine(&decided, None))
        }
        Ok(event) => {
            let (name, time, content) = (event.name(), event.time(), Content(&event));
            writeln!(out, "{:>9} {name:<13} {time} {content}", record.seq)
        }
        Err(_) => writeln!(out, "{:>9} (of a later version)", record.seq),
    }
}

/// Shows the calls and events that were asked for.
pub fn query(args: &QueryArgs, out: &mut impl Write) -> Result<(), RecordsError> {
    let folder = args.folder.path()?;
    let reader = match args.start() {
        Some(start) => Reader::since(&folder, start),
        None => Reader::open(&folder),
    };
    let open = |cause| RecordsError::Open { folder: folder.clone(), cause };
    let mut problems = Vec::new();
    let search = Search::new(&args.subject)?;
    let mut asked = Asked { args, calls: HashMap::new(), counted: args.counts(), search };
    let mut progress = Progress::start();
    if !args.json {
        writeln!(out, "{HEADING}")?;
    }
    for record in reader.map_err(open)? {
        let Some(record) = sound(record, &mut problems) else { continue };
        progress.at(|| record.event().ok().map(|event| event.time()));
        if asked.passes_over(&record) {
            if args.transaction.is_some() && args.is_over(&record, &asked.calls) {
                break;
            }
            continue;
        }
        let Ok(event) = record.event() else { continue };
        if args.is_past(event.time()) && asked.calls.is_empty() {
            break;
        }
        if asked.take(record, event, out)? {
            break;
        }
    }
    drop(progress);
    let gaps = asked.search.as_ref().map(Search::gaps).unwrap_or_default();
    asked.finish(out)?;
    finish(problems)?;
    if gaps.is_empty() { Ok(()) } else { Err(RecordsError::Hidden(gaps)) }
}

/// A query under way.
struct Asked<'a> {
    args: &'a QueryArgs,
    /// Decided, and not ended so far.
    calls: HashMap<Uuid, (Record, Box<Decided>)>,
    counted: Option<Counted<'a>>,
    search: Option<Search>,
}

impl Asked<'_> {
    /// Whether a look at the bytes is enough to know that this is not wanted.
    fn passes_over(&mut self, record: &Record) -> bool {
        self.args.passes_over(record, self.calls.is_empty())
            || record.name() == "decided"
                && self.search.as_mut().is_some_and(|search| search.passes_over(record))
    }

    fn wants(&self, decided: &Decided) -> bool {
        self.args.wants(decided) && self.search.as_ref().is_none_or(|search| search.wants(decided))
    }

    /// Takes an event in; says whether nothing that follows can have been asked for.
    fn take(&mut self, record: Record, event: Event, out: &mut impl Write) -> io::Result<bool> {
        let args = self.args;
        match event {
            Event::Decided(decided) if self.wants(&decided) => {
                self.calls.insert(decided.transaction, (record, decided));
            }
            Event::Finished(finished) => {
                if let Some(call) = self.calls.remove(&finished.transaction) {
                    args.answer(&call, Some((&record, &finished)), out)?;
                    return Ok(args.transaction.is_some());
                }
            }
            Event::Decided(_) => {}
            Event::Recovered(recovered) => {
                for call in recovered.unfinished.iter().filter_map(|id| self.calls.remove(id)) {
                    args.answer(&call, None, out)?;
                }
                args.answer_event(&record, &Event::Recovered(recovered), out)?;
            }
            other @ (Event::Segment(_)
            | Event::Started(_)
            | Event::Stopped(_)
            | Event::Folded(_)
            | Event::Uncounted(_)
            | Event::ViewSwapped(_)
            | Event::Frozen(_)
            | Event::Thawed(_)
            | Event::AdminWrite(_)
            | Event::Retired(_)
            | Event::KeysUsed(_)) => {
                if !args.count(self.counted.as_mut(), &other) {
                    args.answer_event(&record, &other, out)?;
                } else if args.json {
                    writeln!(out, "{}", serde_json::json!({ "event": raw(&record)? }))?;
                }
            }
        }
        Ok(false)
    }

    /// Shows the calls that have no end, and what was only counted.
    fn finish(self, out: &mut impl Write) -> io::Result<()> {
        let mut open: Vec<_> = self.calls.into_values().collect();
        open.sort_unstable_by_key(|(record, _)| record.seq);
        for call in &open {
            self.args.answer(call, None, out)?;
        }
        if let Some(counted) = self.counted.filter(|c| !self.args.json && !c.is_empty()) {
            writeln!(out, "{counted}")?;
        }
        out.flush()
    }
}

impl QueryArgs {
    /// Where calls without a record of their own are counted, if one code is asked for. Counts know of
    /// no entry, grant or transaction.
    fn counts(&self) -> Option<Counted<'_>> {
        let is_narrow = self.entry.is_some()
            || self.grant.is_some()
            || self.transaction.is_some()
            || self.subject.subject.is_some();
        self.outcome.as_deref().filter(|_| !is_narrow).map(Counted::new)
    }

    /// Counts an event, if it is a count of what was asked for; says whether it is.
    fn count(&self, counted: Option<&mut Counted<'_>>, event: &Event) -> bool {
        let is_asked = match (&self.organization, event) {
            (None, _) => true,
            (wanted, Event::Folded(folded)) => folded.organization == *wanted,
            (Some(_), _) => false,
        };
        is_asked
            && self.is_in_time(event.time())
            && counted.is_some_and(|counted| counted.take(event))
    }

    /// The earliest moment of interest.
    fn start(&self) -> Option<Timestamp> {
        let made = self.transaction.and_then(began);
        self.from.max(made)
    }

    /// Whether the one call that was asked for should have come by now.
    fn is_over(&self, record: &Record, calls: &HashMap<Uuid, (Record, Box<Decided>)>) -> bool {
        let latest = self.transaction.and_then(began).map(|began| began.plus_millis(LATE_MS));
        calls.is_empty() && latest.is_some_and(|latest| record.time() > Some(latest))
    }

    /// Whether nothing that follows can have been asked for.
    fn is_past(&self, time: Timestamp) -> bool {
        self.until.is_some_and(|until| time > until.plus_millis(SLACK_MS))
    }

    /// Whether a look at the bytes is enough to know that this is not wanted.
    fn passes_over(&self, record: &Record, is_nothing_open: bool) -> bool {
        let has = |text: &str| memchr::memmem::find(&record.json, text.as_bytes()).is_some();
        match record.name() {
            "decided" => {
                let entry = self.entry.as_ref().map(EntryId::as_str);
                let organization = self.organization.as_ref().map(OrganizationId::as_str);
                let grant = self.grant.as_ref().map(GrantId::as_str);
                let transaction = self.transaction.map(|id| id.to_string());
                ![entry, organization, grant, transaction.as_deref()].into_iter().flatten().all(has)
            }
            "finished" => is_nothing_open,
            _ => false,
        }
    }

    fn is_in_time(&self, time: Timestamp) -> bool {
        self.from.is_none_or(|from| time >= from) && self.until.is_none_or(|until| time < until)
    }

    fn wants(&self, decided: &Decided) -> bool {
        self.is_in_time(decided.time)
            && self.transaction.is_none_or(|wanted| decided.transaction == wanted)
            && (self.organization.is_none() || decided.organization == self.organization)
            && (self.entry.is_none() || decided.entry == self.entry)
            && (self.grant.is_none() || decided.grant == self.grant)
    }

    fn answer(
        &self,
        (record, decided): &(Record, Box<Decided>),
        end: Option<(&Record, &Finished)>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let finished = end.map(|(_, finished)| finished);
        let is_wanted = self.outcome.as_deref().is_none_or(|wanted| {
            wanted == decided.outcome || wanted == outcome_of(decided, finished)
        });
        if !is_wanted {
            return Ok(());
        }
        if self.json {
            let finished = end.map(|(record, _)| raw(record)).transpose()?;
            let row = serde_json::json!({ "decided": raw(record)?, "finished": finished });
            return writeln!(out, "{row}");
        }
        writeln!(out, "{}", CallLine(decided, Some(finished)))
    }

    /// Shows an event that is no call, unless only calls were asked for.
    fn answer_event(&self, record: &Record, event: &Event, out: &mut impl Write) -> io::Result<()> {
        let is_about_calls = self.organization.is_some()
            || self.entry.is_some()
            || self.grant.is_some()
            || self.subject.subject.is_some()
            || self.outcome.is_some();
        let is_asked = match (self.transaction, event) {
            (Some(wanted), Event::AdminWrite(write)) => write.transaction == wanted,
            (Some(_), _) => false,
            (None, _) => !is_about_calls,
        };
        if !is_asked || !self.is_in_time(event.time()) {
            return Ok(());
        }
        if self.json {
            return writeln!(out, "{}", serde_json::json!({ "event": raw(record)? }));
        }
        writeln!(out, "{} {} {}", event.time(), event.name(), Content(event))
    }
}

/// The exact JSON of a record, to stand inside another.
fn raw(record: &Record) -> io::Result<Box<RawValue>> {
    let text = String::from_utf8_lossy(&record.json).into_owned();
    Ok(RawValue::from_string(text)?)
}

/// What became of a call, in one word.
fn outcome_of<'a>(decided: &'a Decided, finished: Option<&'a Finished>) -> &'a str {
    match finished {
        Some(finished) if decided.outcome == ALLOWED => &finished.outcome,
        None if decided.outcome == ALLOWED => "unfinished",
        Some(_) | None => &decided.outcome,
    }
}

/// The record, or one more problem.
fn sound(record: Result<Record, ReadError>, problems: &mut Vec<String>) -> Option<Record> {
    match record {
        Ok(record) => Some(record),
        Err(error) => {
            if problems.len() < REPORTED {
                problems.push(error.to_string());
            }
            None
        }
    }
}

fn finish(mut problems: Vec<String>) -> Result<(), RecordsError> {
    problems.truncate(REPORTED);
    if problems.is_empty() { Ok(()) } else { Err(RecordsError::Unsound(problems)) }
}
