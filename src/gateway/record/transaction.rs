//! Ids of calls.

use std::cell::RefCell;

use uuid::{Builder, Uuid};

use crate::domain::Timestamp;

/// Random bytes of one id.
const RANDOM: usize = 10;

/// Random bytes fetched at once: asking the system for each id cost two calls of it.
const POOL: usize = 100 * RANDOM;

/// An id that sorts by time and cannot be guessed (`UUIDv7`, RFC 9562 §5.7).
pub(super) fn transaction(now: Timestamp) -> Uuid {
    thread_local! {
        static POOL_OF_THREAD: RefCell<Vec<[u8; RANDOM]>> = const { RefCell::new(Vec::new()) };
    }
    let random = POOL_OF_THREAD.with_borrow_mut(|pool| {
        if pool.is_empty() {
            let mut bytes = [0; POOL];
            if aws_lc_rs::rand::fill(&mut bytes).is_ok() {
                pool.extend(bytes.as_chunks().0);
            }
        }
        pool.pop()
    });
    match (random, u64::try_from(now.millis())) {
        (Some(random), Ok(millis)) => {
            Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
        }
        (None, _) | (_, Err(_)) => Uuid::now_v7(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_all_different_and_tell_their_time() {
        let now = Timestamp::parse("2026-11-25T12:00:00.123Z").unwrap();
        let ids: HashSet<_> = (0..1000).map(|_| transaction(now)).collect();

        assert_eq!(ids.len(), 1000);
        for id in ids {
            assert_eq!(id.get_version_num(), 7);
            let (seconds, nanos) = id.get_timestamp().unwrap().to_unix();
            assert_eq!((seconds, nanos), (1_795_608_000, 123_000_000));
        }
    }
}
