//! The paths of an entry as one tree, so that a scanner asks at each name only what can follow.

use super::error::PlanError;
use super::path::Step;
use crate::domain::Mask;

/// Index of a node.
pub(super) type NodeId = usize;

/// Where every tree begins.
pub(super) const ROOT: NodeId = 0;

/// What happens to a value at the end of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Known, not granted.
    Drop,
    /// Leaves if it is no object and no array.
    Scalar,
    /// Leaves whole, whatever it is.
    Whole,
    /// Leaves as the mask makes it.
    Mask(Mask),
}

/// The end of a path.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// What happens to the value.
    pub(super) fate: Fate,
    /// Which granted item it is.
    pub(super) item: Option<usize>,
    /// Which row filter looks at it.
    pub(super) scope: Option<usize>,
    /// Whether it tells when the row was changed.
    pub(super) moment: bool,
}

impl Leaf {
    /// Whether the value must be read as a whole before it can leave.
    pub(super) fn is_held(&self) -> bool {
        self.scope.is_some() || self.moment || matches!(self.fate, Fate::Mask(_))
    }
}

/// What may stand at a node.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Not yet said; no finished tree has one but that of no paths.
    Open,
    /// An object with these members.
    Object(Vec<Member>),
    /// An array of this.
    Array(NodeId),
    /// The end of a path.
    Leaf(Leaf),
}

/// A place in the payload.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// What may stand here.
    pub(super) kind: Kind,
    /// Whether anything at or below it is granted.
    pub(super) live: bool,
    /// Whether what stands here is a row.
    pub(super) row: bool,
}

/// A named way down, compared by length and first bytes before the rest.
#[derive(Clone, Debug)]
pub(super) struct Member {
    head: u64,
    name: Box<[u8]>,
    node: NodeId,
}

/// All paths.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

/// The first eight bytes of a name, so that short names compare as numbers.
#[inline]
fn head(name: &[u8]) -> u64 {
    if let Some(bytes) = name.first_chunk() {
        return u64::from_le_bytes(*bytes);
    }
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        // Of five to seven bytes these overlap, and agree where they do.
        let [first, last] = [first, last].map(|four| u64::from(u32::from_le_bytes(*four)));
        return first | last << (8 * (name.len() - 4));
    }
    name.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

impl Tree {
    /// A tree without paths.
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node { kind: Kind::Open, live: true, row: false }] }
    }

    /// The node of this index.
    #[inline]
    pub(super) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// Where the member of this name leads.
    #[inline]
    pub(super) fn member(&self, id: NodeId, name: &[u8]) -> Option<NodeId> {
        let Kind::Object(members) = &self.nodes.get(id)?.kind else { return None };
        let head = head(name);
        members
            .iter()
            .find(|member| {
                member.head == head
                    && member.name.len() == name.len()
                    && (name.len() <= 8 || *member.name == *name)
            })
            .map(|member| member.node)
    }

    /// Adds a path that ends in this leaf.
    pub(super) fn insert(
        &mut self,
        path: &str,
        steps: &[Step],
        leaf: Leaf,
        live: bool,
    ) -> Result<(), PlanError> {
        let overlap = || PlanError::Overlap(path.to_owned());
        let mut at = ROOT;
        for step in steps {
            at = self.step(at, step).ok_or_else(overlap)?;
            if let Some(node) = self.nodes.get_mut(at) {
                node.live |= live;
            }
        }
        match self.nodes.get_mut(at) {
            Some(node) if matches!(node.kind, Kind::Open) => {
                node.kind = Kind::Leaf(leaf);
                Ok(())
            }
            Some(_) | None => Err(overlap()),
        }
    }

    /// Notes that what stands at the end of this path is a row.
    pub(super) fn mark_row(&mut self, steps: &[Step]) {
        let mut at = Some(ROOT);
        for step in steps {
            at = at.and_then(|at| self.step(at, step));
        }
        if let Some(node) = at.and_then(|at| self.nodes.get_mut(at)) {
            node.row = true;
        }
    }

    /// The node one step down, made if it is not there.
    fn step(&mut self, at: NodeId, step: &Step) -> Option<NodeId> {
        let new = self.nodes.len();
        let found = self.find(at, step);
        let node = self.nodes.get_mut(at)?;
        match (&mut node.kind, step) {
            (Kind::Object(_), Step::Member(_)) | (Kind::Array(_), Step::Element)
                if found.is_some() =>
            {
                return found;
            }
            (Kind::Object(members), Step::Member(name)) => members.push(member(name, new)),
            (kind @ Kind::Open, Step::Member(name)) => {
                *kind = Kind::Object(vec![member(name, new)]);
            }
            (kind @ Kind::Open, Step::Element) => *kind = Kind::Array(new),
            (Kind::Object(_), Step::Element)
            | (Kind::Array(_) | Kind::Leaf(_), Step::Member(_) | Step::Element) => return None,
        }
        self.nodes.push(Node { kind: Kind::Open, live: false, row: false });
        Some(new)
    }

    fn find(&self, at: NodeId, step: &Step) -> Option<NodeId> {
        match step {
            Step::Member(name) => self.member(at, name.as_bytes()),
            Step::Element => match &self.nodes.get(at)?.kind {
                Kind::Array(element) => Some(*element),
                Kind::Open | Kind::Object(_) | Kind::Leaf(_) => None,
            },
        }
    }
}

fn member(name: &str, node: NodeId) -> Member {
    Member { head: head(name.as_bytes()), name: name.as_bytes().into(), node }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::path;

    fn insert(tree: &mut Tree, path: &str, live: bool) -> Result<(), PlanError> {
        let leaf = Leaf { fate: Fate::Scalar, item: None, scope: None, moment: false };
        tree.insert(path, &path::parse(path).unwrap(), leaf, live)
    }

    #[test]
    fn names_are_told_apart_by_every_byte_and_their_length() {
        let mut tree = Tree::new();
        for name in ["a", "ab", "abcdefgh", "abcdefghi", "abcdefghj", "姓名", "abcd", "abcdefg"] {
            insert(&mut tree, name, true).unwrap();
        }

        let found: Vec<_> =
            ["a", "ab", "abcdefgh", "abcdefghi", "abcdefghj", "姓名", "abcd", "abcdefg"]
                .map(|name| tree.member(ROOT, name.as_bytes()).unwrap())
                .into();
        assert_eq!(found, [1, 2, 3, 4, 5, 6, 7, 8]);
        for other in ["", "b", "a\0", "abc", "abcde", "abcdef", "abcdefG", "abcdefghk", "姓"] {
            assert_eq!(tree.member(ROOT, other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_path_within_another_is_refused() {
        for (one, other) in
            [("a", "a"), ("a", "a.b"), ("a.b", "a"), ("a[]", "a.b"), ("a[].b", "a[]")]
        {
            let mut tree = Tree::new();
            insert(&mut tree, one, true).unwrap();
            assert_eq!(
                insert(&mut tree, other, true),
                Err(PlanError::Overlap(other.to_owned())),
                "{one} and {other}"
            );
        }
    }
}
