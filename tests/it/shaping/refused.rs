//! What is no JSON is an error, and nothing of the rest passes.

use std::sync::Arc;

use helan::domain::Format;
use helan::shape::{Fault, ShapeError, Shaper};
use proptest::prelude::*;

use super::{compile, entry, item, keep, shape};

/// Values that no JSON text may hold.
const BAD: &[&[u8]] = &[
    b"",
    b"x",
    b"nul",
    b"nulll",
    b"True",
    b"+1",
    b"-",
    b"01",
    b"-01",
    b"1.",
    b".5",
    b"1e",
    b"1e+",
    b"1.e1",
    b"0x1",
    b"NaN",
    b"Infinity",
    b"'a'",
    b"\"a",
    b"\"\x01\"",
    b"\"\n\"",
    b"\"\\x\"",
    b"\"\\u12g4\"",
    b"\"\\u123\"",
    b"\"\\",
    b"\"\xff\"",
    b"\"\xc0\xaf\"",
    b"\"\xed\xa0\x80\"",
    b"\"\xe5\xa7\"",
    b"[",
    b"[1",
    b"[1,",
    b"[1,]",
    b"[,1]",
    b"[1 2]",
    b"[1}",
    b"{",
    b"{\"a\"",
    b"{\"a\":",
    b"{\"a\":1",
    b"{\"a\":1,}",
    b"{,}",
    b"{a:1}",
    b"{\"a\" 1}",
    b"{\"a\":1 \"b\":2}",
    b"{\"a\":1]",
    b"{1:2}",
    b"1 2",
    b"\"a\"\"b\"",
    b"\x0c1",
    b"1\x00",
    b"/**/1",
    b"\xc2\xa01",
    b"[1]]",
    b"{}}",
    b"\xef\xbb\xbf1",
];

#[test]
fn what_is_no_json_fails_closed_in_every_slot_and_wherever_it_is_cut() {
    let items = [
        item("kept", "kept", "any"),
        item("plain", "plain", "string"),
        item("other", "other", "string"),
        item("deep", "deep.a", "string"),
    ];
    let plan =
        compile(&entry(Format::Json, None, &[], &items), &keep(&["kept", "plain", "deep"]), &[]);
    let plan = plan.unwrap();
    for bad in BAD {
        for name in ["kept", "plain", "other", "deep", "unknown"] {
            let head = format!("{{\"{name}\":").into_bytes();
            let text = [&head, *bad, b",\"plain\":\"later\"}"].concat();
            let whole = String::from_utf8_lossy(&text).into_owned();

            assert!(shape(&plan, &text).is_err(), "{whole}");
            let (mut shaper, mut out) = (Shaper::new(Arc::clone(&plan), None), Vec::new());
            let refused =
                text.chunks(1).map(|byte| shaper.push(byte, &mut out)).filter(Result::is_err);
            let refused = refused.count() > 0 || shaper.finish(&mut out).is_err();
            assert!(refused, "{whole}");
            // A container left open takes the rest in, if it may hold anything.
            let passed = out.windows(7).any(|window| window == b"later\"}");
            assert!(name == "kept" || !passed, "{whole}");
        }
    }
}

#[test]
fn what_is_not_one_whole_text_is_refused() {
    let free = entry(Format::Json, None, &[], &[item("v", "v", "any")]);
    let plan = compile(&free, &keep(&["v"]), &[]).unwrap();
    let malformed = |at, fault| Err(ShapeError::Malformed { at, fault });

    assert_eq!(shape(&plan, ""), Err(ShapeError::Incomplete { after: 0 }));
    assert_eq!(shape(&plan, " \n"), Err(ShapeError::Incomplete { after: 2 }));
    assert_eq!(shape(&plan, "\u{feff}"), Err(ShapeError::Incomplete { after: 3 }));
    assert_eq!(shape(&plan, "{}x"), malformed(2, Fault::Trailing));
    assert_eq!(shape(&plan, "{} {}"), malformed(3, Fault::Trailing));
    assert_eq!(shape(&plan, "\u{feff}\u{feff}{}"), malformed(3, Fault::Unexpected));
    assert_eq!(shape(&plan, b"\xff\xfe{\0}\0"), malformed(0, Fault::Encoding));
    for other in ["[]", "\"secret\"", "17", "null", "[{\"v\":1}]"] {
        assert_eq!(shape(&plan, other), Err(ShapeError::NotDescribed), "{other}");
    }
    assert_eq!(shape(&plan, " {} \r\n\t").unwrap().0, "{}");
}

#[test]
fn after_an_error_nothing_passes() {
    let free = entry(Format::Json, None, &[], &[item("v", "v", "any")]);
    let plan = compile(&free, &keep(&["v"]), &[]).unwrap();
    let (mut shaper, mut out) = (Shaper::new(plan, None), Vec::new());
    let error = shaper.push(b"{]", &mut out).unwrap_err();
    out.clear();

    assert_eq!(shaper.push(b"\"v\":1}", &mut out), Err(error.clone()));
    assert_eq!(shaper.finish(&mut out), Err(error));
    assert!(out.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_text_is_refused_if_and_only_if_serde_json_refuses_it(
        text in r#"\{"v":[-+0-9a-fntrulse.,:"{}\[\] \\u]{0,12}\}"#,
    ) {
        let free = entry(Format::Json, None, &[], &[item("v", "v", "any")]);
        let plan = compile(&free, &keep(&["v"]), &[]).unwrap();

        let good = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
        prop_assert_eq!(shape(&plan, &text).is_ok(), good, "{}", text);
    }

    #[test]
    fn any_bytes_at_all_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        for format in [Format::Json, Format::Ndjson, Format::Csv] {
            let free = entry(format, None, &[], &[item("v", "v", "any")]);
            let plan = compile(&free, &keep(&["v"]), &[]).unwrap();
            // The helper cuts them everywhere and compares what comes of it.
            drop(shape(&plan, &bytes));
        }
    }
}
