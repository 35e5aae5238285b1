//! How long calls took, as counts in fixed slots: adds up over any period and any choice of calls.

/// The end of each slot, in microseconds; a last one takes what was longer.
const BOUNDS_US: [u64; 31] = [
    250, 500, 1_000, 1_500, 2_000, 3_000, 5_000, 7_000, 10_000, 15_000, 20_000, 30_000, 50_000,
    70_000, 100_000, 150_000, 200_000, 300_000, 500_000, 700_000, 1_000_000, 1_500_000, 2_000_000,
    3_000_000, 5_000_000, 7_000_000, 10_000_000, 15_000_000, 20_000_000, 30_000_000, 60_000_000,
];

const SLOTS: usize = BOUNDS_US.len() + 1;

/// What is written of a slot: its number, then the count in seven bits a byte, lowest first.
const MORE: u8 = 0x80;

/// Counts of calls by how long they took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    counts: [u64; SLOTS],
}

impl Latency {
    /// Counts one call.
    pub fn add(&mut self, took_us: u64) {
        let slot = BOUNDS_US.partition_point(|bound| *bound < took_us);
        if let Some(count) = self.counts.get_mut(slot) {
            *count = count.saturating_add(1);
        }
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count = count.saturating_add(more);
        }
    }

    /// Calls counted.
    pub fn calls(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The time within which so many in a thousand calls ended, in microseconds: the end of the slot
    /// it falls in, so at most half as much again as it was. None without calls.
    pub fn within(&self, permille: u16) -> Option<u64> {
        let calls = self.calls();
        let rank = calls.saturating_mul(permille.min(1_000).into()).div_ceil(1_000).max(1);
        let mut seen = 0_u64;
        for (slot, count) in self.counts.iter().enumerate() {
            seen = seen.saturating_add(*count);
            if seen >= rank {
                return BOUNDS_US.get(slot).or(BOUNDS_US.last()).copied();
            }
        }
        None
    }

    /// Each slot that holds calls: its end in microseconds (none for the last one) and its count.
    pub fn slots(&self) -> impl Iterator<Item = (Option<u64>, u64)> + '_ {
        let slots = self.counts.iter().enumerate();
        slots
            .filter(|(_, count)| **count > 0)
            .map(|(slot, count)| (BOUNDS_US.get(slot).copied(), *count))
    }

    /// As the store keeps it: only slots that hold calls.
    pub(in crate::supervision) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (slot, count) in (0_u8..).zip(self.counts) {
            if count == 0 {
                continue;
            }
            bytes.push(slot);
            let mut rest = count;
            while rest >= MORE.into() {
                bytes.push(low(rest) | MORE);
                rest >>= 7;
            }
            bytes.push(low(rest));
        }
        bytes
    }

    /// Adds what was kept; none if it is not whole.
    pub(in crate::supervision) fn merge_encoded(&mut self, bytes: &[u8]) -> Option<()> {
        let mut bytes = bytes.iter();
        while let Some(slot) = bytes.next() {
            let (mut more, mut shift) = (0_u64, 0_u32);
            loop {
                let byte = bytes.next()?;
                more |= u64::from(byte & !MORE).checked_shl(shift)?;
                shift = shift.saturating_add(7);
                if byte & MORE == 0 {
                    break;
                }
            }
            let count = self.counts.get_mut(usize::from(*slot))?;
            *count = count.saturating_add(more);
        }
        Some(())
    }
}

/// The lowest seven bits.
fn low(number: u64) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency(times: &[u64]) -> Latency {
        let mut latency = Latency::default();
        for took in times {
            latency.add(*took);
        }
        latency
    }

    #[test]
    fn a_share_of_calls_ended_within_the_end_of_its_slot() {
        let hundred: Vec<u64> = (1..=100).map(|millis| millis * 1_000).collect();
        let latency = latency(&hundred);

        assert_eq!(latency.within(500), Some(50_000));
        assert_eq!(latency.within(950), Some(100_000));
        assert_eq!(latency.within(0), Some(1_000));
        assert_eq!(Latency::default().within(500), None);
    }

    #[test]
    fn what_took_longer_than_every_slot_is_counted() {
        assert_eq!(latency(&[u64::MAX]).within(990), Some(60_000_000));
        assert_eq!(latency(&[u64::MAX]).slots().collect::<Vec<_>>(), [(None, 1)]);
    }

    #[test]
    fn what_is_kept_adds_up_to_the_same() {
        let mut one = latency(&[1, 1_200, 1_200, 5_000_000]);
        one.counts[3] = 1 << 40;
        let other = latency(&[1, 80_000]);
        let mut sum = one.clone();
        sum.merge(&other);

        let mut kept = Latency::default();
        kept.merge_encoded(&one.encode()).unwrap();
        kept.merge_encoded(&other.encode()).unwrap();

        assert_eq!(kept, sum);
        assert_eq!(sum.calls(), (1 << 40) + 4);
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        for bad in [
            &[1_u8][..],
            &[1, 0x80],
            &[200, 1],
            &[0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1],
        ] {
            assert_eq!(Latency::default().merge_encoded(bad), None, "{bad:?}");
        }
    }
}
