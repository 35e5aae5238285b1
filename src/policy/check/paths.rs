//! Paths of items in a payload: well-formed, and none within another.

use super::{Checking, Subject};
use crate::domain::{Entry, Format};

/// A place in the payload, with a name for messages.
struct Taken {
    path: String,
    pointer: String,
    what: String,
}

pub(super) fn check(checking: &mut Checking<'_>, subject: &Subject, entry: &Entry) {
    let interface = entry.interface.as_ref();
    let plain = interface.is_some_and(|interface| match interface.format {
        Format::Csv | Format::File => true,
        Format::Json | Format::Ndjson => false,
    });
    let rows = interface.and_then(|interface| interface.rows.as_deref());
    if let Some(rows) = rows.filter(|rows| !rows.is_empty())
        && (!is_path(rows) || !rows.ends_with("[]"))
    {
        let message = format!("`{rows}` is no path to an array of rows");
        let mend = "write member names joined by `.`, and `[]` at the end, such as `data.rows[]`";
        checking.error(subject, "/interface/rows", message, mend);
    }
    let mut taken = Vec::new();
    for (at, item) in entry.items.iter().enumerate() {
        let path = item.path.as_deref().unwrap_or(item.name.as_str());
        let pointer = format!("/items/{at}/path");
        if !plain && !is_path(path) {
            let message = format!("`{path}` is no path");
            let mend = "write member names joined by `.`, and `[]` after an array";
            checking.error(subject, pointer.clone(), message, mend);
        }
        let path = if plain { path.to_owned() } else { under(rows, path) };
        taken.push(Taken { path, pointer, what: format!("the item `{}`", item.name) });
    }
    for (at, path) in
        interface.map(|i| i.envelope.as_slice()).unwrap_or_default().iter().enumerate()
    {
        let pointer = format!("/interface/envelope/{at}");
        if !is_path(path) {
            let mend = "write member names joined by `.`, such as `page.next`";
            checking.error(subject, pointer.clone(), format!("`{path}` is no path"), mend);
        }
        let what = format!("the envelope `{path}`");
        taken.push(Taken { path: path.clone(), pointer, what });
    }
    collide(checking, subject, taken, plain);
}

/// Two paths of which one leads through the other would let one item leave with the other.
fn collide(checking: &mut Checking<'_>, subject: &Subject, mut taken: Vec<Taken>, plain: bool) {
    // `.` sorts before letters, so that what lies within a path follows it directly or after its kin.
    taken.sort_by(|a, b| segments(&a.path).cmp(segments(&b.path)));
    let mut open: Vec<&Taken> = Vec::new();
    for next in &taken {
        while open.last().is_some_and(|outer| !holds(&outer.path, &next.path, plain)) {
            open.pop();
        }
        if let Some(outer) = open.last() {
            let message = if outer.path == next.path {
                format!("{} and {} stand at the same place `{}`", outer.what, next.what, next.path)
            } else {
                format!(
                    "{} lies within {}, so that one would leave with the other",
                    next.what, outer.what
                )
            };
            let mend = "give each item a path of its own";
            checking.error(subject, next.pointer.clone(), message, mend);
        }
        open.push(next);
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('.').map(|segment| segment.trim_end_matches("[]"))
}

fn holds(outer: &str, inner: &str, plain: bool) -> bool {
    if plain {
        return outer == inner;
    }
    let mut inner = segments(inner);
    segments(outer).all(|segment| inner.next() == Some(segment))
}

fn under(rows: Option<&str>, path: &str) -> String {
    match rows {
        Some(rows) if !rows.is_empty() && rows != "[]" => format!("{rows}.{path}"),
        Some(_) | None => path.to_owned(),
    }
}

/// Member names joined by `.`, each perhaps followed by `[]`.
pub(super) fn is_path(text: &str) -> bool {
    text == "[]"
        || text.split('.').all(|segment| {
            let name = segment.strip_suffix("[]").unwrap_or(segment);
            !name.is_empty()
                && !name.contains(['[', ']', '"', '\\'])
                && !name.contains(char::is_control)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_holds_what_lies_within_it() {
        assert!(holds("rows[].owner", "rows[].owner.name", false));
        assert!(holds("a", "a[]", false));
        assert!(!holds("owner", "owner_name", false));
        assert!(!holds("a.b", "a.c", false));
    }

    #[test]
    fn a_path_is_member_names_joined_by_dots() {
        for good in ["a", "data.rows[].名称", "[]", "a[].b[]"] {
            assert!(is_path(good), "{good}");
        }
        for bad in ["", "a..b", "a[0]", ".a", "a[].", "a\"b"] {
            assert!(!is_path(bad), "{bad}");
        }
    }
}
