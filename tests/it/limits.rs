//! How much, counted at the sockets: many callers at once, over all workers, and never one over.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::caller::{Answer, Caller};
use crate::support::city::{City, Served};
use crate::support::records::events;
use crate::support::stand_in::{StandIn, json};

const MARRIAGE: &str = "/civil-affairs/marriage?cert_num=640106198507150024";

const DECLARED: [(&str, &str); 2] =
    [("Helan-Purpose", "data-verification"), ("Helan-Matter", "\"estate-transfer\"")];

const DAY: u64 = 86_400;

/// Every caller makes so many calls, all of them at once; what came back.
fn rush(callers: Vec<Caller>, each: usize, path: &str, fields: &[(&str, &str)]) -> Vec<Answer> {
    let start = Barrier::new(callers.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = callers
            .into_iter()
            .map(|mut caller| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    (0..each).map(|_| caller.get(path, fields)).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn callers(count: usize, one: impl Fn() -> Caller) -> Vec<Caller> {
    (0..count).map(|_| one()).collect()
}

fn registration(city: &City) -> Caller {
    Caller::application(&city.shown, "natural-resources/registration")
}

/// Splits answers into allowed and refused; all refusals bear this code.
fn split(answers: Vec<Answer>, code: &str) -> (Vec<Answer>, Vec<Answer>) {
    let (allowed, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    for answer in &refused {
        assert_eq!((answer.status, answer.code().as_str()), (429, code), "{answer:?}");
    }
    (allowed, refused)
}

/// The number after `key=` in a field such as `"day";r=3;t=60`.
fn number(field: &str, key: &str) -> u64 {
    let found = field.split(';').find_map(|part| part.strip_prefix(key)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("`{field}` has no `{key}`")).parse().unwrap()
}

/// A refusal says which limit it is, that nothing is left of it, and when to come back.
fn check_refusal(answer: &Answer, policy: &str, longest: u64) {
    assert_eq!(answer.field("ratelimit-policy"), policy);
    let (name, _) = policy.split_once(';').unwrap();
    let (left, wait) = (answer.field("ratelimit"), answer.field("retry-after"));
    assert_eq!(left, format!("{name};r=0;t={wait}"));
    let wait: u64 = wait.parse().unwrap();
    assert!((1..=longest).contains(&wait), "{policy}: {wait}");
}

/// What may change without a limit being handed out anew: nearby text, and a reload by signal.
fn reload_twice(city: &City, file: &str, from: &str, to: &str) {
    city.reload(|| city.edit(file, from, to));
    city.reload(|| city.hang_up());
}

const SEVEN_A_DAY: &str = "rate: {calls: 1, seconds: 86400, burst: 7}";

#[test]
fn an_application_makes_no_call_more_than_its_rate_over_all_its_grants() {
    let city = City::start();
    let file = "organizations/natural-resources.yaml";
    let name = "name: 不动产登记系统\n";
    city.reload(|| city.edit(file, name, &format!("{name}    {SEVEN_A_DAY}\n")));

    let answers = rush(callers(15, || registration(&city)), 1, MARRIAGE, &DECLARED);
    let (allowed, refused) = split(answers, "application-rate");
    assert_eq!((allowed.len(), refused.len()), (7, 8));
    for answer in &refused {
        check_refusal(answer, "\"application\";q=1;w=86400", DAY);
    }
    // Another entry, by a standing grant: the rate is the application's.
    let other = registration(&city).get("/ecology/air-quality", &[]);
    assert_eq!(other.code(), "application-rate");
    // Another application has its own.
    let mut other = Caller::application(&city.shown, "xingqing/approval");
    assert_eq!(other.get("/ecology/air-quality", &[]).status, 200);

    reload_twice(&city, file, "不动产登记系统", "不动产登记新系统");
    let answers = rush(callers(6, || registration(&city)), 1, MARRIAGE, &DECLARED);
    assert_eq!(split(answers, "application-rate").0.len(), 0, "a reload refilled the rate");
}

#[test]
fn a_grant_is_used_no_more_often_than_its_rate() {
    let city = City::start();
    let file = "grants/g-02.yaml";
    let limits = format!("limits: {{per_day: 3000, {SEVEN_A_DAY}}}");
    city.reload(|| city.edit(file, "limits: {per_day: 3000}", &limits));

    let answers = rush(callers(15, || registration(&city)), 1, MARRIAGE, &DECLARED);
    let (allowed, refused) = split(answers, "grant-rate");
    assert_eq!((allowed.len(), refused.len()), (7, 8));
    for answer in &refused {
        check_refusal(answer, "\"grant\";q=1;w=86400", DAY);
    }
    // What the rate refused was not taken from the quota.
    let least = allowed.iter().map(|answer| number(answer.field("ratelimit"), "r")).min();
    assert_eq!(least, Some(3000 - 7));
    assert_eq!(registration(&city).get("/ecology/air-quality", &[]).status, 200);

    reload_twice(&city, file, "per_day: 3000", "per_day: 2999");
    let answers = rush(callers(6, || registration(&city)), 1, MARRIAGE, &DECLARED);
    assert_eq!(split(answers, "grant-rate").0.len(), 0, "a reload refilled the rate");
}

#[test]
fn a_department_is_asked_no_more_often_than_its_entry_says_and_kept_answers_cost_nothing() {
    let city = City::start();
    let file = "catalog/ecology/air-quality.yaml";
    city.reload(|| {
        city.edit(file, "update: realtime\n", &format!("update: realtime\n{SEVEN_A_DAY}\n"));
    });
    let two = "rate: {calls: 1, seconds: 86400, burst: 2}";
    let kept = "catalog/transport/bus-stops.yaml";
    city.reload(|| city.edit(kept, "update: monthly\n", &format!("update: monthly\n{two}\n")));
    let public = || Caller::public(&city.shown.opening);
    let department = || Caller::application(&city.shown, "xingqing/approval");

    // Both zones ask the same department.
    let both = [callers(8, public), callers(7, department)].into_iter().flatten().collect();
    let answers = rush(both, 1, "/ecology/air-quality", &[]);
    let (allowed, refused) = split(answers, "entry-rate");
    assert_eq!((allowed.len(), refused.len()), (7, 8));
    for answer in &refused {
        check_refusal(answer, "\"entry\";q=1;w=86400", DAY);
    }

    assert_eq!(public().get("/transport/bus-stops", &[]).status, 200);
    let hits = rush(callers(8, public), 3, "/transport/bus-stops", &[]);
    assert!(hits.iter().all(|answer| answer.status == 200), "a kept answer was counted");
    let (one, other) = ("/transport/bus-stops?line=1", "/transport/bus-stops?line=2");
    assert_eq!(public().get(one, &[]).status, 200);
    assert_eq!(public().get(other, &[]).code(), "entry-rate");

    reload_twice(&city, file, "空气质量自动监测站", "空气质量监测站");
    let answers = rush(callers(6, public), 1, "/ecology/air-quality", &[]);
    assert_eq!(split(answers, "entry-rate").0.len(), 0, "a reload refilled the rate");
}

#[test]
fn an_address_calls_an_open_entry_no_more_often_than_it_says() {
    let city = City::start();
    let file = "catalog/weather/warnings.yaml";
    let seven = SEVEN_A_DAY.trim_start_matches("rate: ");
    city.reload(|| city.edit(file, "{calls: 1, seconds: 30, burst: 3}", seven));
    let public = || Caller::public(&city.shown.opening);

    let answers = rush(callers(15, public), 1, "/weather/warnings", &[]);
    let (allowed, refused) = split(answers, "address-rate");
    assert_eq!((allowed.len(), refused.len()), (7, 8));
    for answer in &refused {
        check_refusal(answer, "\"address-entry\";q=1;w=86400", DAY);
    }
    // The same address at another entry, and another address at this one.
    assert_eq!(public().get("/weather/observations", &[]).status, 200);
    let neighbor = || Caller::at(&city.shown.opening, Ipv4Addr::new(127, 0, 0, 2));
    let answers = rush(callers(10, neighbor), 1, "/weather/warnings", &[]);
    assert_eq!(split(answers, "address-rate").0.len(), 7);

    reload_twice(&city, file, "name: 灾害天气预警信号", "name: 灾害天气预警");
    let answers = rush(callers(6, public), 1, "/weather/warnings", &[]);
    assert_eq!(split(answers, "address-rate").0.len(), 0, "a reload refilled the rate");
}

/// What every allowed answer says of its quota: each number of what is left, once.
fn check_allowed(allowed: &[Answer], policy: &str, quota: u64) {
    let left: BTreeSet<u64> =
        allowed.iter().map(|answer| number(answer.field("ratelimit"), "r")).collect();
    assert_eq!(left, (0..quota).collect(), "{policy}");
    for answer in allowed {
        assert_eq!(answer.field("ratelimit-policy"), policy);
    }
}

#[test]
fn a_quota_of_the_day_or_month_is_exact_to_the_call() {
    let city = City::start();
    let (days, month, both) = ("grants/g-02.yaml", "grants/g-07.yaml", "grants/g-01.yaml");
    city.reload(|| city.edit(days, "{per_day: 3000}", "{per_day: 30}"));
    city.reload(|| city.edit(month, "{per_day: 5000}", "{per_month: 12}"));
    city.reload(|| city.edit(both, "{per_day: 20000}", "{per_day: 20, per_month: 15}"));
    let now = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)));
    let length = u64::try_from(now.days_in_month()).unwrap() * DAY;
    let until = |end: jiff::Zoned| u64::try_from(end.duration_since(&now).as_secs()).unwrap() + 1;
    let midnight = until(now.tomorrow().unwrap().start_of_day().unwrap());
    let next = until(now.last_of_month().unwrap().tomorrow().unwrap().start_of_day().unwrap());

    let answers = rush(callers(15, || registration(&city)), 3, MARRIAGE, &DECLARED);
    let (allowed, refused) = split(answers, "quota-spent");
    assert_eq!((allowed.len(), refused.len()), (30, 15));
    check_allowed(&allowed, "\"day\";q=30;w=86400", 30);
    for answer in &refused {
        check_refusal(answer, "\"day\";q=30;w=86400", midnight);
        let wait: u64 = answer.field("retry-after").parse().unwrap();
        assert!(wait + 60 > midnight, "{wait} s, and midnight is {midnight} s away");
    }

    let approval = || Caller::application(&city.shown, "xingqing/approval");
    // The standing grant of every department has no quota.
    let path = "/market/penalties";
    let chosen = [("Helan-Grant", "g-07")];
    let (allowed, refused) = split(rush(callers(10, approval), 2, path, &chosen), "quota-spent");
    assert_eq!((allowed.len(), refused.len()), (12, 8));
    check_allowed(&allowed, &format!("\"month\";q=12;w={length}"), 12);
    for answer in &refused {
        check_refusal(answer, &format!("\"month\";q=12;w={length}"), next);
    }
    let standing = approval().get(path, &[("Helan-Grant", "standing")]);
    assert_eq!((standing.status, standing.field("ratelimit")), (200, ""));

    let insurance = || Caller::application(&city.shown, "human-resources/insurance-registration");
    let answers = rush(callers(9, insurance), 2, "/market/enterprises", &[]);
    let (allowed, refused) = split(answers, "quota-spent");
    assert_eq!((allowed.len(), refused.len()), (15, 3));
    check_allowed(&allowed, &format!("\"month\";q=15;w={length}"), 15);

    for file in [days, month, both] {
        reload_twice(&city, file, "state: active", "state: active\n# 复核");
    }
    let left = [
        registration(&city).get(MARRIAGE, &DECLARED),
        approval().get(path, &chosen),
        insurance().get("/market/enterprises", &[]),
    ];
    for answer in left {
        assert_eq!(answer.code(), "quota-spent", "a reload refilled the quota");
    }
}

#[test]
fn a_call_that_fails_at_the_department_keeps_its_quota_and_says_so() {
    let city = City::start();
    let gone = StandIn::start(|_| crate::support::stand_in::answer("503 Busy", "text/plain", ""));
    let url = city.shown.upstreams["rest"].clone();
    city.reload(|| {
        let file = "organizations/civil-affairs.yaml";
        city.edit(file, &url, &format!("http://{}", gone.address));
    });

    let answer = registration(&city).get(MARRIAGE, &DECLARED);

    assert_eq!(answer.status, 502, "{answer:?}");
    assert_eq!(answer.field("ratelimit-policy"), "\"day\";q=3000;w=86400");
    assert_eq!(number(answer.field("ratelimit"), "r"), 2999);
}

/// Allowed calls under a grant that are on record.
fn allowed_on_record(city: &City, grant: &str) -> usize {
    let decided = events(&city.shown.records).into_iter().filter(|event| {
        event["event"] == "decided" && event["grant"] == grant && event["outcome"] == "allowed"
    });
    decided.count()
}

/// Calls from several connections until this many were answered in all; then the node is killed.
fn use_and_kill(city: &City, enough: usize, kill: impl FnOnce()) -> usize {
    let (answered, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let mut caller = registration(city);
                while !stop.load(Ordering::Relaxed) {
                    match caller.try_call("GET", MARRIAGE, &DECLARED, b"") {
                        Ok(Some(answer)) if answer.status == 200 => {
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(Some(answer)) => assert_eq!(answer.code(), "quota-spent"),
                        Ok(None) | Err(_) => return,
                    }
                }
            });
        }
        let start = Instant::now();
        while answered.load(Ordering::Relaxed) < enough && start.elapsed().as_secs() < 3 {
            std::thread::sleep(Duration::from_millis(1));
        }
        kill();
        stop.store(true, Ordering::Relaxed);
    });
    answered.into_inner()
}

#[test]
fn a_quota_survives_a_stop_and_kills_under_load_to_the_call() {
    let mut city = City::start();
    city.reload(|| {
        city.edit("grants/g-02.yaml", "{per_day: 3000}", "{per_day: 300, per_month: 290}");
    });
    let mut answered = 0;
    for answer in rush(callers(6, || registration(&city)), 5, MARRIAGE, &DECLARED) {
        assert_eq!(answer.status, 200);
        answered += 1;
    }
    city.interrupt();
    assert_eq!(allowed_on_record(&city, "g-02"), answered);
    let rest = city.shown.upstreams["rest"].trim_start_matches("http://").to_owned();
    let _rest = StandIn::on(TcpListener::bind(rest).unwrap(), |_| json(r#"{"total":0,"rows":[]}"#));
    let config = city.work().join("helan.yaml");
    let serve = || Served::start(&config, &city.shown.sharing, "warn");

    let mut node = serve();
    let first = registration(&city).get(MARRIAGE, &DECLARED);
    assert_eq!(number(first.field("ratelimit"), "r"), 290 - 30 - 1, "a stop refilled the quota");
    answered += 1;
    for _ in 0..5 {
        answered += use_and_kill(&city, 60, || node.kill());
        assert!(allowed_on_record(&city, "g-02") >= answered, "an answer has no record");
        node = serve();
    }

    assert_eq!(allowed_on_record(&city, "g-02"), 290, "{answered} calls were answered");
    assert!(answered <= 290);
    let refused = registration(&city).get(MARRIAGE, &DECLARED);
    assert_eq!(refused.code(), "quota-spent");
    assert!(refused.field("ratelimit-policy").starts_with("\"month\";q=290;"), "{refused:?}");
}
