//! Rows are picked by scope, dated, and told apart by line in NDJSON.

use helan::domain::{Format, Mask, Timestamp};
use helan::shape::{Action, Fault, ShapeError};
use serde_json::json;

use super::{compile, entry, item, keep, scope, shape, shape_chunks};

fn people(format: Format, rows: Option<&str>) -> helan::domain::Entry {
    let items = [
        item("name", "name", "string"),
        item("region", "at.region", "string"),
        json!({"name": "updated", "title": "更新时间", "type": "date-time", "timestamp": true}),
    ];
    entry(format, rows, &[], &items)
}

#[test]
fn only_rows_within_the_scope_leave() {
    let entry = people(Format::Json, Some("rows[]"));
    let plan = compile(&entry, &keep(&["name"]), &[scope("region", &["640104", "true"])]).unwrap();
    for (row, leaves) in [
        (r#"{"name":"1","at":{"region":"640104"}}"#, true),
        (r#"{"name":"1","at":{"region":640104}}"#, true),
        (r#"{"name":"1","at":{"region":"\u0036\u003401\u00304"}}"#, true),
        (r#"{"at":{"r\u0065gion":"640104"},"name":"1"}"#, true),
        (r#"{"name":"1","at":{"region":true}}"#, true),
        (r#"{"name":"1","at":{"region":"640105"}}"#, false),
        (r#"{"name":"1","at":{"region":640104.0}}"#, false),
        (r#"{"name":"1","at":{"region":null}}"#, false),
        (r#"{"name":"1","at":{"region":["640104"]}}"#, false),
        (r#"{"name":"1","at":"640104"}"#, false),
        (r#"{"name":"1"}"#, false),
        (r#"{"name":"1","at":{"region":"640104","region":"640104"}}"#, false),
        (r#"{"name":"1","at":{"region":"640104"},"at":{"region":"x"}}"#, false),
        (r#"{"name":"1","at":{"region":"640104","region":{}}}"#, false),
        (r#""640104""#, false),
    ] {
        let answer =
            format!(r#"{{"rows":[{row},{{"name":"2","at":{{"region":"640104"}}}},{row}]}}"#);
        let (out, report) = shape(&plan, &answer).unwrap();

        let one = if leaves { r#"{"name":"1"}"# } else { "" };
        let comma = if leaves { "," } else { "" };
        let expected = format!(r#"{{"rows":[{one}{comma}{{"name":"2"}}{comma}{one}]}}"#);
        assert_eq!(out, expected, "{row}");
        assert_eq!((report.rows_in, report.rows_out), (3, if leaves { 3 } else { 1 }), "{row}");
    }
}

#[test]
fn every_scope_must_hold() {
    let entry = people(Format::Json, Some("[]"));
    let scopes =
        [scope("region", &["1", "2"]), scope("region", &["2", "3"]), scope("name", &["a"])];
    let plan = compile(&entry, &keep(&["name", "region"]), &scopes).unwrap();
    let answer = r#"[{"name":"a","at":{"region":"1"}},{"name":"a","at":{"region":"2"}},{"name":"b","at":{"region":"2"}}]"#;

    assert_eq!(shape(&plan, answer).unwrap().0, r#"[{"name":"a","at":{"region":"2"}}]"#);
}

#[test]
fn an_answer_without_rows_is_one_row_that_leaves_or_is_refused() {
    let entry = people(Format::Json, None);
    let plan = compile(&entry, &keep(&["name"]), &[scope("region", &["1"])]).unwrap();

    let (out, report) = shape(&plan, r#"{"name":"a","at":{"region":1}}"#).unwrap();
    assert_eq!((out.as_str(), report.rows_out), (r#"{"name":"a"}"#, 1));
    for outside in [r#"{"name":"a","at":{"region":2}}"#, r#"{"name":"a"}"#, "{}"] {
        assert_eq!(shape(&plan, outside), Err(ShapeError::OutOfScope), "{outside}");
    }
    let mut out = Vec::new();
    let mut shaper = helan::shape::Shaper::new(plan, None);
    shaper.push(br#"{"name":"secret","at":{"region":2"#, &mut out).unwrap();
    assert!(out.is_empty());
}

#[test]
fn a_row_too_large_to_hold_is_an_error_where_rows_are_filtered() {
    let entry = people(Format::Json, Some("[]"));
    let scopes = [scope("region", &["1"])];
    let row = |size| format!(r#"[{{"name":"{}","at":{{"region":"1"}}}}]"#, "x".repeat(size));
    let large = row(256 * 1024);

    let filtered = compile(&entry, &keep(&["name"]), &scopes).unwrap();
    let bound = 256 * 1024;
    for size in [large.len(), 10_000] {
        assert_eq!(shape_chunks(&filtered, &large, size), Err(ShapeError::RowTooLarge { bound }));
        let open = compile(&entry, &keep(&["name"]), &[]).unwrap();
        assert!(shape_chunks(&open, &large, size).is_ok());
    }
    let fits = row(255 * 1024);
    assert!(shape_chunks(&filtered, &fits, 10_000).is_ok());
}

#[test]
fn the_newest_moment_is_that_of_the_rows_that_leave() {
    let entry = people(Format::Json, Some("[]"));
    let plan = compile(&entry, &keep(&["name"]), &[scope("region", &["1"])]).unwrap();
    let answer = r#"[{"name":"a","updated":"2026-02-03T00:00:00Z","at":{"region":1}},
        {"updated":"2026-02-01 08:00:00","at":{"region":1}},
        {"updated":"2027-01-01","at":{"region":2}},{"updated":"soon","at":{"region":1}}]"#;
    let (out, report) = shape(&plan, answer).unwrap();

    assert_eq!(report.newest, Timestamp::parse("2026-02-03T00:00:00Z").ok());
    assert_eq!(out, r#"[{"name":"a"},{},{}]"#);
    assert_eq!(report.items.len(), 1);
}

#[test]
fn each_line_of_ndjson_is_a_row() {
    let entry = people(Format::Ndjson, None);
    let open = compile(&entry, &keep(&["name"]), &[]).unwrap();
    let answer =
        "\u{feff}{\"name\":\"一\",\"x\":1}\r\n\n\"secret\"\n17\n{ \"x\":2 }\n{\"name\":\"3\"}";
    let (out, report) = shape(&open, answer).unwrap();

    assert_eq!(out, "{\"name\":\"一\"}\n{}\n{\"name\":\"3\"}\n");
    assert_eq!((report.rows_in, report.rows_out, report.mistyped), (5, 3, 2));
    assert_eq!(shape(&open, "").unwrap().0, "");
    assert!(shape(&open, "{}\n17").is_ok());

    let filtered = compile(&entry, &keep(&["name"]), &[scope("region", &["1"])]).unwrap();
    let answer = "{\"name\":\"a\",\"at\":{\"region\":2}}\n{\"name\":\"b\",\"at\":{\"region\":1}}\n";
    assert_eq!(shape(&filtered, answer).unwrap().0, "{\"name\":\"b\"}\n");

    let fault = |text: &str| {
        let Err(ShapeError::Malformed { fault, .. }) = shape(&open, text) else {
            panic!("{text} was not refused as malformed")
        };
        fault
    };
    assert_eq!(fault("{}{}"), Fault::Trailing);
    assert_eq!(fault("{\n}"), Fault::Line);
    assert_eq!(fault("{\"name\":\"a\nb\"}"), Fault::Control);
    assert_eq!(fault("{}\nx"), Fault::Unexpected);
    for cut in ["{}\n{", "{}\n-", "{}\ntru", "{}\n\"a"] {
        assert!(matches!(shape(&open, cut), Err(ShapeError::Incomplete { .. })), "{cut}");
    }
}

#[test]
fn masks_are_laid_over_values_and_what_they_cannot_read_is_dropped() {
    let items = [item("id", "id", "string"), item("wage", "wage", "number"), item("n", "n", "any")];
    let entry = entry(Format::Json, Some("[]"), &[], &items);
    let masks = [
        ("id", Mask::IdNumber { first: 1, last: 2 }),
        ("wage", Mask::Band { width: 1000 }),
        ("n", Mask::Drop),
    ];
    let masks = masks.map(|(name, mask)| (name.to_owned().try_into().unwrap(), Action::Mask(mask)));
    let plan = compile(&entry, &masks, &[]).unwrap();
    let answer = r#"[{"id":"64010419900307001X","wage":5300.5,"n":{"x":1}},
        {"id":640104199003070018,"wage":null,"n":1},{"id":"\u0036","wage":"5k","id":true,"id":[1]}]"#;
    let (out, report) = shape(&plan, answer).unwrap();

    assert_eq!(
        out,
        r#"[{"id":"6***************1X","wage":"5000-6000"},{"id":"6***************18","wage":null},{}]"#
    );
    assert_eq!((report.masked, report.mask_failed, report.dropped), (3, 4, 2));
}
