//! Standing grants: what anybody, or every department, may have without a written grant.
//!
//! Which kinds of organization count, and whether a profile knows such grants at all, is said by the
//! rules; here is only which items they can reach.

use std::collections::BTreeMap;

use super::{Entry, Item, Mask, MaskId, OpeningClass, Sensitivity, SharingClass};

impl Entry {
    /// The items the public may have (§9, §22).
    ///
    /// An item that is neither personal nor a secret leaves as it is. A sensitive one leaves only
    /// after desensitization, and a partial mask is none. What is withheld from departments is not
    /// for the public either.
    pub fn open_items(&self, masks: &BTreeMap<MaskId, Mask>) -> Vec<&Item> {
        self.items.iter().filter(|item| self.item_is_open(item, masks)).collect()
    }

    /// Whether the public may have this item.
    pub fn item_is_open(&self, item: &Item, masks: &BTreeMap<MaskId, Mask>) -> bool {
        if self.class_of(item) == SharingClass::Withheld || item.sensitivity == Sensitivity::Secret
        {
            return false;
        }
        match self.opening.class {
            OpeningClass::Open => !item.is_sensitive(),
            OpeningClass::Desensitized => !item.is_sensitive() || self.is_anonymized(item, masks),
            OpeningClass::Closed => false,
        }
    }

    /// The items every department may have unasked (§16): an item with its own class, or a
    /// sensitive one, needs a grant that names it.
    pub fn unconditional_items(&self) -> Vec<&Item> {
        if self.sharing.class != SharingClass::Unconditional {
            return Vec::new();
        }
        self.items.iter().filter(|item| item.sharing.is_none() && !item.is_sensitive()).collect()
    }

    /// The class an item has among departments: its own, else the entry's.
    pub fn class_of(&self, item: &Item) -> SharingClass {
        item.sharing.unwrap_or(self.sharing.class)
    }

    /// Whether what the public sees of the item no longer points at anybody.
    fn is_anonymized(&self, item: &Item, masks: &BTreeMap<MaskId, Mask>) -> bool {
        self.opening
            .masks
            .get(&item.name)
            .and_then(|mask| masks.get(mask))
            .is_some_and(|mask| !mask.is_partial())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(class: &str, opening: &str) -> Entry {
        let item = |name: &str, more: serde_json::Value| {
            let mut item = json!({"name": name, "title": name, "type": "string"});
            item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            item
        };
        serde_json::from_value(json!({
            "id": "civil/homes", "code": "102001001/000001", "name": "养老机构名录", "summary": "名录",
            "domain": "social-security", "format": "json", "update": "daily",
            "published": "2026-01-01",
            "sharing": {"class": class},
            "opening": {"class": opening, "masks": {"born": "year", "phone": "phone"}},
            "items": [
                item("name", json!({})),
                item("born", json!({"sensitivity": "personal"})),
                item("phone", json!({"sensitivity": "personal"})),
                item("owner", json!({"sharing": "conditional"})),
                item("case", json!({"sharing": "withheld"})),
                item("code", json!({"sensitivity": "secret"})),
            ],
        }))
        .unwrap()
    }

    fn names(items: &[&Item]) -> Vec<String> {
        items.iter().map(|item| item.name.to_string()).collect()
    }

    fn open(class: &str, opening: &str) -> Vec<String> {
        let masks =
            serde_json::from_value(json!({"year": {"kind": "year"}, "phone": {"kind": "phone"}}));
        names(&entry(class, opening).open_items(&masks.unwrap()))
    }

    #[test]
    fn the_public_has_items_that_are_neither_sensitive_nor_withheld() {
        assert_eq!(open("unconditional", "open"), ["name", "owner"]);
        assert_eq!(open("conditional", "open"), ["name", "owner"]);
        assert!(open("unconditional", "closed").is_empty());
    }

    #[test]
    fn after_desensitization_it_also_has_items_whose_mask_is_not_partial() {
        assert_eq!(open("unconditional", "desensitized"), ["name", "born", "owner"]);
    }

    #[test]
    fn of_a_withheld_entry_only_items_freed_by_a_class_of_their_own_are_open() {
        assert_eq!(open("withheld", "open"), ["owner"]);
    }

    #[test]
    fn departments_have_unasked_what_has_neither_a_class_of_its_own_nor_a_sensitivity() {
        assert_eq!(names(&entry("unconditional", "closed").unconditional_items()), ["name"]);
        assert!(entry("conditional", "open").unconditional_items().is_empty());
    }
}
