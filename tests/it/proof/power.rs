//! Power cuts and full disks, on file systems of their own: what was durable is there and proved, what
//! was not is gone without a trace that anything trips over.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use helan::journal::Spent;
use rustix::process::{Pid, Signal, kill_process};

use super::*;
use crate::support::eventually;
use crate::support::tools::tool;

/// A file system in a file of its own, or in memory, mounted until it is dropped.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn of(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let status = Command::new("mount").args(arguments).arg(folder.path()).status().unwrap();
        assert!(status.success(), "mount {arguments:?}");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let gone = Command::new("umount").arg(self.path()).status();
        assert!(std::thread::panicking() || gone.unwrap().success());
    }
}

/// Whether file systems can be mounted here; only root can, and CI must.
fn can_mount() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    assert!(is_root || std::env::var("CI").as_deref() != Ok("true"), "mounting needs root");
    is_root && tool("mkfs.ext4", &["mkfs.ext4"]).is_some()
}

/// Makes calls until it is killed, in a process of its own, and tells each that is durable.
#[test]
fn child_that_calls() {
    let Some(folder) = std::env::var_os("HELAN_TEST_FOLDER") else { return };
    let journal = open(Path::new(&folder));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let line = format!("\n@{}\n", calls(&journal, 1)[0]);
                    std::io::stdout().write_all(line.as_bytes()).unwrap();
                }
            });
        }
    });
}

/// The child, and what it has told so far.
pub(super) struct Calling {
    child: Child,
    told: Arc<Mutex<BTreeSet<String>>>,
}

impl Calling {
    pub(super) fn start(folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "proof::power::child_that_calls", "--nocapture", "--test-threads=1"])
            .env("HELAN_TEST_FOLDER", folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let told = Arc::new(Mutex::new(BTreeSet::new()));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let heard = Arc::clone(&told);
        std::thread::spawn(move || {
            for line in lines {
                if let Some(call) = line.strip_prefix('@') {
                    heard.lock().unwrap().insert(call.to_owned());
                }
            }
        });
        Self { child, told }
    }

    /// Lets `look` see the folder while nothing moves; with what was told before.
    pub(super) fn stopped<T>(&self, look: impl FnOnce(BTreeSet<String>) -> T) -> T {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::STOP).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        let seen = look(self.told.lock().unwrap().clone());
        kill_process(pid, Signal::CONT).unwrap();
        seen
    }

    pub(super) fn end(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Goes on with a folder after a cut: all that was told is there, proved, and more can follow. How many
/// events it holds then.
fn go_on(folder: &Path, told: &BTreeSet<String>, what: &str) -> u64 {
    let journal = open(folder);
    calls(&journal, 20);
    journal.close();
    let (code, said) = verify(folder, &[]);
    assert_eq!((code, wrong(&said)), (Some(0), vec![]), "{what}: {said}");
    let text: String =
        segments(folder).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let mark = "\"event\":\"decided\"";
    let recorded: BTreeSet<_> = text
        .lines()
        .filter(|line| line.contains(mark))
        .map(|line| line.split("\"transaction\":\"").nth(1).unwrap()[..36].to_owned())
        .collect();
    let lost = told.difference(&recorded).count();
    assert_eq!(lost, 0, "{what}: {lost} of {} lost", told.len());
    u64::try_from(text.lines().count()).unwrap()
}

#[test]
fn a_power_cut_takes_only_what_was_not_durable() {
    if !can_mount() {
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let image = work.path().join("disk");
    fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
    let made = Command::new("mkfs.ext4").arg("-q").arg(&image).status().unwrap();
    assert!(made.success());
    let disk = Mounted::of(&["-o", "loop", image.to_str().unwrap()]);
    let calling = Calling::start(disk.path());
    let mut cuts = Vec::new();
    for cut in 0_u64..8 {
        std::thread::sleep(Duration::from_millis(250 + cut * 61));
        // What the device holds now is what a power cut leaves: pages that only the system had are gone.
        cuts.push(calling.stopped(|told| {
            let copy = work.path().join(format!("cut-{cut}"));
            fs::copy(&image, &copy).unwrap();
            (copy, told)
        }));
    }
    calling.end();
    drop(disk);
    let (mut answered, mut recorded) = (0, 0);
    for (image, told) in &cuts {
        let disk = Mounted::of(&["-o", "loop", image.to_str().unwrap()]);
        recorded = go_on(disk.path(), told, &image.display().to_string());
        answered = told.len();
        fs::remove_file(image).unwrap();
    }
    assert!(answered > 200, "only {answered} calls: too thin a load");
    eprintln!(
        "power cut: {} cuts, {answered} answered before the last, {recorded} events recorded, 0 lost",
        cuts.len()
    );
}

/// Lines that were being written when the power went: whole, in order, and none confirmed.
fn in_flight(folder: &Path, count: u64) -> Vec<u8> {
    let last = segments(folder).pop().unwrap();
    let text = fs::read(&last).unwrap();
    let end = text.iter().rposition(|byte| *byte != 0).unwrap();
    let line = text[..end].split(|byte| *byte == b'\n').next_back().unwrap();
    let json = String::from_utf8(line[9..].to_vec()).unwrap();
    let (number, rest) = json["{\"seq\":".len()..].split_once(',').unwrap();
    let number: u64 = number.parse().unwrap();
    let mut bytes = Vec::new();
    for next in 1..=count {
        let json = format!("{{\"seq\":{},{rest}", number + next);
        let mark = if next == 1 { '+' } else { ' ' };
        bytes
            .extend(format!("{:08x}{mark}{json}\n", crc32fast::hash(json.as_bytes())).into_bytes());
    }
    bytes
}

#[test]
fn a_tail_that_reached_the_disk_in_pieces_and_out_of_order_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let calling = Calling::start(folder.path());
    std::thread::sleep(Duration::from_millis(1_500));
    let (stopped, told) = calling.stopped(|told| (copy(folder.path()), told));
    calling.end();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut chance = |of: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % of
    };
    for round in 0..24 {
        let cut = copy(stopped.path());
        // One that was begun a moment before and holds zeros only: its name did not reach the disk.
        let newest = segments(cut.path()).pop().unwrap();
        if fs::read(&newest).unwrap().iter().all(|byte| *byte == 0) {
            fs::remove_file(newest).unwrap();
        }
        let batch = in_flight(cut.path(), 40);
        let last = segments(cut.path()).pop().unwrap();
        let mut bytes = fs::read(&last).unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        bytes.resize(end.max(bytes.len()).max(end + batch.len()), 0);
        bytes[end..end + batch.len()].copy_from_slice(&batch);
        // A disk writes sectors whole, in whatever order: each of the batch's own came or did not.
        let own = end.next_multiple_of(512);
        for sector in (own..end + batch.len()).step_by(512) {
            if chance(3) == 0 {
                let stop = (sector + 512).min(bytes.len());
                bytes[sector..stop].fill(0);
            }
        }
        fs::write(&last, &bytes).unwrap();
        // Hashes are made durable once a minute: any of them may be gone or torn.
        for tile in fs::read_dir(cut.path().join("tree/tile/0")).unwrap() {
            let path = tile.unwrap().path();
            match chance(4) {
                0 if path.is_file() => fs::write(&path, b"torn").unwrap(),
                1 if path.is_file() => fs::remove_file(&path).unwrap(),
                2 if path.is_dir() => fs::remove_dir_all(&path).unwrap(),
                _ => {}
            }
        }
        drop(fs::remove_file(cut.path().join("tree/checkpoint")));

        go_on(cut.path(), &told, &format!("round {round}"));
    }
    assert!(told.len() > 200, "only {} calls: too thin a load", told.len());
    eprintln!("torn tails: 24 of 24 cut, {} answered, 0 lost", told.len());
}

#[test]
fn on_a_full_disk_calls_are_refused_and_come_back_when_there_is_room() {
    if !can_mount() {
        return;
    }
    let disk = Mounted::of(&["-t", "tmpfs", "-o", "size=3m", "none"]);
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![1; 1 << 20]).unwrap();
    let records = disk.path().join("records");
    let journal = open(&records);
    let mut told = BTreeSet::new();
    let mut call = || -> Result<(), Spent> {
        let decided = Decided::new(Clock::system().now(), Uuid::now_v7(), Zone::Sharing);
        let (ticket, open) = journal.reserve(Zone::Sharing, 2_048)?.decided(&decided);
        ticket.wait().map_err(|_| Spent::Failed)?;
        open.finish(&Finished::new(&decided, decided.time, ANSWERED));
        told.insert(decided.transaction.to_string());
        Ok(())
    };
    let answered = (0..100_000).take_while(|_| call().is_ok()).count();
    assert!(answered > 1_000 && answered < 100_000, "{answered}");
    assert_eq!(call(), Err(Spent::Failed));

    fs::remove_file(ballast).unwrap();

    eventually("room", Duration::from_secs(5), || call().ok());
    journal.close();
    let recorded = go_on(&records, &told, "a full disk");
    eprintln!("full disk: {} answered, {recorded} events recorded, 0 lost", told.len());
}
