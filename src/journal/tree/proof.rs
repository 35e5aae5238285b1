//! That a leaf is in a tree: making and checking inclusion proofs (RFC 9162 §2.1.3).

use std::io;

use super::hash::Hash;
use super::tile::Tiles;

/// The proof that the leaf at `index` is in the tree of `size` leaves, from the leaf up; none if a tile
/// that it needs is not there, or the leaf is not in the tree.
pub(super) fn prove(tiles: &Tiles, index: u64, size: u64) -> io::Result<Option<Vec<Hash>>> {
    if index >= size {
        return Ok(None);
    }
    let mut proof = Vec::new();
    let (mut begin, mut end) = (0, size);
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        let beside = if index < middle { (middle, end) } else { (begin, middle) };
        let Some(hash) = root(tiles, beside)? else { return Ok(None) };
        proof.push(hash);
        if index < middle {
            end = middle;
        } else {
            begin = middle;
        }
    }
    proof.reverse();
    Ok(Some(proof))
}

/// The root over the leaves of a range that begins where a tree of its size may.
fn root(tiles: &Tiles, (begin, end): (u64, u64)) -> io::Result<Option<Hash>> {
    let size = end - begin;
    if size.is_power_of_two() {
        return tiles.perfect(size.trailing_zeros(), begin / size);
    }
    let middle = begin + split(size);
    let (left, right) = (root(tiles, (begin, middle))?, root(tiles, (middle, end))?);
    Ok(left.zip(right).map(|(left, right)| Hash::node(left, right)))
}

/// The largest power of two below a size of two or more.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The root that a proof leads to from this leaf (RFC 9162 §2.1.3.2); none if it does not fit a tree of
/// that size.
pub(super) fn climb(leaf: Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    let (mut node, mut last) = (index, size.checked_sub(1)?);
    if index > last {
        return None;
    }
    let mut hash = leaf;
    for beside in proof {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            hash = Hash::node(*beside, hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = Hash::node(hash, *beside);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::super::growing::{Growing, defined};
    use super::*;

    #[test]
    fn every_leaf_of_every_size_is_proved_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let mut tiles = Tiles::new(folder.path());
        let leaves: Vec<_> = (0..600_u32).map(|n| Hash::leaf(&n.to_be_bytes())).collect();
        let mut tree = Growing::default();
        for leaf in &leaves {
            tree.push(*leaf);
        }
        for tile in tree.take_full().into_iter().chain(tree.edges().collect::<Vec<_>>()) {
            tiles.write(&tile).unwrap();
        }
        for size in [1_usize, 2, 3, 7, 8, 255, 256, 257, 511, 513, 600] {
            let root = defined(&leaves[..size]);
            let total = u64::try_from(size).unwrap();
            for (index, leaf) in leaves[..size].iter().enumerate() {
                let place = u64::try_from(index).unwrap();
                let proof = prove(&tiles, place, total).unwrap().unwrap();
                assert_eq!(climb(*leaf, place, total, &proof), Some(root), "{index} of {size}");

                assert_ne!(climb(Hash::leaf(b"other"), place, total, &proof), Some(root));
                if size > 1 {
                    assert_ne!(climb(*leaf, place ^ 1, total, &proof), Some(root));
                }
                let longer: Vec<_> = proof.iter().copied().chain([root]).collect();
                assert_eq!(climb(*leaf, place, total, &longer), None);
                if let Some((_, shorter)) = proof.split_last() {
                    assert_ne!(climb(*leaf, place, total, shorter), Some(root));
                }
            }
            assert_eq!(prove(&tiles, total, total).unwrap(), None);
        }
        assert_eq!(prove(&tiles, 0, 601).unwrap(), None);
    }
}
