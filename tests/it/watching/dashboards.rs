//! Dashboards: they can be imported, name only metrics that exist, and no panel of them is empty beside a
//! city that is called, refuses, keeps and fails.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::prometheus::Prometheus;
use super::{all_dashboards, all_rules, is_in_both, list, metrics_of, queries, text};
use crate::support::city::City;
use crate::support::eventually;
use crate::support::serving::curl;
use crate::support::tools::tool;

/// Where a panel stands: left, top, width, height.
fn place(panel: &Value) -> [u64; 4] {
    ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap())
}

fn overlap([ax, ay, aw, ah]: [u64; 4], [bx, by, bw, bh]: [u64; 4]) -> bool {
    ax < bx + bw && bx < ax + aw && ay < by + bh && by < ay + ah
}

#[test]
fn dashboards_can_be_imported_as_they_are() {
    let dashboards = all_dashboards();
    let uids: BTreeSet<_> = dashboards.iter().map(|(_, board)| text(board, "uid")).collect();
    assert_eq!(uids.len(), 3, "{uids:?}");
    for (name, board) in &dashboards {
        // The schema of Grafana 11; later ones bring it up to theirs.
        assert_eq!(board["schemaVersion"], 39, "{name}");
        assert!(board["id"].is_null(), "{name}: Grafana gives the id");
        assert!(is_in_both(text(board, "title")), "{name}");
        let variables: BTreeMap<_, _> = list(&board["templating"]["list"])
            .iter()
            .map(|variable| (text(variable, "name"), variable))
            .collect();
        assert_eq!(variables["datasource"]["type"], "datasource", "{name}");
        for (named, variable) in variables.iter().filter(|(named, _)| **named != "datasource") {
            assert_eq!(variable["allValue"], ".*", "{name}: {named}");
            assert_eq!(variable["datasource"]["uid"], "${datasource}", "{name}: {named}");
        }
        check_panels(name, list(&board["panels"]), &variables);
    }
}

fn check_panels(name: &str, panels: &[Value], variables: &BTreeMap<&str, &Value>) {
    let mut ids = BTreeSet::new();
    for (at, panel) in panels.iter().enumerate() {
        let title = text(panel, "title");
        assert!(
            ids.insert(panel["id"].as_u64().unwrap()),
            "{name}: the id of {title} stands twice"
        );
        assert!(title.contains(" · "), "{name}: {title} in one language only");
        let [x, _, width, _] = place(panel);
        assert!(x + width <= 24, "{name}: {title} is too wide");
        for other in &panels[at + 1..] {
            assert!(!overlap(place(panel), place(other)), "{name}: {title} and {}", other["title"]);
        }
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{name}: {title}");
        assert!(
            panel["fieldConfig"]["defaults"]["unit"].is_string(),
            "{name}: {title}: which unit?"
        );
        let targets = list(&panel["targets"]);
        assert!(!targets.is_empty(), "{name}: {title} asks nothing");
        let refs: BTreeSet<_> = targets.iter().map(|target| text(target, "refId")).collect();
        assert_eq!(refs.len(), targets.len(), "{name}: {title}");
        for target in targets {
            assert!(!text(target, "legendFormat").is_empty(), "{name}: {title}: which is which?");
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{name}: {title}");
            for word in text(target, "expr").split('$').skip(1) {
                let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let variable = &word[..end.unwrap_or(word.len())];
                let known = variable == "__rate_interval" || variables.contains_key(variable);
                assert!(known, "{name}: {title} asks for ${variable}");
            }
        }
    }
}

/// A query as Grafana sends it when everything is chosen.
fn substituted(query: &str) -> String {
    let query = query.replace("$__rate_interval", "1m");
    ["zone", "provider", "entry"]
        .iter()
        .fold(query, |query, variable| query.replace(&format!("${variable}"), ".*"))
}

/// The calls of the demonstration, with one interface out of order.
fn call_everything(city: &City) {
    for call in city.shown.calls.iter().filter(|call| call.status.is_some()) {
        let run = std::process::Command::new("sh").args(["-c", &call.command]).output();
        assert!(run.is_ok(), "{}", call.name);
    }
    for _ in 0..6 {
        let answer = curl(&[&format!("{}/weather/observations", city.shown.opening)]);
        assert!(matches!(answer.0, 502 | 503), "{answer:?}");
    }
}

/// Refusals in panels over a day are those that were, though all of them came since the first scrape.
fn check_bursts(prometheus: &Prometheus, dashboards: &[(String, Value)]) {
    let panel = |wanted: &str| {
        let panels = dashboards.iter().flat_map(|(_, board)| list(&board["panels"]));
        let panel = panels.clone().find(|panel| text(panel, "title").ends_with(wanted)).unwrap();
        substituted(text(&list(&panel["targets"])[0], "expr"))
    };
    let counted = "sum(helan_requests_total{outcome=\"refused\"})".to_owned();
    let asked =
        [counted, panel("Refusals in 24 h"), format!("sum({})", panel("Refusals by reason"))];
    eventually("all refusals in the panels", Duration::from_secs(20), || {
        let sums = asked.each_ref().map(|query| prometheus.values(query)?.first().copied());
        let [Some(counted), Some(total), Some(by_reason)] = sums else { return None };
        let agrees = |panel: f64| (counted..counted * 1.25).contains(&panel);
        (counted > 50.0 && agrees(total) && agrees(by_reason)).then_some(())
    });
}

#[test]
fn no_panel_is_empty_and_no_rule_names_a_metric_that_is_not() {
    let Some(program) = tool("prometheus", &["prometheus"]) else { return };
    let city = City::start();
    let rest = city.shown.upstreams["rest"].clone();
    city.reload(|| city.edit("organizations/weather.yaml", &rest, "http://127.0.0.1:1"));
    let folder = city.dir.path().join("prometheus");
    let prometheus = Prometheus::start(&program, &folder, &city.shown.admin);
    let dashboards = all_dashboards();
    // Counters are told by what they grow between two scrapes.
    for _ in 0..3 {
        call_everything(&city);
        std::thread::sleep(Duration::from_secs(1));
    }

    check_bursts(&prometheus, &dashboards);
    let recorded: BTreeSet<_> =
        all_rules().iter().filter_map(|rule| rule["record"].as_str().map(str::to_owned)).collect();
    let (_, page) = curl(&[&format!("{}/metrics", city.shown.admin)]);
    let on_page: BTreeSet<_> = page
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next().map(str::to_owned))
        .collect();
    let asked = all_rules()
        .iter()
        .map(|rule| text(rule, "expr").to_owned())
        .chain(dashboards.iter().flat_map(|(_, b)| queries(b)).map(str::to_owned))
        .flat_map(|query| metrics_of(&query))
        .collect::<BTreeSet<_>>();
    assert!(asked.len() >= 50, "{asked:?}");
    for name in asked {
        let known = on_page.contains(&name) || recorded.contains(&name);
        assert!(known, "{name} is asked for, and on no page");
    }

    for (name, board) in &dashboards {
        for query in queries(board) {
            let asked = substituted(query);
            eventually(&format!("{name}: an answer to {asked}"), Duration::from_secs(20), || {
                prometheus.values(&asked).filter(|values| !values.is_empty())
            });
        }
    }
    for rule in prometheus.rules() {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
    // What the demonstration plants is seen: terms that end soon, an interface that has drifted, findings.
    for alert in ["HelanAgreementEnds", "HelanGrantEnds", "HelanDrift", "HelanFindingsNew"] {
        let firing = format!("ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}}");
        eventually(alert, Duration::from_secs(20), || {
            prometheus.values(&firing).filter(|values| !values.is_empty())
        });
    }
    // Certificates of the demonstration hold for a year: a figure that says something, and no alert.
    let days = prometheus.values("(helan_certificate_expiry_timestamp_seconds - time()) / 86400");
    assert!(matches!(days.as_deref(), Some([days]) if (360.0..367.0).contains(days)), "{days:?}");
    let alerts = prometheus.values("ALERTS{alertname=~\"HelanCertificate.*\"}");
    assert_eq!(alerts, Some(Vec::new()));
    let down = prometheus.values("helan_upstream_breaker_open{upstream=\"weather/rest\"}");
    assert_eq!(down, Some(vec![1.0]));
    let availability = prometheus.values("zone:helan_faults:ratio_rate1h{zone=\"opening\"}");
    assert!(availability.is_some_and(|ratio| ratio[0] > 0.1 && ratio[0] < 1.0));
}
