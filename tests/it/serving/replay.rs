//! `helan explain --transaction`: decisions on record, made again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use helan::domain::Budget;
use helan::journal::tree::{Signer, TreeOptions};
use helan::journal::{Clock, Decided, Event, Finished, Journal, JournalOptions, Keep, ViewSwapped};
use serde_json::Value;

use super::marriage;
use crate::support::city::{City, program};
use crate::support::eventually;
use crate::support::records::events;

fn replay(transaction: &str, places: &[&str]) -> Output {
    Command::new(program())
        .args(["explain", "--transaction", transaction])
        .args(places)
        .current_dir("/")
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The decisions on record, the latest last.
fn decisions(city: &City) -> Vec<Value> {
    events(&city.shown.records).into_iter().filter(|e| e["event"] == "decided").collect()
}

fn transaction(decided: &Value) -> String {
    decided["transaction"].as_str().unwrap().to_owned()
}

#[test]
fn every_decision_of_the_demonstration_is_the_same_when_it_is_made_again() {
    let mut city = City::start();
    let config = city.work().join("helan.yaml").display().to_string();
    for call in &city.shown.calls {
        drop(Command::new("sh").args(["-c", &call.command]).output().unwrap());
    }
    // A purpose that nobody named, a choice that is the caller's and one that is not.
    assert_eq!(marriage(&city, "13900009999").0, 403);
    let own = &city.shown.applications["natural-resources/registration"];
    for (choice, status) in [("g-02", "200"), ("g-03", "403"), ("standing", "403")] {
        let output = Command::new("curl")
            .args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert"])
            .arg(&city.shown.ca)
            .arg("--cert")
            .arg(&own.certificate)
            .arg("--key")
            .arg(&own.key)
            .args([
                "-H",
                &format!("Helan-Grant: {choice}"),
                "-H",
                "Helan-Matter: \"estate-transfer\"",
            ])
            .args(["-H", "Helan-Purpose: data-verification"])
            .arg(format!("{}/civil-affairs/marriage?cert_num=1", city.shown.sharing))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), status, "{choice}");
    }

    // Everything they rested on changes: the rules, the grant, the entry.
    let policies = &city.shown.policies;
    let grant = policies.join("grants/g-02.yaml");
    let before = fs::read_to_string(&grant).unwrap();
    fs::write(
        &grant,
        before.replace("purposes: [data-verification]", "purposes: [work-reference]"),
    )
    .unwrap();
    fs::write(
        policies.join("rules/yc-2018/zz-bar.cedar"),
        "@id(\"bar\")\n@law(\"l\")\n@article(\"a\")\n@text(\"t\")\n@code(\"zone-closed\")\n@order(\"1\")\n\
         forbid (principal, action == Action::\"share\", resource) when { context.call.claim == \"standing\" };\n",
    )
    .unwrap();
    eventually("the change", Duration::from_secs(10), || {
        (marriage(&city, "data-verification").0 == 403).then_some(())
    });

    // While it runs, and after.
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for is_live in [true, false] {
        let all = decisions(&city);
        let all: Vec<_> =
            if is_live { all.iter().rev().take(1).collect() } else { all.iter().collect() };
        for decided in all {
            let output = replay(&transaction(decided), &["--config", &config]);
            let said = text(&output);
            let outcome = decided["outcome"].as_str().unwrap();
            assert!(output.status.success(), "{outcome}: {said}\n{decided}");
            let agrees = said.contains("the replay agrees with the record");
            assert!(agrees || said.contains("nothing to replay"), "{outcome}: {said}");
            if agrees {
                *seen.entry(outcome.to_owned()).or_default() += 1;
            }
        }
        if is_live {
            city.interrupt();
        }
    }
    for outcome in [
        "allowed",
        "purpose-missing",
        "purpose-not-granted",
        "item-not-granted",
        "withheld",
        "frozen",
        "address-rate",
        "no-such-grant",
        "item-not-open",
    ] {
        assert!(seen.contains_key(outcome), "no replay of {outcome}: {seen:?}");
    }
    let text = fs::read_to_string(city.dir.path().join("log")).unwrap_or_default();
    assert!(!text.contains("13900009999"));
    assert!(!decisions(&city).iter().any(|decided| decided.to_string().contains("13900009999")));
}

#[test]
fn after_a_change_the_record_names_what_changed_and_the_archive_all_that_was_in_force() {
    let mut city = City::start();
    let policies = city.shown.policies.clone();
    let grant = policies.join("grants/g-02.yaml");
    let text_before = fs::read_to_string(&grant).unwrap();
    fs::write(&grant, format!("# changed\n{text_before}")).unwrap();
    fs::remove_file(policies.join("grants/g-01.yaml")).unwrap();
    let swap = eventually("the change of both files", Duration::from_secs(20), || {
        let swaps = events(&city.shown.records).into_iter().filter(|e| {
            e["event"] == "view-swapped" && e["zone"] == "sharing" && e["cause"] == "files"
        });
        let swaps: Vec<Value> = swaps.collect();
        let is_told = |name: &str| {
            swaps.iter().any(|swap| {
                let gone = swap["removed"].as_array().into_iter().flatten();
                swap["files"][name].is_string() || gone.into_iter().any(|path| path == name)
            })
        };
        (is_told("grants/g-02.yaml") && is_told("grants/g-01.yaml")).then(|| swaps.last().cloned())
    });
    let named = swap.as_ref().unwrap()["files"].as_object().unwrap().len();
    assert!(named <= 1, "{swap:?}");
    assert_eq!(marriage(&city, "data-verification").0, 200);
    city.interrupt();

    let config = city.work().join("helan.yaml").display().to_string();
    let last = transaction(decisions(&city).last().unwrap());
    let output = replay(&last, &["--config", &config]);
    assert!(output.status.success(), "{}", text(&output));
    for file in fs::read_dir(city.work().join("state/archive")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "files") {
            fs::remove_file(path).unwrap();
        }
    }
    let output = replay(&last, &["--config", &config]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("does not hold the list of files"), "{}", text(&output));
}

/// Records like those of a city, with one decision changed by a hand that can write records.
fn forged(city: &City, folder: &Path, change: impl FnOnce(&mut Decided)) -> String {
    let all = events(&city.shown.records);
    let decided =
        all.iter().rfind(|e| e["event"] == "decided" && e["outcome"] == "allowed").unwrap();
    let mut decided: Decided = serde_json::from_value(decided.clone()).unwrap();
    let zone = decided.zone.as_str();
    let is_it = |e: &&Value| {
        e["event"] == "view-swapped"
            && e["zone"] == zone
            && e["to"] == decided.view.as_deref().unwrap()
    };
    let swap = all.iter().rfind(is_it).unwrap();
    let swap: ViewSwapped = serde_json::from_value(swap.clone()).unwrap();
    let options = JournalOptions {
        folder: folder.to_owned(),
        segment_bytes: 1 << 20,
        sync_ms: 0,
        free_bytes: 0,
        budgets: BTreeMap::from([(decided.zone, Budget::default())]),
        node: "forger".to_owned(),
        clock: Clock::system(),
        tree: TreeOptions::signed_by(Signer::new("forger/records", &[7; 32])),
        keep: Keep::default(),
    };
    let (journal, _) = Journal::open(&options).unwrap();
    journal.keep(&Event::ViewSwapped(swap));
    change(&mut decided);
    let (ticket, open) = journal.reserve(decided.zone, 4096).unwrap().decided(&decided);
    open.finish(&Finished::new(&decided, decided.time, "answered"));
    ticket.wait().unwrap();
    journal.close();
    decided.transaction.to_string()
}

/// What a hand that can write records changes in a decision.
type Change = fn(&mut Decided);

fn with_an_item_more(decided: &mut Decided) {
    let more = helan::domain::ItemName::parse("name_woman").unwrap();
    decided.items = decided.items.iter().cloned().chain([more]).collect();
}

#[test]
fn a_record_that_was_changed_and_an_archive_that_was_changed_do_not_agree() {
    let mut city = City::start();
    assert_eq!(marriage(&city, "data-verification").0, 200);
    assert_eq!(marriage(&city, "work-reference").0, 403);
    city.interrupt();
    let state = city.work().join("state");
    let folder = city.dir.path().join("forged");
    let changes: [(&str, Change, bool); 6] = [
        ("nothing", |_| (), true),
        ("the outcome", |d| d.outcome = "purpose-not-granted".into(), false),
        ("the grant", |d| d.grant = Some(helan::domain::GrantId::parse("g-01").unwrap()), false),
        ("the articles", |d| d.articles = d.articles.iter().skip(1).cloned().collect(), false),
        ("an item", with_an_item_more, false),
        ("the purpose", |d| d.purpose = None, false),
    ];
    for (what, change, agrees) in changes {
        drop(fs::remove_dir_all(&folder));
        let transaction = forged(&city, &folder, change);
        let (records, state) = (folder.display().to_string(), state.display().to_string());
        let output = replay(&transaction, &["--records", &records, "--state", &state]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(i32::from(!agrees)), "{what}: {said}");
        assert_eq!(said.contains("does NOT agree"), !agrees, "{what}: {said}");
    }

    // Another grant under the old hash.
    let config = city.work().join("helan.yaml").display().to_string();
    let last = transaction(decisions(&city).last().unwrap());
    assert!(replay(&last, &["--config", &config]).status.success());
    let all = events(&city.shown.records);
    let swap = all.iter().rfind(|event| event["event"] == "view-swapped").unwrap();
    let archived = state.join("archive").join(swap["files"]["grants/g-02.yaml"].as_str().unwrap());
    let bytes = fs::read_to_string(&archived).unwrap();
    fs::write(&archived, bytes.replace("data-verification", "work-reference")).unwrap();
    let output = replay(&last, &["--config", &config]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("damaged"), "{}", text(&output));
}

#[test]
fn what_cannot_be_replayed_is_said_and_arguments_that_make_no_sense_are_bad_usage() {
    let mut city = City::start();
    let config = city.work().join("helan.yaml").display().to_string();
    let unknown = "019a1b2c-0000-7000-8000-000000000000";
    let output = replay(unknown, &["--config", &config]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("no decision about"), "{}", text(&output));

    assert_eq!(replay(unknown, &[]).status.code(), Some(78));
    assert_eq!(replay(unknown, &["--config", "/nowhere.yaml"]).status.code(), Some(78));
    assert_eq!(replay(unknown, &["--entry", "a/b"]).status.code(), Some(64));
    let status = |arguments: &[&str]| {
        Command::new(program()).args(arguments).output().unwrap().status.code()
    };
    assert_eq!(status(&["explain"]), Some(64));
    assert_eq!(status(&["records", "query"]), Some(64));
    assert_eq!(status(&["records", "tail", "--config", "/nowhere.yaml"]), Some(78));

    // The configuration says where everything is, and an explicit folder wins over it.
    assert_eq!(marriage(&city, "data-verification").0, 200);
    city.interrupt();
    let said = |arguments: &[&str]| {
        let output = Command::new(program()).args(arguments).current_dir("/").output().unwrap();
        (output.status.code(), text(&output))
    };
    let (code, rows) = said(&["records", "query", "--config", &config, "--grant", "g-02"]);
    assert!(code == Some(0) && rows.contains("civil-affairs/marriage"), "{rows}");
    let (code, rows) = said(&["records", "tail", "--config", &config, "-n", "3"]);
    assert!(code == Some(0) && rows.lines().count() == 3, "{rows}");
    let empty = tempfile::tempdir().unwrap();
    let elsewhere = empty.path().display().to_string();
    let (_, rows) = said(&["records", "tail", "--config", &config, "--records", &elsewhere]);
    assert!(rows.is_empty(), "{rows}");
    let asked = ["--entry", "civil-affairs/marriage", "--purpose", "data-verification"];
    let asked: Vec<_> = asked
        .into_iter()
        .chain(["--matter", "estate-transfer", "--application", "natural-resources/registration"])
        .collect();
    let (code, told) = said(&[&["explain", "--config", &config][..], &asked].concat());
    assert!(code == Some(0) && told.contains("allowed by g-02"), "{told}");
    let (code, told) =
        said(&[&["explain", "--config", &config, "--policies", &elsewhere][..], &asked].concat());
    assert_ne!(code, Some(0), "{told}");
}
