//! Follows the journal: every record that is durable is read once and told to the detectors and to the
//! roll-ups, on one thread that gives way to all others.

mod lag;
mod stop;
mod work;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use self::lag::Lag;

use self::lag::Progress;
use self::stop::{Stop, now};
use self::work::Work;
use super::line;
use super::store::{self, Claim, StoreError};
use super::watch::Watch;
use crate::journal::{Clock, Journal, ReadError, Tail};

/// How long what is folded waits to be written.
const EVERY: Duration = Duration::from_secs(1);

/// How long records are let gather: often enough that each time there is little to do.
const NAP: Duration = Duration::from_millis(50);

/// Records between two writes: a write is short, and so is what a kill costs.
const BATCH: u64 = 10_000;

/// Records between two looks at whether somebody else wants the core: ten microseconds' worth.
const STRIDE: usize = 16;

/// So many records behind it no longer gives way at every stride: it would never come even, and would have
/// to read from the disk what no longer waits for it in memory.
const LATE: u64 = 6_000;

/// How long after a failure it is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// How long between two rounds of the detectors.
const ROUND: Duration = Duration::from_secs(60);

/// How much it gives way: every thread of the path comes first.
const NICE: i32 = 10;

/// Where records are, where roll-ups are, who watches, and what the time is.
#[derive(Clone, Debug)]
pub struct Followed {
    /// Folder of records.
    pub records: PathBuf,
    /// Folder of state.
    pub state: PathBuf,
    /// What the detectors know.
    pub watch: Arc<Watch>,
    /// Where the time comes from.
    pub clock: Clock,
}

/// The thread, until it is told to finish.
#[derive(Debug)]
pub struct Follower {
    journal: Journal,
    clock: Clock,
    progress: Arc<Progress>,
    stop: Arc<Stop>,
    thread: Mutex<Option<JoinHandle<Task>>>,
}

impl Follower {
    /// Starts to follow a journal; `judge` is called when the detectors have their round, every minute.
    pub fn start(
        journal: &Journal,
        followed: Followed,
        mut judge: impl FnMut() + Send + 'static,
    ) -> io::Result<Self> {
        let (progress, stop) = (Arc::<Progress>::default(), Arc::<Stop>::default());
        let clock = followed.clock.clone();
        let mut task = Task {
            tail: journal.tail(),
            journal: journal.clone(),
            followed,
            progress: Arc::clone(&progress),
            stop: Arc::clone(&stop),
            claim: None,
            work: None,
            written: now(),
            not_before: None,
            has_warned: false,
            complaint: None,
        };
        let thread = thread::Builder::new().name("supervision".to_owned()).spawn(move || {
            // Without it the path only has more company.
            if let Err(error) = rustix::process::setpriority_process(None, NICE) {
                tracing::debug!(%error, "the thread of supervision keeps its priority");
            }
            task.run(&mut judge);
            task
        })?;
        let thread = Mutex::new(Some(thread));
        Ok(Self { journal: journal.clone(), clock, progress, stop, thread })
    }

    /// How far the roll-ups, and with them the detectors, are behind the journal.
    pub fn lag(&self) -> Lag {
        self.progress.lag(self.journal.committed(), self.clock.now())
    }

    /// Ends the thread and folds what is durable by now, for so long at most: here, where nothing has
    /// to be given way to any more.
    pub fn finish(&self, within: Duration) {
        self.stop.ask(within);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        match thread.map(JoinHandle::join) {
            Some(Ok(task)) => task.finish(),
            Some(Err(_)) => tracing::error!("the thread of supervision ended by a panic"),
            None => {}
        }
        let Lag { events, .. } = self.lag();
        if events > 0 {
            tracing::warn!(
                events,
                "records are not in the roll-ups yet; the next start goes on there"
            );
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop.ask(Duration::ZERO);
    }
}

/// What the thread does.
#[derive(Debug)]
struct Task {
    journal: Journal,
    followed: Followed,
    tail: Tail,
    progress: Arc<Progress>,
    stop: Arc<Stop>,
    claim: Option<Claim>,
    work: Option<Work>,
    /// When roll-ups were written last.
    written: Instant,
    /// When it is tried again after a failure.
    not_before: Option<Instant>,
    has_warned: bool,
    /// What could not be read the last time.
    complaint: Option<String>,
}

/// Why roll-ups cannot be written. The next attempt starts from what the store holds.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot read the records in {folder}")]
    Records {
        folder: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error(transparent)]
    Read(ReadError),
}

impl Task {
    /// Follows until the end is asked for.
    fn run(&mut self, judge: &mut dyn FnMut()) {
        self.tail.go_behind(self.followed.watch.seq());
        let mut judged: Option<Instant> = None;
        while !self.stop.is_asked() {
            self.round(Stop::is_asked);
            if judged.is_none_or(|judged| judged.elapsed() >= ROUND) {
                judge();
                judged = Some(now());
            }
            let has_unwritten = self.work.as_ref().is_some_and(|work| work.unwritten() > 0);
            let longest =
                if has_unwritten { EVERY.saturating_sub(self.written.elapsed()) } else { EVERY };
            if !self.tail.wait(NAP, longest) {
                self.stop.wait(EVERY);
            }
        }
    }

    /// Takes in the rest, while there is time.
    fn finish(mut self) {
        // What is on its way to the file is there in a moment.
        while !self.stop.is_over() {
            self.tail.wait(Duration::ZERO, Duration::ZERO);
            self.round(Stop::is_over);
            if self.tail.seq() >= self.journal.committed() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.write();
        if let Some(work) = self.work.take()
            && let Err(error) = work.close()
        {
            tracing::warn!(error = chain(&error), "the roll-ups were not closed in order");
        }
        self.followed.watch.store();
    }

    /// Takes in what there is. Without a store, the detectors go on alone.
    fn round(&mut self, is_enough: fn(&Stop) -> bool) {
        let may_open = self.not_before.is_none_or(|not_before| now() >= not_before);
        if may_open && let Err(trouble) = self.open() {
            self.complain(&trouble);
        }
        while !is_enough(&self.stop) {
            match self.stride() {
                Ok(0) => break,
                Ok(_) => {}
                Err(cause) => {
                    let folder = self.followed.records.clone();
                    self.complain(&Trouble::Records { folder, cause });
                    break;
                }
            }
            if self.work.as_ref().is_some_and(|work| work.unwritten() >= BATCH) {
                self.write();
            }
            if self.journal.committed().saturating_sub(self.tail.seq()) < LATE {
                thread::yield_now();
            }
        }
        if self.written.elapsed() >= EVERY {
            self.write();
        }
    }

    /// Opens the store if it is not; records are told again from where it ends.
    fn open(&mut self) -> Result<(), Trouble> {
        if self.work.is_some() {
            return Ok(());
        }
        let Followed { records, state, watch, .. } = &self.followed;
        if self.claim.is_none() {
            self.claim = Some(Claim::take(state)?);
        }
        let work = Work::begin(records, state, self.journal.committed())?;
        self.progress.folded(work.place());
        self.tail.go_behind(work.place().seq.min(watch.seq()));
        self.work = Some(work);
        Ok(())
    }

    /// Tells a few records; says how many.
    fn stride(&mut self) -> io::Result<usize> {
        let Self { followed, work, complaint, .. } = self;
        let mut taking = followed.watch.taking();
        self.tail.read(STRIDE, |told| match told {
            Ok((seq, json)) => {
                let line = line::read(seq, json);
                taking.take(seq, line.as_ref());
                if let Some(work) = work {
                    work.take(seq, json, line.as_ref());
                }
            }
            Err(error) => {
                // What the disk refuses it will refuse again: once is enough.
                let text = error.to_string();
                if complaint.as_ref() != Some(&text) {
                    taking.complain(&error);
                    *complaint = Some(text);
                }
            }
        })
    }

    /// Writes the roll-ups.
    fn write(&mut self) {
        let Some(work) = &mut self.work else { return };
        self.written = now();
        if let Err(trouble) = work.write() {
            self.work = None;
            self.complain(&trouble);
            return;
        }
        self.progress.folded(work.place());
        if work.place().seq >= self.journal.committed() {
            self.progress.even(self.followed.clock.now());
        }
        if self.has_warned {
            self.has_warned = false;
            tracing::info!("the roll-ups are written again");
        }
    }

    fn complain(&mut self, trouble: &Trouble) {
        if let Trouble::Store(error) = trouble
            && error.is_unusable()
        {
            put_aside(&self.followed.state, error);
            return;
        }
        self.not_before = now().checked_add(AGAIN);
        if !self.has_warned {
            self.has_warned = true;
            tracing::warn!(
                error = chain(trouble),
                "the roll-ups are not written; records are not touched by this, and it is tried again every 5 s"
            );
        }
    }
}

/// Makes room for a new store, which is built from the journal.
fn put_aside(state: &Path, why: &StoreError) {
    match store::set_aside(&state.join(store::FILE)) {
        Ok(to) => tracing::warn!(
            why = chain(why),
            kept = %to.display(),
            "the roll-ups cannot be used; they are built anew from the records"
        ),
        Err(error) => tracing::error!(error = chain(&error), "the roll-ups cannot be set aside"),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
