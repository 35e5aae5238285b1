//! The right edge of the tree: all that is needed to go on, and to tell the root.

use super::hash::{Hash, root_of};
use super::tile::{Tile, WIDTH};

/// A tree that grows leaf by leaf. It holds one tile a level, the one that is not full; a tile that is
/// full becomes one hash of the level above.
#[derive(Debug, Default)]
pub(super) struct Growing {
    size: u64,
    /// By level: the hashes of the tile that is not full.
    edges: Vec<Vec<Hash>>,
    /// Tiles that became full and were not taken away.
    full: Vec<Tile>,
}

impl Growing {
    /// A tree of so many leaves, of which these tiles are the right edge, lowest level first. None is
    /// full.
    pub(super) fn from_edges(size: u64, edges: Vec<Vec<Hash>>) -> Self {
        Self { size, edges, full: Vec::new() }
    }

    /// Leaves so far.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf.
    pub(super) fn push(&mut self, leaf: Hash) {
        let mut index = self.size / width();
        let mut hash = leaf;
        self.size = self.size.saturating_add(1);
        for level in 0_u8.. {
            let place = usize::from(level);
            if self.edges.len() == place {
                self.edges.push(Vec::with_capacity(WIDTH));
            }
            let Some(edge) = self.edges.get_mut(place) else { return };
            edge.push(hash);
            if edge.len() < WIDTH {
                return;
            }
            hash = root_of(edge);
            let hashes = std::mem::replace(edge, Vec::with_capacity(WIDTH));
            self.full.push(Tile { level, index, hashes });
            index /= width();
        }
    }

    /// The root over all leaves (RFC 6962 §2.1).
    pub(super) fn root(&self) -> Hash {
        let mut root = None;
        for edge in &self.edges {
            // From the smallest perfect tree at the right end to the largest.
            let mut rest = edge.as_slice();
            while !rest.is_empty() {
                let (left, right) = rest.split_at(last_perfect(rest.len()));
                let hash = root_of(right);
                root = Some(root.map_or(hash, |right| Hash::node(hash, right)));
                rest = left;
            }
        }
        root.unwrap_or_else(Hash::empty)
    }

    /// Takes away the tiles that became full.
    pub(super) fn take_full(&mut self) -> Vec<Tile> {
        std::mem::take(&mut self.full)
    }

    /// How many full tiles wait to be taken away.
    pub(super) fn full(&self) -> usize {
        self.full.len()
    }

    /// Puts back what could not be written.
    pub(super) fn put_back(&mut self, tiles: Vec<Tile>) {
        let later = std::mem::replace(&mut self.full, tiles);
        self.full.extend(later);
    }

    /// The tiles that are not full and not empty.
    pub(super) fn edges(&self) -> impl Iterator<Item = Tile> {
        let mut index = self.size / width();
        (0_u8..).zip(&self.edges).filter_map(move |(level, hashes)| {
            let tile = Tile { level, index, hashes: hashes.clone() };
            index /= width();
            (!hashes.is_empty()).then_some(tile)
        })
    }
}

/// Where the last of the perfect trees begins that so many hashes make, largest first.
fn last_perfect(hashes: usize) -> usize {
    let last = 1_usize.checked_shl(hashes.trailing_zeros()).unwrap_or(0);
    hashes.saturating_sub(last)
}

fn width() -> u64 {
    u64::try_from(WIDTH).unwrap_or(u64::MAX)
}

/// The root over any leaves, for tests: the definition itself.
#[cfg(test)]
pub(super) fn defined(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty(),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(super::hash::split(many.len()));
            Hash::node(defined(left), defined(right))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u32) -> Vec<Hash> {
        (0..count).map(|number| Hash::leaf(&number.to_be_bytes())).collect()
    }

    #[test]
    fn the_root_is_as_defined_at_every_size() {
        let leaves = leaves(1_000);
        let mut tree = Growing::default();
        for (size, leaf) in leaves.iter().enumerate() {
            assert_eq!(tree.root(), defined(&leaves[..size]), "{size}");
            tree.push(*leaf);
        }
        assert_eq!(tree.root(), defined(&leaves));
    }

    #[test]
    fn tiles_are_what_the_leaves_make() {
        let leaves = leaves(70_000);
        let mut tree = Growing::default();
        for leaf in &leaves {
            tree.push(*leaf);
        }
        assert_eq!(tree.root(), defined(&leaves));
        let full = tree.take_full();
        let of = |level| full.iter().filter(move |tile| tile.level == level);
        assert_eq!((of(0).count(), of(1).count(), of(2).count()), (273, 1, 0));
        for (index, tile) in of(0).enumerate() {
            assert_eq!(tile.index, u64::try_from(index).unwrap());
            assert_eq!(tile.hashes, leaves[index * 256..][..256]);
        }
        let above: Vec<_> = of(0).map(|tile| defined(&tile.hashes)).collect();
        assert_eq!(of(1).next().unwrap().hashes, above[..256]);

        let edges: Vec<_> = tree.edges().collect();
        assert_eq!(edges[0].hashes, leaves[273 * 256..]);
        assert_eq!((edges[0].index, edges[1].level, edges[1].index), (273, 1, 1));
        assert_eq!(edges[1].hashes, above[256..]);
        assert_eq!(edges[2].hashes, [defined(&above[..256])]);

        let edges = edges.into_iter().map(|tile| tile.hashes).collect();
        assert_eq!(Growing::from_edges(70_000, edges).root(), tree.root());
    }
}
