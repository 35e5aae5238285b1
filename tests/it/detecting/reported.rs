//! `helan report`: the same inputs, the same bytes; a page that any browser reads.

use std::process::{Command, Output};

use serde_json::Value;

use super::{make, wait_for};
use crate::support::city::{City, program, today};

/// Reads a page strictly: every element that is opened is closed in its turn.
const STRICT: &str = r"
import sys
from html.parser import HTMLParser
VOID = {'meta', 'br', 'line', 'rect', 'link', 'img'}
class Strict(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True); self.open = []; self.seen = {}
    def handle_starttag(self, tag, attrs):
        self.seen[tag] = self.seen.get(tag, 0) + 1
        if tag not in VOID: self.open.append(tag)
    def handle_startendtag(self, tag, attrs): self.seen[tag] = self.seen.get(tag, 0) + 1
    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open[-3:], self.getpos())
        self.open.pop()
page = Strict(); page.feed(sys.stdin.read()); page.close()
assert not page.open, page.open
assert page.seen['svg'] >= 1 and page.seen['table'] >= 5 and 'script' not in page.seen, page.seen
";

fn report(city: &City, more: &[&str]) -> Output {
    Command::new(program())
        .args(["report", "--year", &today().year().to_string(), "--config"])
        .arg(city.work().join("helan.yaml"))
        .args(more)
        .output()
        .unwrap()
}

fn text(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The report for machines.
pub(super) fn json(city: &City, more: &[&str]) -> String {
    text(report(city, &[&["--format", "json"], more].concat()))
}

#[test]
fn the_same_records_give_the_same_report_in_each_form_and_language() {
    let mut city = City::start();
    for call in ["open", "open-drift", "open-personal", "conditional"] {
        make(&city, call);
    }
    wait_for(&city, "V-21 human-resources/job-offers");
    city.interrupt();

    for more in [
        &["--lang", "zh"][..],
        &["--lang", "en"],
        &["--format", "json"],
        &["--organization", "civil-affairs"],
    ] {
        let once = text(report(&city, more));
        assert!(once == text(report(&city, more)), "{more:?} differs from run to run");
        if !more.contains(&"json") {
            well_formed(&once);
        }
    }

    let whole: Value = serde_json::from_str(&json(&city, &[])).unwrap();
    assert_eq!(whole["evaluation"]["formulas"], helan::supervision::measures::FORMULAS);
    assert_eq!(whole["evaluation"]["city"]["measures"].as_array().unwrap().len(), 26);
    assert_eq!(whole["extent"]["entries"], 30);
    assert_eq!(whole["counts"]["V-21"]["new"], 1);
    assert_eq!(whole["inputs"]["policies"].as_str().unwrap().len(), 64);
    assert!(whole["inputs"]["last_record"].as_u64().unwrap() > 8);
    let mounted = &whole["evaluation"]["city"]["measures"][2];
    // Of thirty entries one is withheld without, one with an interface, and one is not mounted.
    assert_eq!(mounted["ratio"]["numerator"], 27);
    assert_eq!(mounted["ratio"]["denominator"], 28);
    assert_eq!(mounted["value"], 9643);

    let own: Value = serde_json::from_str(&json(&city, &["--organization", "xingqing"])).unwrap();
    assert_eq!(own["evaluation"]["organizations"].as_object().unwrap().len(), 1);
    let found: Vec<_> = own["findings"].as_array().unwrap().iter().collect();
    assert!(found.iter().all(|finding| finding["organization"] == "xingqing"), "{found:?}");
    assert!(found.iter().any(|finding| finding["detector"] == "V-25"), "{found:?}");
}

#[test]
fn what_cannot_be_reported_says_why() {
    let mut city = City::start();
    city.interrupt();

    let unknown = report(&city, &["--organization", "nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
    let said = String::from_utf8(unknown.stderr).unwrap();
    assert!(said.contains("there is no organization `nobody`"), "{said}");

    let moment = report(&city, &["--as-of", "yesterday"]);
    assert_eq!(moment.status.code(), Some(1));
}

fn well_formed(page: &str) {
    use std::io::Write as _;

    let mut python = Command::new("python3")
        .args(["-c", STRICT])
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
