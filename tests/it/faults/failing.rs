//! Records that cannot become durable: nothing leaves, and service comes back by itself.

use std::time::Duration;

use super::Injection;
use super::city::{Call, Town, VALUE, make_all, over_http_2};
use crate::support::caller::Caller;
use crate::support::city::City;
use crate::support::eventually;
use crate::support::records::{about, events};
use crate::support::tools::tool;

const FAULT: &str = "error=EIO";

#[test]
fn a_disk_that_fails_lets_no_data_out_and_service_comes_back_by_itself() {
    let Some(strace) = tool("strace", &["strace"]) else { return };
    let city = City::start();
    let mut caller = Caller::public(&city.shown.opening);
    let path = "/ecology/air-quality";
    assert_eq!(caller.get(path, &[]).status, 200);

    let injection = Injection::attach(&strace, &city, FAULT);
    for _ in 0..20 {
        assert_eq!(caller.get(path, &[]).status, 503, "data left without a record");
    }
    assert!(injection.hits() > 0, "the fault was not hit, so nothing was proved");
    let ready = || Caller::public(&city.shown.admin).get("/readyz", &[]);
    assert_eq!(ready().status, 503, "calls go on being sent to a node that refuses them all");
    injection.detach();

    let mut refused = 20;
    let answer = eventually("the journal's recovery", Duration::from_secs(10), || {
        let answer = caller.get(path, &[]);
        refused += u64::from(answer.status == 503);
        (answer.status == 200).then_some(answer)
    });
    assert_eq!(ready().status, 200);
    let events = events(&city.shown.records);
    assert_eq!(about(&events, "decided", answer.transaction()).len(), 1);
    assert!(events.iter().any(|event| event["event"] == "recovered" && event["cause"] == "write"));
    eventually("the count of answers without a record", Duration::from_secs(5), || {
        let counted: u64 = self::events(&city.shown.records)
            .iter()
            .filter(|event| event["event"] == "uncounted")
            .flat_map(|event| event["counts"].as_object().unwrap().values())
            .map(|count| count.as_u64().unwrap())
            .sum();
        (counted == refused).then_some(())
    });
}

#[test]
fn a_file_system_that_takes_no_direct_write_is_written_through_its_cache() {
    let Some(strace) = tool("strace", &["strace"]) else { return };
    let city = City::start();
    let mut caller = Caller::public(&city.shown.opening);
    let path = "/ecology/air-quality";
    assert_eq!(caller.get(path, &[]).status, 200);

    // It says so once only: from then on it is not asked again.
    let injection = Injection::attach(&strace, &city, "error=EINVAL:when=1");
    let transactions: Vec<String> = (0..5)
        .map(|_| {
            let answer = caller.get(path, &[]);
            assert_eq!(answer.status, 200, "a call was lost to the way it is written");
            answer.transaction().to_owned()
        })
        .collect();
    assert!(injection.hits() > 0, "the fault was not hit, so nothing was proved");
    injection.detach();

    let events = events(&city.shown.records);
    for transaction in &transactions {
        assert_eq!(about(&events, "decided", transaction).len(), 1);
    }
    assert!(events.iter().all(|event| event["event"] != "recovered"));
}

#[test]
fn i11_no_allowed_call_is_answered_or_carried_out_without_a_durable_record() {
    let Some(strace) = tool("strace", &["strace"]) else { return };
    let town = Town::start();
    assert!(make_all(town.data_calls()).iter().all(|(_, answer)| answer.status == 200));
    let (changing, data): (Vec<_>, Vec<_>) =
        town.data_calls().into_iter().partition(Call::changes_something);
    let refused = town.refused_calls();
    let done = town.changes().len();

    let injection = Injection::attach(&strace, &town.city, FAULT);
    // These first: nobody has told them yet that the disk fails.
    let mut answers = make_all(changing);
    answers.extend(make_all(data));
    let refusals = make_all(refused);
    let (status, version, _) = over_http_2(&town.city);
    assert!(injection.hits() > 0, "the fault was not hit, so nothing was proved");
    let changed = town.changes().len();
    injection.detach();

    for (name, answer) in &answers {
        assert_eq!(answer.status, 503, "{name}");
        assert_eq!(answer.field("retry-after"), "1", "{name}");
        if *name != "a head" {
            assert_eq!(answer.code(), "record-failed", "{name}");
        }
        assert!(!answer.message.text().contains(VALUE), "{name}");
    }
    assert_eq!((status.as_str(), version.as_str()), ("503", "2"));
    assert_eq!(changed, done, "something was changed at the department without a record");
    for (name, answer) in &refusals {
        assert!(answer.status >= 400, "{name}: {answer:?}");
    }

    let mut caller = town.department();
    let mut accepted = 0;
    eventually("the journal's recovery", Duration::from_secs(10), || {
        let fields = [("Content-Type", "application/json")];
        let answer = caller.call("POST", "/weather/reports", &fields, br#"{"station":"1"}"#);
        accepted += usize::from(answer.status == 200);
        (accepted > 0).then_some(())
    });
    assert_eq!(town.changes().len(), done + accepted, "what was refused was carried out");
    assert!(make_all(town.data_calls()).iter().all(|(_, answer)| answer.status == 200));
}
