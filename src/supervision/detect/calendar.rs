//! Days in Asia/Shanghai. Records come in order, so that the day of one is nearly always that of the one
//! before: it is told without a calendar.

use jiff::civil::Date;

use crate::domain::Timestamp;

const DAY: i64 = 86_400_000;

/// A day in Asia/Shanghai.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) date: Date,
    /// Its month, written as `2026-11`.
    pub(super) month: String,
    begins: Timestamp,
}

impl Day {
    /// The day of a moment.
    pub(super) fn of(time: Timestamp) -> Self {
        let date = time.day();
        let month = date.strftime("%Y-%m").to_string();
        Self { date, month, begins: Timestamp::start_of(date) }
    }

    /// Whether a moment is in it.
    pub(super) fn holds(&self, time: Timestamp) -> bool {
        !self.month.is_empty() && self.begins <= time && time < self.begins.plus_millis(DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_of_shanghai_to_its_last_moment() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let day = Day::of(at("2026-11-30T15:59:59.999Z"));
        assert_eq!((day.date.to_string().as_str(), day.month.as_str()), ("2026-11-30", "2026-11"));
        assert!(day.holds(at("2026-11-29T16:00:00Z")) && day.holds(at("2026-11-30T15:59:59.999Z")));
        assert!(
            !day.holds(at("2026-11-29T15:59:59.999Z")) && !day.holds(at("2026-11-30T16:00:00Z"))
        );
        assert!(!Day::default().holds(Timestamp::from_millis(0)));
        assert_eq!(Day::of(at("2026-11-30T16:00:00Z")).month, "2026-12");
    }
}
