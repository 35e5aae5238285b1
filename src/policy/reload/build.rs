//! Reads and checks the folder when it is quiet, and puts it in force if it is good.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::{Cause, Clock, Install, Refused, Shared};
use crate::config::problem::{self, Problem};
use crate::domain::{ProfileId, Timestamp, Zone};
use crate::policy::Sources;
use crate::policy::check::check;
use crate::policy::folder::{Contents, Origins, Reader, Reading};
use crate::policy::pace::{self, instant};

/// How long the folder must be quiet.
const QUIET: Duration = Duration::from_millis(30);

/// How long quiet is waited for.
const PATIENCE: Duration = Duration::from_millis(200);

/// How often the folder is read when it changes while it is read.
const READINGS: usize = 3;

/// Sources without errors.
#[derive(Clone, Debug)]
pub struct Good {
    /// Everything a node needs to know.
    pub sources: Arc<Sources>,
    /// Where each thing stands.
    pub origins: Arc<Origins>,
    /// Breaches of law and likely mistakes.
    pub warnings: Vec<Problem>,
    pub(super) contents: Arc<Contents>,
}

impl Good {
    /// Checks what was read; all problems if one of them is an error.
    pub fn new(
        reading: Reading,
        profiles: &[(Zone, ProfileId)],
        now: Timestamp,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = reading.problems;
        problems.extend(check(&reading.sources, &reading.origins, profiles, now));
        problem::sort(&mut problems);
        if problems.iter().any(Problem::is_error) {
            return Err(problems);
        }
        Ok(Self {
            sources: Arc::new(reading.sources),
            origins: Arc::new(reading.origins),
            warnings: problems,
            contents: Arc::new(reading.contents),
        })
    }

    /// Drops what nobody else holds, in steps.
    pub(crate) fn let_go(self) {
        let Self { sources, origins, warnings: _, contents } = self;
        if let Some(sources) = Arc::into_inner(sources) {
            sources.let_go();
        }
        if let Some(origins) = Arc::into_inner(origins) {
            origins.let_go();
        }
        pace::drop_in_steps(Arc::into_inner(contents).into_iter().flatten());
    }
}

/// Reads and checks a folder.
pub fn load(
    reader: &mut Reader,
    profiles: &[(Zone, ProfileId)],
    now: Timestamp,
) -> Result<Good, Vec<Problem>> {
    let reading = reader.read(now);
    if !Path::new(reader.root()).is_dir() {
        return Err(reading.problems);
    }
    Good::new(reading, profiles, now)
}

/// What the builder is told.
#[derive(Debug)]
pub(super) enum Order {
    /// Files changed, perhaps rules among them.
    Changed {
        /// Whether a rule may have changed.
        rules: bool,
    },
    /// Somebody asked.
    Asked(Cause),
}

/// The thread that reads, checks and hands on.
pub(super) struct Builder {
    pub(super) reader: Reader,
    pub(super) profiles: Vec<(Zone, ProfileId)>,
    pub(super) clock: Clock,
    pub(super) install: Install,
    pub(super) refused: Refused,
    /// Whether the folder was last refused: then it is put in force as soon as it is good, also if it
    /// says again what is in force, so that the alert ends.
    pub(super) is_refused: bool,
}

impl Builder {
    /// Builds until nobody is left to order it.
    pub(super) fn run(mut self, shared: &Shared, orders: &Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            let (cause, always) = gather(order, orders);
            pace::begin();
            let outcome = self.build(shared, &cause, always);
            self.is_refused = outcome.is_err();
            if let Err(problems) = outcome {
                (self.refused)(&problems, &cause);
            }
        }
    }

    fn build(&mut self, shared: &Shared, cause: &Cause, always: bool) -> Result<(), Vec<Problem>> {
        let good = self.load(shared)?;
        if !(always || self.is_refused) && is_in_force(shared, &good) {
            return Ok(());
        }
        let announce = (self.install)(&good, cause)?;
        // Before anything that takes time: until then a withdrawal is held against what was in force.
        shared.installed(&good.contents);
        announce();
        Ok(())
    }

    /// Reads the folder, and again if a file changed meanwhile: what was read may be half of what was
    /// meant. What never rests is taken as it is; the next order follows.
    fn load(&mut self, shared: &Shared) -> Result<Good, Vec<Problem>> {
        let mut readings = 0;
        loop {
            shared.lock().touched.clear();
            let loaded = load(&mut self.reader, &self.profiles, (self.clock)());
            readings += 1;
            if readings == READINGS || shared.lock().touched.is_empty() {
                return loaded;
            }
        }
    }
}

/// Waits for quiet, unless somebody asked. Says why, and whether to build although no source changed.
fn gather(first: Order, orders: &Receiver<Order>) -> (Cause, bool) {
    let mut always = false;
    let end = instant() + PATIENCE;
    let mut next = first;
    loop {
        match next {
            Order::Asked(cause) => return (cause, true),
            Order::Changed { rules } => always |= rules,
        }
        let left = end.saturating_duration_since(instant());
        next = match orders.recv_timeout(QUIET.min(left)) {
            Ok(order) => order,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return (Cause::Files, always);
            }
        };
        if left.is_zero() {
            always |= matches!(next, Order::Changed { rules: true });
            return match next {
                Order::Asked(cause) => (cause, true),
                Order::Changed { .. } => (Cause::Files, always),
            };
        }
    }
}

/// Whether every file is as it was when what is in force was read.
fn is_in_force(shared: &Shared, good: &Good) -> bool {
    let in_force = Arc::clone(&shared.lock().contents);
    in_force.len() == good.contents.len()
        && in_force
            .iter()
            .zip(good.contents.iter())
            .inspect(|_| pace::give_way())
            .all(|((a, before), (b, after))| a == b && before.hash == after.hash)
}
