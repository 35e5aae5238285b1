//! `helan records export`: calls and events as a Parquet file, for engines that read no journal.

mod columns;
mod sheet;

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use self::columns::Row;
use self::sheet::Sheet;
use super::progress::Progress;
use super::{Folder, RecordsError, SLACK_MS, finish, sound};
use crate::domain::{Timestamp, counted};
use crate::journal::{Decided, Event, Finished, Reader, Record};

/// Calls and other events as a Parquet file.
///
/// A row a call: its decision and its end together, with columns of their own; and a row for every other
/// event, with its exact JSON in `content`. Moments are UTC, lists are lists, hashes stand as `key:hash`.
#[derive(Clone, Debug, clap::Args)]
pub struct ExportArgs {
    /// Where the records are.
    #[command(flatten)]
    pub folder: Folder,
    /// Calls decided, and events, from this moment on (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub from: Option<Timestamp>,
    /// Before this moment (RFC 3339).
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub until: Option<Timestamp>,
    /// The file to write. It gets its name when it is whole.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Writes the file and says how much is in it.
pub(super) fn export(args: &ExportArgs, out: &mut impl Write) -> Result<(), RecordsError> {
    let folder = args.folder.path()?;
    let reader = match args.from {
        Some(from) => Reader::since(&folder, from),
        None => Reader::open(&folder),
    };
    let reader = reader.map_err(|cause| RecordsError::Open { folder: folder.clone(), cause })?;
    let failed = |cause| RecordsError::File { file: args.out.clone(), cause };
    let part = beside(&args.out);
    let mut open = OpenOptions::new();
    let file = open.write(true).create(true).truncate(true).mode(0o600).open(&part);
    let sheet = file.and_then(|file| Sheet::new(BufWriter::new(file))).map_err(failed)?;

    let mut problems = Vec::new();
    let mut export = Export { args, sheet, calls: HashMap::new(), counts: (0, 0) };
    let written = export.read(reader, &mut problems).and_then(|counts| {
        let file = export.sheet.finish()?;
        file.sync_all()?;
        fs::rename(&part, &args.out)?;
        let folder = args.out.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok((counts, file.metadata()?.len()))
    });
    if written.is_err() {
        // It is not whole, and nobody is to take it for that.
        drop(fs::remove_file(&part));
    }
    let ((calls, events), bytes) = written.map_err(failed)?;
    let file = args.out.display();
    let (calls, events) = (counted(calls, "call"), counted(events, "other event"));
    writeln!(out, "{file}: {calls} and {events}, {}", counted(bytes, "byte"))?;
    finish(problems)
}

fn beside(path: &Path) -> PathBuf {
    path.with_added_extension("part")
}

/// An export under way.
struct Export<'a> {
    args: &'a ExportArgs,
    sheet: Sheet,
    /// Decided, and not ended so far.
    calls: HashMap<Uuid, (Record, Box<Decided>)>,
    /// Calls and other events that were written.
    counts: (u64, u64),
}

impl Export<'_> {
    fn read(&mut self, reader: Reader, problems: &mut Vec<String>) -> io::Result<(u64, u64)> {
        let mut progress = Progress::start();
        for record in reader {
            let Some(record) = sound(record, problems) else { continue };
            progress.at(|| record.time());
            let is_over = self.calls.is_empty()
                && self.args.until.is_some_and(|until| {
                    record.time().is_some_and(|time| time > until.plus_millis(SLACK_MS))
                });
            if is_over {
                break;
            }
            if record.name() == "finished" && self.calls.is_empty() {
                continue;
            }
            match record.event() {
                Ok(event) => self.take(record, event)?,
                Err(_) => problems.push(format!("number {} is of a later version", record.seq)),
            }
        }
        let mut open: Vec<_> = self.calls.drain().map(|(_, call)| call).collect();
        open.sort_unstable_by_key(|(record, _)| record.seq);
        for call in &open {
            self.call(call, None)?;
        }
        Ok(self.counts)
    }

    fn take(&mut self, record: Record, event: Event) -> io::Result<()> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "all that is no call is written alike")]
        match event {
            Event::Decided(decided) => {
                if self.is_asked(decided.time) {
                    self.calls.insert(decided.transaction, (record, decided));
                }
                Ok(())
            }
            Event::Finished(finished) => match self.calls.remove(&finished.transaction) {
                Some(call) => self.call(&call, Some((record.seq, &finished))),
                None => Ok(()),
            },
            other => {
                if let Event::Recovered(recovered) = &other {
                    for id in &recovered.unfinished {
                        if let Some(call) = self.calls.remove(id) {
                            self.call(&call, None)?;
                        }
                    }
                }
                if !self.is_asked(other.time()) {
                    return Ok(());
                }
                self.counts.1 = self.counts.1.saturating_add(1);
                self.sheet.add(&Row::Event(&record, &other))
            }
        }
    }

    fn call(
        &mut self,
        (record, decided): &(Record, Box<Decided>),
        end: Option<(u64, &Finished)>,
    ) -> io::Result<()> {
        self.counts.0 = self.counts.0.saturating_add(1);
        self.sheet.add(&Row::Call(record.seq, decided, end))
    }

    fn is_asked(&self, time: Timestamp) -> bool {
        self.args.from.is_none_or(|from| time >= from)
            && self.args.until.is_none_or(|until| time < until)
    }
}
