//! Finds a person's accesses: records hold keyed hashes only, so whoever asks needs the keys.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead as _};
use std::path::PathBuf;

use clap::ValueEnum;

use super::RecordsError;
use crate::config::keys::{Epochs, key_name};
use crate::config::problem::BadConfiguration;
use crate::domain::Timestamp;
use crate::gateway::Hidden;
use crate::journal::{Decided, KeyedHash, Record};

/// Which person is asked about.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SubjectArgs {
    /// Calls that asked about this person or business: the value as calls bear it. `-` reads it from
    /// standard input, so that it stands in no history of commands.
    #[arg(long, value_name = "VALUE", requires = "keys", value_parser = |text: &str| Ok::<_, String>(Value(text.to_owned())))]
    pub subject: Option<Value>,
    /// What the value is.
    #[arg(long, value_enum, default_value_t, requires = "subject")]
    pub subject_kind: Kind,
    /// Folder with every key that the value may have been hidden with; those of other purposes need not
    /// be there.
    #[arg(long, value_name = "DIR", requires = "subject")]
    pub keys: Option<PathBuf>,
}

/// A value that is not to be shown.
#[derive(Clone)]
pub struct Value(pub String);

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a hidden value is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The person or business that a call asks about.
    #[default]
    Subject,
    /// A case number.
    Case,
    /// A matter that is not registered.
    Matter,
    /// A purpose that nothing names.
    Purpose,
    /// The person at the caller.
    Operator,
}

impl Kind {
    fn hidden(self) -> Hidden {
        match self {
            Self::Subject => Hidden::Subject,
            Self::Case => Hidden::Case,
            Self::Matter => Hidden::Matter,
            Self::Purpose => Hidden::Purpose,
            Self::Operator => Hidden::Operator,
        }
    }

    /// What stands before the id of the key in a record.
    fn mark(self) -> &'static str {
        match self {
            Self::Subject => "\"subjects\":[{\"key\":\"",
            Self::Case => "\"case_hash\":{\"key\":\"",
            Self::Matter => "\"matter_hash\":{\"key\":\"",
            Self::Purpose => "\"purpose_hash\":{\"key\":\"",
            Self::Operator => "\"operator_hash\":{\"key\":\"",
        }
    }
}

/// A search under way.
pub(super) struct Search {
    kind: Kind,
    epochs: Epochs,
    hashes: Vec<KeyedHash>,
    /// Keys that records were made with and that are not at hand, and from when to when.
    missing: BTreeMap<String, (Timestamp, Timestamp)>,
}

impl Search {
    pub(super) fn new(args: &SubjectArgs) -> Result<Option<Self>, RecordsError> {
        let (Some(Value(value)), Some(folder)) = (&args.subject, &args.keys) else {
            return Ok(None);
        };
        let mut value = value.clone();
        if value == "-" {
            value.clear();
            io::stdin().lock().read_line(&mut value)?;
        }
        let value = value.trim();
        if value.is_empty() {
            let said = "name whom to look for: --subject VALUE, or a line on standard input";
            return Err(BadConfiguration(said.to_owned()).into());
        }
        let hidden = args.subject_kind.hidden();
        let epochs = Epochs::load(folder, hidden.purpose())
            .map_err(|error| BadConfiguration(format!("the keys cannot be used: {error}")))?;
        // An identity number may end with an `x` or an `X`.
        let mut spellings =
            vec![value.to_owned(), value.to_ascii_uppercase(), value.to_ascii_lowercase()];
        spellings.sort_unstable();
        spellings.dedup();
        let hashes =
            spellings.iter().flat_map(|spelling| hidden.hashes(&epochs, spelling)).collect();
        Ok(Some(Self { kind: args.subject_kind, epochs, hashes, missing: BTreeMap::new() }))
    }

    /// Whether a look at the bytes of a decision is enough to know that it is not wanted.
    pub(super) fn passes_over(&mut self, record: &Record) -> bool {
        let find = |text: &str| memchr::memmem::find(&record.json, text.as_bytes());
        let mark = self.kind.mark();
        let Some(at) = find(mark) else { return true };
        let after = record.json.get(at.saturating_add(mark.len())..).unwrap_or_default();
        let id = after.split(|byte| *byte == b'"').next().unwrap_or_default();
        let id = String::from_utf8_lossy(id);
        if self.epochs.has(&id) {
            return !self.hashes.iter().any(|known| find(&known.hash).is_some());
        }
        if let Some(time) = record.time() {
            let (from, until) = self.missing.entry(id.into_owned()).or_insert((time, time));
            (*from, *until) = (time.min(*from), time.max(*until));
        }
        true
    }

    pub(super) fn wants(&self, decided: &Decided) -> bool {
        let is_known = |hash: &KeyedHash| self.hashes.contains(hash);
        match self.kind {
            Kind::Subject => decided.subjects.iter().any(is_known),
            Kind::Case => decided.case_hash.as_ref().is_some_and(is_known),
            Kind::Matter => decided.matter_hash.as_ref().is_some_and(is_known),
            Kind::Purpose => decided.purpose_hash.as_ref().is_some_and(is_known),
            Kind::Operator => decided.operator_hash.as_ref().is_some_and(is_known),
        }
    }

    /// For which periods there is no answer.
    pub(super) fn gaps(&self) -> Vec<String> {
        let purpose = self.kind.hidden().purpose();
        let gap = |(id, (from, until)): (&String, &(Timestamp, Timestamp))| {
            format!("{} is missing: calls from {from} to {until}", key_name(purpose, id))
        };
        self.missing.iter().map(gap).collect()
    }
}
