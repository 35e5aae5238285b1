//! What is known of a number of calls.

use super::latency::Latency;

/// Figures of calls; all but the numbers of records add up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Calls, those of `counted` among them.
    pub calls: u64,
    /// Calls on record only as part of a count: folded, or answered while the journal could take no
    /// pair. Nothing else is known of them. Of a fold that a crash left open the least it holds.
    pub counted: u64,
    /// Bytes of body sent.
    pub bytes: u64,
    /// Rows that left.
    pub rows: u64,
    /// Answers without a row, or that the department had nothing for (404).
    pub empty: u64,
    /// Members that the department sent and the entry does not describe so.
    pub drift: u64,
    /// Calls with drift.
    pub drifted: u64,
    /// Members of another type than described, among `drift`.
    pub mistyped: u64,
    /// Values that did not leave because their mask could not read them.
    pub mask_failures: u64,
    /// Calls answered from the cache, fresh or stale.
    pub cache_hits: u64,
    /// Calls that the department's interface answered or was to answer.
    pub fetches: u64,
    /// Those among `fetches` that it failed: a 5xx, an answer that breaks off or cannot be used, none in
    /// time, or an interface that is left alone after failing repeatedly.
    pub upstream_failures: u64,
    /// Time from the request's head to the last byte, of all calls together.
    pub duration_us: u64,
    /// The first record of them (`decided`, or the count); 0 without calls.
    pub first_seq: u64,
    /// The last record of them.
    pub last_seq: u64,
    /// The time each call took; those of `counted` are not in it.
    pub latency: Latency,
}

/// How the store names the figures that add up, in the order of [`Figures::sums`].
pub(in crate::supervision) const SUMS: [&str; 13] = [
    "calls",
    "counted",
    "bytes",
    "rows",
    "empty",
    "drift",
    "drifted",
    "mistyped",
    "mask_failures",
    "cache_hits",
    "fetches",
    "upstream_failures",
    "duration_us",
];

impl Figures {
    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        let (sums, more) = (self.sums(), other.sums());
        let mut added = [0; SUMS.len()];
        for ((added, sum), more) in added.iter_mut().zip(sums).zip(more) {
            *added = sum.saturating_add(more);
        }
        self.set_sums(added);
        self.first_seq = match (self.first_seq, other.first_seq) {
            (0, first) | (first, 0) => first,
            (one, two) => one.min(two),
        };
        self.last_seq = self.last_seq.max(other.last_seq);
        self.latency.merge(&other.latency);
    }

    /// Mean time of a call, in microseconds; none without calls.
    pub fn mean_us(&self) -> Option<u64> {
        self.duration_us.checked_div(self.calls.saturating_sub(self.counted))
    }

    /// The share of the department's calls that did not fail (M08); none without any.
    pub fn availability(&self) -> Option<f64> {
        let share = share(self.upstream_failures, self.fetches)?;
        Some(1.0 - share)
    }

    pub(in crate::supervision) fn sums(&self) -> [u64; SUMS.len()] {
        [
            self.calls,
            self.counted,
            self.bytes,
            self.rows,
            self.empty,
            self.drift,
            self.drifted,
            self.mistyped,
            self.mask_failures,
            self.cache_hits,
            self.fetches,
            self.upstream_failures,
            self.duration_us,
        ]
    }

    pub(in crate::supervision) fn set_sums(&mut self, sums: [u64; SUMS.len()]) {
        [
            self.calls,
            self.counted,
            self.bytes,
            self.rows,
            self.empty,
            self.drift,
            self.drifted,
            self.mistyped,
            self.mask_failures,
            self.cache_hits,
            self.fetches,
            self.upstream_failures,
            self.duration_us,
        ] = sums;
    }
}

/// A part of a whole; none of nothing. Exact to fifteen digits, which no count of calls exceeds.
#[expect(clippy::cast_precision_loss, reason = "counts of calls stay far below 2^53")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_adds_up_and_the_range_of_records_widens() {
        let mut one = Figures { first_seq: 7, last_seq: 9, ..Figures::default() };
        one.set_sums(std::array::from_fn(|at| u64::try_from(at).unwrap() + 1));
        one.latency.add(1_000);
        let mut sum = Figures { first_seq: 8, last_seq: 12, ..one.clone() };

        sum.add(&one);
        sum.add(&Figures::default());

        assert_eq!(sum.sums(), one.sums().map(|figure| figure * 2));
        assert_eq!((sum.first_seq, sum.last_seq, sum.latency.calls()), (7, 12, 2));
    }

    #[test]
    fn a_share_of_nothing_is_none() {
        assert_eq!(Figures::default().availability(), None);
        let figures = Figures { fetches: 200, upstream_failures: 3, ..Figures::default() };
        assert_eq!(figures.availability(), Some(0.985));
        assert_eq!(Figures { calls: 2, counted: 2, ..figures }.mean_us(), None);
    }
}
