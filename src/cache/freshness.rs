//! How long an answer is fresh and how old it is (RFC 9111 §4.2).

use http::header::{AGE, DATE, EXPIRES};
use http::{HeaderMap, StatusCode};

use super::directives::{Directives, Word, seconds};
use super::moment::read_date;
use crate::domain::Timestamp;

/// How long an answer is fresh, counted from how old it was when it came. In milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Freshness {
    lifetime: i64,
    initial_age: i64,
    received: Timestamp,
}

impl Freshness {
    /// From the head of an answer and the moments around it; `lifetime` as [`lifetime`] has it.
    pub(super) fn new(
        headers: &HeaderMap,
        lifetime: i64,
        sent: Timestamp,
        received: Timestamp,
    ) -> Self {
        let initial_age = initial_age(headers, sent, received);
        Self { lifetime, initial_age, received }
    }

    /// When the department last vouched for it.
    pub(super) fn received(&self) -> Timestamp {
        self.received
    }

    /// How old it is (§4.2.3). A clock that was set back makes nothing younger.
    pub(super) fn age(&self, now: Timestamp) -> i64 {
        let resident = now.millis().saturating_sub(self.received.millis()).max(0);
        self.initial_age.saturating_add(resident)
    }

    /// How much longer it is fresh; stale if not positive.
    pub(super) fn left(&self, now: Timestamp) -> i64 {
        self.lifetime.saturating_sub(self.age(now))
    }
}

/// How long an answer is fresh (§4.2.1): the first of `s-maxage`, `max-age`, `Expires` minus `Date`,
/// and what the entry declares. Nothing is guessed.
pub(super) fn lifetime(
    (status, headers): (StatusCode, &HeaderMap),
    directives: &Directives,
    received: Timestamp,
    declared: Option<u32>,
) -> i64 {
    let millis = |seconds: u32| i64::from(seconds) * 1_000;
    if directives.says(Word::NoCache) {
        return 0;
    }
    if let Some(seconds) = directives.s_maxage.or(directives.max_age) {
        return millis(seconds);
    }
    if headers.contains_key(EXPIRES) {
        let date = date(headers, received);
        let expires = one_date(headers, EXPIRES).unwrap_or(date);
        return expires.millis().saturating_sub(date.millis()).max(0);
    }
    // What an entry declares stands in for a heuristic, and so only where one may (§4.2.2).
    if by_default(status) || directives.says(Word::Public) {
        return declared.map_or(0, millis);
    }
    0
}

/// Statuses that may be kept although nothing says for how long (RFC 9110 §15.1), but for 206.
pub(super) fn by_default(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// When the answer was made, as it says, or else when it came (RFC 9110 §6.6.1).
fn date(headers: &HeaderMap, received: Timestamp) -> Timestamp {
    one_date(headers, DATE).unwrap_or(received)
}

/// The date in a field that has one line only; more than one is invalid, and so stale.
fn one_date(headers: &HeaderMap, name: http::HeaderName) -> Option<Timestamp> {
    let mut lines = headers.get_all(name).iter();
    let date = read_date(lines.next()?)?;
    lines.next().is_none().then_some(date)
}

fn initial_age(headers: &HeaderMap, sent: Timestamp, received: Timestamp) -> i64 {
    let received_at = received.millis();
    let apparent = received_at.saturating_sub(date(headers, received).millis()).max(0);
    let delay = received_at.saturating_sub(sent.millis()).max(0);
    apparent.max(said_age(headers).saturating_add(delay))
}

/// The first member of the first `Age` line, ignored if it is no number (§5.1).
fn said_age(headers: &HeaderMap) -> i64 {
    let first = headers.get(AGE).and_then(|line| line.as_bytes().split(|&b| b == b',').next());
    first.and_then(|text| seconds(text.trim_ascii())).map_or(0, |age| i64::from(age) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::tests::{Lines, NOON, headers};

    fn life(status: u16, lines: Lines<'_>) -> i64 {
        let headers = headers(lines);
        let head = (StatusCode::from_u16(status).unwrap(), &headers);
        lifetime(head, &Directives::read(&headers), NOON, Some(7)) / 1_000
    }

    /// §4.2.1, in its order, and §4.2.2 for what the entry declares.
    #[test]
    fn the_first_that_says_it_sets_the_lifetime() {
        const DATE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        const EXPIRES: (&str, &str) = ("expires", "Sun, 06 Nov 1994 08:50:37 GMT");
        for (status, lines, expected) in [
            (200, &[("cache-control", "max-age=30, S-MaxAge=20"), DATE, EXPIRES][..], 20),
            (200, &[("cache-control", "max-age=30"), DATE, EXPIRES], 30),
            (200, &[DATE, EXPIRES], 60),
            (200, &[EXPIRES], 60),
            (200, &[DATE], 7),
            (404, &[], 7),
            (500, &[], 0),
            (500, &[("cache-control", "public")], 7),
            (500, &[("cache-control", "max-age=3")], 3),
            (200, &[("cache-control", "no-cache, max-age=30")], 0),
            (200, &[("cache-control", "max-age=30"), ("cache-control", "NO-CACHE=\"age\"")], 0),
        ] {
            assert_eq!(life(status, lines), expected, "{status} {lines:?}");
        }
    }

    /// §4.2.1 and §5.3: what is invalid is stale, and nothing else steps in.
    #[test]
    fn invalid_times_are_stale() {
        for lines in [
            &[("expires", "0")][..],
            &[("expires", "Sun, 06 Nov 1994 08:50:37 CST")],
            &[("expires", "Sun, 06 Nov 1994 08:49:36 GMT")],
            &[
                ("expires", "Sun, 06 Nov 1994 08:50:37 GMT"),
                ("expires", "Sun, 06 Nov 1994 08:55:37 GMT"),
            ],
            &[("cache-control", "max-age=soon"), ("expires", "Sun, 06 Nov 1994 08:50:37 GMT")],
            &[("cache-control", "s-maxage, max-age=60")],
        ] {
            assert_eq!(life(200, lines), 0, "{lines:?}");
        }
    }

    /// §4.2.3.
    #[test]
    fn the_age_counts_what_is_said_the_way_and_the_stay() {
        for (lines, expected) in [
            (&[][..], 12),
            (&[("date", "Sun, 06 Nov 1994 08:49:07 GMT")][..], 40),
            (&[("date", "Sun, 06 Nov 1994 09:49:07 GMT")], 12),
            (&[("age", "100")], 112),
            (&[("age", "100"), ("date", "Sun, 06 Nov 1994 08:49:07 GMT")], 112),
            (&[("age", "100, 5")], 112),
            (&[("age", "100"), ("age", "500")], 112),
            (&[("age", "-3")], 12),
            (&[("age", "old")], 12),
        ] {
            let freshness = Freshness::new(&headers(lines), 0, NOON.plus_millis(-2_000), NOON);
            assert_eq!(freshness.age(NOON.plus_millis(10_000)) / 1_000, expected, "{lines:?}");
        }
    }

    #[test]
    fn an_answer_is_fresh_until_it_is_as_old_as_its_lifetime() {
        let freshness = Freshness::new(&HeaderMap::new(), 5_000, NOON, NOON);

        assert_eq!(freshness.left(NOON.plus_millis(4_999)), 1);
        assert_eq!(freshness.left(NOON.plus_millis(5_000)), 0);
        assert_eq!(freshness.left(NOON.plus_millis(-60_000)), 5_000);
    }
}
