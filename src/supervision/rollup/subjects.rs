//! How many different persons or businesses were asked about, in bounded memory and without naming one.

use std::collections::BTreeSet;

/// Numbers that are kept. Fewer subjects are told exactly; from here on the number is an estimate, of
/// 1,000 about 60 off.
const KEPT: usize = 256;

/// The smallest numbers among those that subjects stand for. The order they came in does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subjects {
    smallest: BTreeSet<u64>,
}

impl Subjects {
    /// Notes one subject by its number.
    pub(in crate::supervision) fn add(&mut self, number: u64) {
        if self.smallest.len() >= KEPT && self.smallest.last().is_some_and(|last| *last < number) {
            return;
        }
        self.smallest.insert(number);
        if self.smallest.len() > KEPT {
            self.smallest.pop_last();
        }
    }

    /// Adds what another noted.
    pub fn merge(&mut self, other: &Self) {
        other.smallest.iter().for_each(|number| self.add(*number));
    }

    /// How many different ones: exact below 256, an estimate from there on.
    pub fn count(&self) -> u64 {
        let kept = u64::try_from(self.smallest.len()).unwrap_or(u64::MAX);
        let Some(last) = self.smallest.last().filter(|_| self.smallest.len() >= KEPT) else {
            return kept;
        };
        // So many lie in this part of all numbers; the whole holds as many times more.
        let whole = u128::from(kept.saturating_sub(1)).saturating_mul(u128::from(u64::MAX));
        let estimate = whole.checked_div(u128::from(*last)).unwrap_or_default();
        u64::try_from(estimate).unwrap_or(u64::MAX).max(kept)
    }

    /// As the store keeps it.
    pub(in crate::supervision) fn encode(&self) -> Vec<u8> {
        self.smallest.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    /// Adds what was kept; none if it is not whole.
    pub(in crate::supervision) fn merge_encoded(&mut self, bytes: &[u8]) -> Option<()> {
        let (numbers, []) = bytes.as_chunks::<8>() else { return None };
        for number in numbers {
            self.add(u64::from_be_bytes(*number));
        }
        Some(())
    }
}

/// The number that a subject stands for: the first bytes of its hash, which are as good as drawn.
pub(super) fn number_of(hash: &str) -> Option<u64> {
    u64::from_str_radix(hash.get(..16)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers as evenly spread as those of a keyed hash.
    fn drawn(many: u64) -> impl Iterator<Item = u64> {
        (0..many).map(|number| {
            let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        })
    }

    fn subjects(numbers: impl Iterator<Item = u64>) -> Subjects {
        let mut subjects = Subjects::default();
        numbers.for_each(|number| subjects.add(number));
        subjects
    }

    #[test]
    fn few_are_told_exactly_and_each_once() {
        for many in [0, 1, 200, 255] {
            assert_eq!(subjects(drawn(many).chain(drawn(many))).count(), many);
        }
    }

    #[test]
    fn many_are_told_nearly_in_bounded_memory() {
        for many in [1_000, 20_000, 300_000] {
            let subjects = subjects(drawn(many));
            let off = subjects.count().abs_diff(many);

            assert!(off < many / 5, "{many} were told as {}", subjects.count());
            assert_eq!(subjects.encode().len(), KEPT * 8);
        }
    }

    #[test]
    fn what_is_kept_is_the_same_in_any_order_and_in_parts() {
        let all: Vec<u64> = drawn(2_000).collect();
        let whole = subjects(all.iter().copied());
        let mut parts = subjects(all.iter().rev().take(900).copied());
        parts.merge_encoded(&subjects(all.iter().take(1_500).copied()).encode()).unwrap();

        assert_eq!(parts, whole);
        assert_eq!(Subjects::default().merge_encoded(&[1, 2, 3]), None);
    }
}
