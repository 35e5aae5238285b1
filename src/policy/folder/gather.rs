//! From the things in files to the sources: every id once, every entry with its description.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::{Found, Thing, hash};
use super::layout::{Role, role};
use super::origins::{Finding, Origins, Spot, Subject};
use super::{Contents, FileContent};
use crate::config::problem::Problem;
use crate::domain::{Entry, EntryId};
use crate::policy::pace::{drop_in_steps, give_way};
use crate::policy::{Description, EntrySource, Sources};

/// Entries joined with their descriptions in an earlier reading, by their version.
#[derive(Debug, Default)]
pub(crate) struct Versions(HashMap<EntryId, (Arc<Entry>, Arc<EntrySource>)>);

/// Joins what the files hold.
pub(super) fn gather(
    root: &Path,
    contents: &Contents,
    versions: &mut Versions,
    problems: &mut Vec<Problem>,
) -> (Sources, Origins) {
    let mut gathering = Gathering {
        sources: Sources::default(),
        origins: Origins::new(root, contents.len()),
        findings: Vec::new(),
        broken: Vec::new(),
    };
    let mut entries = Vec::new();
    let named = super::named(contents);
    let secrets = super::secrets(contents);
    for (file, content) in contents {
        give_way();
        let file: Arc<Path> = file.as_path().into();
        let is_document = !matches!(role(&file), Role::Beside | Role::Ignored | Role::Stray(_));
        let is_secret = secrets.contains(file.as_ref());
        if !is_secret && (is_document || named.contains(file.as_ref())) {
            gathering.sources.files.insert(file.to_path_buf(), content.hash.to_string());
        }
        if is_document {
            problems.extend(content.problems.iter().cloned());
        }
        for found in &content.things {
            let spot = Spot { file: Arc::clone(&file), document: found.document };
            if let Thing::Entry(entry) = &found.thing {
                if gathering.is_new(Subject::Entry(entry.id.clone()), spot.clone(), found) {
                    entries.push((Arc::clone(entry), spot, content));
                }
            } else {
                gathering.add(spot, found);
            }
        }
    }
    let mut next = HashMap::with_capacity(entries.len());
    for (entry, spot, content) in entries {
        give_way();
        let source = gathering.entry(&entry, &spot, (content, contents), versions);
        next.insert(entry.id.clone(), (Arc::clone(&entry), Arc::clone(&source)));
        gathering.sources.entries.insert(entry.id.clone(), source);
    }
    drop_in_steps(std::mem::replace(&mut versions.0, next));
    problems.append(&mut gathering.broken);
    problems.extend(gathering.origins.locate(gathering.findings));
    (gathering.sources, gathering.origins)
}

struct Gathering {
    sources: Sources,
    origins: Origins,
    findings: Vec<Finding>,
    /// What is wrong with files that are read only because another names them.
    broken: Vec<Problem>,
}

impl Gathering {
    /// Notes where a thing stands, unless it stands elsewhere already.
    fn is_new(&mut self, subject: Subject, spot: Spot, found: &Found) -> bool {
        let Some(first) = self.origins.spot(&subject).cloned() else {
            self.origins.note(subject, spot, found.at);
            return true;
        };
        let line = self.origins.line(&subject);
        self.findings.push(Finding::at_spot(
            spot,
            "/id",
            format!("{subject} is written twice, first in {}:{line}", first.file.display()),
            "give one of the two another id, or delete it",
        ));
        false
    }

    fn add(&mut self, spot: Spot, found: &Found) {
        match &found.thing {
            Thing::Organization(organization) => {
                let id = organization.id.clone();
                if self.is_new(Subject::Organization(id.clone()), spot, found) {
                    self.sources.organizations.insert(id, Arc::clone(organization));
                }
            }
            Thing::Grant(grant) => {
                if self.is_new(Subject::Grant(grant.id.clone()), spot, found) {
                    self.sources.grants.insert(grant.id.clone(), Arc::clone(grant));
                }
            }
            Thing::Agreement(agreement) => {
                if self.is_new(Subject::Agreement(agreement.id.clone()), spot, found) {
                    self.sources.agreements.insert(agreement.id.clone(), Arc::clone(agreement));
                }
            }
            Thing::Masks(masks) => {
                self.origins.note(Subject::Masks, spot, found.at);
                self.sources.masks = masks.as_ref().clone();
            }
            Thing::Issuers(issuers) => {
                self.origins.note(Subject::Issuers, spot, found.at);
                self.sources.issuers = issuers.as_ref().clone();
            }
            Thing::Networks(networks) => {
                self.origins.note(Subject::Networks, spot, found.at);
                self.sources.networks = networks.as_ref().clone();
            }
            Thing::Matters(matters) => {
                self.origins.note(Subject::Matters, spot, found.at);
                self.sources.matters = matters.as_ref().clone();
            }
            Thing::Description(_) | Thing::Entry(_) => {}
        }
    }

    /// An entry with its description, the same as before if neither file changed.
    fn entry(
        &mut self,
        entry: &Arc<Entry>,
        spot: &Spot,
        (content, contents): (&Arc<FileContent>, &Contents),
        versions: &Versions,
    ) -> Arc<EntrySource> {
        let (description, described) = match self.description(entry, spot, contents) {
            Some((description, hash)) => (description, hash),
            None => (Arc::default(), "".into()),
        };
        let both = hash(format!("{} {described}", content.hash).as_bytes());
        let version: Arc<str> = both.get(..16).unwrap_or(&both).into();
        match versions.0.get(&entry.id) {
            Some((before, source)) if Arc::ptr_eq(before, entry) && source.version == version => {
                Arc::clone(source)
            }
            Some(_) | None => Arc::new(EntrySource {
                entry: entry.as_ref().clone(),
                version,
                description: description.as_ref().clone(),
            }),
        }
    }

    fn description(
        &mut self,
        entry: &Arc<Entry>,
        spot: &Spot,
        contents: &Contents,
    ) -> Option<(Arc<Description>, Arc<str>)> {
        let name = &entry.interface.as_ref()?.description;
        let pointer = "/interface/description";
        let beside = name.components().count() == 1 && name.file_name().is_some();
        let file: Option<PathBuf> = beside.then(|| spot.file.with_file_name(name));
        let content = file.as_ref().and_then(|file| contents.get(file));
        let found = content.and_then(|content| content.things.first());
        match (file, content, found.map(|found| &found.thing)) {
            (Some(file), Some(content), Some(Thing::Description(description))) => {
                let subject = Subject::Description(entry.id.clone());
                let at = found.map_or(crate::config::yaml::Position::START, |found| found.at);
                self.origins.note(subject, Spot { file: file.as_path().into(), document: 0 }, at);
                self.sources.files.insert(file, content.hash.to_string());
                return Some((Arc::clone(description), Arc::clone(&content.hash)));
            }
            (Some(_), Some(content), None) if !content.is_whole() => {
                self.broken.extend(content.problems.iter().cloned());
            }
            _ => self.findings.push(Finding::at_spot(
                spot.clone(),
                pointer,
                format!("there is no interface description `{}` beside this file", name.display()),
                "name an OpenAPI file in the same folder, without a path",
            )),
        }
        None
    }
}
