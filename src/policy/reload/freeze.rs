//! Freezes: what somebody stopped by hand. One durable file each, independent of the policy folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::overlay::{Denied, Overlay};
use crate::domain::{ApplicationId, EntryId, GrantId, OrganizationId, Timestamp};
use crate::policy::durable;

/// What is frozen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "id")]
pub enum Frozen {
    /// An entry, for everybody.
    Entry(EntryId),
    /// A grant.
    Grant(GrantId),
    /// An application, for all its grants.
    Application(ApplicationId),
    /// An organization, as a consumer and as a provider.
    Organization(OrganizationId),
}

impl Frozen {
    /// What it is and its id, as orders and records write them.
    pub fn names(&self) -> (&'static str, &str) {
        match self {
            Self::Entry(id) => ("entry", id.as_str()),
            Self::Grant(id) => ("grant", id.as_str()),
            Self::Application(id) => ("application", id.as_str()),
            Self::Organization(id) => ("organization", id.as_str()),
        }
    }

    fn file_name(&self) -> String {
        let (kind, id) = self.names();
        format!("{kind}.{}.json", id.replace('/', "."))
    }
}

/// A freeze: what, since when, why and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// What is frozen.
    pub what: Frozen,
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub reason: String,
    /// Who froze it, as admin calls name themselves.
    pub by: String,
}

/// The freezes in force.
#[derive(Debug)]
pub struct Freezes {
    folder: PathBuf,
    all: Vec<Freeze>,
}

impl Freezes {
    /// Loads those of a state folder. A file that cannot be read is an error: what it froze must not
    /// thaw in silence.
    pub fn load(state: &Path) -> io::Result<Self> {
        let folder = state.join("freezes");
        fs::create_dir_all(&folder)?;
        let mut all = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let freeze: Freeze = serde_json::from_slice(&fs::read(&path)?).map_err(|error| {
                let what = format!("{}: this is no freeze: {error}", path.display());
                io::Error::new(io::ErrorKind::InvalidData, what)
            })?;
            all.push(freeze);
        }
        all.sort_by(|a, b| a.what.cmp(&b.what));
        Ok(Self { folder, all })
    }

    /// Those in force.
    pub fn all(&self) -> &[Freeze] {
        &self.all
    }

    /// Freezes something, durably. Freezing it again keeps the first moment and reason. Says whether
    /// it was not so already.
    pub(super) fn freeze(&mut self, freeze: Freeze) -> io::Result<bool> {
        if self.all.iter().any(|known| known.what == freeze.what) {
            return Ok(false);
        }
        let text = serde_json::to_vec(&freeze)?;
        durable::write(&self.folder.join(freeze.what.file_name()), &text)?;
        self.all.push(freeze);
        Ok(true)
    }

    /// Thaws something, durably. Says whether it was frozen.
    pub(super) fn thaw(&mut self, what: &Frozen) -> io::Result<bool> {
        if !self.all.iter().any(|known| known.what == *what) {
            return Ok(false);
        }
        durable::remove(&self.folder.join(what.file_name()))?;
        self.all.retain(|known| known.what != *what);
        Ok(true)
    }

    /// Adds what is frozen to what is denied.
    pub(super) fn lay(freezes: &[Freeze], overlay: &mut Overlay) {
        for freeze in freezes {
            match &freeze.what {
                Frozen::Entry(id) => {
                    overlay.entries.insert(id.clone(), Denied::Frozen);
                }
                Frozen::Grant(id) => {
                    overlay.grants.insert(id.clone(), Denied::Frozen);
                }
                Frozen::Application(id) => {
                    overlay.applications.insert(id.clone(), Denied::Frozen);
                }
                Frozen::Organization(id) => {
                    overlay.organizations.insert(id.clone(), Denied::Frozen);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn freeze(id: &str) -> Freeze {
        Freeze {
            what: Frozen::Entry(EntryId::parse(id).unwrap()),
            since: Timestamp::from_millis(1),
            reason: "a leak".to_owned(),
            by: "operator".to_owned(),
        }
    }

    #[test]
    fn a_freeze_is_still_there_after_a_restart_until_it_is_thawed() {
        let state = tempfile::tempdir().unwrap();
        let mut freezes = Freezes::load(state.path()).unwrap();
        freezes.freeze(freeze("tax/payers")).unwrap();

        let mut freezes = Freezes::load(state.path()).unwrap();
        assert_eq!(freezes.all(), [freeze("tax/payers")]);
        let mut overlay = Overlay::default();
        Freezes::lay(freezes.all(), &mut overlay);
        let id = EntryId::parse("tax/payers").unwrap();
        assert_eq!(overlay.denies_entry(&id), Some(Denied::Frozen));

        assert!(freezes.thaw(&Frozen::Entry(id.clone())).unwrap());
        assert!(!freezes.thaw(&Frozen::Entry(id)).unwrap());
        assert!(Freezes::load(state.path()).unwrap().all().is_empty());
    }

    #[test]
    fn a_freeze_that_cannot_be_read_stops_the_start() {
        let state = tempfile::tempdir().unwrap();
        fs::create_dir(state.path().join("freezes")).unwrap();
        fs::write(state.path().join("freezes/entry.a.b.json"), "{").unwrap();

        assert!(Freezes::load(state.path()).is_err());
    }
}
