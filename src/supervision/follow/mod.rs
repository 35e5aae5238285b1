//! Follows the journal: folds what is durable into the roll-ups, about once a second, on a thread of its
//! own that gives way to all others.

mod lag;
mod stop;
mod work;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use self::lag::Lag;

use self::lag::Progress;
use self::stop::Stop;
use self::work::{Came, Work};
use super::store::{self, Claim, StoreError};
use crate::journal::{Clock, Journal, ReadError};

/// How long what is durable waits to be folded.
const EVERY: Duration = Duration::from_secs(1);

/// How long after a failure it is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// How long after it could not read on it is tried again first; then twice as long, up to [`EVERY`].
const SOON: Duration = Duration::from_millis(20);

/// How much it gives way: every thread of the path comes first.
const NICE: i32 = 10;

/// Where records are, where roll-ups are, and what the time is.
#[derive(Clone, Debug)]
pub struct Followed {
    /// Folder of records.
    pub records: PathBuf,
    /// Folder of state.
    pub state: PathBuf,
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
    /// Starts to follow a journal.
    pub fn start(journal: &Journal, followed: Followed) -> io::Result<Self> {
        let (progress, stop) = (Arc::<Progress>::default(), Arc::<Stop>::default());
        let clock = followed.clock.clone();
        let mut task = Task {
            journal: journal.clone(),
            followed,
            progress: Arc::clone(&progress),
            stop: Arc::clone(&stop),
            claim: None,
            work: None,
            has_warned: false,
        };
        let thread = thread::Builder::new().name("supervision".to_owned()).spawn(move || {
            // Without it the path only has more company.
            if let Err(error) = rustix::process::setpriority_process(None, NICE) {
                tracing::debug!(%error, "the thread of the roll-ups keeps its priority");
            }
            task.run();
            task
        })?;
        let thread = Mutex::new(Some(thread));
        Ok(Self { journal: journal.clone(), clock, progress, stop, thread })
    }

    /// How far the roll-ups are behind the journal.
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
            Some(Err(_)) => tracing::error!("the thread of the roll-ups ended by a panic"),
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
    progress: Arc<Progress>,
    stop: Arc<Stop>,
    claim: Option<Claim>,
    work: Option<Work>,
    has_warned: bool,
}

/// Why a round failed. The next one starts from what the store holds.
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
    /// Folds until the end is asked for.
    fn run(&mut self) {
        let mut soon = SOON;
        while !self.stop.is_asked() {
            let (pause, next) = match self.try_round() {
                Some(Came::Full) => continue,
                Some(Came::Behind) => (soon, EVERY.min(soon * 2)),
                Some(Came::Even) => (EVERY, SOON),
                None => (AGAIN, SOON),
            };
            soon = next;
            self.stop.wait(pause);
        }
    }

    /// Folds the rest, while there is time.
    fn finish(mut self) {
        while !self.stop.is_over() {
            match self.try_round() {
                Some(Came::Full) => {}
                // What is on its way to the file is there in a moment.
                Some(Came::Behind) => thread::sleep(SOON),
                Some(Came::Even) | None => break,
            }
        }
        if let Some(work) = self.work.take()
            && let Err(error) = work.close()
        {
            tracing::warn!(error = chain(&error), "the roll-ups were not closed in order");
        }
    }

    /// One round; none if it failed.
    fn try_round(&mut self) -> Option<Came> {
        match self.round() {
            Ok(came) => Some(came),
            Err(trouble) => {
                self.work = None;
                self.complain(&trouble);
                None
            }
        }
    }

    /// Folds what is durable, up to a bound.
    fn round(&mut self) -> Result<Came, Trouble> {
        let Followed { records, state, clock } = &self.followed;
        if self.claim.is_none() {
            self.claim = Some(Claim::take(state)?);
        }
        let committed = self.journal.committed();
        if self.work.is_none() {
            self.work = Some(Work::begin(records, state, committed)?);
        }
        let Some(work) = &mut self.work else { return Ok(Came::Behind) };
        self.progress.folded(work.place());
        let came = work.fold(committed)?;
        self.progress.folded(work.place());
        if came == Came::Even {
            self.progress.even(clock.now());
        }
        if self.has_warned {
            self.has_warned = false;
            tracing::info!("the roll-ups are written again");
        }
        Ok(came)
    }

    fn complain(&mut self, trouble: &Trouble) {
        if let Trouble::Store(error) = trouble
            && error.is_unusable()
        {
            put_aside(&self.followed.state, error);
            return;
        }
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
