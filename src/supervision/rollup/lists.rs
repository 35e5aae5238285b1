//! Lists of items, which stand in every record and are few: each is read once.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::names::Names;
use crate::supervision::line::Items;

/// Lists that are remembered from one batch to the next.
const MOST: usize = 4_096;

/// The number of the list without an item.
pub(super) const EMPTY: usize = 0;

/// Lists by how they are written.
#[derive(Debug)]
pub(super) struct Lists {
    numbers: HashMap<Box<[u8]>, usize, RandomState>,
    lists: Vec<Vec<i64>>,
}

impl Default for Lists {
    fn default() -> Self {
        Self { numbers: HashMap::default(), lists: vec![Vec::new()] }
    }
}

impl Lists {
    /// The number of a list; what is none counts as empty.
    pub(super) fn number(&mut self, written: Items<'_>, names: &mut Names) -> usize {
        if written.written().is_empty() {
            return EMPTY;
        }
        if let Some(number) = self.numbers.get(written.written()) {
            return *number;
        }
        let number = self.lists.len();
        self.lists.push(written.iter().map(|item| names.name(&item)).collect());
        self.numbers.insert(written.written().into(), number);
        number
    }

    /// The items of a list.
    pub(super) fn items(&self, number: usize) -> &[i64] {
        self.lists.get(number).map(Vec::as_slice).unwrap_or_default()
    }

    /// Forgets all if they are many; numbers mean nothing any more then.
    pub(super) fn trim(&mut self) {
        if self.lists.len() > MOST {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_once_and_they_do_not_pile_up() {
        let (mut lists, mut names) = (Lists::default(), Names::default());
        let both = Items::written_as(br#"["name","number"]"#);

        let number = lists.number(both, &mut names);
        assert_eq!(lists.items(number), [1, 2]);
        assert_eq!(lists.number(both, &mut names), number);
        assert_eq!(lists.number(Items::default(), &mut names), EMPTY);
        assert!(lists.items(EMPTY).is_empty());
        lists.trim();
        assert_eq!(lists.items(number), [1, 2]);

        for many in 0..MOST {
            let text = format!(r#"["item_{many}"]"#);
            lists.number(Items::written_as(text.as_bytes()), &mut names);
        }
        lists.trim();
        let number = lists.number(both, &mut names);
        assert_eq!((number, lists.items(number)), (1, &[1, 2][..]));
    }
}
