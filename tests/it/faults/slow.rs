//! Records that take half a second to become durable: nothing leaves earlier.

use std::time::{Duration, Instant};

use super::Injection;
use super::city::{Call, Town, make_all, over_http_2};
use crate::support::city::City;
use crate::support::records::{about, events};
use crate::support::tools::tool;

/// What the disk takes longer, as strace writes it.
const DELAY: &str = "delay_enter=500000";

/// A little less, because clocks tick apart.
const LEAST: Duration = Duration::from_millis(490);

#[test]
fn no_first_byte_leaves_before_its_record_is_durable() {
    let Some(strace) = tool("strace", &["strace"]) else { return };
    let town = Town::start();
    let is_quick = || {
        make_all(town.data_calls()).iter().all(|(name, answer)| {
            assert_eq!(answer.status, 200, "{name}: {}", answer.message.text());
            answer.first_byte < LEAST
        })
    };
    assert!((0..10).any(|_| is_quick()), "so slow without any delay that nothing can be proved");
    let calls: Vec<_> = town.data_calls().into_iter().chain(town.refused_calls()).collect();

    let injection = Injection::attach(&strace, &town.city, DELAY);
    let before = injection.hits();
    let answers = make_all(calls);
    let (status, version, first_byte) = over_http_2(&town.city);
    assert!(injection.hits() > before, "the delay was not hit, so nothing was proved");
    injection.detach();

    for (name, answer) in &answers {
        let (status, after) = (answer.status, answer.first_byte);
        assert!(after >= LEAST, "{name}: {status} left after {after:?}: {}", answer.message.text());
    }
    let kept = &answers.iter().find(|(name, _)| *name == "a kept answer").unwrap().1;
    assert!(kept.field("cache-status").contains("; hit"), "{}", kept.field("cache-status"));
    assert_eq!((status.as_str(), version.as_str()), ("200", "2"));
    assert!(first_byte >= LEAST, "a byte left over HTTP/2 after {first_byte:?}");
    let events = events(&town.city.shown.records);
    for (name, answer) in &answers {
        assert_eq!(about(&events, "decided", answer.transaction()).len(), 1, "{name}");
    }
}

#[test]
fn what_changes_something_reaches_the_department_only_after_its_record_is_durable() {
    let Some(strace) = tool("strace", &["strace"]) else { return };
    let town = Town::start();
    let calls: Vec<_> = town.data_calls().into_iter().filter(Call::changes_something).collect();
    let mut reader = town.department();

    let injection = Injection::attach(&strace, &town.city, DELAY);
    let (before, start) = (injection.hits(), Instant::now());
    let answers = make_all(calls);
    assert!(injection.hits() > before, "the delay was not hit, so nothing was proved");
    let changes = town.changes();
    let fetched: Vec<Duration> = (0..3)
        .map(|_| {
            let asked = Instant::now();
            assert_eq!(reader.get("/weather/reports", &[]).status, 200);
            town.stand_in.seen().last().unwrap().began - asked
        })
        .collect();
    injection.detach();

    assert!(answers.iter().all(|(_, answer)| answer.status == 200), "{answers:?}");
    assert_eq!(changes.len(), answers.len());
    for change in changes {
        let after = change.began - start;
        assert!(after >= LEAST, "{} was at the department after {after:?}", change.start);
    }
    // A look is fetched while its record is being written.
    assert!(
        fetched.iter().any(|after| *after < LEAST),
        "GETs waited {fetched:?} for their records"
    );
}

#[test]
fn a_flood_of_like_refusals_waits_for_its_record_too() {
    let Some(strace) = tool("strace", &["strace"]) else { return };
    let city = City::start();
    let caller = || crate::support::caller::Caller::public(&city.shown.opening);
    let mut callers: Vec<_> = (0..40).map(|_| caller()).collect();

    let injection = Injection::attach(&strace, &city, DELAY);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = callers
            .iter_mut()
            .map(|caller| scope.spawn(|| caller.get("/weather/nothing-here", &[])))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(injection.hits() > 0, "the delay was not hit, so nothing was proved");
    injection.detach();

    for answer in &answers {
        assert_eq!(answer.status, 404);
        assert!(answer.first_byte >= LEAST, "a refusal left after {:?}", answer.first_byte);
    }
    let events = events(&city.shown.records);
    let folded = events.iter().filter(|e| e["event"] == "folded" && e["code"] == "no-such-entry");
    assert!(folded.count() > 0, "forty at once were not folded");
}
