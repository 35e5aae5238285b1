//! How many calls may be sent again, so that retries never become the load.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// One retry, in thousandths.
const COST: u64 = 1000;
/// A call earns a tenth of a retry.
const EARNED_PER_CALL: u64 = 100;
/// A millisecond earns 3/1000: three retries a second.
const EARNED_PER_MS: u64 = 3;
/// Enough for all idle connections of a few workers going stale at once.
const MOST: u64 = 100 * COST;

#[derive(Debug, Default)]
pub(super) struct Budget(Mutex<Account>);

#[derive(Debug)]
struct Account {
    balance: u64,
    calls: u64,
    at: Option<Instant>,
}

impl Default for Account {
    fn default() -> Self {
        Self { balance: MOST, calls: 0, at: None }
    }
}

impl Budget {
    /// Takes one retry, `calls` calls into the life of the interface.
    pub(super) fn take(&self, calls: u64, now: Instant) -> bool {
        let mut account = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = account.at.map_or(0, |at| now.saturating_duration_since(at).as_millis());
        let earned =
            calls.saturating_sub(account.calls).saturating_mul(EARNED_PER_CALL).saturating_add(
                u64::try_from(waited).unwrap_or(u64::MAX).saturating_mul(EARNED_PER_MS),
            );
        let balance = account.balance.saturating_add(earned).min(MOST);
        let left = balance.checked_sub(COST);
        *account = Account { balance: left.unwrap_or(balance), calls, at: Some(now) };
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn when_it_is_spent_ten_calls_or_a_third_of_a_second_earn_a_retry() {
        let (budget, now) = (Budget::default(), Instant::now());
        while budget.take(0, now) {}

        assert!(!budget.take(9, now));
        assert!(budget.take(10, now));
        assert!(!budget.take(10, now + Duration::from_millis(333)));
        assert!(budget.take(10, now + Duration::from_millis(334)));
    }

    #[test]
    fn it_does_not_pile_up() {
        let (budget, now) = (Budget::default(), Instant::now());

        let taken = (0..1000).filter(|_| budget.take(1_000_000, now)).count();

        assert_eq!(taken, 100);
    }
}
