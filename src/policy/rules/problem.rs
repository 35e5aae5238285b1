//! What is wrong with a folder of rules, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use miette::Diagnostic;

/// One thing wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesProblem {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: usize,
    /// The column, in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub mend: String,
}

impl fmt::Display for RulesProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file.display(), self.line, self.column, self.message)?;
        if !self.mend.is_empty() {
            write!(f, "; {}", self.mend)?;
        }
        Ok(())
    }
}

impl RulesProblem {
    /// At a byte of a file.
    pub(super) fn at(file: &Path, text: &str, offset: usize, message: String, mend: &str) -> Self {
        let (line, column) = position(text, offset);
        Self { file: file.to_owned(), line, column, message, mend: mend.to_owned() }
    }

    /// What Cedar says about a file.
    pub(super) fn cedar(file: &Path, text: &str, start: usize, said: &dyn Diagnostic) -> Self {
        let offset = said
            .labels()
            .and_then(|mut labels| labels.next())
            .map_or(start, |label| label.inner().offset());
        let mend = said.help().map(|help| help.to_string()).unwrap_or_default();
        Self::at(file, text, offset, said.to_string(), &mend)
    }

    /// A file that cannot be read.
    pub(super) fn unread(file: &Path, cause: &std::io::Error) -> Self {
        let message = format!("cannot be read: {cause}");
        Self::at(file, "", 0, message, "make the file readable, or leave it out")
    }
}

/// Line and column of a byte, both from 1.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_lines_and_characters_not_in_bytes() {
        let text = "甲乙\n丙丁x";

        assert_eq!(position(text, 0), (1, 1));
        assert_eq!(position(text, text.find('x').unwrap()), (2, 3));
        assert_eq!(position(text, 999), (2, 4));
    }
}
