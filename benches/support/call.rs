//! A call as a city records it.

use helan::domain::{EntryId, GrantId, ItemName, OrganizationId, Zone};
use helan::journal::{Clock, Decided};
use uuid::Uuid;

/// A decision as the path makes it, of a call of its own.
pub(crate) fn decided() -> Decided {
    let item = |name: &str| ItemName::parse(name).unwrap();
    let mut decided = Decided::new(Clock::system().now(), Uuid::now_v7(), Zone::Sharing);
    decided.organization = OrganizationId::parse("housing").ok();
    decided.entry = EntryId::parse("civil-affairs/marriage").ok();
    decided.grant = GrantId::parse("g-02").ok();
    decided.entry_version = Some("8f14e45fceea167a".into());
    decided.grant_version = Some("c9f0f895fb98ab91".into());
    decided.rules = Some("45c48cce2e2d7fbd".into());
    decided.view = Some("d3d9446802a44259755d38e6d163e820".into());
    decided.path = Some("/civil-affairs/marriage".into());
    decided.parameters = vec!["cert_num".into()];
    decided.items = ["cert_num_man", "name_man", "register_date"].map(item).into();
    decided.articles = ["yc-2018 §15".into(), "yc-2018 §16".into()].into();
    decided
}
