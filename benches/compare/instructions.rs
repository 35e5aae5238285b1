//! The committed figures of `make count`, and how far a count may be from them.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::count::profile;
use crate::process::output;
use crate::table::aligned;

/// Instructions of a call, by the name of the input.
pub(crate) type Figures = BTreeMap<String, u64>;

/// Where they are committed.
pub(crate) const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.json");

const ACCEPT: &str =
    "commit benches/instructions.json as `make count ARGS=--accept` writes it anew.\n";

/// By how many percent a figure may differ from the committed one.
const TOLERANCE: f64 = 5.0;

/// The file, and how it was made.
#[derive(Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Committed {
    comment: String,
    architecture: String,
    instructions_per_call: Figures,
}

impl Committed {
    /// What this machine counted, to be committed.
    pub(crate) fn new(figures: Figures) -> anyhow::Result<Self> {
        let rustc = output(Command::new("rustc").arg("--version"))?;
        let valgrind = output(Command::new("valgrind").arg("--version"))?;
        let comment = format!(
            "Written by `make count ARGS=--accept`, with {} and {}.",
            rustc.trim(),
            valgrind.trim()
        );
        let architecture = std::env::consts::ARCH.to_owned();
        Ok(Self { comment, architecture, instructions_per_call: figures })
    }

    /// Reads the file; nothing is committed if there is none.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        match fs::read_to_string(file) {
            Ok(text) => serde_json::from_str(&text).context(file.display().to_string()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).context(file.display().to_string()),
        }
    }

    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(file, text + "\n").context(file.display().to_string())
    }

    /// The architecture that the figures are of, if it is not this one: there they say nothing.
    pub(crate) fn elsewhere(&self) -> Option<&str> {
        let foreign = !["", std::env::consts::ARCH].contains(&self.architecture.as_str());
        foreign.then_some(self.architecture.as_str())
    }

    pub(crate) fn table(&self, counted: &Figures) -> String {
        let head = ["call", "instructions", "committed", "difference"].map(str::to_owned);
        let lines = counted.iter().map(|(name, figure)| {
            let committed = self.instructions_per_call.get(name);
            let difference = self.difference(name, *figure);
            vec![
                name.clone(),
                figure.to_string(),
                committed.map_or("–".to_owned(), u64::to_string),
                difference.map_or("–".to_owned(), |percent| format!("{percent:+.2} %")),
            ]
        });
        aligned(&std::iter::once(head.to_vec()).chain(lines).collect::<Vec<_>>())
    }

    /// What to do about figures that grew or shrank too much. It is an error if one grew, or if
    /// nothing is committed to judge it by. Profiles are in this folder.
    pub(crate) fn judge(&self, counted: &Figures, profiles: &Path) -> Result<String, String> {
        let (mut worse, mut better) = (Vec::new(), Vec::new());
        for (name, figure) in counted {
            match self.difference(name, *figure) {
                None => worse.push(format!("{name} has no committed figure.")),
                Some(percent) if percent > TOLERANCE => {
                    let profile = profile(profiles, name);
                    worse.push(format!(
                        "{name} grew by {percent:.1} %. Where its instructions go:\n  \
                         callgrind_annotate {}",
                        profile.display()
                    ));
                }
                Some(percent) if percent < -TOLERANCE => {
                    better.push(format!("{name} shrank by {:.1} %.", -percent));
                }
                Some(_) => {}
            }
        }
        if !worse.is_empty() {
            return Err(format!("{}\nIf it is worth that, {ACCEPT}", worse.join("\n")));
        }
        if better.is_empty() {
            return Ok(String::new());
        }
        Ok(format!("{}\nSo that it stays so, {ACCEPT}", better.join("\n")))
    }

    /// By how many percent of the committed figure this one is above it.
    fn difference(&self, name: &str, figure: u64) -> Option<f64> {
        let committed = *self.instructions_per_call.get(name)?;
        #[expect(clippy::cast_precision_loss, reason = "percent need no 53 bits")]
        let (figure, committed) = (figure as f64, committed as f64);
        Some((figure - committed) * 100.0 / committed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(counted: u64) -> Result<String, String> {
        let figures = |figure| Figures::from([("full-path".to_owned(), figure)]);
        let committed =
            Committed { instructions_per_call: figures(100_000), ..Committed::default() };
        committed.judge(&figures(counted), Path::new("out"))
    }

    #[test]
    fn a_call_may_grow_by_five_percent() {
        for within in [96_000, 100_000, 104_000, 105_000] {
            assert_eq!(judged(within), Ok(String::new()), "{within}");
        }
    }

    #[test]
    fn a_call_that_grew_more_fails_and_says_where_to_look_and_how_to_accept_it() {
        let words = judged(106_000).unwrap_err();
        for told in
            ["full-path grew by 6.0 %", "callgrind_annotate out/callgrind.full-path", ACCEPT]
        {
            assert!(words.contains(told), "{words}");
        }
    }

    #[test]
    fn a_call_that_shrank_is_to_be_committed() {
        let words = judged(94_000).unwrap();
        assert!(words.contains("full-path shrank by 6.0 %") && words.contains(ACCEPT), "{words}");
    }

    #[test]
    fn a_call_that_nothing_is_committed_for_fails() {
        let figures = Figures::from([("new".to_owned(), 1)]);
        let words = Committed::default().judge(&figures, Path::new("out")).unwrap_err();
        assert!(words.contains("new has no committed figure"), "{words}");
    }

    #[test]
    fn the_committed_file_is_one() {
        let committed = Committed::read(Path::new(FILE)).unwrap();
        assert!(!committed.instructions_per_call.is_empty());
    }
}
