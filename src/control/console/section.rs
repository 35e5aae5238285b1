//! The pages of the console: where each is, which section it belongs to, and which roles may see it.

use uuid::Uuid;

use super::page::Asked;
use super::texts::Texts;
use crate::domain::{EntryId, GrantId, OrganizationId, Role};

/// A page.
#[derive(Debug)]
pub(super) enum Page {
    Overview,
    Organizations,
    Organization(OrganizationId),
    Entries,
    Entry(EntryId),
    Grants,
    Grant(GrantId),
    Findings,
    Finding(String),
    Records,
    Record(Uuid),
    /// The record of a number.
    Numbered(u64),
    Health,
}

/// A section of the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Organizations,
    Entries,
    Grants,
    Findings,
    Records,
    Health,
}

impl Page {
    /// The page at a path.
    pub(super) fn at(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/console/")?;
        let (section, id) = rest.split_once('/').unwrap_or((rest, ""));
        Some(match (section, id) {
            ("", "") => Self::Overview,
            ("organizations", "") => Self::Organizations,
            ("organizations", id) => Self::Organization(OrganizationId::parse(id).ok()?),
            ("entries", "") => Self::Entries,
            ("entries", id) => Self::Entry(EntryId::parse(id).ok()?),
            ("grants", "") => Self::Grants,
            ("grants", id) => Self::Grant(GrantId::parse(id).ok()?),
            ("findings", "") => Self::Findings,
            ("findings", id) if !id.contains('/') => Self::Finding(id.to_owned()),
            ("records", "") => Self::Records,
            ("records", id) => match id.parse() {
                Ok(number) => Self::Numbered(number),
                Err(_) => Self::Record(id.parse().ok()?),
            },
            ("health", "") => Self::Health,
            _ => return None,
        })
    }

    pub(super) fn section(&self) -> Section {
        match self {
            Self::Overview => Section::Overview,
            Self::Organizations | Self::Organization(_) => Section::Organizations,
            Self::Entries | Self::Entry(_) => Section::Entries,
            Self::Grants | Self::Grant(_) => Section::Grants,
            Self::Findings | Self::Finding(_) => Section::Findings,
            Self::Records | Self::Record(_) | Self::Numbered(_) => Section::Records,
            Self::Health => Section::Health,
        }
    }

    /// What of others is looked at, for the record; nothing where only sums are shown.
    pub(super) fn target(&self, asked: &Asked) -> Option<String> {
        match self {
            Self::Record(transaction) => Some(format!("record {transaction}")),
            Self::Numbered(number) => Some(format!("record {number}")),
            Self::Finding(id) => Some(format!("finding {id}")),
            Self::Records => {
                let mut named: Vec<_> =
                    ["transaction", "organization", "entry", "grant", "outcome"]
                        .iter()
                        .filter_map(|name| {
                            Some(format!(" {name}={}", plain_id(asked.query.get(name)?)))
                        })
                        .collect();
                named.insert(0, "records".to_owned());
                Some(named.concat())
            }
            Self::Overview
            | Self::Organizations
            | Self::Organization(_)
            | Self::Entries
            | Self::Entry(_)
            | Self::Grants
            | Self::Grant(_)
            | Self::Findings
            | Self::Health => None,
        }
    }
}

/// Digits in a row that may be somebody's number.
const TELLING: usize = 8;

/// A text as it may stand in a record: ids as they are, anything else as a mark. What people type into a
/// search may be anybody's number.
fn plain_id(text: &str) -> &str {
    let is_id = OrganizationId::parse(text).is_ok() || EntryId::parse(text).is_ok();
    let is_telling = text.split(|c: char| !c.is_ascii_digit()).any(|run| run.len() >= TELLING);
    let is_plain = text.parse::<Uuid>().is_ok() || (is_id && !is_telling);
    if is_plain { text } else { "(other)" }
}

impl Section {
    pub(super) const ALL: [Self; 7] = [
        Self::Overview,
        Self::Organizations,
        Self::Entries,
        Self::Grants,
        Self::Findings,
        Self::Records,
        Self::Health,
    ];

    pub(super) fn href(self) -> &'static str {
        match self {
            Self::Overview => "/console/",
            Self::Organizations => "/console/organizations",
            Self::Entries => "/console/entries",
            Self::Grants => "/console/grants",
            Self::Findings => "/console/findings",
            Self::Records => "/console/records",
            Self::Health => "/console/health",
        }
    }

    pub(super) fn name(self, t: &Texts) -> &'static str {
        match self {
            Self::Overview => t.overview,
            Self::Organizations => t.organizations,
            Self::Entries => t.entries,
            Self::Grants => t.grants,
            Self::Findings => t.findings,
            Self::Records => t.records,
            Self::Health => t.health,
        }
    }

    /// The roles that may see a page of it: what runs the node sees its health and no business; records
    /// are searched by the auditor, and security sees the one that a finding cites.
    pub(super) fn roles(self, page: &Page) -> &'static [Role] {
        match (self, page) {
            (Self::Health, _) => &Role::ALL,
            (Self::Records, Page::Records) => &[Role::Audit],
            (
                Self::Overview
                | Self::Organizations
                | Self::Entries
                | Self::Grants
                | Self::Findings
                | Self::Records,
                _,
            ) => &[Role::Security, Role::Audit],
        }
    }

    pub(super) fn may(self, role: Role, page: &Page) -> bool {
        self.roles(page).contains(&role)
    }

    /// The page that its link leads to.
    pub(super) fn front(self) -> Page {
        match self {
            Self::Overview => Page::Overview,
            Self::Organizations => Page::Organizations,
            Self::Entries => Page::Entries,
            Self::Grants => Page::Grants,
            Self::Findings => Page::Findings,
            Self::Records => Page::Records,
            Self::Health => Page::Health,
        }
    }
}

/// Where somebody of this role begins.
pub(super) fn home(role: Role) -> &'static str {
    if Section::Overview.may(role, &Page::Overview) { "/console/" } else { "/console/health" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_pages_and_nothing_else_does() {
        for path in [
            "/console/",
            "/console/organizations/police",
            "/console/entries/police/population",
            "/console/grants/g-02",
            "/console/findings/v-08.police.1",
            "/console/records/019a1b2c-0000-7000-8000-000000000000",
            "/console/health",
        ] {
            assert!(Page::at(path).is_some(), "{path}");
        }
        for path in [
            "/console",
            "/console/x",
            "/console/entries/police",
            "/console/entries/police/../x",
            "/console/records/-1",
            "/console/health/x",
            "/other",
        ] {
            assert!(Page::at(path).is_none(), "{path}");
        }
    }

    #[test]
    fn each_role_has_its_sections_and_begins_where_it_may() {
        let sections = |role: Role| -> Vec<Section> {
            let may = |section: &Section| section.may(role, &section.front());
            Section::ALL.into_iter().filter(may).collect()
        };
        assert_eq!(sections(Role::System), [Section::Health]);
        assert_eq!(sections(Role::Audit), Section::ALL);
        assert!(!sections(Role::Security).contains(&Section::Records));
        for role in Role::ALL {
            let page = Page::at(home(role)).unwrap();
            assert!(page.section().may(role, &page), "{role}");
        }
    }

    #[test]
    fn what_is_typed_into_a_search_reaches_the_record_only_if_it_is_an_id() {
        let asked = |query: &str| Asked::plain("/console/records", query);
        let target = |query: &str| Page::Records.target(&asked(query)).unwrap();
        assert_eq!(target(""), "records");
        assert_eq!(target("entry=a/b&outcome=no-grant"), "records entry=a/b outcome=no-grant");
        for number in ["640106198507150024", "64010619850715002x", "a-13895001234"] {
            assert_eq!(target(&format!("organization={number}")), "records organization=(other)");
        }
        let id = "019a1b2c-0000-7000-8000-012345678901";
        assert_eq!(target(&format!("transaction={id}")), format!("records transaction={id}"));
        assert_eq!(target("outcome=%E5%BC%A0"), "records outcome=(other)");
    }
}
