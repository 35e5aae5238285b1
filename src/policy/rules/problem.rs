//! What is wrong with a folder of rules, and where.

use std::path::Path;

use miette::Diagnostic;

use crate::config::problem::Problem;
use crate::config::yaml::{Fault, Position};

/// At a byte of a file.
pub(super) fn at(file: &Path, text: &str, offset: usize, message: String, mend: &str) -> Problem {
    Problem::at(file, text, Fault::new(position(text, offset), message, mend))
}

/// What Cedar says about a file; `otherwise` is the mend where it knows none.
pub(super) fn cedar(
    file: &Path,
    text: &str,
    (start, otherwise): (usize, &str),
    said: &dyn Diagnostic,
) -> Problem {
    let offset = said
        .labels()
        .and_then(|mut labels| labels.next())
        .map_or(start, |label| label.inner().offset());
    let help = said.help().map(|help| help.to_string()).filter(|help| !help.trim().is_empty());
    at(file, text, offset, said.to_string(), help.as_deref().unwrap_or(otherwise))
}

/// A file that cannot be read.
pub(super) fn unread(file: &Path, cause: &std::io::Error) -> Problem {
    let message = format!("the rules cannot be read: {cause}");
    let mend = "put them there as `policies/rules/` of this project has them, readable for the user \
                Helan runs as";
    Problem::of_file(file, message, mend)
}

/// Line and column of a byte, both from 1.
fn position(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1);
    Position {
        line: number(before.matches('\n').count()),
        column: number(before.rsplit('\n').next().unwrap_or("").chars().count()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_lines_and_characters_not_in_bytes() {
        let text = "甲乙\n丙丁x";

        for (offset, line, column) in [(0, 1, 1), (text.find('x').unwrap(), 2, 3), (999, 2, 4)] {
            assert_eq!(position(text, offset), Position { line, column });
        }
    }
}
