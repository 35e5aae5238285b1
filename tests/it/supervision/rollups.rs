//! Roll-ups of a node that runs: they hold what the records hold, and a build from the records gives the
//! same.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use helan::supervision::{Dimension, Filter, Period, Rollups};
use serde_json::Value;

use super::{assert_same, counted, dump, rebuild};
use crate::support::caller::Caller;
use crate::support::city::{City, Served};
use crate::support::eventually;
use crate::support::records::events;
use crate::support::serving::metric;
use crate::support::stand_in::serve_rows;

const MARRIAGE: &str = "/civil-affairs/marriage?cert_num=640106198507150024";

const DECLARED: [(&str, &str); 3] = [
    ("Helan-Purpose", "data-verification"),
    ("Helan-Matter", "\"estate-transfer\""),
    ("Helan-Operator", "clerk-7"),
];

/// Calls of every kind: answered, kept, granted, refused, folded, and what is no request at all.
fn calls(city: &City) {
    let mut public = Caller::public(&city.shown.opening);
    for _ in 0..30 {
        public.get("/ecology/air-quality", &[]);
        public.get("/transport/bus-stops", &[]);
    }
    for _ in 0..60 {
        public.get("/weather/nothing-here", &[]);
    }
    let mut granted = Caller::application(&city.shown, "natural-resources/registration");
    for _ in 0..5 {
        granted.get(MARRIAGE, &DECLARED);
    }
    granted.get(MARRIAGE, &[]);
    drop(Caller::public(&city.shown.opening).try_call("GET /x NO", "/", &[], b""));
}

/// Calls by outcome, as the roll-ups tell them.
fn told(state: &Path) -> BTreeMap<String, u64> {
    let rollups = Rollups::open(state).unwrap();
    let outcomes = rollups.by(Period::ever(), Dimension::Outcome, &Filter::all()).unwrap();
    let name = |group: &helan::supervision::Group| group.names[0].as_deref().unwrap().to_owned();
    outcomes.iter().map(|group| (name(group), group.figures.calls)).collect()
}

#[test]
fn what_a_node_folded_is_what_its_records_hold_and_what_a_build_from_them_gives() {
    let mut city = City::start();
    calls(&city);
    eventually("the roll-ups to come even", Duration::from_secs(20), || {
        (metric(&city, "helan_supervision_lag_events") == Some(0)).then_some(())
    });
    let refused = rebuild(&city);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("stop it first"), "{said}");

    // What comes last before the end is in them as well.
    calls(&city);
    city.interrupt();

    let state = city.work().join("state");
    let events = events(&city.shown.records);
    let expected = counted(&events);
    assert!(expected["answered"] >= 120 && expected.len() >= 4, "{expected:?}");
    assert_eq!(told(&state), expected);
    assert!(events.iter().any(|event| event["event"] == "folded"), "nothing was folded");
    facts(&state, &events);

    let live = dump(&state);
    let built = rebuild(&city);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    assert_same(&live, &dump(&state));
}

/// What is kept beside figures, as far as it can be counted from the records.
fn facts(state: &Path, events: &[Value]) {
    let rollups = Rollups::open(state).unwrap();
    let last = events.last().unwrap()["seq"].as_u64().unwrap();
    assert_eq!(rollups.place().unwrap().seq, last);

    let granted = |event: &&Value| event["event"] == "decided" && event["outcome"] == "allowed";
    let under: Vec<&Value> =
        events.iter().filter(granted).filter(|event| event["grant"].is_string()).collect();
    let uses = rollups.grant_uses(Period::ever()).unwrap();
    let written: u64 = uses.iter().filter(|use_| use_.grant.is_some()).map(|u| u.calls).sum();
    assert_eq!(written, u64::try_from(under.len()).unwrap());
    let latest = under.iter().map(|event| event["time"].as_str().unwrap()).max().unwrap();
    let last = uses.iter().filter(|u| u.grant.is_some()).map(|u| u.last).max().unwrap();
    assert_eq!(last.to_string(), latest);

    let items = rollups.item_uses(Period::ever()).unwrap();
    let item = items.iter().find(|item| &*item.item == "cert_num_man").unwrap();
    assert!(item.returned > 0 && item.masked > 0, "{item:?}");
    let matters = rollups.matters(Period::ever()).unwrap();
    assert!(matters.iter().any(|matter| &*matter.matter == "estate-transfer"));
    let operators = rollups.operators(Period::ever()).unwrap();
    let named: Vec<_> = operators.iter().filter(|o| o.operator.is_some()).collect();
    assert!(named.iter().all(|operator| operator.subjects == 1), "{named:?}");
    assert_eq!(named.iter().map(|operator| operator.calls).sum::<u64>(), 10);
}

/// Calls on one connection until it breaks.
fn call_until_broken(opening: &str, stop: &AtomicBool) {
    let mut caller = Caller::public(opening);
    while !stop.load(Ordering::Relaxed) {
        for path in ["/ecology/air-quality", "/weather/nothing-here"] {
            if !matches!(caller.try_call("GET", path, &[], b""), Ok(Some(_))) {
                return;
            }
        }
    }
}

/// Half a record behind the last whole one, as a power cut leaves it.
fn tear(records: &Path) {
    let mut segments: Vec<_> = fs::read_dir(records).unwrap().map(|f| f.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some_and(|kind| kind == "log"));
    let last = segments.iter().max().unwrap();
    let mut bytes = fs::read(last).unwrap();
    let end = bytes.iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let torn = b"0badc0de {\"seq\":99999999,\"node\":\"no";
    bytes.resize(bytes.len().max(end + torn.len()), 0);
    bytes[end..end + torn.len()].copy_from_slice(torn);
    fs::write(last, bytes).unwrap();
}

#[test]
fn kills_under_load_and_a_torn_tail_neither_lose_nor_double_a_call() {
    let mut city = City::start();
    city.interrupt();
    let rest = city.shown.upstreams["rest"].trim_start_matches("http://").to_owned();
    serve_rows(TcpListener::bind(rest).unwrap());
    let config = city.work().join("helan.yaml");

    for round in 0..6 {
        let mut node = Served::start(&config, &city.shown.opening, "warn");
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| call_until_broken(&city.shown.opening, &stop));
            }
            // Some kills come before the first second is folded, some after.
            std::thread::sleep(Duration::from_millis(400 * (1 + round % 4)));
            node.kill();
            stop.store(true, Ordering::Relaxed);
        });
        if round % 2 == 0 {
            tear(&city.shown.records);
        }
    }
    let node = Served::start(&config, &city.shown.opening, "warn");
    // It gives way to everything else on this machine.
    eventually("the roll-ups to come even", Duration::from_secs(60), || {
        (metric(&city, "helan_supervision_lag_events") == Some(0)).then_some(())
    });
    node.end();

    let state = city.work().join("state");
    let events = events(&city.shown.records);
    let expected = counted(&events);
    assert!(expected["answered"] > 500, "too thin a load: {expected:?}");
    assert_eq!(told(&state), expected);
    let live = dump(&state);
    assert_eq!(live["pending"].len(), 0, "{:?}", live["pending"]);
    let built = rebuild(&city);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    assert_same(&live, &dump(&state));
}

#[test]
fn roll_ups_that_cannot_be_used_are_set_aside_and_built_anew() {
    let mut city = City::start();
    calls(&city);
    city.interrupt();
    let state = city.work().join("state");
    let store = state.join("supervision.sqlite");
    let config = city.work().join("helan.yaml");

    let damage: [fn(&mut Vec<u8>); 3] = [
        |bytes| bytes[..16].copy_from_slice(b"no such database"),
        // Its version; and a page within it.
        |bytes| bytes[60..64].copy_from_slice(&77_u32.to_be_bytes()),
        |bytes| bytes[4096..].fill(0xa5),
    ];
    for damage in damage {
        let mut bytes = fs::read(&store).unwrap();
        damage(&mut bytes);
        fs::write(&store, &bytes).unwrap();
        let node = Served::start(&config, &city.shown.opening, "warn");
        let log = node.log.clone();
        eventually("the old roll-ups to be set aside", Duration::from_secs(20), || {
            state.join("supervision.sqlite.set-aside").exists().then_some(())
        });
        eventually("new roll-ups", Duration::from_secs(20), || {
            Rollups::open(&state).ok()?.place().ok().filter(|place| place.seq > 0)
        });
        node.end();

        assert!(fs::read_to_string(log).unwrap().contains("built anew from the records"));
        fs::remove_file(state.join("supervision.sqlite.set-aside")).unwrap();
        let live = dump(&state);
        assert_eq!(told(&state), counted(&events(&city.shown.records)));
        assert!(rebuild(&city).status.success());
        assert_same(&live, &dump(&state));
    }
}
