//! Keys that records were made with: a person is found over all of them, and none is lost unnoticed.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::marriage;
use crate::support::city::{City, program};
use crate::support::records::events;
use crate::support::serving::{Serving, command};
use crate::support::stand_in::serve_rows;

/// Whose marriage the calls ask about.
const PERSON: &str = "640106198507150024";

fn helan(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(program())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(output: &Output) -> String {
    let both = [&*output.stdout, &*output.stderr].concat();
    String::from_utf8(both).unwrap()
}

/// The accesses of a person that a search with these keys finds, and how it ended.
fn accesses(city: &City, keys: &Path, more: &[&str], input: &str) -> (usize, Option<i32>, String) {
    let (records, keys) = (city.shown.records.to_str().unwrap(), keys.to_str().unwrap());
    let base = ["records", "query", "--json", "--records", records, "--keys", keys];
    let output = helan(&[&base, more].concat(), input);
    assert!(!text(&output).contains(PERSON), "{}", text(&output));
    let lines = String::from_utf8(output.stdout.clone()).unwrap();
    let calls = lines.lines().filter(|line| line.contains("\"civil-affairs/marriage\"")).count();
    assert_eq!(calls, lines.lines().count(), "{lines}");
    (calls, output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn subject_key(keys: &Path) -> PathBuf {
    let mut all = fs::read_dir(keys).unwrap().map(|entry| entry.unwrap().path());
    all.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("subject-")).unwrap()
}

#[test]
fn a_person_is_found_over_all_keys_and_a_lost_key_is_said_before_anything_is_served() {
    let mut city = City::start();
    assert_eq!(marriage(&city, "data-verification").0, 200);
    city.interrupt();
    let rest = city.shown.upstreams["rest"].trim_start_matches("http://").to_owned();
    serve_rows(TcpListener::bind(rest).unwrap());
    let keys = city.work().join("keys");
    let folder = keys.to_str().unwrap();
    let old = subject_key(&keys);
    let id =
        old.file_stem().unwrap().to_str().unwrap().strip_prefix("subject-").unwrap().to_owned();

    let make = ["keys", "make", "--folder", folder, "--purpose", "subject", "--id"];
    let too_small = helan(&[&make[..], &["0"]].concat(), "");
    assert!(text(&too_small).contains("sorts behind it"), "{}", text(&too_small));
    assert!(helan(&[&make[..], &["2099"]].concat(), "").status.success());
    let node = Serving::start(&city, &[]);
    assert_ne!(marriage(&city, "data-verification").0, 403);
    node.stop();
    let all = events(&city.shown.records);
    let used: Vec<_> = all.iter().filter(|event| event["event"] == "keys-used").collect();
    assert_eq!(used[0]["used"][1], format!("subject-{id}"), "{used:?}");
    assert_eq!(used[1]["used"][0], "subject-2099", "{used:?}");

    let (found, code, _) = accesses(&city, &keys, &["--subject", PERSON], "");
    let before = events(&city.shown.records)
        .iter()
        .filter(|event| {
            event["event"] == "decided"
                && event["entry"] == "civil-affairs/marriage"
                && event["subjects"][0]["key"] == *id
        })
        .count();
    assert!(found >= 2 && code == Some(0), "{found}");
    assert_eq!(accesses(&city, &keys, &["--subject", "-"], &format!("{PERSON}\n")).0, found);
    assert_eq!(accesses(&city, &keys, &["--subject", "640106198507150025"], "").0, 0);
    assert_eq!(
        accesses(&city, &keys, &["--subject", PERSON, "--subject-kind", "operator"], "").0,
        0,
        "the hash of one kind stands for no other"
    );

    // An auditor with one epoch only is told what that leaves out.
    let auditor = tempfile::tempdir().unwrap();
    fs::copy(keys.join("subject-2099.key"), auditor.path().join("subject-2099.key")).unwrap();
    let (fewer, code, said) = accesses(&city, auditor.path(), &["--subject", PERSON], "");
    assert!(fewer < found && fewer >= found - before && code == Some(1), "{fewer} {said}");
    assert!(said.contains(&format!("subject-{id} is missing: calls from 20")), "{said}");

    // Gone from the folder: nothing starts.
    let safe = auditor.path().join("safe");
    fs::rename(&old, &safe).unwrap();
    let output = command(&city, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(78), "{}", text(&output));
    for said in [&format!("subject-{id}"), "nobody can find", "from its backup", "helan keys lost"]
    {
        assert!(text(&output).contains(said), "{said}: {}", text(&output));
    }
    let count = events(&city.shown.records).len();
    assert_eq!(count, all.len(), "a start that fails leaves no record");

    // Given up for lost, it is on record.
    let lose = ["keys", "lost", "subject", &id, "--folder", folder];
    assert!(helan(&lose, "").status.success());
    let node = Serving::start(&city, &[]);
    assert_ne!(marriage(&city, "data-verification").0, 403);
    node.stop();
    let lost = events(&city.shown.records).into_iter().rfind(|event| event["event"] == "keys-used");
    assert_eq!(lost.unwrap()["lost"][0], format!("subject-{id}"));
    let listed = text(&helan(&["keys", "list", "--folder", folder], ""));
    assert!(listed.contains(&format!("subject\t{id}\tlost\n")), "{listed}");

    // Found again, it is used again.
    fs::rename(&safe, &old).unwrap();
    assert!(text(&helan(&lose, "")).contains("it is not lost"));
    assert_eq!(accesses(&city, &keys, &["--subject", PERSON], "").0, found + 1);
}
