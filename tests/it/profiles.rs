//! A zone that follows 《政务数据共享条例》 (profile `sc-809-2025`), beside one that follows the Measures:
//! two nodes read the same policies, and the same call is answered by either's law.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::support::caller::{Answer, Caller};
use crate::support::city::{City, Served, program, today};
use crate::support::eventually;
use crate::support::records::events;

const MARRIAGE: &str = "/civil-affairs/marriage?cert_num=640106198507150024";

const REGISTRATION: &str = "natural-resources/registration";

const INSURANCE: &str = "human-resources/insurance-registration";

const APPROVAL: &str = "xingqing/approval";

/// The sample city under the Measures, and a second node in front of the same departments.
struct Twice {
    city: City,
    opening: String,
    sharing: String,
    _node: Served,
}

impl Twice {
    fn start() -> Self {
        let city = City::start();
        let base: u16 = city.shown.opening.rsplit(':').next().unwrap().parse().unwrap();
        let written = fs::read_to_string(city.work().join("helan.yaml")).unwrap();
        let mut text = written
            .replace("profile: yc-2018", "profile: sc-809-2025")
            .replace("/records\"", "/records-809\"")
            .replace("/state\"", "/state-809\"");
        for offset in 0..3 {
            let (old, new) = (base + offset, base + 14 + offset);
            text = text.replace(&format!("'127.0.0.1:{old}'"), &format!("'127.0.0.1:{new}'"));
        }
        let config = city.work().join("helan-809.yaml");
        fs::write(&config, text).unwrap();
        let opening = format!("http://127.0.0.1:{}", base + 14);
        let sharing = format!("https://127.0.0.1:{}", base + 15);
        let node = Served::start(&config, &sharing, "info");
        Self { city, opening, sharing, _node: node }
    }

    /// The same call under the Measures and under the Regulations.
    fn both(&self, application: &str, path: &str) -> [Answer; 2] {
        let declared =
            [("Helan-Purpose", "data-verification"), ("Helan-Matter", "\"estate-transfer\"")];
        [&self.city.shown.sharing, &self.sharing].map(|url| {
            Caller::over_tls(&self.city.shown, url, Some(application)).get(path, &declared)
        })
    }

    /// Waits until both nodes answer so; a refusal is named by its code.
    fn told(&self, application: &str, path: &str, wanted: [&str; 2]) -> [Answer; 2] {
        let mut last = Vec::new();
        for _ in 0..200 {
            let answers = self.both(application, path);
            last = answers.iter().map(outcome).collect();
            if last == wanted {
                return answers;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{path}: {last:?}, not {wanted:?}");
    }

    fn write(&self, file: &str, text: &str) {
        let until = today().checked_add(jiff::Span::new().days(90)).unwrap();
        let text = text.replace("TODAY", &today().to_string()).replace("UNTIL", &until.to_string());
        fs::write(self.city.shown.policies.join(file), text).unwrap();
    }
}

fn outcome(answer: &Answer) -> String {
    if answer.status == 200 { "yes".to_owned() } else { answer.code() }
}

/// A refusal under the Regulations names an article of theirs, and no expired law.
fn check_basis(answer: &Answer, article: &str) {
    let body = answer.json();
    let basis = body["basis"].as_array().unwrap();
    assert!(!basis.is_empty(), "{body}");
    for cited in basis {
        assert_eq!(cited["profile"], "sc-809-2025", "{body}");
        assert_eq!(cited["law"], "政务数据共享条例", "{body}");
    }
    assert!(basis.iter().any(|cited| cited["article"] == article), "not {article}: {body}");
    assert_eq!(body["notice"].as_str(), None, "the Regulations are in force: {body}");
}

#[test]
fn the_provider_alone_decides_on_conditional_data() {
    let twice = Twice::start();
    twice.told(REGISTRATION, MARRIAGE, ["yes", "yes"]);
    let file = "grants/g-02.yaml";
    let text = fs::read_to_string(twice.city.shown.policies.join(file)).unwrap();
    let without = |by: &str| -> String {
        text.split_inclusive('\n').filter(|line| !line.contains(&format!("by: {by}"))).collect()
    };

    twice.write(file, &without("bureau"));
    let [measures, _] = twice.told(REGISTRATION, MARRIAGE, ["approval-missing-bureau", "yes"]);
    assert!(measures.json()["notice"].as_str().is_some_and(|notice| notice.contains("失效")));

    twice.write(file, &without("provider"));
    let [_, regulations] = twice.told(
        REGISTRATION,
        MARRIAGE,
        ["approval-missing-provider", "approval-missing-provider"],
    );
    check_basis(&regulations, "第二十条");
}

const STANDING_NO_MORE: &str = "id: g-90
consumer: xingqing
applications: [xingqing/approval]
entry: ecology/air-quality
items: [site, aqi]
purposes: [data-verification]
modes: [api]
term: {from: TODAY, until: UNTIL}
basis: {rank: normative-document, title: 审批服务规程, article: 第三条}
state: active
approvals:
  - {by: provider, organization: ecology, person: ecology-steward, date: TODAY, document: 共享答复〔2026〕90号}
";

#[test]
fn what_is_shared_unconditionally_still_needs_a_written_grant() {
    let twice = Twice::start();
    let path = "/ecology/air-quality";

    let [_, refused] = twice.told(APPROVAL, path, ["yes", "no-grant"]);
    check_basis(&refused, "第二十一条");
    twice.write("grants/g-90.yaml", STANDING_NO_MORE);
    let [_, granted] = twice.told(APPROVAL, path, ["yes", "yes"]);

    let body = granted.json();
    let row = body["rows"][0].as_object().unwrap();
    assert_eq!(row.keys().collect::<Vec<_>>(), ["site", "aqi"], "more than was granted");
    let records = events(&twice.city.work().join("records-809"));
    let decided =
        records.iter().find(|event| event["transaction"] == granted.transaction()).unwrap();
    assert_eq!((&decided["profile"], &decided["grant"]), (&"sc-809-2025".into(), &"g-90".into()));
    assert!(decided["articles"][0].as_str().unwrap().starts_with("政务数据共享条例 第"));
}

const WITHHELD: &str = "id: g-91
consumer: human-resources
applications: [human-resources/insurance-registration]
entry: health/infectious-cases
items: [diagnosis, onset]
purposes: [data-verification]
modes: [api]
term: {from: TODAY, until: UNTIL}
basis: {rank: law, title: 中华人民共和国社会保险法, article: 第二十八条}
agreement: a-91
NEGOTIATION
state: active
approvals:
  - {by: provider, organization: health, person: health-steward, date: TODAY, document: 共享答复〔2026〕91号}
";

const CONSENT: &str = "  - {by: bureau, organization: big-data-bureau, person: big-data-bureau-steward, date: TODAY, document: 协调意见〔2026〕91号}\n";

const WITHHELD_AGREEMENT: &str = "id: a-91
provider: health
consumer: human-resources
entry: health/infectious-cases
items: [diagnosis, onset]
document: 安全保密协议〔2026〕91号
term: {from: TODAY, until: UNTIL}
state: effective
";

#[test]
fn what_is_withheld_is_shared_only_after_coordination_and_with_the_bureaus_consent() {
    let twice = Twice::start();
    let path = "/health/infectious-cases?onset=2026-05-01";
    let file = "grants/g-91.yaml";
    let negotiated =
        "negotiation: {date: TODAY, document: 会议纪要〔2026〕91号, coordinated: COORDINATED}";
    let alone = WITHHELD.replace("NEGOTIATION", &negotiated.replace("COORDINATED", "false"));
    let coordinated = WITHHELD.replace("NEGOTIATION", &negotiated.replace("COORDINATED", "true"));

    let [_, refused] = twice.told(INSURANCE, path, ["withheld", "withheld"]);
    check_basis(&refused, "第十四条");

    twice.write("agreements/a-91.yaml", WITHHELD_AGREEMENT);
    twice.write(file, &WITHHELD.replace("NEGOTIATION\n", ""));
    let missing = ["negotiation-missing", "negotiation-missing"];
    check_basis(&twice.told(INSURANCE, path, missing)[1], "第二十八条");

    // The two parties alone: enough for the Measures, once the bureau confirms.
    twice.write(file, &format!("{alone}{CONSENT}"));
    let [_, refused] = twice.told(INSURANCE, path, ["yes", "coordination-missing"]);
    check_basis(&refused, "第二十八条");

    twice.write(file, &coordinated);
    let missing = ["approval-missing-bureau", "approval-missing-bureau"];
    check_basis(&twice.told(INSURANCE, path, missing)[1], "第二十八条");

    twice.write(file, &format!("{coordinated}{CONSENT}"));
    let [_, granted] = twice.told(INSURANCE, path, ["yes", "yes"]);
    let text = granted.message.text();
    assert!(!text.contains("id_no") && !text.contains("name"), "more than was granted: {text}");
}

#[test]
fn opening_goes_on_under_the_expired_measures_and_says_so() {
    let twice = Twice::start();
    let mut caller = Caller::public(&twice.opening);

    let given = caller.get("/ecology/air-quality", &[]);
    assert_eq!(given.status, 200);
    let refused = caller.get("/market/enterprises?phone=13895001234", &[]);

    let body = refused.json();
    assert_eq!((refused.status, body["basis"][0]["profile"].as_str()), (403, Some("sc-809-2025")));
    assert_eq!(body["basis"][0]["law"], "银川市城市数据共享开放管理办法", "{body}");
    let text = body["basis"][0]["text"].as_str().unwrap();
    assert!(text.contains("条例") && text.contains("暂循已失效的"), "{text}");
    let records = twice.city.work().join("records-809");
    eventually("the record", Duration::from_secs(5), || {
        let events = events(&records);
        let decided = events.iter().find(|e| e["transaction"] == given.transaction())?;
        assert_eq!(decided["profile"], "sc-809-2025");
        decided["articles"][0].as_str().unwrap().contains("办法").then_some(())
    });
}

#[test]
fn explain_says_offline_what_either_profile_answers() {
    let twice = Twice::start();
    let said = |profile: &str, zone: &str, entry: &str, application: &[&str]| {
        let mut explain = Command::new(program());
        explain.args(["explain", "--policies"]).arg(&twice.city.shown.policies);
        explain.args(["--zone", zone, "--profile", profile, "--entry", entry]).args(application);
        let output = explain.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let approval = ["--application", APPROVAL];
    let path = "/ecology/air-quality";
    twice.told(APPROVAL, path, ["yes", "no-grant"]);

    assert_eq!(said("yc-2018", "sharing", &path[1..], &approval).0, Some(0));
    let (code, text) = said("sc-809-2025", "sharing", &path[1..], &approval);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("no-grant") && text.contains("政务数据共享条例 第二十一条"), "{text}");
    let (code, text) = said("sc-809-2025", "opening", &path[1..], &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("暂循已失效的"), "{text}");
}
