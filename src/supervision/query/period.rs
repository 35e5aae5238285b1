//! Stretches of time, and the buckets that make them up.

use crate::domain::Timestamp;
use crate::supervision::rollup::Step;

/// From a moment to the one before another; whole minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first second in it.
    from: i64,
    /// The first second after it.
    until: i64,
}

/// Buckets of one table, by their first seconds: from this one to the one before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) step: Step,
    pub(super) from: i64,
    pub(super) until: i64,
}

impl Period {
    /// The minutes from the one of `from` to the last that begins before `until`.
    pub fn new(from: Timestamp, until: Timestamp) -> Self {
        let first = Step::Minute.bucket(from);
        let end = up(Step::Minute, until.plus_millis(999).millis().div_euclid(1_000));
        Self { from: first, until: if from < until { end } else { first } }
    }

    /// So much time up to the end of the bucket that `now` is in: the last 24 hours, the last 30 days.
    pub fn last(count: u32, step: Step, now: Timestamp) -> Self {
        let until = step.bucket(now).saturating_add(step.seconds());
        let length = step.seconds().saturating_mul(count.into());
        Self { from: until.saturating_sub(length), until }
    }

    /// A calendar day in Asia/Shanghai, the one that `time` is in.
    pub fn day(time: Timestamp) -> Self {
        Self::last(1, Step::Day, time)
    }

    /// All time.
    pub fn ever() -> Self {
        Self { from: 0, until: i64::MAX / 1_000_000 }
    }

    /// Its first moment.
    pub fn from(&self) -> Timestamp {
        Timestamp::from_millis(self.from.saturating_mul(1_000))
    }

    /// The first moment after it.
    pub fn until(&self) -> Timestamp {
        Timestamp::from_millis(self.until.saturating_mul(1_000))
    }

    /// The buckets of one length that it touches.
    pub(super) fn touched(&self, step: Step) -> Piece {
        Piece { step, from: step.start(self.from), until: up(step, self.until) }
    }

    /// The fewest buckets that are together just this.
    pub(super) fn pieces(&self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        split(Step::Day, self.from, self.until, &mut pieces);
        pieces
    }
}

impl Piece {
    /// How many buckets.
    pub(super) fn count(&self) -> u64 {
        let seconds = self.until.saturating_sub(self.from).max(0);
        u64::try_from(seconds.div_euclid(self.step.seconds())).unwrap_or(u64::MAX)
    }
}

/// Takes whole buckets of `step` out of the middle, and shorter ones for what stands before and behind.
fn split(step: Step, from: i64, until: i64, pieces: &mut Vec<Piece>) {
    let (first, last) = (up(step, from), step.start(until));
    let shorter = match step {
        Step::Minute => None,
        Step::Hour => Some(Step::Minute),
        Step::Day => Some(Step::Hour),
    };
    match shorter {
        Some(shorter) if first < last => {
            split(shorter, from, first, pieces);
            pieces.push(Piece { step, from: first, until: last });
            split(shorter, last, until, pieces);
        }
        Some(shorter) => split(shorter, from, until, pieces),
        None if from < until => pieces.push(Piece { step, from, until }),
        None => {}
    }
}

/// The first bucket that begins at a second or after it.
fn up(step: Step, second: i64) -> i64 {
    let start = step.start(second);
    if start == second { second } else { start.saturating_add(step.seconds()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_period_is_made_of_the_longest_buckets_that_fit() {
        let period = Period::new(at("2026-11-21T22:58:30+08:00"), at("2026-11-24T01:01:01+08:00"));

        let pieces: Vec<_> = period.pieces().iter().map(|p| (p.step, p.count())).collect();

        let expected = [
            (Step::Minute, 2),
            (Step::Hour, 1),
            (Step::Day, 2),
            (Step::Hour, 1),
            (Step::Minute, 2),
        ];
        assert_eq!(pieces, expected);
    }

    #[test]
    fn pieces_follow_each_other_and_cover_all_of_it() {
        for (from, until) in
            [(0, 60), (0, 86_400), (3_599, 3_601), (57_540, 200_000), (61, 400_000)]
        {
            let period = Period::new(
                Timestamp::from_millis(from * 1_000),
                Timestamp::from_millis(until * 1_000),
            );
            let pieces = period.pieces();

            assert_eq!(pieces.first().unwrap().from, period.from, "{from}");
            assert_eq!(pieces.last().unwrap().until, period.until, "{until}");
            assert!(pieces.windows(2).all(|pair| pair[0].until == pair[1].from), "{pieces:?}");
        }
        let now = at("2026-11-24T01:01:01+08:00");
        assert_eq!(Period::new(now, now.plus_millis(-1)).pieces(), []);
    }

    #[test]
    fn a_day_is_one_bucket() {
        let day = Period::day(at("2026-11-24T01:01:01+08:00"));

        assert_eq!(day.from(), at("2026-11-24T00:00:00+08:00"));
        assert_eq!(day.until(), at("2026-11-25T00:00:00+08:00"));
        assert_eq!(day.pieces(), [day.touched(Step::Day)]);
        assert_eq!(day.touched(Step::Hour).count(), 24);
    }
}
