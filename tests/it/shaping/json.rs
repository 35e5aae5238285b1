//! JSON: what `serde_json` would keep, and nothing that the grant does not name.

use std::collections::BTreeMap;

use helan::domain::{Entry, Format, Mask};
use helan::shape::{Action, PlanError, ShapeError};
use proptest::prelude::*;
use proptest::sample::subsequence;
use serde_json::{Map, Value};

use super::{compile, entry, item, keep, scope, shape};

/// Names, paths and types of the items under test.
const ITEMS: [(&str, &str, &str); 8] = [
    ("a", "data.rows[].a", "string"),
    ("b_a", "data.rows[].b.a", "string"),
    ("b_b", "data.rows[].b.b", "integer"),
    ("c_a", "data.rows[].c[].a", "string"),
    ("c_b", "data.rows[].c[].b.a", "string"),
    ("d", "data.rows[].d", "any"),
    ("e", "data.rows[].e[]", "string"),
    ("long", "data.rows[].a_longer_name", "string"),
];

fn sample() -> Entry {
    let items = ITEMS.map(|(name, path, kind)| item(name, path, kind));
    entry(Format::Json, Some("data.rows[]"), &["total", "page.next"], &items)
}

/// A text of JSON as it may be written: members twice, escapes, white space.
#[derive(Clone, Debug)]
enum Json {
    /// Written as it stands.
    Plain(String),
    /// Filled with the path it stands at.
    Text,
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

fn json() -> impl Strategy<Value = Json> {
    let plain = prop_oneof![
        4 => Just(Json::Text),
        1 => prop::sample::select(vec!["null", "true", "-0.5e+3", "640104199003070018"])
            .prop_map(|text| Json::Plain(text.to_owned())),
    ];
    plain.prop_recursive(4, 24, 5, |inner| {
        let name = prop::sample::select(vec!["a", "b", "c", "d", "e", "x", "a_longer_name"]);
        let members = prop::collection::vec((name.prop_map(str::to_owned), inner.clone()), 0..5);
        prop_oneof![
            3 => members.prop_map(Json::Object),
            1 => prop::collection::vec(inner, 0..4).prop_map(Json::Array),
        ]
    })
}

/// An answer around rows that may be anything.
fn answer() -> impl Strategy<Value = Json> {
    (prop::collection::vec(json(), 0..4), json(), json(), any::<bool>()).prop_map(
        |(rows, page, other, twice)| {
            let member = |name: &str, value| (name.to_owned(), value);
            let data = vec![member("rows", Json::Array(rows)), member("secret", other.clone())];
            let mut members = vec![
                member("total", Json::Text),
                member("data", Json::Object(data)),
                member("page", Json::Object(vec![member("next", page), member("x", Json::Text)])),
            ];
            if twice {
                members.push(member("data", other));
            }
            Json::Object(members)
        },
    )
}

/// Writes a text; plain texts say where they stand.
fn write(json: &Json, path: &str, careless: bool, out: &mut String) {
    let space = if careless { " \r\n\t" } else { "" };
    let join = |out: &mut String, first: bool| out.push_str(if first { "" } else { "," });
    match json {
        Json::Plain(text) => out.push_str(text),
        Json::Text => out.push_str(&format!("\"@{path}@\"")),
        Json::Array(elements) => {
            out.push('[');
            for (index, element) in elements.iter().enumerate() {
                join(out, index == 0);
                out.push_str(space);
                write(element, &format!("{path}[]"), careless, out);
                out.push_str(space);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                join(out, index == 0);
                let dot = if path.is_empty() { "" } else { "." };
                let written = match name.split_at(1) {
                    (first, rest) if careless => {
                        format!("\\u{:04x}{rest}", u32::from(first.bytes().next().unwrap()))
                    }
                    _ => name.clone(),
                };
                out.push_str(&format!("{space}\"{written}\"{space}:{space}"));
                write(value, &format!("{path}{dot}{name}"), careless, out);
                out.push_str(space);
            }
            out.push('}');
        }
    }
}

/// What may leave, by path; true if whole.
type Granted = BTreeMap<String, bool>;

fn granted(names: &[&str]) -> Granted {
    let items = ITEMS.iter().filter(|(name, ..)| names.contains(name));
    let around = [("total".to_owned(), false), ("page.next".to_owned(), false)];
    items.map(|(_, path, kind)| ((*path).to_owned(), *kind == "any")).chain(around).collect()
}

/// The same with a tree in memory: what is left of a value at a path.
fn project(value: &Value, path: &str, granted: &Granted) -> Option<Value> {
    let plain = !value.is_object() && !value.is_array();
    if let Some(whole) = granted.get(path) {
        return (*whole || plain).then(|| value.clone());
    }
    let below = |mark: &str| granted.keys().any(|key| key.starts_with(&format!("{path}{mark}")));
    let dot = if path.is_empty() { "" } else { "." };
    match value {
        Value::Object(members) if path.is_empty() || below(".") => Some(Value::Object(
            members
                .iter()
                .filter_map(|(name, value)| {
                    Some((name.clone(), project(value, &format!("{path}{dot}{name}"), granted)?))
                })
                .collect::<Map<_, _>>(),
        )),
        Value::Array(elements) if below("[]") => Some(Value::Array(
            elements
                .iter()
                .filter_map(|value| project(value, &format!("{path}[]"), granted))
                .collect(),
        )),
        Value::Null if path != "data.rows[]" && (below(".") || below("[]")) => Some(Value::Null),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => None,
    }
}

fn names() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(ITEMS.map(|(name, ..)| name).to_vec(), 1..=ITEMS.len())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_item_leaves_that_the_grant_does_not_name(
        answer in answer(), names in names(), careless: bool,
    ) {
        let plan = compile(&sample(), &keep(&names), &[]).unwrap();
        let mut text = String::new();
        write(&answer, "", careless, &mut text);

        let (out, _) = shape(&plan, &text).unwrap();

        let granted = granted(&names);
        for path in out.split('"').filter_map(|text| text.strip_prefix('@')) {
            let path = path.strip_suffix('@').unwrap();
            let named = granted.iter().any(|(item, whole)| {
                let rest = path.strip_prefix(item.as_str());
                rest.is_some_and(|rest| rest.is_empty() || *whole && rest.starts_with(['.', '[']))
            });
            prop_assert!(named, "{path} left");
        }
        prop_assert!(serde_json::from_str::<Value>(&out).is_ok(), "{out}");
    }

    #[test]
    fn what_is_kept_is_what_serde_json_would_keep(
        answer in answer(), names in names(), careless: bool,
    ) {
        let plan = compile(&sample(), &keep(&names), &[]).unwrap();
        let mut text = String::new();
        write(&answer, "", careless, &mut text);
        // Read and written again, so that no member stands there twice.
        let value: Value = serde_json::from_str(&text).unwrap();
        let text = serde_json::to_string(&value).unwrap();

        let (out, report) = shape(&plan, &text).unwrap();

        let expected = project(&value, "", &granted(&names)).unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), expected);
        prop_assert!(report.rows_out <= report.rows_in);
    }
}

fn shaped(entry: &Entry, names: &[&str], answer: &str) -> String {
    shape(&compile(entry, &keep(names), &[]).unwrap(), answer).unwrap().0
}

#[test]
fn names_match_however_they_are_written_and_each_time_they_occur() {
    let people = entry(
        Format::Json,
        Some("[]"),
        &[],
        &[item("id_no", "id_no", "string"), item("name", "姓名", "string")],
    );
    let answer = r#" [ {"id\u005fno" : "1" , "\u59d3名":"张三","id_no":"2", "姓 名":"x"},{} ] "#;

    assert_eq!(shaped(&people, &["name"], answer), r#"[{"\u59d3名":"张三"},{}]"#);
    assert_eq!(shaped(&people, &["id_no"], answer), r#"[{"id\u005fno":"1","id_no":"2"},{}]"#);
    let mask = Action::Mask(Mask::Keep { first: 0, last: 0 });
    let items = [("id_no".to_owned().try_into().unwrap(), mask)];
    let plan = compile(&people, &items, &[]).unwrap();
    let (out, report) = shape(&plan, answer).unwrap();
    assert_eq!(out, r#"[{"id\u005fno":"*","id_no":"*"},{}]"#);
    assert_eq!((report.masked, report.dropped, report.unknown), (2, 1, 1));
}

#[test]
fn nothing_leaves_inside_or_instead_of_what_was_described() {
    let names = ["a", "b_a", "c_a", "e"];
    for (row, left) in [
        (r#"{"a":{"secret":1}}"#, "{}"),
        (r#"{"a":["secret"]}"#, "{}"),
        (r#"{"b":"secret"}"#, "{}"),
        (r#"{"b":["secret"]}"#, "{}"),
        (r#"{"b":null,"c":null}"#, r#"{"b":null,"c":null}"#),
        (r#"{"c":{"a":"secret"}}"#, "{}"),
        (r#"{"c":["secret",{"a":1},["secret"],null,{"b":1}]}"#, r#"{"c":[{"a":1},null,{}]}"#),
        (r#"{"e":["1",{"a":"secret"},["secret"],2]}"#, r#"{"e":["1",2]}"#),
        (r#""secret""#, ""),
        ("17", ""),
        ("null", ""),
        (r#"["secret"]"#, ""),
    ] {
        let answer = format!(r#"{{"data":{{"rows":[{row}]}}}}"#);
        let expected = format!(r#"{{"data":{{"rows":[{left}]}}}}"#);
        assert_eq!(shaped(&sample(), &names, &answer), expected, "{row}");
    }
}

#[test]
fn commas_are_right_whatever_is_dropped_between() {
    let answer = r#"{"data":{"rows":[1,{"x":1,"a":"1","x":2,"b":{"x":[],"a":"2","y":0},"z":3},2,{"a":"3"},3]},"total":2}"#;

    assert_eq!(
        shaped(&sample(), &["a", "b_a"], answer),
        r#"{"data":{"rows":[{"a":"1","b":{"a":"2"}},{"a":"3"}]},"total":2}"#
    );
}

#[test]
fn a_value_of_any_type_leaves_exactly_as_it_was_written() {
    let free = entry(Format::Json, None, &[], &[item("v", "v", "any")]);
    for value in [
        r#"{ "a" : [ 1 , -0.0e-1 , "\u0000\ud83d" , {} , [ ] ] , "a" : null }"#,
        "[[[[]]]]",
        "1E5",
        "\"姓名\u{7f}\"",
        "false",
        "\u{20}\u{20}0.10",
    ] {
        let answer = format!("\u{feff}{{\"v\":{value}}}\n");
        let expected = format!("{{\"v\":{}}}", value.trim_start());
        assert_eq!(shaped(&free, &["v"], &answer), expected);
    }
}

#[test]
fn long_tokens_pass_or_are_dropped_whole() {
    let long = "长".repeat(30_000);
    let answer = format!(r#"{{"v":"{long}","w":"{long}","{long}":1}}"#);
    let free =
        entry(Format::Json, None, &[], &[item("v", "v", "string"), item("w", "w", "string")]);
    let mut items = keep(&["v"]);
    items.push(("w".to_owned().try_into().unwrap(), Action::Mask(Mask::Name)));
    let plan = compile(&free, &items, &[]).unwrap();

    for size in [answer.len(), 4096, 1001] {
        let (out, report) = super::shape_chunks(&plan, &answer, size).unwrap();
        assert_eq!(out, format!(r#"{{"v":"{long}"}}"#));
        assert_eq!((report.mask_failed, report.unknown), (1, 1));
    }
}

#[test]
fn counts_tell_drift_from_what_is_not_granted() {
    let plan = compile(&sample(), &keep(&["a", "b_a"]), &[]).unwrap();
    let answer = r#"{"data":{"rows":[
        {"a":"1","b":{"b":2,"new":3},"c":[{"a":1,"new":{"a":1}}],"d":{"x":1},"new":4},
        {"a":{}}, 5]},"page":{"next":null}}"#;
    let (_, report) = shape(&plan, answer).unwrap();

    assert_eq!((report.rows_in, report.rows_out), (3, 2));
    assert_eq!(report.items.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a"]);
    assert_eq!((report.unknown, report.dropped, report.mistyped), (3, 3, 2));
}

#[test]
fn a_plan_that_cannot_be_kept_is_refused() {
    let entry_of =
        |rows, envelope: &[&str], items: &[Value]| entry(Format::Json, rows, envelope, items);
    let (a, b) = (item("a", "a", "string"), item("b", "a.b", "string"));
    let nested = item("n", "n[].x", "string");
    let error = |entry: &Entry, items: &[&str], scopes: &[_]| {
        compile(entry, &keep(items), scopes).unwrap_err()
    };

    let plain = entry_of(None, &[], &[a.clone(), nested]);
    assert_eq!(error(&plain, &[], &[]), PlanError::Nothing);
    assert!(matches!(error(&plain, &["z"], &[]), PlanError::Unknown(_)));
    assert!(matches!(error(&plain, &["a", "a"], &[]), PlanError::Twice(_)));
    assert!(matches!(error(&plain, &["a"], &[scope("z", &["1"])]), PlanError::Unknown(_)));
    assert!(matches!(error(&plain, &["a"], &[scope("n", &["1"])]), PlanError::Scope(_)));
    for (rows, envelope, items) in [
        (None, &[][..], vec![a.clone(), b]),
        (None, &["a"], vec![a.clone()]),
        (Some("r[]"), &["r[].x"], vec![a.clone()]),
        (Some("r[]"), &["r"], vec![a.clone()]),
    ] {
        let clash = entry_of(rows, envelope, &items);
        assert!(matches!(error(&clash, &["a"], &[]), PlanError::Overlap(_)), "{envelope:?}");
    }
    assert!(matches!(
        error(&entry_of(Some("r"), &[], std::slice::from_ref(&a)), &["a"], &[]),
        PlanError::Rows(_)
    ));
    let file = entry(Format::File, None, &[], std::slice::from_ref(&a));
    assert_eq!(error(&file, &["a"], &[]), PlanError::File);
    let csv = entry(Format::Csv, Some("r[]"), &[], &[a]);
    assert_eq!(error(&csv, &["a"], &[]), PlanError::NoRows);
}

#[test]
fn depth_is_bounded() {
    let free = entry(Format::Json, None, &[], &[item("v", "v", "any")]);
    let nested = |depth| format!("{{\"v\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let plan = compile(&free, &keep(&["v"]), &[]).unwrap();

    assert!(shape(&plan, nested(63)).is_ok());
    assert_eq!(shape(&plan, nested(64)), Err(ShapeError::TooDeep { at: 68, bound: 64 }));
    let mut shaper = helan::shape::Shaper::new(plan, None).with_depth(2);
    let error = shaper.push(nested(2).as_bytes(), &mut Vec::new());
    assert_eq!(error, Err(ShapeError::TooDeep { at: 6, bound: 2 }));
}
