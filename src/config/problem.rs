//! What is wrong with a file, said so that it can be mended at once.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::yaml::{Fault, Position};
use crate::domain::ProfileId;

/// Characters of a source line shown around the fault.
const WIDEST: usize = 100;

/// Whether it stops the file from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It cannot be used safely.
    Error,
    /// It breaches the law, or will soon; calls are refused where the law says so.
    Warning,
}

/// An article of a rule of law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Article {
    /// The dated set of rules.
    pub profile: ProfileId,
    /// The article, such as `§16`.
    pub article: &'static str,
}

impl fmt::Display for Article {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.profile, self.article)
    }
}

/// The configuration or the policies cannot be used, and why: the command ends with exit code 78.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadConfiguration(pub String);

impl BadConfiguration {
    /// The configuration of a node, with all that is wrong in it.
    pub fn of_node(problems: &[Problem]) -> Self {
        let text: Vec<_> = problems.iter().map(|problem| problem.render(false)).collect();
        Self(format!("the configuration cannot be used\n{}", text.join("\n")))
    }
}

/// Something wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The line, from 1; 0 if it is about the file as a whole.
    pub line: u32,
    /// The character within the line, from 1; 0 if it is about the file as a whole.
    pub column: u32,
    /// Whether it stops the file from being used.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub mend: Option<String>,
    /// The article that is breached.
    pub article: Option<Article>,
    /// The line of the file.
    pub source_line: Option<String>,
}

impl Problem {
    /// About a file as a whole.
    pub fn of_file(file: &Path, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            column: 0,
            severity: Severity::Error,
            message: message.into(),
            mend: Some(mend.into()),
            article: None,
            source_line: None,
        }
    }

    /// At a place of a file whose text is at hand.
    pub fn at(file: &Path, text: &str, fault: Fault) -> Self {
        Self {
            file: file.to_owned(),
            line: fault.at.line,
            column: fault.at.column,
            severity: Severity::Error,
            message: fault.message,
            mend: fault.mend,
            article: None,
            source_line: line_of(text, fault.at),
        }
    }

    /// Whether it stops the file from being used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// As a compiler would say it; with colors if `color`.
    pub fn render(&self, color: bool) -> String {
        let paint = |code: &str, text: &str| {
            if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
        };
        let severity = match self.severity {
            Severity::Error => paint("1;31", "error"),
            Severity::Warning => paint("1;33", "warning"),
        };
        let file = printable(&self.file.display().to_string());
        let place = if self.line == 0 {
            format!("{file}:")
        } else {
            format!("{file}:{}:{}:", self.line, self.column)
        };
        let article = self.article.map(|article| format!(" [{article}]")).unwrap_or_default();
        let mut out =
            format!("{} {severity}: {}{article}\n", paint("1", &place), printable(&self.message));
        if let Some(line) = &self.source_line {
            let (shown, before) = window(line, self.column);
            let number = self.line.to_string();
            let margin = " ".repeat(number.len());
            let pad: String = before.chars().map(blank).collect();
            let caret = paint("1;31", "^");
            let drawn = write!(out, "{margin} |\n{number} | {shown}\n{margin} | {pad}{caret}\n");
            debug_assert!(drawn.is_ok(), "writing to a text does not fail");
        }
        if let Some(mend) = &self.mend {
            out.push_str("  = mend: ");
            out.push_str(&printable(mend));
            out.push('\n');
        }
        out
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// Puts problems in the order of files and lines, each once.
pub fn sort(problems: &mut Vec<Problem>) {
    problems.sort();
    problems.dedup();
}

/// The line of a text at a place.
pub fn line_of(text: &str, at: Position) -> Option<String> {
    let index = usize::try_from(at.line).ok()?.checked_sub(1)?;
    text.lines().nth(index).map(str::to_owned)
}

/// The part of a line that is shown, and what of it stands before the column.
fn window(line: &str, column: u32) -> (String, String) {
    let column = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
    let skip = if line.chars().count() > WIDEST { column.saturating_sub(WIDEST / 2) } else { 0 };
    let shown: String = line.chars().skip(skip).take(WIDEST).collect();
    let before: String = shown.chars().take(column.saturating_sub(skip)).collect();
    (printable(&shown), before)
}

/// Without what a terminal would act on.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A space as wide as a character is drawn, so that the caret stands under its place.
fn blank(c: char) -> char {
    if ('\u{1100}'..='\u{115f}').contains(&c) || ('\u{2e80}'..='\u{ffe6}').contains(&c) {
        '\u{3000}'
    } else {
        ' '
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_like_a_compiler_error() {
        let text = "id: tax\nname: 税务 x\n";
        let fault = Fault::new(Position { line: 2, column: 10 }, "no such thing", "write `y`");
        let mut problem = Problem::at(Path::new("a.yaml"), text, fault);
        problem.article = Some(Article { profile: ProfileId::Yc2018, article: "§16" });

        assert_eq!(
            problem.to_string(),
            "a.yaml:2:10: error: no such thing [yc-2018 §16]\n  |\n2 | name: 税务 x\n  |       　　 ^\n  = mend: write `y`\n"
        );
        assert!(problem.render(true).contains("\u{1b}[1;31merror"));
    }

    #[test]
    fn a_line_from_a_file_cannot_steer_the_terminal() {
        let text = format!("{}\u{1b}[2J{}", "x".repeat(300), "y".repeat(300));
        let fault = Fault::new(Position { line: 1, column: 301 }, "m\u{1b}", "n");

        let shown = Problem::at(Path::new("a"), &text, fault).to_string();

        assert!(!shown.contains('\u{1b}'), "{shown:?}");
        assert!(shown.lines().all(|line| line.chars().count() < 120), "{shown}");
    }

    #[test]
    fn problems_come_in_the_order_of_files_and_lines() {
        let problem = |file: &str, line| {
            Problem::at(Path::new(file), "", Fault::new(Position { line, column: 1 }, "m", "n"))
        };
        let mut problems =
            vec![problem("b", 1), problem("a", 10), problem("a", 9), problem("a", 9)];

        sort(&mut problems);

        let order: Vec<_> =
            problems.iter().map(|p| (p.file.display().to_string(), p.line)).collect();
        assert_eq!(order, [("a".to_owned(), 9), ("a".to_owned(), 10), ("b".to_owned(), 1)]);
    }
}
