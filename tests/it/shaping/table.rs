//! CSV: only granted columns, whatever their cells hold.

use std::fmt::Write as _;

use helan::domain::{Entry, Format, Mask, Timestamp};
use helan::shape::{Action, ShapeError};
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::json;

use super::{compile, entry, item, keep, scope, shape};

fn people() -> Entry {
    let items = [
        item("name", "姓名", "string"),
        item("id_no", "id_no", "string"),
        item("region", "区域.代码", "string"),
        json!({"name": "updated", "title": "更新", "type": "date-time", "timestamp": true}),
    ];
    entry(Format::Csv, None, &[], &items)
}

/// Reads a table of RFC 4180 without mistakes.
fn parse(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => cell.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_column_leaves_that_the_grant_does_not_name(
        columns in subsequence(vec!["姓名", "id_no", "区域.代码", "updated", "新列"], 1..=5).prop_shuffle(),
        granted in subsequence(vec!["name", "id_no", "region"], 1..=3),
        cells in prop::collection::vec(prop::collection::vec("[a\",\r\n姓 ]{0,5}", 5), 0..4),
    ) {
        let plan = compile(&people(), &keep(&granted), &[]).unwrap();
        let mut text = columns.join(",");
        for row in &cells {
            let row = row.iter().take(columns.len()).enumerate();
            for (index, cell) in row {
                let start = if index == 0 { "\n" } else { "," };
                write!(text, "{start}\"@{index}{}\"", cell.replace('"', "\"\"")).unwrap();
            }
        }

        let path = |name: &&'static str| match *name {
            "name" => "姓名",
            "region" => "区域.代码",
            other => other,
        };
        let wanted: Vec<&str> = granted.iter().map(path).collect();
        let kept: Vec<usize> =
            (0..columns.len()).filter(|index| wanted.contains(&columns[*index])).collect();
        let shaped = shape(&plan, &text);
        if kept.is_empty() {
            prop_assert_eq!(shaped, Err(ShapeError::NotDescribed));
            return Ok(());
        }
        let rows = parse(&shaped.unwrap().0);
        let mut expected = vec![kept.iter().map(|index| columns[*index].to_owned()).collect::<Vec<_>>()];
        expected.extend(
            cells.iter().map(|row| kept.iter().map(|i| format!("@{i}{}", row[*i])).collect()),
        );
        prop_assert_eq!(rows, expected);
    }
}

#[test]
fn columns_are_picked_masked_filtered_and_dated() {
    let mut items = keep(&["name"]);
    items.push((
        "id_no".to_owned().try_into().unwrap(),
        Action::Mask(Mask::IdNumber { first: 1, last: 2 }),
    ));
    let plan = compile(&people(), &items, &[scope("region", &["1"])]).unwrap();
    let answer = "\u{feff}id_no,新,区域.代码,姓名,updated\r\n\
        640104199003070018,x,1,\"张,三\",2026-02-01\r\n\
        bad,x,1,\"a\"\"b\",2026-01-01\r\n\
        ,x,1,=1+1,\r\n\
        640104199003070018,x,2,李四,2027-01-01";
    let (out, report) = shape(&plan, answer).unwrap();

    assert_eq!(out, "id_no,姓名\r\n6***************18,\"张,三\"\r\n,\"a\"\"b\"\r\n,=1+1\r\n");
    assert_eq!((report.rows_in, report.rows_out), (4, 3));
    assert_eq!((report.unknown, report.dropped), (1, 2));
    assert_eq!((report.masked, report.mask_failed), (1, 1));
    assert_eq!(report.newest, Timestamp::parse("2026-01-31T16:00:00Z").ok());
}

#[test]
fn a_row_of_one_empty_cell_stays_a_row() {
    let plan = compile(&people(), &keep(&["name"]), &[]).unwrap();

    assert_eq!(shape(&plan, "姓名,新\n,1\n").unwrap().0, "姓名\r\n\"\"\r\n");
}

#[test]
fn tables_that_are_not_certain_are_refused() {
    let plan = compile(&people(), &keep(&["name"]), &[]).unwrap();
    let refused = |text: &str| shape(&plan, text).unwrap_err();

    assert_eq!(refused("姓名,新\n1,2\n3"), ShapeError::Ragged { row: 2 });
    assert_eq!(refused("姓名,新\n1,2,3\n"), ShapeError::Ragged { row: 1 });
    assert!(matches!(refused("姓名,新,姓名\n1,2,3\n"), ShapeError::TwoColumns(_)));
    assert!(matches!(refused("姓名\n\"张"), ShapeError::Incomplete { .. }));
    assert!(matches!(refused(""), ShapeError::Incomplete { .. }));
    assert_eq!(refused("新\n1\n"), ShapeError::NotDescribed);
    assert!(matches!(
        shape(&plan, b"\xd0\xd5\xc3\xfb\n1\n"),
        Err(ShapeError::Malformed { at: 0, .. })
    ));
    let large = format!("姓名\n{}\n", "x".repeat(256 * 1024 + 1));
    assert_eq!(
        super::shape_chunks(&plan, &large, 5000),
        Err(ShapeError::RowTooLarge { bound: 256 * 1024 })
    );
    assert!(shape(&plan, "姓名,新\n1,2\n").is_ok());
}

#[test]
fn a_row_with_two_columns_to_pick_by_does_not_leave() {
    let plan = compile(&people(), &keep(&["name"]), &[scope("region", &["1"])]).unwrap();
    let answer = "姓名,区域.代码,区域.代码\na,1,1\nb,1,2\n";

    assert_eq!(shape(&plan, answer).unwrap().0, "姓名\r\n");
}

#[test]
fn quotes_count_as_the_reader_counts_them() {
    let plan = compile(&people(), &keep(&["name"]), &[]).unwrap();

    // A stray one in a bare field opens nothing.
    assert_eq!(shape(&plan, "姓名,新\n5\" 管,1\n").unwrap().0, "姓名\r\n\"5\"\" 管\"\r\n");
    assert!(shape(&plan, "姓名,新\na,5\" 管").is_ok());
    // Two of them do not close what the third opened.
    for cut in ["新,姓名\nx\"y,\"张", "新,姓名\nx,\"张\"\"", "新,姓名\nx,\"张\n"] {
        assert!(matches!(shape(&plan, cut), Err(ShapeError::Incomplete { .. })), "{cut}");
    }
    for whole in ["新,姓名\nx,\"张\"", "新,姓名\nx,\"张\"\"\"", "新,姓名\nx,\"张\"\n", "新,姓名\n"]
    {
        assert!(shape(&plan, whole).is_ok(), "{whole}");
    }
}

#[test]
fn an_answer_that_breaks_off_tells_what_was_let_through() {
    let mut items = keep(&["name"]);
    let mask = Action::Mask(Mask::IdNumber { first: 1, last: 2 });
    items.push(("id_no".to_owned().try_into().unwrap(), mask));
    let plan = compile(&people(), &items, &[]).unwrap();
    let mut shaper = helan::shape::Shaper::new(plan, None);
    let mut out = Vec::new();
    assert_eq!(shaper.so_far(), helan::shape::Report::default());

    shaper.push("姓名,id_no\n张,bad\n李,640104199003070018\n王,\"6".as_bytes(), &mut out).unwrap();
    assert!(shaper.finish(&mut out).is_err());

    let report = shaper.so_far();
    assert_eq!((report.rows_out, report.masked, report.mask_failed), (2, 1, 1));
    let names = |items: &[helan::domain::ItemName]| {
        items.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names(&report.items), ["name", "id_no"]);
    assert_eq!(names(&report.masked_items), ["id_no"]);
}
