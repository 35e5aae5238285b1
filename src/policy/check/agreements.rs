//! Agreements: their parties, entry and items.

use super::{Checking, Subject};
use crate::policy::pace::give_way;

pub(super) fn check(checking: &mut Checking<'_>) {
    let sources = checking.sources;
    for (id, agreement) in &sources.agreements {
        give_way();
        let subject = Subject::Agreement(id.clone());
        for (pointer, organization) in
            [("/provider", &agreement.provider), ("/consumer", &agreement.consumer)]
        {
            if !sources.organizations.contains_key(organization) {
                let message = format!("there is no organization `{organization}`");
                checking.error(&subject, pointer, message, "correct the id, or add its file");
            }
        }
        let Some(source) = sources.entries.get(&agreement.entry) else {
            let message = format!("there is no entry `{}`", agreement.entry);
            checking.error(&subject, "/entry", message, "correct the id, or add its file");
            continue;
        };
        if source.entry.id.organization() != agreement.provider {
            let message =
                format!("`{}` is not the provider of `{}`", agreement.provider, agreement.entry);
            let mend = format!("write `{}`", source.entry.id.organization());
            checking.error(&subject, "/provider", message, mend);
        }
        for (at, item) in agreement.items.iter().enumerate() {
            if !source.entry.items.iter().any(|known| known.name == *item) {
                let message = format!("`{}` has no item `{item}`", agreement.entry);
                checking.error(&subject, format!("/items/{at}"), message, "correct or remove it");
            }
        }
    }
}
