//! Minutes, hours and days. Days are those of Asia/Shanghai; minutes and hours are the same everywhere.

use crate::domain::Timestamp;

/// China Standard Time is so many seconds ahead, as in [`Timestamp::day`].
const AHEAD: i64 = 8 * 3_600;

/// The length of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Kept for 35 days.
    Minute,
    /// Kept for 400 days.
    Hour,
    /// Kept as long as records.
    Day,
}

impl Step {
    /// From the shortest to the longest.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// How long a bucket is, in seconds.
    pub fn seconds(self) -> i64 {
        match self {
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    /// The bucket a moment falls in, by its first second since 1970.
    pub fn bucket(self, time: Timestamp) -> i64 {
        self.start(time.millis().div_euclid(1_000))
    }

    /// The same for a second.
    pub(in crate::supervision) fn start(self, second: i64) -> i64 {
        let local = second.saturating_add(AHEAD);
        local.saturating_sub(local.rem_euclid(self.seconds())).saturating_sub(AHEAD)
    }

    /// The first second whose bucket is kept once records have come to `time`; none where all are.
    /// It moves on by the hour for minutes and by the day for hours, so that forgetting is rare.
    pub(in crate::supervision) fn horizon(self, time: Timestamp) -> Option<i64> {
        let (days, moves) = match self {
            Self::Minute => (35, Self::Hour),
            Self::Hour => (400, Self::Day),
            Self::Day => return None,
        };
        Some(moves.bucket(time).saturating_sub(Self::Day.seconds().saturating_mul(days)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_that_of_the_domain() {
        for millis in [0, 1_795_363_199_999, 1_795_363_200_000, 1_795_400_000_123, -1, -86_400_000]
        {
            let time = Timestamp::from_millis(millis);
            let start = Timestamp::start_of(time.day()).millis() / 1_000;
            assert_eq!(Step::Day.bucket(time), start, "{time}");
        }
    }

    #[test]
    fn a_bucket_begins_with_its_minute_or_hour() {
        let time = Timestamp::parse("2026-11-23T08:41:59.999+08:00").unwrap();
        let starts = |text: &str| Timestamp::parse(text).unwrap().millis() / 1_000;

        assert_eq!(Step::Minute.bucket(time), starts("2026-11-23T00:41:00Z"));
        assert_eq!(Step::Hour.bucket(time), starts("2026-11-23T00:00:00Z"));
        assert_eq!(Step::Day.bucket(time), starts("2026-11-22T16:00:00Z"));
    }

    #[test]
    fn what_is_forgotten_depends_on_the_records_only() {
        let time = Timestamp::parse("2026-11-23T08:41:59+08:00").unwrap();
        let starts = |text: &str| Some(Timestamp::parse(text).unwrap().millis() / 1_000);

        assert_eq!(Step::Minute.horizon(time), starts("2026-10-19T08:00:00+08:00"));
        assert_eq!(Step::Hour.horizon(time), starts("2025-10-19T00:00:00+08:00"));
        assert_eq!(Step::Day.horizon(time), None);
    }
}
