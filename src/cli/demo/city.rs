//! The sample city as this demonstration serves it: the policies of the project with their dates
//! moved to today and their addresses to free ports.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use jiff::civil::Date;

use super::Ports;

/// The day that the dates in `policies/` are written around.
const WRITTEN_AROUND: Date = jiff::civil::date(2026, 6, 1);

/// Copies the city into a folder.
pub(super) fn copy(from: &Path, to: &Path, today: Date, ports: Ports) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    let entries = fs::read_dir(from)
        .with_context(|| format!("cannot read the city in {}", from.display()))?;
    for entry in entries {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target, today, ports)?;
        } else if source.extension().is_some_and(|kind| kind == "yaml")
            && !source.components().any(|part| part.as_os_str() == "rules")
        {
            let text = fs::read_to_string(&source)?;
            fs::write(&target, ports.place(&shift(&text, today)))?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

/// Moves every date so that the day the city was written around becomes today.
fn shift(text: &str, today: Date) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("20") {
        let (before, found) = rest.split_at(at);
        out.push_str(before);
        let inside = out.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
        let day = found.get(..10).filter(|_| !inside).and_then(|day| day.parse::<Date>().ok());
        let moved = day.and_then(|day| {
            let span = day.since(WRITTEN_AROUND).ok()?;
            today.checked_add(span).ok()
        });
        let taken = match moved {
            Some(moved) => {
                out.push_str(&moved.to_string());
                10
            }
            None => {
                out.push_str("20");
                2
            }
        };
        rest = found.get(taken..).unwrap_or("");
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_move_with_the_start_and_numbers_do_not() {
        let today = jiff::civil::date(2026, 11, 23);

        let moved =
            shift("term: {from: 2026-02-01, until: 2027-01-31} # 640104200101, 2026〕", today);

        assert_eq!(moved, "term: {from: 2026-07-26, until: 2027-07-25} # 640104200101, 2026〕");
    }
}
