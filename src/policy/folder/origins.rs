//! Where each thing stands. Only files are kept in mind; lines are looked up when something is wrong.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::problem::{Article, Problem, Severity, line_of};
use crate::config::yaml::{Node, Position};
use crate::domain::{AgreementId, EntryId, GrantId, OrganizationId};
use crate::policy::openapi;
use crate::policy::pace::drop_in_steps;

/// A thing that something may be wrong with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// An organization.
    Organization(OrganizationId),
    /// A catalog entry.
    Entry(EntryId),
    /// The interface description of an entry.
    Description(EntryId),
    /// A grant.
    Grant(GrantId),
    /// An agreement.
    Agreement(AgreementId),
    /// The masks.
    Masks,
    /// The token issuers.
    Issuers,
    /// The named networks.
    Networks,
    /// The kinds of matter.
    Matters,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization(id) => write!(f, "the organization `{id}`"),
            Self::Entry(id) => write!(f, "the entry `{id}`"),
            Self::Description(id) => write!(f, "the description of `{id}`"),
            Self::Grant(id) => write!(f, "the grant `{id}`"),
            Self::Agreement(id) => write!(f, "the agreement `{id}`"),
            Self::Masks => f.write_str("the masks"),
            Self::Issuers => f.write_str("the issuers"),
            Self::Networks => f.write_str("the networks"),
            Self::Matters => f.write_str("the matters"),
        }
    }
}

/// A document of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    /// The file, under the policy folder.
    pub(crate) file: Arc<Path>,
    /// Which of its documents, from 0.
    pub(crate) document: usize,
}

/// Something wrong with a thing, not yet located.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    spot: Place,
    pointer: String,
    severity: Severity,
    message: String,
    mend: String,
    article: Option<Article>,
}

#[derive(Clone, Debug)]
enum Place {
    Of(Subject),
    At(Spot),
}

impl Finding {
    /// An error at a JSON pointer within a thing.
    pub(crate) fn error(
        subject: Subject,
        pointer: impl Into<String>,
        message: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            spot: Place::Of(subject),
            pointer: pointer.into(),
            severity: Severity::Error,
            message: message.into(),
            mend: mend.into(),
            article: None,
        }
    }

    /// An error at a JSON pointer within a document.
    pub(super) fn at_spot(spot: Spot, pointer: &str, message: String, mend: &str) -> Self {
        Self {
            spot: Place::At(spot),
            pointer: pointer.to_owned(),
            severity: Severity::Error,
            message,
            mend: mend.to_owned(),
            article: None,
        }
    }

    /// The same as a warning.
    pub(crate) fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// The same, citing an article.
    pub(crate) fn citing(mut self, article: Article) -> Self {
        self.article = Some(article);
        self
    }
}

/// Where each thing of a reading stands.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    root: PathBuf,
    spots: HashMap<Subject, (Spot, Position)>,
}

impl Origins {
    pub(super) fn new(root: &Path, things: usize) -> Self {
        Self { root: root.to_owned(), spots: HashMap::with_capacity(things) }
    }

    /// Drops them in steps.
    pub(in crate::policy) fn let_go(self) {
        drop_in_steps(self.spots);
    }

    /// The folder that was read.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn note(&mut self, subject: Subject, spot: Spot, at: Position) {
        self.spots.insert(subject, (spot, at));
    }

    pub(super) fn spot(&self, subject: &Subject) -> Option<&Spot> {
        self.spots.get(subject).map(|(spot, _)| spot)
    }

    pub(super) fn line(&self, subject: &Subject) -> Position {
        self.spots.get(subject).map_or(Position::START, |(_, at)| *at)
    }

    /// Looks up the lines: each file once.
    pub(crate) fn locate(&self, findings: Vec<Finding>) -> Vec<Problem> {
        let mut by_file: BTreeMap<Spot, Vec<Finding>> = BTreeMap::new();
        let mut problems = Vec::with_capacity(findings.len());
        for finding in findings {
            let spot = match &finding.spot {
                Place::At(spot) => Some(spot.clone()),
                Place::Of(subject) => self.spot(subject).cloned(),
            };
            match spot {
                Some(spot) => by_file.entry(spot).or_default().push(finding),
                None => problems.push(problem(finding, &self.root, None)),
            }
        }
        let mut open: Option<(Arc<Path>, String, Vec<Node>)> = None;
        for (spot, findings) in by_file {
            let path = self.root.join(&spot.file);
            if open.as_ref().is_none_or(|(file, ..)| *file != spot.file) {
                let text = fs::read_to_string(&path).unwrap_or_default();
                let nodes = openapi::parse(&spot.file, &text).unwrap_or_default();
                open = Some((Arc::clone(&spot.file), text, nodes));
            }
            let source = open
                .as_ref()
                .and_then(|(_, text, nodes)| Some((text.as_str(), nodes.get(spot.document)?)));
            problems.extend(findings.into_iter().map(|finding| problem(finding, &path, source)));
        }
        problems
    }
}

fn problem(finding: Finding, path: &Path, source: Option<(&str, &Node)>) -> Problem {
    let keyed = finding.pointer.strip_suffix('#');
    let at = source.map(|(text, node)| {
        let at = match keyed {
            Some(pointer) => node.key_place(pointer),
            None => node.place(&finding.pointer),
        };
        (at, line_of(text, at))
    });
    Problem {
        file: path.to_owned(),
        line: at.as_ref().map_or(0, |(at, _)| at.line),
        column: at.as_ref().map_or(0, |(at, _)| at.column),
        severity: finding.severity,
        message: finding.message,
        mend: Some(finding.mend),
        article: finding.article,
        source_line: at.and_then(|(_, line)| line),
    }
}
