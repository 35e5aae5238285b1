//! Where a value stands in a payload: `data.rows[].owner.name`.

use super::error::PlanError;

/// Longest member name in bytes; the scanner keeps no more of a name than could match.
const LONGEST: usize = 512;

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To the member of this name.
    Member(Box<str>),
    /// To each element.
    Element,
}

/// Reads a path.
pub(super) fn parse(text: &str) -> Result<Vec<Step>, PlanError> {
    let wrong = || PlanError::Path(text.to_owned());
    let mut steps = Vec::new();
    for part in text.split('.') {
        let name = part.trim_end_matches("[]");
        let first = steps.is_empty();
        if name.contains(['[', ']']) || name.len() > LONGEST || part.is_empty() {
            return Err(wrong());
        }
        if !name.is_empty() {
            steps.push(Step::Member(name.into()));
        } else if !first {
            return Err(wrong());
        }
        steps.extend(std::iter::repeat_n(Step::Element, (part.len() - name.len()) / 2));
    }
    Ok(steps)
}

/// The full path of an item: as written if it starts with the path of the rows, else under it.
pub(super) fn under(rows: Option<&str>, path: &str) -> String {
    match rows {
        Some(rows) if path.strip_prefix(rows).is_none_or(|rest| !rest.starts_with('.')) => {
            format!("{rows}.{path}")
        }
        Some(_) | None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_step_by_step() {
        let member = |name: &str| Step::Member(name.into());

        assert_eq!(parse("[]").unwrap(), [Step::Element]);
        assert_eq!(
            parse("data.rows[].姓名").unwrap(),
            [member("data"), member("rows"), Step::Element, member("姓名")]
        );
        assert_eq!(parse("a[][]").unwrap(), [member("a"), Step::Element, Step::Element]);
        for bad in ["", ".", "a.", ".a", "a..b", "a.[]", "a[0]", "a]b", "a[", &"x".repeat(513)] {
            assert_eq!(parse(bad), Err(PlanError::Path(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn an_item_stands_under_the_rows_whether_its_path_says_so_or_not() {
        assert_eq!(under(Some("data[]"), "name"), "data[].name");
        assert_eq!(under(Some("data[]"), "data[].name"), "data[].name");
        assert_eq!(under(None, "owner.name"), "owner.name");
    }
}
