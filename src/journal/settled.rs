//! Which events are decided on: durable or given up. Callers look; they are woken only if they wait.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// The record could not be made durable. Nothing may be answered on the strength of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record could not be made durable")]
pub struct JournalFailed;

/// How far the journal thread has come. Tickets are numbered from 1 as events are handed over.
#[derive(Debug, Default)]
pub(super) struct Settled {
    up_to: AtomicU64,
    has_failed: AtomicBool,
    /// Tickets that were given up, one range an outage.
    failed: Mutex<Vec<(u64, u64)>>,
    waiting: Mutex<BTreeMap<u64, Waker>>,
}

impl Settled {
    /// Everything up to `ticket` that was not given up is durable.
    pub(super) fn reach(&self, ticket: u64) {
        self.up_to.fetch_max(ticket, Ordering::Release);
        let ready = {
            let mut waiting = lock(&self.waiting);
            let later = waiting.split_off(&ticket.saturating_add(1));
            std::mem::replace(&mut *waiting, later)
        };
        ready.into_values().for_each(Waker::wake);
    }

    /// The last ticket that was decided on.
    pub(super) fn reached(&self) -> u64 {
        self.up_to.load(Ordering::Acquire)
    }

    /// Nothing from `first` to `last` will be durable. To be followed by [`Self::reach`].
    pub(super) fn give_up(&self, first: u64, last: u64) {
        let mut failed = lock(&self.failed);
        match failed.last_mut() {
            Some(range) if range.1.saturating_add(1) >= first => range.1 = range.1.max(last),
            Some(_) | None => failed.push((first, last)),
        }
        self.has_failed.store(true, Ordering::Release);
    }

    /// Whether this ticket was given up.
    pub(super) fn has_failed(&self, ticket: u64) -> bool {
        self.has_failed.load(Ordering::Acquire)
            && lock(&self.failed).iter().any(|(first, last)| (*first..=*last).contains(&ticket))
    }

    /// What became of a ticket, if that is known.
    fn look(&self, ticket: u64) -> Option<Result<(), JournalFailed>> {
        if self.up_to.load(Ordering::Acquire) < ticket {
            return None;
        }
        Some(if self.has_failed(ticket) { Err(JournalFailed) } else { Ok(()) })
    }
}

/// Where an event stands on its way to the disk.
#[derive(Debug)]
pub struct Ticket {
    settled: Arc<Settled>,
    /// None if the journal was closed before it could be handed over.
    number: Option<u64>,
}

impl Ticket {
    pub(super) fn new(settled: &Arc<Settled>, number: Option<u64>) -> Self {
        Self { settled: Arc::clone(settled), number }
    }

    /// Waits until the event is durable; at no cost if it is.
    pub fn durable(&self) -> Durable<'_> {
        Durable(self)
    }

    /// What became of it, if that is known.
    pub fn outcome(&self) -> Option<Result<(), JournalFailed>> {
        self.number.map_or(Some(Err(JournalFailed)), |number| self.settled.look(number))
    }

    /// Waits without a runtime.
    pub fn wait(&self) -> Result<(), JournalFailed> {
        struct Unpark(std::thread::Thread);
        impl std::task::Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(outcome) = Pin::new(&mut self.durable()).poll(&mut context) {
                return outcome;
            }
            std::thread::park();
        }
    }
}

/// The wait of a [`Ticket`].
#[derive(Debug)]
#[must_use = "nothing is known before it is awaited"]
pub struct Durable<'a>(&'a Ticket);

impl Future for Durable<'_> {
    type Output = Result<(), JournalFailed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let settled = &self.0.settled;
        let Some(number) = self.0.number else { return Poll::Ready(Err(JournalFailed)) };
        if let Some(outcome) = settled.look(number) {
            return Poll::Ready(outcome);
        }
        let mut waiting = lock(&settled.waiting);
        // Again, now that the thread cannot pass by between the look and the entry.
        if let Some(outcome) = settled.look(number) {
            return Poll::Ready(outcome);
        }
        waiting.insert(number, context.waker().clone());
        Poll::Pending
    }
}

/// Locks, whatever happened to the thread that held it: what is behind is whole at every step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(settled: &Arc<Settled>, number: u64) -> Ticket {
        Ticket::new(settled, Some(number))
    }

    #[test]
    fn a_ticket_is_durable_only_when_it_was_reached_and_not_given_up() {
        let settled = Arc::new(Settled::default());
        settled.reach(2);
        settled.give_up(3, 4);
        settled.reach(4);
        settled.reach(5);

        assert_eq!(ticket(&settled, 2).wait(), Ok(()));
        assert_eq!(ticket(&settled, 3).wait(), Err(JournalFailed));
        assert_eq!(ticket(&settled, 4).wait(), Err(JournalFailed));
        assert_eq!(ticket(&settled, 5).wait(), Ok(()));
        assert_eq!(settled.look(6), None);
    }

    #[test]
    fn one_who_waits_is_woken() {
        let settled = Arc::new(Settled::default());
        let waiting = ticket(&settled, 1);
        let thread = std::thread::spawn(move || waiting.wait());
        while lock(&settled.waiting).is_empty() {
            std::thread::yield_now();
        }
        settled.reach(1);

        assert_eq!(thread.join().unwrap(), Ok(()));
    }
}
