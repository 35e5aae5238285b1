//! What a grant lets out of an entry, compiled once and carried out on every answer.

use std::collections::HashSet;
use std::sync::Arc;

use super::error::PlanError;
use super::path::{self, Step};
use super::tree::{Fate, Leaf, Tree};
use crate::domain::{Entry, Format, Interface, Item, ItemName, ItemType, Mask, Scope};

/// What happens to a granted item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It leaves as it is.
    Keep,
    /// It leaves as the mask makes it.
    Mask(Mask),
}

/// What a plan is compiled from.
#[derive(Clone, Copy, Debug)]
pub struct PlanSpec<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// The items that leave, and how.
    pub items: &'a [(ItemName, Action)],
    /// The rows that leave.
    pub scope: &'a [Scope],
}

/// The values of one item by which rows leave.
pub(super) type Allowed = HashSet<Box<str>, foldhash::fast::RandomState>;

/// What leaves, compiled.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) format: Format,
    pub(super) tree: Tree,
    /// The items granted, as leaves number them.
    pub(super) items: Arc<[ItemName]>,
    /// Those of them that leave masked.
    pub(super) masked: Arc<[ItemName]>,
    /// The row filters, as leaves number them.
    pub(super) scopes: Vec<Allowed>,
}

impl Plan {
    /// Compiles what is granted against the entry's interface. An item's path is the one it is
    /// given, or its name; both are under `rows` unless the path begins with it.
    pub fn compile(spec: &PlanSpec<'_>) -> Result<Self, PlanError> {
        let interface = spec.entry.interface.as_ref().ok_or(PlanError::NoInterface)?;
        if interface.format == Format::File {
            return Err(PlanError::File);
        }
        let items = granted(spec)?;
        let (filtered, scopes) = filters(spec)?;

        let mut tree = Tree::new();
        for item in &spec.entry.items {
            let action = spec.items.iter().find(|(name, _)| *name == item.name);
            let leaf = Leaf {
                fate: action.map_or(Fate::Drop, |(_, action)| fate(item, action)),
                item: items.iter().position(|name| *name == item.name),
                scope: filtered.iter().position(|name| *name == &item.name),
                moment: item.timestamp,
            };
            insert(&mut tree, interface, item, leaf)?;
        }
        around(&mut tree, interface)?;
        let is_masked = |(_, action): &&(ItemName, Action)| matches!(action, Action::Mask(_));
        let masked = spec.items.iter().filter(is_masked).map(|(name, _)| name.clone()).collect();
        Ok(Self { format: interface.format, tree, items: items.into(), masked, scopes })
    }

    /// The items that may leave.
    pub fn items(&self) -> &[ItemName] {
        &self.items
    }
}

/// The names granted, each known and named once.
fn granted(spec: &PlanSpec<'_>) -> Result<Vec<ItemName>, PlanError> {
    let mut items: Vec<ItemName> = Vec::new();
    for (name, _) in spec.items {
        if !spec.entry.items.iter().any(|item| item.name == *name) {
            return Err(PlanError::Unknown(name.clone()));
        }
        if items.contains(name) {
            return Err(PlanError::Twice(name.clone()));
        }
        items.push(name.clone());
    }
    if items.is_empty() { Err(PlanError::Nothing) } else { Ok(items) }
}

/// The items that rows are picked by, and what each must be; two scopes on one item must both hold.
fn filters<'a>(spec: &PlanSpec<'a>) -> Result<(Vec<&'a ItemName>, Vec<Allowed>), PlanError> {
    let mut items: Vec<&ItemName> = Vec::new();
    let mut allowed: Vec<Allowed> = Vec::new();
    for scope in spec.scope {
        if !spec.entry.items.iter().any(|item| item.name == scope.item) {
            return Err(PlanError::Unknown(scope.item.clone()));
        }
        let values: Allowed = scope.values.iter().map(|value| value.as_str().into()).collect();
        let known = items.iter().position(|name| **name == scope.item);
        if let Some(before) = known.and_then(|index| allowed.get_mut(index)) {
            before.retain(|value| values.contains(value));
        } else {
            items.push(&scope.item);
            allowed.push(values);
        }
    }
    Ok((items, allowed))
}

fn fate(item: &Item, action: &Action) -> Fate {
    match action {
        Action::Mask(Mask::Drop) => Fate::Drop,
        Action::Mask(mask) => Fate::Mask(mask.clone()),
        Action::Keep if item.kind == ItemType::Any => Fate::Whole,
        Action::Keep => Fate::Scalar,
    }
}

fn insert(
    tree: &mut Tree,
    interface: &Interface,
    item: &Item,
    leaf: Leaf,
) -> Result<(), PlanError> {
    let written = item.path.as_deref().unwrap_or(item.name.as_str());
    let live = leaf.item.is_some();
    if interface.format == Format::Csv {
        // A header is a name as it stands, dots and brackets included.
        return tree.insert(written, &[Step::Member(written.into())], leaf, live);
    }
    let path = path::under(interface.rows.as_deref(), written);
    let steps = path::parse(&path)?;
    let above = interface.rows.as_deref().map(path::parse).transpose()?.map_or(0, |r| r.len());
    if leaf.scope.is_some() && steps.iter().skip(above).any(|step| *step == Step::Element) {
        return Err(PlanError::Scope(item.name.clone()));
    }
    tree.insert(&path, &steps, leaf, live)
}

/// The rows, and what passes around them.
fn around(tree: &mut Tree, interface: &Interface) -> Result<(), PlanError> {
    if interface.format == Format::Csv {
        let bare = interface.rows.is_none() && interface.envelope.is_empty();
        return if bare { Ok(()) } else { Err(PlanError::NoRows) };
    }
    let rows = interface.rows.as_deref().map(path::parse).transpose()?.unwrap_or_default();
    if let Some(text) = interface.rows.as_deref()
        && rows.last() != Some(&Step::Element)
    {
        return Err(PlanError::Rows(text.to_owned()));
    }
    tree.mark_row(&rows);
    for path in &interface.envelope {
        let steps = path::parse(path)?;
        if !rows.is_empty() && steps.starts_with(&rows) {
            // Within a row only items leave.
            return Err(PlanError::Overlap(path.clone()));
        }
        let leaf = Leaf { fate: Fate::Scalar, item: None, scope: None, moment: false };
        tree.insert(path, &steps, leaf, true)?;
    }
    Ok(())
}
