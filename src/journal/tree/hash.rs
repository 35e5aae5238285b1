//! Hashes of the tree: SHA-256 as RFC 6962 §2.1 uses it.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The name that stands beside every hash we write.
pub const ALGORITHM: &str = "sha-256";

/// Bytes of a hash.
pub(super) const LENGTH: usize = 32;

/// What comes before a leaf when it is hashed.
const LEAF: u8 = 0;
/// What comes before two children.
const NODE: u8 = 1;

/// One hash of the tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub(super) [u8; LENGTH]);

impl Hash {
    /// The root of a tree without leaves.
    pub fn empty() -> Self {
        Self::of(&[])
    }

    /// The hash of a leaf.
    pub fn leaf(bytes: &[u8]) -> Self {
        let mut marked = Vec::with_capacity(bytes.len().saturating_add(1));
        marked.push(LEAF);
        marked.extend_from_slice(bytes);
        Self::of(&marked)
    }

    /// The hash of a leaf whose bytes stand behind one that may be written over.
    pub(super) fn leaf_in_place(marked: &mut [u8]) -> Self {
        if let Some(mark) = marked.first_mut() {
            *mark = LEAF;
        }
        Self::of(marked)
    }

    /// The hash of a node with these children.
    pub(super) fn node(left: Self, right: Self) -> Self {
        let mut bytes = [NODE; 1 + 2 * LENGTH];
        for (place, child) in bytes.split_at_mut(1).1.chunks_exact_mut(LENGTH).zip([left, right]) {
            place.copy_from_slice(&child.0);
        }
        Self::of(&bytes)
    }

    fn of(bytes: &[u8]) -> Self {
        let mut hash = [0; LENGTH];
        hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Self(hash)
    }

    /// Reads base64, as notes and proofs write it.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_bytes(&STANDARD.decode(text).ok()?)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

/// In base64.
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The root over perfect trees that stand side by side, a hash each; they are as many as one level of a
/// tile, and all of one height.
pub(super) fn root_of(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => Hash::empty(),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(split(many.len()));
            Hash::node(root_of(left), root_of(right))
        }
    }
}

/// The largest power of two below `size` (RFC 6962 §2.1): how many leaves the left child has.
pub(super) fn split(size: usize) -> usize {
    size.saturating_sub(1).checked_ilog2().map_or(0, |log| 1 << log)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From RFC 9162's own definition, computed with Python's hashlib.
    #[test]
    fn hashes_are_those_of_rfc_6962() {
        assert_eq!(Hash::empty().to_string(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(Hash::leaf(b"").to_string(), "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=");
        let mut marked = *b"+L123456";
        assert_eq!(Hash::leaf_in_place(&mut marked), Hash::leaf(b"L123456"));
        assert_eq!(Hash::parse(&Hash::leaf(b"a").to_string()), Some(Hash::leaf(b"a")));
    }

    #[test]
    fn the_left_child_is_the_largest_perfect_tree() {
        assert_eq!([2, 3, 4, 5, 255, 256, 257].map(split), [1, 2, 2, 4, 128, 128, 256]);
        let [a, b, c] = [b"a", b"b", b"c"].map(|leaf| Hash::leaf(leaf));
        assert_eq!(root_of(&[a, b, c]), Hash::node(Hash::node(a, b), c));
    }
}
