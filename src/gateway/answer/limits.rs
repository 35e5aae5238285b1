//! `RateLimit-Policy` and `RateLimit` (IETF draft-ietf-httpapi-ratelimit-headers).

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};

use foldhash::fast::RandomState;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::gateway::limit::Left;
use crate::gateway::record::Trail;

const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Most lists of policies one worker keeps; beyond it all are forgotten at once.
const MOST: usize = 1_000;

/// What a limit is, whatever is left of it: its name, calls and seconds.
type Policy = (&'static str, u64, u64);

/// Room to write in, and the lists of policies as they are written, by the hash of what they say: the
/// calls of a grant name the same ones, and writing a list anew takes five times the instructions.
#[derive(Debug, Default)]
struct Written {
    lists: HashMap<u64, (Box<[Policy]>, HeaderValue), RandomState>,
    text: Vec<u8>,
}

thread_local! {
    static WRITTEN: RefCell<Written> = RefCell::default();
}

/// Says the limits that the call passed, and the one that refused it.
pub(in crate::gateway) fn limits(head: &mut HeaderMap, trail: &Trail, refused: Option<&Left>) {
    let all = trail.left().iter().chain(refused);
    if all.clone().next().is_none() {
        return;
    }
    WRITTEN.with_borrow_mut(|written| {
        let policies = all.clone().map(policy);
        if let Some(policies) = written.policies(policies) {
            head.insert(RATELIMIT_POLICY, policies);
        }
        let lefts = all.map(|left| (left.policy, left.remaining, left.reset));
        if let Some(lefts) = written.list(lefts, [b";r=", b";t="]) {
            head.insert(RATELIMIT, lefts);
        }
    });
}

fn policy(left: &Left) -> Policy {
    (left.policy, left.limit, left.window)
}

impl Written {
    fn policies(&mut self, policies: impl Iterator<Item = Policy> + Clone) -> Option<HeaderValue> {
        let mut hash = self.lists.hasher().build_hasher();
        policies.clone().for_each(|policy| policy.hash(&mut hash));
        let hash = hash.finish();
        // Two lists may have one hash.
        if let Some((of, list)) = self.lists.get(&hash)
            && policies.clone().eq(of.iter().copied())
        {
            return Some(list.clone());
        }
        let list = self.list(policies.clone(), [b";q=", b";w="])?;
        if self.lists.len() >= MOST {
            self.lists.clear();
        }
        self.lists.insert(hash, (policies.collect(), list.clone()));
        Some(list)
    }

    /// A list of strings, each with two numbers for parameters (RFC 9651 §3.1).
    fn list(
        &mut self,
        members: impl Iterator<Item = (&'static str, u64, u64)>,
        names: [&[u8; 3]; 2],
    ) -> Option<HeaderValue> {
        self.text.clear();
        for (policy, one, other) in members {
            self.text.extend_from_slice(if self.text.is_empty() { b"\"" } else { b", \"" });
            self.text.extend_from_slice(policy.as_bytes());
            self.text.push(b'"');
            for (name, number) in names.into_iter().zip([one, other]) {
                self.text.extend_from_slice(name);
                self.text.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            }
        }
        HeaderValue::from_bytes(&self.text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(policy: &'static str, limit: u64, remaining: u64) -> Left {
        Left { policy, limit, remaining, window: 60, reset: 7 }
    }

    #[test]
    fn policies_that_are_kept_are_those_that_were_asked_for() {
        let mut written = Written::default();
        let day = left("day", 3, 1);
        let lists = [
            (vec![day], "\"day\";q=3;w=60"),
            (vec![Left { remaining: 0, ..day }], "\"day\";q=3;w=60"),
            (vec![left("month", 3, 1)], "\"month\";q=3;w=60"),
            (vec![left("day", 4, 1)], "\"day\";q=4;w=60"),
            (vec![Left { window: 61, ..day }], "\"day\";q=3;w=61"),
            (vec![day, left("grant", 9, 9)], "\"day\";q=3;w=60, \"grant\";q=9;w=60"),
        ];
        for _ in 0..2 {
            for (lefts, expected) in &lists {
                assert_eq!(written.policies(lefts.iter().map(policy)).unwrap(), expected);
            }
        }
        assert_eq!(written.lists.len(), 5);
        // Two lists of one hash do not answer for each other.
        let other = HeaderValue::from_static("other");
        for (policies, list) in written.lists.values_mut() {
            (*policies, *list) = (Box::new([("day", 8, 60)]), other.clone());
        }
        assert_eq!(written.policies([policy(&day)].into_iter()).unwrap(), "\"day\";q=3;w=60");
    }

    #[test]
    fn no_more_lists_are_kept_than_the_bound() {
        let mut written = Written::default();
        for limit in 0..2_500 {
            assert!(written.policies([("grant", limit, 60)].into_iter()).is_some());
        }
        assert!(written.lists.len() <= MOST, "{}", written.lists.len());
    }
}
