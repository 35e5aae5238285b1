//! A small city, counted by hand.

use super::{MEASURES, Measure, Period, evaluate};
use crate::domain::{Entry, EntryId, OpeningClass, Rank, SharingClass, Timestamp, UpdateCycle};
use crate::supervision::detect::{self, tests::Planted};

type Change = fn(&mut Entry);

/// Six entries of `tax`: the one that is planted, and five like it, each with one difference.
fn city() -> Planted {
    let mut city = Planted::new();
    let first = city.sources.entries.values().next().unwrap().as_ref().clone();
    let changes: [(&str, Change); 5] = [
        ("tax/ungraded", |entry| entry.grade = None),
        ("tax/unmounted", |entry| entry.interface = None),
        ("tax/withheld", |entry| {
            entry.sharing.class = SharingClass::Withheld;
            entry.sharing.basis = vec![Planted::basis(Rank::NormativeDocument)];
            entry.sharing.reason = Some("r".to_owned());
        }),
        ("tax/free", |entry| entry.sharing.class = SharingClass::Unconditional),
        ("tax/open", |entry| {
            entry.opening.class = OpeningClass::Desensitized;
            entry.update = UpdateCycle::Daily;
        }),
    ];
    for (id, change) in changes {
        let mut source = first.clone();
        source.entry.id = EntryId::parse(id).unwrap();
        change(&mut source.entry);
        city.sources.entries.insert(source.entry.id.clone(), source.into());
    }
    city
}

fn measured(city: &Planted) -> Vec<Measure> {
    let scene = city.scene();
    let findings = detect::findings(&scene);
    evaluate(&scene, Period::year(2026), &findings).city.measures
}

fn shown(measures: &[Measure], id: &str) -> String {
    let measure = measures.iter().find(|measure| measure.id == id).unwrap();
    let ratio = measure.ratio.as_ref().unwrap();
    let value = measure.value.map_or_else(|| "n/a".to_owned(), |value| value.to_string());
    format!("{}/{} {value}", ratio.numerator, ratio.denominator)
}

#[test]
fn what_the_catalog_tells_is_counted_as_by_hand() {
    let measures = measured(&city());

    assert_eq!(shown(&measures, "M01"), "5/6 8333", "one has no grade");
    assert_eq!(shown(&measures, "M03"), "4/5 8000", "one of five is not mounted");
    assert_eq!(shown(&measures, "M04"), "5/6 8333");
    assert_eq!(shown(&measures, "M05"), "0/1 n/a", "one case is too few");
    assert_eq!(shown(&measures, "M21"), "1/5 2000", "what is withheld cannot be opened");
}

#[test]
fn what_the_records_tell_is_counted_as_by_hand() {
    let mut city = city();
    for (day, data) in [
        ("2026-06-10", "2026-06-10"),
        ("2026-06-11", "2026-06-10"),
        ("2026-06-12", "2026-06-10"),
        ("2026-06-13", "2026-06-12"),
        ("2026-06-14", "2026-06-13"),
    ] {
        city.at(&format!("{day}T01:00:00Z"));
        city.answered("tax/open", |end| {
            end.newest = Timestamp::parse(&format!("{data}T00:00:00Z")).ok();
            end.rows = Some(3);
            end.items = [Planted::item("id_no")].into();
        });
        city.answered("tax/free", |end| {
            if day == "2026-06-14" {
                end.outcome = "upstream-timeout".into();
            }
        });
    }
    city.at("2026-06-15T02:00:00Z");
    let measures = measured(&city);

    // Only on the twelfth was the newest data older than 36 hours.
    assert_eq!(shown(&measures, "M07"), "4/5 8000");
    assert_eq!(shown(&measures, "M08"), "9/10 9000");
    assert_eq!(shown(&measures, "M16"), "0/1 n/a", "`tax/payers` is granted, and nobody called it");
    assert_eq!(shown(&measures, "M18"), "1/1 n/a");
    assert_eq!(shown(&measures, "M19"), "5000/10000 n/a", "one of two items was used");
    assert_eq!(shown(&measures, "M24"), "2/2 n/a");
}

#[test]
fn an_organization_is_judged_by_its_own() {
    let city = city();
    let scene = city.scene();
    let evaluation = evaluate(&scene, Period::year(2026), &[]);

    let of = |id: &str| {
        let mut cards = evaluation.organizations.iter();
        cards.find(|(known, _)| known.as_str() == id).unwrap().1
    };
    assert_eq!(shown(&of("tax").measures, "M01"), "5/6 8333");
    assert_eq!(shown(&of("housing").measures, "M01"), "0/0 n/a");
    assert_eq!(of("housing").score, None);
}

#[test]
fn every_measure_is_there_once_told_or_with_what_it_needs() {
    let measures = measured(&city());

    let ids: Vec<_> = measures.iter().map(|measure| measure.id.to_owned()).collect();
    let expected: Vec<_> = (1..=26).map(|number| format!("M{number:02}")).collect();
    assert_eq!(ids, expected);
    for (measure, definition) in measures.iter().zip(MEASURES) {
        assert_ne!(measure.ratio.is_some(), measure.needs.is_some(), "{}", definition.id);
    }
}
