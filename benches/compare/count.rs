//! `make count`: the instructions of one call, which hardly differ from run to run, beside those
//! that are committed. What makes calls dearer is told before anybody could time it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use crate::client::Client;
use crate::instructions::Figures;
use crate::peers::{Bench, Door, Peer, launch};
use crate::process::output;
use crate::prove::prove;

/// What is counted, and the entry that is called.
const INPUTS: [(&str, &str); 2] = [("full-path", "small"), ("cache-hit", "kept")];

/// Calls before counting begins: tables have grown, tokens and decisions are remembered.
const WARM: u32 = 300;
/// Calls that are counted, one after the other on one connection.
const CALLS: u32 = 200;
/// How often; the lowest count is taken, because Helan looks at the policy folder now and then, and
/// more often during a count if the machine is slow.
const TURNS: u32 = 5;
/// Functions that only the worker calls, and only the thread that writes records.
const MARKS: [&str; 2] = ["helan::gateway::pass", "helan::journal::writer::"];
/// What a call leaves to be done after its answer is done by then.
const QUIET: Duration = Duration::from_millis(200);

/// Counts each input on a Helan of its own and keeps the profiles in a folder.
pub(crate) fn count(bench: &Bench, profiles: &Path) -> anyhow::Result<Figures> {
    INPUTS
        .into_iter()
        .map(|(name, entry)| {
            crate::say(&format!("counting {name}"))?;
            let kept = profile(profiles, name);
            let figure = instructions(bench, entry, &kept).with_context(|| name.to_owned())?;
            Ok((name.to_owned(), figure))
        })
        .collect()
}

/// Where the profile of an input is kept, for `callgrind_annotate`.
pub(crate) fn profile(profiles: &Path, name: &str) -> PathBuf {
    profiles.join(format!("callgrind.{name}"))
}

fn instructions(bench: &Bench, entry: &str, kept: &Path) -> anyhow::Result<u64> {
    let folder = bench.work.join(format!("callgrind-{entry}"));
    fs::create_dir_all(&folder)?;
    let profile = folder.join("profile");
    let pipes = format!("--vgdb-prefix={}", folder.join("vgdb").display());
    let by = [
        "valgrind",
        "--tool=callgrind",
        "--instr-atstart=no",
        "--separate-threads=yes",
        &format!("--callgrind-out-file={}", profile.display()),
        &pipes,
    ];
    let helan = launch(bench, Peer::Helan, &by, 1)?;
    let tell = |words: &[&str]| {
        // A program that does not listen would be waited for without end.
        let pid = format!("--pid={}", helan.pid());
        let mut command = Command::new("timeout");
        command.args(["30", "vgdb", &pid, &pipes]).args(words);
        std::thread::sleep(QUIET);
        output(&mut command)
    };

    let target = helan.target(bench, Door::Tls, entry);
    prove(Peer::Helan, &target)?;
    let mut client = Client::connect(&target, "Connection: keep-alive")?;
    calls(&mut client, WARM)?;
    tell(&["instrumentation", "on"])?;
    calls(&mut client, WARM / 10)?;
    tell(&["zero"])?;
    let mut lowest = u64::MAX;
    for turn in 1..=TURNS {
        calls(&mut client, CALLS)?;
        tell(&["dump"])?;
        let path = on_the_path(&folder, turn)?;
        let figure = total(&path)? / u64::from(CALLS);
        if figure < lowest {
            lowest = figure;
            fs::write(kept, path.concat())?;
        }
    }
    Ok(lowest)
}

fn calls(client: &mut Client, count: u32) -> anyhow::Result<()> {
    (0..count).try_for_each(|_| client.call())
}

/// The profiles of the threads that a call waits for: those that serve, and the one that writes records.
/// The others work by the second, not by the call, and a program that is counted is a hundred times as slow.
fn on_the_path(folder: &Path, turn: u32) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with(&format!("profile.{turn}-")) {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        if MARKS.iter().any(|mark| text.contains(mark)) {
            found.push(text);
        }
    }
    anyhow::ensure!(
        found.len() == MARKS.len(),
        "{} threads instead of {} have {MARKS:?} in their profiles",
        found.len(),
        MARKS.len()
    );
    Ok(found)
}

/// What profiles counted in all.
fn total(profiles: &[String]) -> anyhow::Result<u64> {
    let mut sum = 0;
    for profile in profiles {
        let line = profile.lines().find_map(|line| line.strip_prefix("totals: "));
        sum += line.context("the profile has no total")?.trim().parse::<u64>()?;
    }
    Ok(sum)
}
