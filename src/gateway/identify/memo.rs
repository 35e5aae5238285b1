//! What a worker remembers of tokens it has verified.
//!
//! Only that the signature was good under a generation of the issuer's keys, and what the token
//! says. Whether that is enough at this moment is checked on every call. Tokens with a bad signature
//! are never kept, so strangers cannot fill it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::token::Token;

type Half = HashMap<Box<[u8]>, Verified, RandomState>;

/// Tokens that one worker has verified. Not shared: every worker has its own.
pub struct Memo {
    // Two halves: when the young one is full it becomes the old one, whose tokens are forgotten
    // unless they were used in between. Bounded, and no list to maintain on a hit.
    young: Half,
    old: Half,
    half: usize,
}

/// A token whose signature was good.
#[derive(Clone)]
pub(super) struct Verified {
    pub(super) token: Arc<Token>,
    /// The generation of the issuer's keys that it was good under.
    pub(super) generation: u64,
}

impl Memo {
    /// Remembers up to this many tokens.
    pub fn new(most: usize) -> Self {
        Self { young: Half::default(), old: Half::default(), half: most.div_ceil(2).max(1) }
    }

    /// How many tokens are remembered.
    pub fn len(&self) -> usize {
        self.young.len().saturating_add(self.old.len())
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is remembered of exactly these bytes.
    pub(super) fn find(&mut self, token: &[u8]) -> Option<Verified> {
        if let Some(found) = self.young.get(token) {
            return Some(found.clone());
        }
        let (bytes, found) = self.old.remove_entry(token)?;
        self.keep(bytes, found.clone());
        Some(found)
    }

    pub(super) fn remember(&mut self, token: &[u8], verified: Verified) {
        self.old.remove(token);
        self.keep(token.into(), verified);
    }

    fn keep(&mut self, token: Box<[u8]>, verified: Verified) {
        if self.young.len() >= self.half && !self.young.contains_key(&token) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(token, verified);
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").field("tokens", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(generation: u64) -> Verified {
        Verified { token: Arc::new(Token::default()), generation }
    }

    #[test]
    fn it_is_bounded_and_keeps_what_is_used() {
        let mut memo = Memo::new(8);
        memo.remember(b"used", verified(0));
        for at in 0..100_u64 {
            memo.remember(&at.to_le_bytes(), verified(at));
            assert!(memo.find(b"used").is_some(), "after {at}");
            assert!(memo.len() <= 8, "{} at {at}", memo.len());
        }
        assert!(memo.find(&0_u64.to_le_bytes()).is_none());
        assert_eq!(memo.find(&99_u64.to_le_bytes()).unwrap().generation, 99);
    }

    #[test]
    fn a_new_verification_replaces_the_old_one() {
        let mut memo = Memo::new(2);
        memo.remember(b"a", verified(1));
        memo.remember(b"b", verified(1));
        memo.remember(b"a", verified(2));

        assert_eq!(memo.find(b"a").unwrap().generation, 2);
        assert_eq!(memo.len(), 2);
    }
}
